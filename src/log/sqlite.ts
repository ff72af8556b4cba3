/**
 * The embedded log: SQLite in a directory of its own, written by one thread (sqliteWorker.ts). While a commit runs,
 * this side collects appends and posts them as the next batch, so the disk sets the size of a commit and nobody waits
 * on purpose. After a failure it must never acknowledge anything again: the process has to reopen and verify.
 */
import { existsSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { LogFault, LogHalted, LogRefused } from "./faults.ts";
import type { Deliver, Log } from "./log.ts";
import { pack, unpack } from "./packed.ts";
import { filesOf, requireLocalDirectory, requireNoPart, requireSqlite } from "./place.ts";
import { maxRecordBytes, type StoredRecord } from "./record.ts";
import type { FromWorker, Opening, PostedError, ToWorker } from "./sqliteWorker.ts";

export interface SqliteLogOptions {
  /** Shards of a new log (32 if not given); for an existing log the number it must have. */
  readonly shards?: number;
  /** Distance of the tail anchor's writes. */
  readonly anchorEveryMs?: number;
  /** Accept the log although its anchor is missing, damaged or ahead: an operator's decision after a restore. */
  readonly trustTail?: boolean;
}

/** The embedded log, with what only it can do. */
export interface SqliteLog extends Log {
  readonly dir: string;
  /** Transactions since it was opened. */
  readonly commits: number;
  /** Writes the tail anchor now rather than within the second. */
  anchorNow(): Promise<void>;
}

/**
 * Opens the log in a directory, making it if needed.
 * @throws LogRefused if another process holds it, on a network file system, under an old SQLite, for another number of
 * shards.
 * @throws LogHalted if the log does not reach its tail anchor. @throws LogFault if SQLite cannot read it.
 */
export function openSqliteLog(dir: string, options: SqliteLogOptions = {}): Promise<SqliteLog> {
  if (!existsSync(filesOf(dir).db)) requireNoPart(dir);
  requireLocalDirectory(dir);
  const { shards, anchorEveryMs = 1000, trustTail = false } = options;
  return start({ dir, shards, readOnly: false, anchorEveryMs, trustTail });
}

/**
 * Opens a stopped log to read it. Appends are refused. @throws LogRefused while a daemon holds it, or if there is none.
 */
export async function openSqliteLogReadOnly(dir: string): Promise<SqliteLog> {
  if (!existsSync(filesOf(dir).db)) {
    requireNoPart(dir);
    throw new LogRefused("missing", `there is no log in ${dir}`);
  }
  return start({ dir, shards: undefined, readOnly: true, anchorEveryMs: 60_000, trustTail: false });
}

function revive(error: PostedError): Error {
  if (error.kind === "halted") return new LogHalted(error.shard, error.message);
  if (error.kind === "fault") return new LogFault(error.code, error.message);
  return new LogRefused(error.code, error.message);
}

function closed(dir: string): LogFault {
  return new LogFault("closed", `the log in ${dir} is closed`);
}

interface Answering {
  readonly resolve: (message: FromWorker) => void;
  readonly reject: (error: Error) => void;
}

/** The other thread as request and answer. After a fault every request fails with it. */
interface Thread {
  ask(message: (id: number) => ToWorker, transfer?: readonly ArrayBuffer[]): Promise<FromWorker>;
  ended(): Promise<void>;
}

async function startThread(opening: Opening): Promise<{ thread: Thread; tips: number[] }> {
  requireSqlite(process.versions.sqlite ?? "0");
  const worker = new Worker(new URL("./sqliteWorker.ts", import.meta.url), { workerData: opening });
  const answering = new Map<number, Answering>();
  const exit = Promise.withResolvers<void>();
  let fault: Error | undefined;
  let lastId = 0;
  const fail = (error: Error) => {
    fault ??= error;
    for (const { reject } of answering.values()) reject(fault);
    answering.clear();
  };
  worker.on("message", (message: FromWorker) => {
    if (message.type === "failed") return fail(revive(message.error));
    const id = message.type === "opened" ? 0 : message.id;
    const asked = answering.get(id);
    answering.delete(id);
    asked?.resolve(message);
  });
  worker.on("error", (error) => fail(new LogFault("thread", `the log's thread in ${opening.dir} failed: ${error}`)));
  worker.on("exit", () => {
    fail(closed(opening.dir));
    exit.resolve();
  });
  const opened = Promise.withResolvers<FromWorker>();
  answering.set(0, opened);
  const first = await opened.promise.catch(async (error: unknown) => {
    await exit.promise; // so that the files are free when the caller hears of it
    throw error;
  });
  const thread: Thread = {
    ask(message, transfer = []) {
      if (fault !== undefined) return Promise.reject(fault);
      const asked = Promise.withResolvers<FromWorker>();
      lastId += 1;
      answering.set(lastId, asked);
      worker.postMessage(message(lastId), [...transfer]);
      return asked.promise;
    },
    ended: () => exit.promise,
  };
  return { thread, tips: first.type === "opened" ? [...first.tips] : [] };
}

interface Waiting {
  readonly shard: number;
  readonly record: StoredRecord;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Bounds of one commit, so that a burst does not make the first of its records wait for all. */
const commitRecords = 2048;
const commitBytes = 4 << 20;
/** The one that is being committed, and two that the thread finds ready while this side is busy. */
const batchesUnderWay = 3;

/** Sizes of the buffers that carry batches to the thread and come back empty. */
const bufferStep = 1 << 18;

/** Takes what one commit carries from the front of the queue. */
function takeBatch(waiting: Waiting[]): Waiting[] {
  let bytes = 0;
  let count = 0;
  for (const { record } of waiting) {
    bytes += record.bytes.length;
    if (count > 0 && (bytes > commitBytes || count >= commitRecords)) break;
    count += 1;
  }
  return waiting.splice(0, count);
}

/** The buffer if it is large enough, or a new one. */
function roomIn(buffer: ArrayBuffer | undefined): (bytes: number) => ArrayBuffer {
  // Rounded up, so that buffers fit again: touching fresh memory costs as much as the hash does.
  return (bytes) =>
    buffer !== undefined && buffer.byteLength >= bytes
      ? buffer
      : new ArrayBuffer(Math.ceil(bytes / bufferStep) * bufferStep);
}

async function start(opening: Opening): Promise<SqliteLog> {
  const { thread, tips } = await startThread(opening);
  return new EmbeddedLog(opening, thread, tips);
}

class EmbeddedLog implements SqliteLog {
  readonly dir: string;
  readonly shards: number;
  readonly #readOnly: boolean;
  readonly #thread: Thread;
  /** Next offset per shard, of what is durable. */
  readonly #tips: number[];
  readonly #followers = new Set<Deliver>();
  /** Bounded by the decisions in flight, which the engine bounds by its calls. */
  readonly #waiting: Waiting[] = [];
  /** Empty ones; never more than the batches under way. */
  readonly #buffers: ArrayBuffer[] = [];
  #commits = 0;
  #underWay = 0;
  /** A #pump is queued. */
  #pumping = false;
  #closing: Promise<void> | undefined;
  readonly #drained = Promise.withResolvers<void>();

  constructor(opening: Opening, thread: Thread, tips: number[]) {
    this.dir = opening.dir;
    this.shards = tips.length;
    this.#readOnly = opening.readOnly;
    this.#thread = thread;
    this.#tips = tips;
  }

  get commits(): number {
    return this.#commits;
  }

  async tip(shard: number): Promise<number> {
    return this.#tipOf(shard);
  }

  async *read(shard: number, fromOffset = 0): AsyncIterable<readonly StoredRecord[]> {
    const until = this.#tipOf(shard);
    let from = fromOffset;
    let ahead = from < until ? this.#readBatch(shard, from, until) : undefined;
    while (ahead !== undefined) {
      const batch = await ahead;
      if (batch.length === 0)
        throw new LogHalted(shard, `shard ${shard} has no record at offset ${from}, below its tip`);
      from += batch.length;
      ahead = from < until ? this.#readBatch(shard, from, until) : undefined;
      ahead?.catch(() => undefined); // a caller who stops early does not come for it, nor for its error
      yield batch;
    }
  }

  async append(shard: number, record: StoredRecord): Promise<void> {
    this.#tipOf(shard);
    if (this.#readOnly) throw new LogRefused("readOnly", `the log in ${this.dir} is open for reading`);
    if (this.#closing !== undefined) throw closed(this.dir);
    if (record.bytes.length > maxRecordBytes)
      throw new LogRefused("tooLarge", `a record of ${record.bytes.length} bytes`);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ shard, record, resolve, reject });
    if (!this.#pumping) {
      this.#pumping = true;
      // Not at once: the records of the same turn of the event loop belong into the same commit.
      queueMicrotask(() => this.#pump());
    }
    return promise;
  }

  follow(deliver: Deliver): () => void {
    this.#followers.add(deliver);
    return () => this.#followers.delete(deliver);
  }

  async anchorNow(): Promise<void> {
    await this.#thread.ask((id) => ({ type: "anchor", id }));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#underWay > 0 || this.#waiting.length > 0) await this.#drained.promise;
    await this.#thread.ask((id) => ({ type: "close", id })).finally(() => this.#thread.ended());
  }

  /** Posts what waits, as long as the thread has not enough lying ready behind the batch it commits. */
  #pump(): void {
    this.#pumping = false;
    while (this.#waiting.length > 0 && this.#underWay < batchesUnderWay) {
      const batch = takeBatch(this.#waiting);
      const records = pack(
        batch.map(({ record }) => record),
        roomIn(this.#buffers.pop()),
      );
      const shards = batch.map(({ shard }) => shard);
      this.#underWay += 1;
      this.#thread
        .ask((id) => ({ type: "append", id, shards, records }), [records.bytes.buffer])
        .then(
          (answer) => this.#committed(batch, answer),
          (error: unknown) => this.#failed(batch, error),
        );
    }
    if (this.#underWay === 0 && this.#closing !== undefined) this.#drained.resolve();
  }

  #committed(batch: readonly Waiting[], answer: FromWorker): void {
    this.#underWay -= 1;
    this.#commits += 1;
    if (answer.type === "appended") this.#buffers.push(answer.buffer);
    // Before the callers learn of this batch: what they do next takes time, in which the disk can work.
    this.#pump();
    for (const { shard, record, resolve } of batch) {
      const offset = this.#tips[shard] ?? 0;
      this.#tips[shard] = offset + 1;
      for (const deliver of this.#followers) deliver(shard, offset, record);
      resolve();
    }
  }

  #failed(batch: readonly Waiting[], error: unknown): void {
    this.#underWay -= 1;
    for (const { reject } of batch) reject(error);
    this.#pump(); // the thread refuses all that follows with the same fault
  }

  async #readBatch(shard: number, from: number, until: number): Promise<StoredRecord[]> {
    const answer = await this.#thread.ask((id) => ({ type: "read", id, shard, from, until }));
    return answer.type === "rows" ? unpack(answer.records) : [];
  }

  #tipOf(shard: number): number {
    const tip = this.#tips[shard];
    if (tip === undefined) throw new LogRefused("shards", `no shard ${shard}: the log has ${this.shards}`);
    return tip;
  }
}
