/**
 * One shard of a Kafka log in writing: batches go out one at a time, and an append counts only when its bytes were read
 * back. An attempt whose outcome is unknown is followed by the same bytes again, which admit() drops where they are
 * there twice. It must never send a batch while the one before may still be repeated, and nothing at all after it gave
 * up: a record behind a missing one would halt the shard for ever.
 */
import { LogFault, type LogHalted } from "./faults.ts";
import { type Fetched, type KafkaClient, KafkaTrouble } from "./kafkaClient.ts";
import { messageOverhead } from "./kafkaTopic.ts";
import type { Deliver } from "./log.ts";
import type { StoredRecord } from "./record.ts";
import { rest } from "./rest.ts";

/** What all shards of a log share. */
export interface Writing {
  readonly client: Pick<KafkaClient, "produce">;
  readonly maxBatchBytes: number;
  /** How long an append may wait for its bytes to come back before it gives up. */
  readonly giveUpMs: number;
}

/** An append under way. */
interface Append {
  readonly record: StoredRecord;
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  settled: boolean;
  /** When it was first sent; 0 while it waits. */
  sentAt: number;
  /** Where the broker says that it is. */
  offset: number | undefined;
}

const batchRecords = 2048;
const firstPauseMs = 50;
const longestPauseMs = 1000;

export class KafkaShard {
  readonly shard: number;
  readonly #writing: Writing;
  readonly #waiting: Append[] = [];
  /** Sent and not read back, in order. */
  readonly #sent: Append[] = [];
  #sending = false;
  #position: number;
  #fault: Error | undefined;
  #halted: LogHalted | undefined;
  #trouble = "no answer";
  #watch: NodeJS.Timeout | undefined;
  readonly #ended = new AbortController();
  readonly #readers = new Set<{ readonly offset: number; readonly resolve: () => void }>();

  constructor(shard: number, position: number, writing: Writing) {
    this.shard = shard;
    this.#position = position;
    this.#writing = writing;
  }

  /** Offset of the next record that is read back. */
  get position(): number {
    return this.#position;
  }

  /** Set once records that were there are gone. */
  get halted(): LogHalted | undefined {
    return this.#halted;
  }

  append(record: StoredRecord): Promise<void> {
    if (this.#fault !== undefined) return Promise.reject(this.#fault);
    const settling = Promise.withResolvers<void>();
    this.#waiting.push({ record, ...settling, settled: false, sentAt: 0, offset: undefined });
    if (!this.#sending) {
      this.#sending = true;
      // Not at once: the records of the same turn of the event loop belong into the same batch.
      queueMicrotask(() => void this.#send());
    }
    return settling.promise;
  }

  /** Takes what was fetched of the shard, in order; what is older than the position was taken before. */
  receive({ records, next }: Fetched, deliver: Deliver): void {
    for (const { offset, record } of records) {
      if (offset < this.#position) continue;
      this.#position = offset + 1;
      const own = this.#own(record);
      deliver(this.shard, offset, own?.record ?? record);
      own?.resolve();
    }
    this.#position = Math.max(this.#position, next);
    for (const reader of this.#readers) if (reader.offset <= this.#position) reader.resolve();
    this.#missing();
    if (this.#sent.length === 0) this.#unwatch();
  }

  /** Resolves when everything before the offset was read back. @throws LogFault if it was not in time. */
  reached(offset: number, withinMs: number): Promise<void> {
    if (offset <= this.#position) return Promise.resolve();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const reader = { offset, resolve };
    this.#readers.add(reader);
    const late = setTimeout(() => {
      reject(new LogFault("stalled", `shard ${this.shard}: reading stands at offset ${this.#position} of ${offset}`));
    }, withinMs);
    return promise.finally(() => {
      clearTimeout(late);
      this.#readers.delete(reader);
    });
  }

  /** Ends writing for good: what is under way is refused with the reason, and so is all that follows. */
  fail(why: Error): void {
    this.#fault ??= why;
    for (const append of [...this.#sent.splice(0), ...this.#waiting.splice(0)]) {
      append.settled = true;
      append.reject(this.#fault);
    }
    this.#unwatch();
    this.#ended.abort();
  }

  halt(why: LogHalted): void {
    this.#halted ??= why;
    this.fail(why);
  }

  /** Resolves when every append so far is settled. */
  async drained(): Promise<void> {
    await Promise.allSettled([...this.#sent, ...this.#waiting].map(({ promise }) => promise));
  }

  async #send(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#takeBatch();
      const now = performance.now();
      for (const append of batch) append.sentAt = now;
      this.#sent.push(...batch);
      this.#watchOldest();
      try {
        await this.#produce(batch);
      } catch (error) {
        this.fail(error instanceof Error ? error : new Error(String(error)));
      }
    }
    this.#sending = false;
  }

  /** Sends until an answer says where the batch is, or its bytes were read back, or writing has ended. */
  async #produce(batch: readonly Append[]): Promise<void> {
    for (let pause = firstPauseMs; ; pause = Math.min(2 * pause, longestPauseMs)) {
      const open = batch.filter(({ settled }) => !settled);
      if (open.length === 0) return;
      try {
        const base = await this.#writing.client.produce(
          this.shard,
          open.map(({ record }) => record),
        );
        for (const [index, append] of open.entries()) append.offset = base + index;
        return this.#missing();
      } catch (error) {
        if (!(error instanceof KafkaTrouble)) throw error;
        this.#trouble = `${error.message} (${error.code})`;
        if (!error.retriable) throw this.#unknown();
      }
      await rest(pause, this.#ended.signal);
    }
  }

  #takeBatch(): Append[] {
    let [count, bytes] = [0, 0];
    for (const { record } of this.#waiting) {
      bytes += record.bytes.length + messageOverhead;
      if (count > 0 && (bytes > this.#writing.maxBatchBytes || count >= batchRecords)) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  /** The append of ours that these bytes are, taken from those that are under way. */
  #own(read: StoredRecord): Append | undefined {
    const same = ({ record }: Append) => record.hash === read.hash && Buffer.compare(record.bytes, read.bytes) === 0;
    const at = this.#sent.findIndex(same);
    const [own] = at === -1 ? [] : this.#sent.splice(at, 1);
    if (own !== undefined) own.settled = true;
    return own;
  }

  /** A record that was acknowledged must be where the broker said. */
  #missing(): void {
    const lost = this.#sent.find(({ offset }) => offset !== undefined && offset < this.#position);
    if (lost === undefined) return;
    const why = `shard ${this.shard}: Kafka acknowledged a record at offset ${lost.offset}, and it is not there`;
    this.fail(new LogFault("lost", why));
  }

  #watchOldest(): void {
    const oldest = this.#sent[0];
    if (this.#watch !== undefined || oldest === undefined) return;
    const { giveUpMs } = this.#writing;
    const left = Math.max(oldest.sentAt + giveUpMs - performance.now(), 1);
    this.#watch = setTimeout(() => {
      this.#watch = undefined;
      const first = this.#sent[0];
      if (first !== undefined && performance.now() - first.sentAt >= giveUpMs) this.fail(this.#unknown());
      else this.#watchOldest();
    }, left);
  }

  #unwatch(): void {
    clearTimeout(this.#watch);
    this.#watch = undefined;
  }

  #unknown(): LogFault {
    const count = this.#sent.length + this.#waiting.length;
    const about = `shard ${this.shard}: ${count} records were sent to Kafka and did not come back: ${this.#trouble}`;
    return new LogFault("unknown", `${about}. They may be in the log: start again, which reads it.`);
  }
}
