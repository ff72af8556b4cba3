/**
 * One shard of a Kafka log in writing: batches go out one at a time, and an append counts only when its bytes were read
 * back. An attempt whose outcome is unknown is followed by the same bytes again, which admit() drops where they are
 * there twice. It must never send a batch while the one before may still be repeated, nor a record behind a missing one
 * of the same term, which would halt the shard for ever.
 *
 * When nothing of ours came back for long the shard is given up: what is under way is refused as unknown, and nothing
 * but a claim is taken after it. Whatever of the old term is in the log by then, or gets there late, does no harm:
 * - It has no gap: batches went out one after the other, and nothing of that term follows any more.
 * - What comes before the claim is admitted; the claim does not continue it, so admit() discards it as overtaken, and
 *   its author, who has read it now, claims again. What comes behind the claim is of a lower term, and fenced.
 * - A claim that was given up itself is followed by one of a higher term (owner.ts), so no term and seq of one owner
 *   ever has two contents.
 * What Kafka acknowledged at an offset where something else is, is lost, and ends writing for good, as a halt does.
 */
import { LogFault, type LogHalted, LogRefused } from "../faults.ts";
import type { Deliver } from "../log.ts";
import { decode, type StoredRecord } from "../record.ts";
import { rest } from "../rest.ts";
import { type Fetched, type KafkaClient, KafkaTrouble } from "./client.ts";
import { isForbidden } from "./rights.ts";
import { messageOverhead } from "./topic.ts";

/** What all shards of a log share. */
export interface Writing {
  readonly client: Pick<KafkaClient, "produce">;
  readonly maxBatchBytes: number;
  /** How long the shard may wait for something of ours to come back before it is given up. */
  readonly giveUpMs: number;
}

/** An append under way. */
interface Append {
  readonly record: StoredRecord;
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  settled: boolean;
  /** Where the broker says that it is. */
  offset: number | undefined;
}

const batchRecords = 2048;
const firstPauseMs = 50;
const longestPauseMs = 1000;
/**
 * Without an answer of the shard's leader for so long, its records are not heard. Polls are answered twice a second.
 */
const deafMs = 5000;

export class KafkaShard {
  readonly shard: number;
  readonly #writing: Writing;
  readonly #waiting: Append[] = [];
  /** Sent and not read back, in order. */
  readonly #sent: Append[] = [];
  #sending = false;
  #position: number;
  #fault: Error | undefined;
  /** Why it was given up; undefined again with the claim that follows. */
  #away: LogFault | undefined;
  #halted: LogHalted | undefined;
  #trouble = "no answer";
  #watch: NodeJS.Timeout | undefined;
  /** When something of ours last came back, or was appended while nothing was under way. */
  #progressAt = 0;
  #hearsSince = 0;
  #heardAt = Number.NEGATIVE_INFINITY;
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

  /** As `Log.hearsSince`. */
  get hearsSince(): number | undefined {
    return performance.now() - this.#heardAt <= deafMs ? this.#hearsSince : undefined;
  }

  /** The shard's leader has said all that it has. */
  heard(): void {
    const now = performance.now();
    if (now - this.#heardAt > deafMs) this.#hearsSince = now;
    this.#heardAt = now;
  }

  append(record: StoredRecord): Promise<void> {
    if (this.#fault !== undefined) return Promise.reject(this.#fault);
    if (this.#away !== undefined && !isClaim(record)) return Promise.reject(this.#away);
    this.#away = undefined;
    if (this.#sent.length + this.#waiting.length === 0) this.#progressAt = performance.now();
    const settling = Promise.withResolvers<void>();
    this.#waiting.push({ record, ...settling, settled: false, offset: undefined });
    this.#watchProgress();
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
      if (own !== undefined) this.#progressAt = performance.now();
      own?.resolve();
    }
    this.#position = Math.max(this.#position, next);
    for (const reader of this.#readers) if (reader.offset <= this.#position) reader.resolve();
    this.#missing();
    if (this.#sent.length + this.#waiting.length === 0) this.#unwatch();
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
    this.#refuse(this.#fault);
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
      this.#sent.push(...batch);
      try {
        await this.#produce(batch);
      } catch (error) {
        this.fail(error instanceof Error ? error : new Error(String(error)));
      }
    }
    this.#sending = false;
  }

  /** Sends until an answer says where the batch is, or its bytes were read back, or it was given up. */
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
        // At the first attempt, with nothing else on its way, it is known that none of it was written.
        const isKnown = pause === firstPauseMs && this.#sent.length === batch.length;
        if (isForbidden(error) && isKnown)
          throw new LogRefused("misconfigured", `shard ${this.shard}: Kafka takes no records: ${this.#trouble}`);
        if (!error.retriable) throw new LogFault("unknown", this.#unknown());
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

  #watchProgress(): void {
    const { giveUpMs } = this.#writing;
    this.#watch ??= setTimeout(
      () => {
        this.#watch = undefined;
        if (performance.now() - this.#progressAt < giveUpMs) return this.#watchProgress();
        this.#away = new LogFault("away", this.#unknown());
        this.#refuse(this.#away);
      },
      Math.max(this.#progressAt + giveUpMs - performance.now(), 1),
    );
  }

  #unwatch(): void {
    clearTimeout(this.#watch);
    this.#watch = undefined;
  }

  /** Settles all that is under way. */
  #refuse(why: Error): void {
    for (const append of [...this.#sent.splice(0), ...this.#waiting.splice(0)]) {
      append.settled = true;
      append.reject(why);
    }
    this.#unwatch();
  }

  #unknown(): string {
    const count = this.#sent.length + this.#waiting.length;
    const about = `shard ${this.shard}: ${count} records were sent to Kafka and did not come back: ${this.#trouble}`;
    return `${about}. They may be in the log`;
  }
}

const isClaim = (record: StoredRecord): boolean => {
  const decoded = decode(record);
  return decoded.ok && decoded.record.kind === "claim";
};
