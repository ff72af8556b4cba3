/**
 * Reads shards: every record is decoded, judged by admit() and, if admitted, folded, in log order. Used at start, by
 * the owner while it runs, and by audit on a stopped log. It must never fold a record that was not admitted, nor go on
 * after a halt.
 */
import { type Admission, admit, behind, unclaimed, type Verdict } from "./admit.ts";
import { LogHalted, SnapshotRefused } from "./faults.ts";
import type { Log } from "./log.ts";
import { type Decoded, decode, type LogRecord, type RecordKind, type StoredRecord } from "./record.ts";

/** An admitted record as the projection gets it. */
export interface AdmittedRecord<E> {
  readonly kind: RecordKind;
  readonly shard: number;
  readonly seq: number;
  readonly term: number;
  readonly owner: string;
  /** Epoch ms; never goes back within a shard. */
  readonly at: number;
  readonly cause: string;
  /** Present on the parts of a decision that needed several records. */
  readonly part?: { readonly i: number; readonly n: number };
  readonly inputs: Readonly<Record<string, number>>;
  readonly events: readonly E[];
  readonly hash: string;
}

/** A position in the admitted records of one shard. */
export interface Cursor {
  readonly seq: number;
  readonly hash: string;
  readonly term: number;
}
/** Shard number to position, for shards that have records. */
export type Cursors = Readonly<Record<number, Cursor>>;

/** Who leads a shard that was claimed before. */
export interface Leader {
  readonly shard: number;
  /** null: nobody does, its last owner gave it up. */
  readonly owner: string | null;
  /** Instant of the shard's last record, which that owner wrote (epoch ms). */
  readonly at: number;
}

/** What was read: all records (admitted or not), their bytes, and how many were discarded. */
export interface Counts {
  readonly records: number;
  readonly bytes: number;
  readonly discarded: number;
}

export interface Reading<E> {
  /** Gives the events of a stored record their types. Throws for what it does not know, which halts the shard. */
  readonly parseEvents: (events: readonly unknown[]) => readonly E[];
  readonly fold: (record: AdmittedRecord<E>) => void;
  /** Where a snapshot stands: up to there records are verified but not folded. */
  readonly restoredFrom?: Cursors;
  /** Begin to read where the snapshot stands: what is before it is left to `windrow verify`. */
  readonly onlyTail?: boolean;
}

/** A record of our own that comes back: the same content as the stored bytes, without reading them again. */
export interface OwnRecord<E> {
  readonly decoded: Decoded;
  readonly events: readonly E[];
}

export interface Taken<E> {
  readonly verdict: Verdict;
  readonly why: string;
  /** Set if it was admitted and folded. */
  readonly admitted?: AdmittedRecord<E>;
}

/** One shard as read so far. */
export class ShardReader<E> {
  readonly shard: number;
  readonly #reading: Reading<E>;
  readonly #restored: Cursor | undefined;
  /** Set until the record was found at which reading begins. */
  #sought: Cursor | undefined;
  #admission: Admission;
  #records = 0;
  #bytes = 0;
  #discarded = 0;

  constructor(shard: number, reading: Reading<E>) {
    this.shard = shard;
    this.#reading = reading;
    this.#restored = reading.restoredFrom?.[shard];
    this.#admission = unclaimed(shard);
    if (!reading.onlyTail || this.#restored === undefined) return;
    this.#sought = this.#restored;
    // Discarded records only add to offsets, so the record of a seq is at offset seq - 1 or later.
    this.#records = this.#restored.seq - 1;
  }

  get admission(): Admission {
    return this.#admission;
  }
  /** Offset of the next record. */
  get offset(): number {
    return this.#records;
  }
  get counts(): Counts {
    return { records: this.#records, bytes: this.#bytes, discarded: this.#discarded };
  }
  get cursor(): Cursor {
    const { seq, hash, term } = this.#admission;
    return { seq, hash, term };
  }

  /** Takes the next record in log order. Throws only what `fold` throws, and SnapshotRefused. */
  take(stored: StoredRecord, own?: OwnRecord<E>): Taken<E> {
    this.#records += 1;
    this.#bytes += stored.bytes.length;
    if (this.#sought !== undefined) return this.#seek(stored, this.#sought);
    const decoded = own?.decoded ?? decode(stored);
    const { verdict, why, state } = admit(this.#admission, decoded);
    if (verdict === "discarded") this.#discarded += 1;
    if (verdict !== "admitted" || !decoded.ok) {
      this.#admission = state;
      return { verdict, why };
    }
    const { record } = decoded;
    if (this.#restored !== undefined && record.seq <= this.#restored.seq) {
      this.#admission = state;
      this.#checkSnapshot(this.#restored, record.seq, decoded.hash);
      return { verdict, why };
    }
    let events: readonly E[];
    try {
      events = own?.events ?? this.#reading.parseEvents(record.events);
    } catch (error) {
      const halted = `seq ${record.seq}: ${error instanceof Error ? error.message : String(error)}`;
      this.#admission = { ...this.#admission, halted };
      return { verdict: "halted", why: halted };
    }
    this.#admission = state;
    const admitted = admittedRecord(record, events, decoded.hash);
    this.#reading.fold(admitted);
    return { verdict, why, admitted };
  }

  /** Reads to the tip of the log at the time of the call. Stops at a halt. */
  async catchUp(log: Log): Promise<void> {
    for await (const batch of log.read(this.shard, this.offset)) {
      for (const stored of batch) {
        if (this.take(stored).verdict === "halted") return;
      }
    }
    if (this.#restored !== undefined && this.#admission.seq < this.#restored.seq) {
      const has = this.#sought === undefined ? `ends at ${this.#admission.seq}` : "has no such record";
      const stands = `the snapshot stands at seq ${this.#restored.seq} of shard ${this.shard}`;
      throw new SnapshotRefused(`${stands}, the log ${has}`);
    }
  }

  /** Passes over what lies before the record at which the snapshot stands. */
  #seek(stored: StoredRecord, sought: Cursor): Taken<E> {
    const decoded = stored.hash === sought.hash ? decode(stored) : undefined;
    if (!decoded?.ok || decoded.record.seq !== sought.seq) return { verdict: "discarded", why: "before the snapshot" };
    this.#sought = undefined;
    this.#admission = behind(decoded.record, decoded.hash);
    return { verdict: "admitted", why: "" };
  }

  /** The report of a halt. */
  report(): LogHalted {
    const where = `shard ${this.shard} halted at offset ${Math.max(this.#records - 1, 0)}`;
    return new LogHalted(
      this.shard,
      `${where}: ${this.#admission.halted}. Nothing is written to it. Restore the log from a backup, and tell the developers.`,
    );
  }

  #checkSnapshot(restored: Cursor, seq: number, hash: string): void {
    if (seq !== restored.seq || hash === restored.hash) return;
    throw new SnapshotRefused(
      `the snapshot stands at seq ${seq} of shard ${this.shard} with hash ${restored.hash}, the log has ${hash}`,
    );
  }
}

function admittedRecord<E>(record: LogRecord, events: readonly E[], hash: string): AdmittedRecord<E> {
  const { kind, shard, seq, term, owner, at, cause, part, inputs } = record;
  const admitted = { kind, shard, seq, term, owner, at, cause, inputs, events, hash };
  return part === undefined ? admitted : { ...admitted, part };
}

/**
 * Verifies and folds all shards of a log, without claiming anything: what audit does with a stopped log. Shards come
 * one after the other from 0, because a shard replays alone.
 * @throws LogHalted for the first shard that halts.
 */
export async function replay<E>(
  log: Log,
  reading: Reading<E>,
): Promise<{ counts: Counts; cursors: Cursors; leaders: readonly Leader[] }> {
  const readers = Array.from({ length: log.shards }, (_, shard) => new ShardReader(shard, reading));
  for (const reader of readers) {
    await reader.catchUp(log);
    if (reader.admission.halted !== "") throw reader.report();
  }
  return { counts: countAll(readers), cursors: cursorsOf(readers), leaders: leadersOf(readers) };
}

/** Sums over shards. */
export function countAll<E>(readers: readonly ShardReader<E>[]): Counts {
  let [records, bytes, discarded] = [0, 0, 0];
  for (const { counts } of readers) {
    records += counts.records;
    bytes += counts.bytes;
    discarded += counts.discarded;
  }
  return { records, bytes, discarded };
}

/** Positions of the shards that have admitted records. */
export function cursorsOf<E>(readers: readonly ShardReader<E>[]): Cursors {
  const withRecords = readers.filter((reader) => reader.admission.seq > 0);
  return Object.fromEntries(withRecords.map((reader) => [reader.shard, reader.cursor]));
}

/** Leaders of the shards that were ever claimed. */
export function leadersOf<E>(readers: readonly ShardReader<E>[]): readonly Leader[] {
  const claimed = readers.filter((reader) => reader.admission.term > 0);
  return claimed.map(({ shard, admission: { resigned, owner, at } }) => ({
    shard,
    owner: resigned ? null : owner,
    at,
  }));
}
