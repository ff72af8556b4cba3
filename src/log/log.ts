/**
 * The port that every log fulfils: a fixed number of shards, each a totally ordered sequence of stored bytes. A log
 * knows no term, no owner and no event; which records count is decided in admit.ts. test/log/suite.ts holds every maker
 * to this.
 */
import type { StoredRecord } from "./record.ts";

/** Called for each durable record, in log order of its shard. Must not throw. */
export type Deliver = (shard: number, offset: number, record: StoredRecord) => void;

export interface Log {
  readonly shards: number;

  /** Offset that the next record of the shard will get; the first has 0. Throws rather than answer without knowing. */
  tip(shard: number): Promise<number>;

  /**
   * Records of the shard from an offset up to the tip at the time of the call, in log order, in batches. The next batch
   * is fetched only as the caller comes for it (one ahead at most).
   */
  read(shard: number, fromOffset?: number): AsyncIterable<readonly StoredRecord[]>;

  /**
   * Adds a record. Resolves when it is durable and was delivered to the followers. Records of a shard keep the order of
   * the calls. A rejection with LogFault means that the outcome is unknown; with LogRefused, that nothing was written.
   * After a LogFault that `isAway` the shard takes nothing but a claim.
   */
  append(shard: number, record: StoredRecord): Promise<void>;

  /** Delivers every record that becomes durable from now on, whoever wrote it. Returns what ends the delivery. */
  follow(deliver: Deliver): () => void;

  /**
   * Since when (`performance.now()`) every record of the shard has been delivered as it came; undefined while others'
   * records would not be heard, so that nobody takes his own deafness for another's silence. Absent: from the start.
   */
  hearsSince?(shard: number): number | undefined;

  /** Makes everything appended durable, and frees the store. Later calls are refused. */
  close(): Promise<void>;
}
