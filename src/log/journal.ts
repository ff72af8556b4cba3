/**
 * The log as the engine uses it: at start it verifies and folds all that was written and claims the shards; then it
 * takes decisions and folds each after it was read back. The engine must never see a World that the log does not give
 * again.
 */

import { ShardLost } from "./faults.ts";
import type { Log } from "./log.ts";
import { type Decision, type Owning, ShardOwner } from "./owner.ts";
import type { StoredRecord } from "./record.ts";
import {
  type AdmittedRecord,
  type Counts,
  type Cursor,
  type Cursors,
  countAll,
  cursorsOf,
  type Leader,
  leadersOf,
  type Reading,
  ShardReader,
} from "./replay.ts";

export interface JournalOptions<E> extends Owning<E>, Reading<E> {
  /** Milliseconds of a clock that never goes back; it times silence and nothing else. */
  readonly monotonic?: () => number;
  /** Shards to claim at start; all if not given. The others are followed. */
  readonly claim?: readonly number[];
}

/** Where a shard stands for those who might lead it. */
export interface Standing {
  /** Nobody leads it: it was never claimed, its owner resigned, or that was this instance, which gave it up. */
  readonly free: boolean;
  /** When its last record came (monotonic ms), or when the journal was opened. */
  readonly seenAt: number;
  /** Since when its records are heard as they come (monotonic ms); undefined while they are not. */
  readonly hearsSince: number | undefined;
  /** Own records that have not come back yet. */
  readonly pending: number;
}

export interface Journal<E> {
  /**
   * Makes a decision. Its place is fixed at the call; the promise resolves when it is durable, read back under the own
   * term and folded. A large decision becomes several records and resolves with the last.
   * @throws ShardLost: not in force. LogHalted, LogFault: unknown; stop, reopen, verify. EventTooLarge: nothing was
   * written.
   */
  decide(decision: Decision<E>): Promise<AdmittedRecord<E>>;
  /** Takes a shard that is not ours. */
  claim(shard: number): Promise<void>;
  /** Gives a shard up with a record; resolves when it was read back. */
  release(shard: number): Promise<void>;
  /** Stops leading a shard without a record: nothing of ours counts in it any more. */
  abandon(shard: number, why: string): void;
  standing(shard: number): Standing;
  owns(shard: number): boolean;
  /** Where a shard stands; seq 0 before its first record. */
  cursor(shard: number): Cursor;
  /** Where all shards with records stand: with the World of the same moment, a snapshot. */
  cursors(): Cursors;
  /** Who leads which shard, as far as the log was read. */
  leaders(): readonly Leader[];
  counts(): Counts;
  /**
   * Waits for what is in flight, gives every shard up with a record, and closes the log. One whose record is not taken
   * in time is lost without it.
   */
  resign(): Promise<void>;
  /** Stops following the log without a record, as a crash would; the log stays open. */
  detach(): void;
}

/** Records that arrive while a shard is still being read from the log. */
interface Late {
  readonly offset: number;
  readonly record: StoredRecord;
}

/**
 * Opens a journal on a log.
 * @throws LogHalted where history is damaged, SnapshotRefused where `restoredFrom` is not of this history.
 */
export async function openJournal<E>(options: JournalOptions<E>): Promise<Journal<E>> {
  const { log } = options;
  const shards = Array.from(
    { length: log.shards },
    (_, shard) => new ShardOwner(new ShardReader(shard, options), options),
  );
  const monotonic = options.monotonic ?? (() => performance.now());
  const seenAt: number[] = shards.map(monotonic);
  const caughtUp = new Set<number>();
  const late = new Map<number, Late[]>();
  const detach = log.follow((shard, offset, record) => {
    seenAt[shard] = monotonic();
    if (caughtUp.has(shard)) return shards[shard]?.receive(record);
    const waiting = late.get(shard) ?? [];
    waiting.push({ offset, record });
    late.set(shard, waiting);
  });
  try {
    for (const owner of shards) {
      const { reader } = owner;
      await reader.catchUp(log);
      if (reader.admission.halted !== "") throw reader.report();
      for (const { offset, record } of late.get(reader.shard) ?? []) {
        if (offset >= reader.offset) owner.receive(record);
      }
      late.delete(reader.shard);
      caughtUp.add(reader.shard);
    }
    const claimed = options.claim ?? shards.map(({ reader }) => reader.shard);
    await Promise.all(claimed.map((shard) => ownerOf(shards, shard).claim()));
  } catch (error) {
    detach();
    throw error;
  }
  return journalOf(shards, { log, owner: options.owner, seenAt }, detach);
}

/** A shard that was lost needs no giving up. */
function unlessLost(error: unknown): void {
  if (!(error instanceof ShardLost)) throw error;
}

function ownerOf<E>(shards: readonly ShardOwner<E>[], shard: number): ShardOwner<E> {
  const owner = shards[shard];
  if (owner === undefined) throw new RangeError(`no shard ${shard}: the log has ${shards.length}`);
  return owner;
}

function journalOf<E>(
  shards: readonly ShardOwner<E>[],
  { log, owner: self, seenAt }: { readonly log: Log; readonly owner: string; readonly seenAt: readonly number[] },
  detach: () => void,
): Journal<E> {
  const readers = shards.map(({ reader }) => reader);
  const heard = (shard: number) => (log.hearsSince ? log.hearsSince(shard) : 0);
  return {
    decide: (decision) => ownerOf(shards, decision.shard).decide(decision),
    claim: (shard) => ownerOf(shards, shard).claim(),
    release: (shard) => ownerOf(shards, shard).resign(),
    abandon: (shard, why) => ownerOf(shards, shard).lose(new ShardLost(shard, why)),
    standing(shard) {
      const owner = ownerOf(shards, shard);
      const { term, resigned, owner: last } = owner.reader.admission;
      const free = term === 0 || resigned || (last === self && !owner.owned);
      return { free, seenAt: seenAt[shard] ?? 0, hearsSince: heard(shard), pending: owner.pending };
    },
    owns: (shard) => ownerOf(shards, shard).owned,
    cursor: (shard) => ownerOf(shards, shard).reader.cursor,
    cursors: () => cursorsOf(readers),
    leaders: () => leadersOf(readers),
    counts: () => countAll(readers),
    async resign() {
      await Promise.all(shards.map((owner) => owner.resign().catch(unlessLost)));
      detach();
      await log.close();
    },
    detach,
  };
}
