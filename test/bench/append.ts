/**
 * What the journal costs over bare SQLite: durable records of 100 events through `decide`, against inserts of the same
 * stored bytes, read back beforehand, under the same pragmas and with as many records a commit.
 */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Journal, openJournal } from "../../src/log/journal.ts";
import type { StoredRecord } from "../../src/log/record.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { compare, type Figure, inTemporary } from "./figure.ts";

const records = 4000;
const eventsPerRecord = 100;
const inFlight = 256;
const shards = 4;

/** An event of about 600 bytes as JSON. */
export function eventOf(n: number): unknown {
  const look = { workerID: n, status: "running", checked: true, changes: { set: { nativeStatus: "R".repeat(60) } } };
  const attributes = { host: `node-${n}.example.org`, text: "0123456789abcdef".repeat(25) };
  return { type: "worker.looked", at: 1_700_000_000_000 + n, look, attributes };
}

interface Run {
  readonly perSecond: number;
  readonly perCommit: number;
  readonly stored: readonly Row[];
}

interface Row extends StoredRecord {
  readonly pos: number;
}

/** Decides all records, the shards in turn, with a bounded number in flight; records a second. */
export async function decideAll(
  journal: Journal<unknown>,
  decisions: readonly (readonly unknown[])[],
  shards: number,
): Promise<number> {
  let next = 0;
  const decideOn = async () => {
    while (next < decisions.length) {
      const n = next;
      next += 1;
      await journal.decide({ shard: n % shards, cause: `monitor:${n}`, events: decisions[n] ?? [] });
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: inFlight }, decideOn));
  return (decisions.length / (performance.now() - started)) * 1000;
}

/** Decides all records through SQLite, and keeps what the log stored of them. */
const throughJournal = (decisions: readonly (readonly unknown[])[]): Promise<Run> =>
  inTemporary(async (dir) => {
    const log = await openSqliteLog(dir, { shards });
    const options = { log, owner: "bench:1", now: Date.now, parseEvents: (events: readonly unknown[]) => events };
    const journal = await openJournal<unknown>({ ...options, fold: () => undefined });
    const claims = log.commits;
    const perSecond = await decideAll(journal, decisions, shards);
    const perCommit = Math.max(1, Math.round(decisions.length / (log.commits - claims)));
    const stored: Row[] = [];
    for (let shard = 0; shard < shards; shard += 1) {
      let offset = 0;
      for await (const batch of log.read(shard)) {
        // The first record of a shard is its claim.
        for (const { bytes, hash } of batch)
          stored.push({ pos: shard * 2 ** 40 + offset++, bytes: bytes.slice(), hash });
      }
    }
    await journal.resign();
    return { perSecond, perCommit, stored: inTurn(stored.filter(({ pos }) => pos % 2 ** 40 > 0)) };
  });

/** The shards take turns, as they did in the journal. */
const inTurn = (rows: readonly Row[]): readonly Row[] =>
  rows.toSorted((a, b) => (a.pos % 2 ** 40) - (b.pos % 2 ** 40) || a.pos - b.pos);

/** Inserts the bytes with as many records a commit. */
const bare = ({ stored, perCommit }: Run): Promise<number> =>
  inTemporary(async (dir) => {
    const db = new DatabaseSync(join(dir, "bare.db"));
    db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    db.exec("PRAGMA wal_autocheckpoint = 8192; PRAGMA mmap_size = 0;");
    db.exec("CREATE TABLE log (pos INTEGER PRIMARY KEY, hash TEXT NOT NULL, bytes BLOB NOT NULL) STRICT;");
    const insert = db.prepare("INSERT INTO log VALUES (?, ?, ?)");
    const started = performance.now();
    for (let from = 0; from < stored.length; from += perCommit) {
      db.exec("BEGIN IMMEDIATE");
      for (const { pos, hash, bytes } of stored.slice(from, from + perCommit)) insert.run(pos, hash, bytes);
      db.exec("COMMIT");
    }
    const perSecond = (stored.length / (performance.now() - started)) * 1000;
    db.close();
    return perSecond;
  });

/** Runs the comparison. Takes about fifteen seconds, half a gigabyte of temporary disk and as much memory. */
export async function benchAppend(): Promise<Figure> {
  // Few decisions, decided often: with all of them in memory the garbage collector's walks over them would be measured.
  const different = Array.from({ length: 50 }, (_, n) =>
    Array.from({ length: eventsPerRecord }, (_, i) => eventOf(n * eventsPerRecord + i)),
  );
  const decisions = Array.from({ length: records }, (_, n) => different[n % different.length] ?? []);
  // Unmeasured, so that neither side pays for the first compilation.
  await bare(await throughJournal(decisions.slice(0, 500)));
  const { value, ratio } = await compare(() => throughJournal(decisions), bare);
  return { name: "append", value, unit: "records/s", limit: 0.6, ratio };
}
