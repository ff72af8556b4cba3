/**
 * The admitted records of all shards from some place on, in the order of their instants, so that what happened in many
 * shards reads as one story. Within a shard the order is that of the log, always. It must never pass over a record that
 * counts: a halt is thrown.
 */
import { parseEvents, type WindrowEvent } from "../../events/events.ts";
import { type Admission, admit, behind, unclaimed } from "../log/admit.ts";
import { LogHalted, SnapshotRefused } from "../log/faults.ts";
import type { Log } from "../log/log.ts";
import { decode, type StoredRecord } from "../log/record.ts";
import type { Cursor, Cursors } from "../log/replay.ts";

/** What counts of a record for those who fold it. */
export interface ReadRecord {
  readonly shard: number;
  readonly seq: number;
  readonly at: number;
  readonly events: readonly WindrowEvent[];
}

/** One shard, read from a place to the tip as often as wanted. */
class ShardTail {
  readonly #log: Log;
  readonly #shard: number;
  #admission: Admission;
  #offset = 0;
  /** Where a snapshot stands, until its record was found. */
  #from: Cursor | undefined;

  constructor(log: Log, shard: number, from: Cursor | undefined) {
    this.#log = log;
    this.#shard = shard;
    this.#admission = unclaimed(shard);
    this.#from = from;
    // Discarded records only add to offsets, so the record of a seq is at offset seq - 1 or later.
    if (from) this.#offset = from.seq - 1;
  }

  get seq(): number {
    return this.#admission.seq;
  }

  /** Admitted records up to the tip of the moment. @throws LogHalted, SnapshotRefused */
  async *toTip(): AsyncGenerator<ReadRecord> {
    for await (const batch of this.#log.read(this.#shard, this.#offset)) {
      for (const stored of batch) {
        this.#offset += 1;
        const record = this.#take(stored);
        if (record) yield record;
      }
    }
    const from = this.#from;
    if (from) throw new SnapshotRefused(`the log has no record ${from.seq} of shard ${this.#shard} of the snapshot`);
  }

  #take(stored: StoredRecord): ReadRecord | undefined {
    const { hash } = stored;
    if (this.#from && hash !== this.#from.hash) return undefined;
    const decoded = decode(stored);
    if (this.#from && decoded.ok) {
      this.#from = undefined;
      this.#admission = behind(decoded.record, hash);
      return undefined;
    }
    const { verdict, state, why } = admit(this.#admission, decoded);
    if (verdict === "halted") throw this.#halted(why);
    this.#admission = state;
    if (verdict !== "admitted" || !decoded.ok) return undefined;
    const { shard, seq, at, events } = decoded.record;
    try {
      return { shard, seq, at, events: parseEvents(events) };
    } catch (error) {
      throw this.#halted(error instanceof Error ? error.message : String(error));
    }
  }

  #halted(why: string): LogHalted {
    const where = `shard ${this.#shard} cannot be read beyond offset ${this.#offset - 1}`;
    return new LogHalted(this.#shard, `${where}: ${why}. \`windrow verify\` says more.`);
  }
}

/** All shards of a log from where a snapshot stands, or from the beginning. */
export class Records {
  readonly #tails: readonly ShardTail[];

  constructor(log: Log, from: Cursors = {}) {
    this.#tails = Array.from({ length: log.shards }, (_, shard) => new ShardTail(log, shard, from[shard]));
  }

  /** Seq of the last record that was given of a shard. */
  seqOf(shard: number): number {
    return this.#tails[shard]?.seq ?? 0;
  }

  /**
   * What was not given yet up to the tip of each of these shards. In memory are one batch a shard and the one after it.
   * @throws LogHalted, SnapshotRefused, LogFault
   */
  async *toTip(shards: ReadonlySet<number>): AsyncGenerator<ReadRecord> {
    const sources = this.#tails.filter((_, shard) => shards.has(shard)).map((tail) => tail.toTip());
    try {
      const first = await Promise.all(sources.map((source) => source.next()));
      const heads = first.flatMap(({ value, done }, i) => (done ? [] : [{ record: value, source: sources[i]! }]));
      while (heads.length > 0) {
        let next = 0;
        // The lower shard goes first at the same instant: the control shard configures the others.
        for (let i = 1; i < heads.length; i++) if (heads[i]!.record.at < heads[next]!.record.at) next = i;
        const head = heads[next]!;
        yield head.record;
        const { value, done } = await head.source.next();
        if (done) heads.splice(next, 1);
        else head.record = value;
      }
    } finally {
      await Promise.all(sources.map((source) => source.return(undefined)));
    }
  }
}
