/**
 * The thread that owns the embedded log's only SQLite connection. A commit waits for the disk (6 to 15 ms at worst),
 * which must not sit on the event loop. One posted batch is one transaction; it is answered only when it is durable.
 * After the first error it must never write again, since SQLite acknowledges commits after a failed sync (reliability
 * 3).
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { type Anchor, openAnchor, readAnchor, type Tail } from "./anchorFile.ts";
import { LogFault, LogHalted, LogRefused, type RefusalCode } from "./faults.ts";
import { type Packed, packRead } from "./packed.ts";
import { filesOf, forgetHolder, heldByAnother, noteHolder, syncDirectory } from "./place.ts";
import type { StoredRecord } from "./record.ts";

/** What the thread is started with. */
export interface Opening {
  readonly dir: string;
  /** Number of shards of a new log, and the number expected of an old one; undefined: whatever the log has. */
  readonly shards: number | undefined;
  readonly readOnly: boolean;
  readonly anchorEveryMs: number;
  /** The operator accepts the log without a good anchor. */
  readonly trustTail: boolean;
}

export type ToWorker =
  | { readonly type: "append"; readonly id: number; readonly shards: readonly number[]; readonly records: Packed }
  | {
      readonly type: "read";
      readonly id: number;
      readonly shard: number;
      readonly from: number;
      readonly until: number;
    }
  | { readonly type: "anchor"; readonly id: number }
  | { readonly type: "close"; readonly id: number };
export type FromWorker =
  | { readonly type: "opened"; readonly tips: readonly number[] }
  /** The batch is durable; its buffer comes back to be filled again. */
  | { readonly type: "appended"; readonly id: number; readonly buffer: ArrayBuffer }
  | { readonly type: "done"; readonly id: number }
  | { readonly type: "rows"; readonly id: number; readonly records: Packed }
  | { readonly type: "failed"; readonly id: number; readonly error: PostedError };
/** An error as it crosses threads. */
export type PostedError =
  | { readonly kind: "fault"; readonly code: string; readonly message: string }
  | { readonly kind: "refused"; readonly code: RefusalCode; readonly message: string }
  | { readonly kind: "halted"; readonly shard: number; readonly message: string };

/** Rows of a shard are the range from `shard x 2^40`, so that one table keeps each in its order. */
const shardRange = 2 ** 40;
const applicationId = 0x57445257; // "WDRW"
const readRows = 1000;
const readBytes = 1 << 20;

const schema = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE log (pos INTEGER PRIMARY KEY, hash TEXT NOT NULL, bytes BLOB NOT NULL) STRICT;
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = 1;`;

function codeOf(error: unknown): number {
  return error instanceof Error && "errcode" in error && typeof error.errcode === "number" ? error.errcode : -1;
}

function posted(error: unknown, dir: string): PostedError {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof LogRefused) return { kind: "refused", code: error.code, message };
  if (error instanceof LogHalted) return { kind: "halted", shard: error.shard, message };
  if (error instanceof LogFault) return { kind: "fault", code: error.code, message };
  const code = codeOf(error);
  return { kind: "fault", code: String(code), message: `SQLite in ${dir}: ${message} (${code})` };
}

function one(db: DatabaseSync, sql: string, ...values: number[]): unknown {
  const row = db.prepare(sql).get(...values);
  return row === undefined ? undefined : Object.values(row)[0];
}

function connect({ dir, shards, readOnly }: Opening): { db: DatabaseSync; shards: number } {
  const db = new DatabaseSync(filesOf(dir).db, { readOnly, timeout: 0, enableForeignKeyConstraints: false });
  try {
    db.exec("PRAGMA trusted_schema = OFF; PRAGMA mmap_size = 0;");
    if (!readOnly) {
      db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
      db.exec("PRAGMA wal_autocheckpoint = 8192; BEGIN IMMEDIATE; COMMIT;");
    }
    const id = one(db, "PRAGMA application_id");
    const isNew = id === 0 && one(db, "SELECT count(*) FROM sqlite_schema") === 0;
    if (isNew && !readOnly) {
      db.exec(`BEGIN; ${schema}`);
      db.prepare("INSERT INTO meta VALUES ('shards', ?)").run(String(shards ?? 32));
      db.exec("COMMIT");
      syncDirectory(dir);
    } else if (id !== applicationId) {
      throw new LogRefused("foreign", `${filesOf(dir).db} is not a log of Windrow`);
    }
    const has = Number(one(db, "SELECT value FROM meta WHERE key = 'shards'"));
    if (shards !== undefined && shards !== has) {
      throw new LogRefused("shards", `the log in ${dir} has ${has} shards, which are fixed; ${shards} were asked for`);
    }
    return { db, shards: has };
  } catch (error) {
    db.close();
    throw [5, 6].includes(codeOf(error) & 0xff) ? heldByAnother(dir) : error;
  }
}

/** Tails as the table has them. */
function tailsOf(db: DatabaseSync, shards: number): Map<number, Tail> {
  const last = db.prepare("SELECT pos, hash FROM log WHERE pos >= ? AND pos < ? ORDER BY pos DESC LIMIT 1");
  const tails = new Map<number, Tail>();
  for (let shard = 0; shard < shards; shard += 1) {
    const row = last.get(shard * shardRange, (shard + 1) * shardRange);
    if (row !== undefined) tails.set(shard, { offset: Number(row.pos) - shard * shardRange, hash: String(row.hash) });
  }
  return tails;
}

/** @throws LogHalted where the log does not reach its anchor or disagrees with it. */
function agree(db: DatabaseSync, found: Anchor["found"], tails: ReadonlyMap<number, Tail>, opening: Opening): void {
  if (opening.trustTail) return;
  const { anchor } = filesOf(opening.dir);
  const advice = "Restore the log and its anchor from a backup, or accept it as it is: `windrow run --trust-tail`.";
  if (found.state !== "good") {
    if (tails.size === 0 && found.state === "missing") return;
    throw new LogHalted(-1, `the tail anchor ${anchor} is ${found.state}, so lost records would go unseen. ${advice}`);
  }
  const hashAt = db.prepare("SELECT hash FROM log WHERE pos = ?");
  for (const [shard, tail] of found.tails) {
    const hash = hashAt.get(shard * shardRange + tail.offset)?.hash;
    if (hash === tail.hash) continue;
    const last = tails.get(shard)?.offset ?? -1;
    const what = hash === undefined ? `the log ends at offset ${last}` : `the log has ${String(hash)} there`;
    const wanted = `${anchor} says that offset ${tail.offset} has hash ${tail.hash}`;
    throw new LogHalted(shard, `shard ${shard}: ${wanted}, but ${what}: acknowledged records are lost. ${advice}`);
  }
}

/** The open store: what each message does. Every method throws on trouble. */
function openStore(opening: Opening) {
  const { db, shards } = connect(opening);
  const tails = tailsOf(db, shards);
  const { anchor: anchorPath } = filesOf(opening.dir);
  let anchor: Anchor | undefined;
  try {
    if (opening.readOnly) {
      agree(db, readAnchor(anchorPath, shards), tails, opening);
    } else {
      noteHolder(opening.dir);
      anchor = openAnchor(anchorPath, shards);
      agree(db, anchor.found, tails, opening);
      anchor.write(tails);
    }
  } catch (error) {
    anchor?.close();
    db.close();
    if (!opening.readOnly) forgetHolder(opening.dir);
    throw error;
  }
  const insert = db.prepare("INSERT INTO log VALUES (?, ?, ?)");
  const select = db.prepare("SELECT hash, bytes FROM log WHERE pos >= ? AND pos < ? ORDER BY pos LIMIT ?");
  let anchored = true;

  return {
    tips: Array.from({ length: shards }, (_, shard) => (tails.get(shard)?.offset ?? -1) + 1),
    append(to: readonly number[], records: Packed): void {
      db.exec("BEGIN IMMEDIATE");
      const added = new Map<number, Tail>();
      let at = 0;
      for (const [index, shard] of to.entries()) {
        const end = at + (records.lengths[index] ?? 0);
        const hash = records.hashes[index] ?? "";
        const offset = (added.get(shard) ?? tails.get(shard) ?? { offset: -1 }).offset + 1;
        insert.run(shard * shardRange + offset, hash, records.bytes.subarray(at, end));
        added.set(shard, { offset, hash });
        at = end;
      }
      db.exec("COMMIT");
      for (const [shard, tail] of added) tails.set(shard, tail);
      anchored = false;
    },
    read: (shard: number, from: number, until: number) =>
      rowsOf(select, shard * shardRange + from, shard * shardRange + until),
    keepAnchor(): void {
      if (anchored) return;
      anchor?.write(tails);
      anchored = true;
    },
    close(): void {
      this.keepAnchor();
      anchor?.close();
      db.close();
      if (!opening.readOnly) forgetHolder(opening.dir);
    },
  };
}

/** Rows up to the bounds of one message; at least one where there is one. */
function rowsOf(select: StatementSync, from: number, until: number): Packed {
  const records: StoredRecord[] = [];
  let total = 0;
  for (const row of select.iterate(from, until, readRows)) {
    if (!(row.bytes instanceof Uint8Array)) throw new LogFault("type", `the log holds ${typeof row.bytes} for bytes`);
    records.push({ bytes: row.bytes, hash: String(row.hash) });
    total += row.bytes.length;
    if (total >= readBytes) break;
  }
  return packRead(records);
}

function serve(opening: Opening, post: (message: FromWorker, transfer?: readonly ArrayBuffer[]) => void): void {
  const store = openStore(opening);
  let fault: PostedError | undefined;
  const guarded = (id: number, act: () => void) => {
    try {
      if (fault === undefined) act();
    } catch (error) {
      fault = posted(error, opening.dir);
    }
    if (fault !== undefined) post({ type: "failed", id, error: fault });
  };
  const timer = setInterval(() => guarded(-1, () => store.keepAnchor()), opening.anchorEveryMs);
  const act = (message: ToWorker): void => {
    const { id } = message;
    if (message.type === "append") {
      store.append(message.shards, message.records);
      const { buffer } = message.records.bytes;
      post({ type: "appended", id, buffer }, [buffer]);
    } else if (message.type === "read") {
      const records = store.read(message.shard, message.from, message.until);
      post({ type: "rows", id, records }, [records.bytes.buffer]);
    } else {
      if (message.type === "anchor") store.keepAnchor();
      else store.close();
      post({ type: "done", id });
    }
  };
  parentPort?.on("message", (message: ToWorker) => {
    guarded(message.id, () => act(message));
    if (message.type !== "close") return;
    clearInterval(timer);
    parentPort?.close();
  });
  post({ type: "opened", tips: store.tips });
}

const opening: Opening = workerData;
const post = (message: FromWorker, transfer: readonly ArrayBuffer[] = []) =>
  parentPort?.postMessage(message, [...transfer]);
try {
  serve(opening, post);
} catch (error) {
  post({ type: "failed", id: 0, error: posted(error, opening.dir) });
  parentPort?.close();
}
