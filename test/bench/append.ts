/**
 * What the journal costs over bare SQLite: durable records of 100 events through `decide`, against inserts of the same
 * stored bytes made beforehand, under the same pragmas and with as many records a commit. Both alternately three times in
 * one run; the medians give the ratio, so that the machine cancels out.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openJournal } from "../../src/log/journal.ts";
import { encode, noHash, type StoredRecord } from "../../src/log/record.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";

export interface AppendBench {
  readonly name: "append";
  /** Records a second through the journal. */
  readonly value: number;
  readonly unit: "records/s";
  /** Lowest ratio that passes. */
  readonly limit: 0.6;
  /** Journal against bare SQLite. */
  readonly ratio: number;
}

const records = 4000;
const inFlight = 256;
const rounds = 3;

/** An event of about 600 bytes as JSON. */
function eventOf(n: number): unknown {
  const look = { workerID: n, status: "running", checked: true, changes: { set: { nativeStatus: "R".repeat(60) } } };
  const attributes = { host: `node-${n}.example.org`, text: "0123456789abcdef".repeat(25) };
  return { type: "worker.looked", at: 1_700_000_000_000 + n, look, attributes };
}

interface Run {
  readonly perSecond: number;
  readonly perCommit: number;
}

/** Decides all records with a bounded number in flight. */
async function throughJournal(decisions: readonly (readonly unknown[])[]): Promise<Run> {
  const dir = mkdtempSync(join(tmpdir(), "windrow-bench-"));
  const log = await openSqliteLog(dir, { shards: 4 });
  const journal = await openJournal<unknown>({
    log,
    owner: "bench:1",
    now: Date.now,
    parseEvents: (events) => events,
    fold: () => undefined,
  });
  const claims = log.commits;
  let next = 0;
  const started = performance.now();
  const decideOn = async () => {
    while (next < decisions.length) {
      const n = next;
      next += 1;
      await journal.decide({ shard: n % 4, cause: `monitor:${n}`, events: decisions[n] ?? [] });
    }
  };
  await Promise.all(Array.from({ length: inFlight }, decideOn));
  const perSecond = (decisions.length / (performance.now() - started)) * 1000;
  const perCommit = Math.max(1, Math.round(decisions.length / (log.commits - claims)));
  await journal.resign();
  rmSync(dir, { recursive: true });
  return { perSecond, perCommit };
}

/** The same decisions as stored bytes. */
function prepare(decisions: readonly (readonly unknown[])[]): StoredRecord[] {
  let prev = noHash;
  return decisions.map((events, n) => {
    const envelope = {
      fmt: 1,
      kind: "decision",
      shard: n % 4,
      term: 1,
      owner: "bench:1",
      at: Date.now(),
      inputs: {},
    } as const;
    const stored = encode({ ...envelope, seq: n + 1, prev, cause: `monitor:${n}`, events });
    prev = stored.hash;
    return stored;
  });
}

/** Inserts the bytes with as many records a commit. */
function bare(stored: readonly StoredRecord[], perCommit: number): number {
  const dir = mkdtempSync(join(tmpdir(), "windrow-bench-"));
  const db = new DatabaseSync(join(dir, "bare.db"));
  db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
  db.exec("PRAGMA wal_autocheckpoint = 8192; PRAGMA mmap_size = 0;");
  db.exec("CREATE TABLE log (pos INTEGER PRIMARY KEY, hash TEXT NOT NULL, bytes BLOB NOT NULL) STRICT;");
  const insert = db.prepare("INSERT INTO log VALUES (?, ?, ?)");
  const started = performance.now();
  for (let from = 0; from < stored.length; from += perCommit) {
    db.exec("BEGIN IMMEDIATE");
    for (const [index, { hash, bytes }] of stored.slice(from, from + perCommit).entries()) {
      insert.run((index % 4) * 2 ** 40 + from + index, hash, bytes);
    }
    db.exec("COMMIT");
  }
  const perSecond = (stored.length / (performance.now() - started)) * 1000;
  db.close();
  rmSync(dir, { recursive: true });
  return perSecond;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Runs the comparison. Takes about ten seconds and half a gigabyte of temporary disk. */
export async function benchAppend(): Promise<AppendBench> {
  // Few decisions, decided often: with all of them in memory the garbage collector's walks over them would be measured.
  const different = Array.from({ length: 50 }, (_, n) => Array.from({ length: 100 }, (_, i) => eventOf(n * 100 + i)));
  const decisions = Array.from({ length: records }, (_, n) => different[n % different.length] ?? []);
  const journal: number[] = [];
  // Unmeasured, so that neither side pays for the first compilation.
  const warm = decisions.slice(0, 500);
  bare(prepare(warm), (await throughJournal(warm)).perCommit);
  const plain: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const { perSecond, perCommit } = await throughJournal(decisions);
    journal.push(perSecond);
    plain.push(bare(prepare(decisions), perCommit));
  }
  const value = median(journal);
  return { name: "append", value, unit: "records/s", limit: 0.6, ratio: value / median(plain) };
}

if (import.meta.main) console.log(await benchAppend());
