/**
 * One shard in the hands of this instance: claims it, gives decisions their place in the chain at the moment they are
 * made, and settles each when it was read back (design 3: claim, read back, act). It must never report a decision as
 * made before it was admitted, and never give a seq a second content.
 */
import { isDeepStrictEqual } from "node:util";
import { LogFault, ShardLost } from "./faults.ts";
import { hashOf } from "./hash.ts";
import type { Log } from "./log.ts";
import { encode, type LogRecord, maxRecordBytes, type RecordKind, type StoredRecord } from "./record.ts";
import type { AdmittedRecord, OwnRecord, ShardReader } from "./replay.ts";
import { splitEvents } from "./split.ts";

/** What an agent decided about one shard. */
export interface Decision<E> {
  readonly shard: number;
  /** Call key or inbox position. */
  readonly cause: string;
  /** Positions read elsewhere: shard number or stream name to position. */
  readonly inputs?: Readonly<Record<string, number>>;
  /** JSON values. They are folded as they are, so nobody may change them afterwards. */
  readonly events: readonly E[];
}

export interface Owning<E> {
  readonly log: Log;
  /** Instance name and boot number: two starts never share it. */
  readonly owner: string;
  readonly now: () => number;
  readonly parseEvents: (events: readonly unknown[]) => readonly E[];
  /** Read back every own record from its bytes and compare: for tests and simulation. */
  readonly verifyEvents?: boolean;
  /** Called once when the shard is lost to another owner, is given up, halts, or its log fails. */
  readonly onLost?: (shard: number, why: Error) => void;
}

/** A record that was appended and not yet read back. */
interface InFlight<E> extends OwnRecord<E> {
  readonly stored: StoredRecord;
  readonly resolve: (record: AdmittedRecord<E>) => void;
  readonly reject: (error: Error) => void;
}

/** How often a claim that was overtaken by another owner's records is made again. */
const claimAttempts = 10;

export class ShardOwner<E> {
  readonly reader: ShardReader<E>;
  readonly #owning: Owning<E>;
  /** In the order of the chain. Bounded by the decisions that the engine has in flight. */
  readonly #inFlight: InFlight<E>[] = [];
  /** End of the chain including what is in flight. */
  #tip = { seq: 0, hash: "", at: 0, term: 0 };
  /** The highest term that was claimed here: nobody knows what became of a claim that did not come back. */
  #tried = 0;
  /** Why nothing can be decided; undefined while the shard is ours. */
  #lost: Error | undefined;

  constructor(reader: ShardReader<E>, owning: Owning<E>) {
    this.reader = reader;
    this.#owning = owning;
    this.#lost = new ShardLost(reader.shard, "it was not claimed");
  }

  get owned(): boolean {
    return this.#lost === undefined;
  }

  /** Records that were appended and have not come back yet. */
  get pending(): number {
    return this.#inFlight.length;
  }

  /** Takes the shard with the next term. Resolves when the own claim was read back. */
  async claim(): Promise<void> {
    const { shard } = this.reader;
    if (this.owned) return;
    if (this.#inFlight.length > 0) throw new ShardLost(shard, "a claim is being made");
    for (let attempt = 1; ; attempt += 1) {
      if (this.reader.admission.halted !== "") throw this.reader.report();
      const { seq, hash, at, term } = this.reader.admission;
      this.#tried = Math.max(term, this.#tried) + 1;
      this.#tip = { seq, hash, at, term: this.#tried };
      try {
        await this.#send("claim", `claim:${this.#owning.owner}`, {}, []);
        return;
      } catch (error) {
        // Overtaken by the old owner's records: again. Another claim won the term: two claimants must not chase each
        // other. Given up, which is why the shard is lost: later.
        const discarded = error instanceof ShardLost && error !== this.#lost;
        const overtaken = discarded && this.reader.admission.term === term;
        if (!overtaken || attempt === claimAttempts) throw error;
      }
    }
  }

  /** Places the decision in the chain now; resolves when its last record was admitted and folded. */
  decide({ cause, inputs = {}, events }: Decision<E>): Promise<AdmittedRecord<E>> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    const whole = this.#record("decision", cause, inputs, events);
    const stored = encode(whole);
    if (stored.bytes.length <= maxRecordBytes) return this.#append(whole, stored, events);
    let groups: readonly (readonly E[])[];
    try {
      groups = splitEvents(whole, events, maxRecordBytes);
    } catch (error) {
      return Promise.reject(error);
    }
    const parts = groups.map((group, index) =>
      this.#send("decision", cause, inputs, group, { i: index + 1, n: groups.length }),
    );
    return Promise.all(parts).then((records) => records[records.length - 1]!);
  }

  /** Gives the shard up: nothing is decided after it. Resolves when that was read back. */
  async resign(): Promise<void> {
    if (!this.owned) return;
    const resigning = this.#send("resign", `resign:${this.#owning.owner}`, {}, []);
    this.#lost = new ShardLost(this.reader.shard, "it was resigned");
    await resigning;
  }

  /** Takes the next record of the shard from the log. Must not throw. */
  receive(stored: StoredRecord): void {
    const first = this.#inFlight[0];
    const own = first !== undefined && isSame(first.stored, stored) ? first : undefined;
    if (own !== undefined) this.#inFlight.shift();
    try {
      const { verdict, why, admitted } = this.reader.take(stored, own);
      if (verdict === "halted") this.lose(this.reader.report());
      if (admitted !== undefined && own !== undefined) {
        // Not later: the next record may be another's claim already.
        if (admitted.kind === "claim") this.#lost = undefined;
        return own.resolve(admitted);
      }
      own?.reject(new ShardLost(this.reader.shard, why));
      // Somebody else's claim: what of ours is still on its way comes after it and will be fenced.
      if (admitted?.kind === "claim" && this.owned) {
        this.lose(new ShardLost(this.reader.shard, `${admitted.owner} claimed it with term ${admitted.term}`));
      }
    } catch (error) {
      // The fold threw: a bug. The World is no longer what the log says, so nothing may be decided from it.
      const bug = error instanceof Error ? error : new Error(String(error));
      this.lose(bug);
      own?.reject(bug);
      if (own === undefined) throw bug;
    }
  }

  /** Ends ownership without a record: everything in flight is refused with the reason. */
  lose(why: Error): void {
    const had = this.owned;
    this.#lost = why;
    for (const { reject } of this.#inFlight.splice(0)) reject(why);
    if (had) this.#owning.onLost?.(this.reader.shard, why);
  }

  #record(kind: RecordKind, cause: string, inputs: Readonly<Record<string, number>>, events: readonly E[]): LogRecord {
    const { seq, hash, at, term } = this.#tip;
    const { owner, now } = this.#owning;
    const { shard } = this.reader;
    const after = Math.max(now(), at);
    return { fmt: 1, kind, shard, term, seq: seq + 1, prev: hash, owner, at: after, cause, inputs, events };
  }

  #send(
    kind: RecordKind,
    cause: string,
    inputs: Readonly<Record<string, number>>,
    events: readonly E[],
    part?: { readonly i: number; readonly n: number },
  ): Promise<AdmittedRecord<E>> {
    const plain = this.#record(kind, cause, inputs, events);
    const record = part === undefined ? plain : { ...plain, part };
    return this.#append(record, encode(record), events);
  }

  #append(record: LogRecord, stored: StoredRecord, events: readonly E[]): Promise<AdmittedRecord<E>> {
    if (this.#owning.verifyEvents === true) this.#verify(record, stored, events);
    const { promise, resolve, reject } = Promise.withResolvers<AdmittedRecord<E>>();
    const decoded = { ok: true, record, hash: stored.hash } as const;
    this.#inFlight.push({ stored, decoded, events, resolve, reject });
    this.#tip = { seq: record.seq, hash: stored.hash, at: record.at, term: record.term };
    this.#owning.log.append(record.shard, stored).catch((error: unknown) => {
      // What the log does not take now is no reason to end: the shard is anybody's, and may be claimed again.
      if (error instanceof LogFault && error.isAway) this.lose(new ShardLost(record.shard, error.message));
      else this.lose(error instanceof Error ? error : new LogFault("unknown", String(error)));
    });
    return promise;
  }

  /** What is folded live must be what a replay would read. */
  #verify(record: LogRecord, stored: StoredRecord, events: readonly E[]): void {
    const read: { events: unknown[] } = JSON.parse(Buffer.from(stored.bytes).toString());
    if (isDeepStrictEqual(this.#owning.parseEvents(read.events), events)) return;
    throw new Error(`decision ${record.cause}: its events are not what their JSON reads as`);
  }
}

/** The record in flight came back. A log that hands back the very bytes it was given needs no second hash. */
function isSame(sent: StoredRecord, read: StoredRecord): boolean {
  return sent.hash === read.hash && (sent.bytes === read.bytes || hashOf(read.bytes) === sent.hash);
}
