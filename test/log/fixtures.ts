/**
 * Small pieces that the log's tests share: numbered events, chains of records made by hand, and journals over them.
 */

import { type Journal, type JournalOptions, openJournal } from "../../src/log/journal.ts";
import type { Log } from "../../src/log/log.ts";
import { encode, type LogRecord, noHash, type StoredRecord } from "../../src/log/record.ts";
import type { AdmittedRecord } from "../../src/log/replay.ts";

export interface Noted {
  readonly type: "noted";
  readonly n: number;
  readonly text?: string;
}

/** Accepts what this file makes; anything else is an unknown event. */
export function parseNoted(events: readonly unknown[]): readonly Noted[] {
  return events.map((event) => {
    if (typeof event !== "object" || event === null || !("type" in event) || event.type !== "noted") {
      throw new Error(`unknown event ${JSON.stringify(event)}`);
    }
    const n = "n" in event && typeof event.n === "number" ? event.n : -1;
    return "text" in event && typeof event.text === "string"
      ? { type: "noted", n, text: event.text }
      : { type: "noted", n };
  });
}

export const noted = (n: number): Noted => ({ type: "noted", n });

/** A record with usual values. */
export function recordOf(part: Partial<LogRecord> & Pick<LogRecord, "seq" | "prev">): LogRecord {
  const plain = {
    fmt: 1,
    kind: "decision",
    shard: 0,
    term: 1,
    owner: "a:1",
    at: 1000,
    cause: "c",
    inputs: {},
  } as const;
  return { ...plain, events: [], ...part };
}

/** Writes a chain by hand: each call gives the next record of the owner. */
export class Chain {
  seq = 0;
  hash = noHash;
  term = 0;
  owner = "a:1";
  next(part: Partial<LogRecord> = {}): StoredRecord {
    const stored = this.peek(part);
    this.seq += 1;
    this.hash = stored.hash;
    return stored;
  }
  /** The next record without making it the next. */
  peek(part: Partial<LogRecord> = {}): StoredRecord {
    const { seq, hash, owner } = this;
    return encode(recordOf({ seq: seq + 1, prev: hash, term: Math.max(this.term, 1), owner, ...part }));
  }
  claim(owner = this.owner): StoredRecord {
    this.term += 1;
    this.owner = owner;
    return this.next({ kind: "claim", term: this.term });
  }
}

/** A journal that keeps what it folded. */
export interface Kept {
  readonly journal: Journal<Noted>;
  readonly folded: readonly AdmittedRecord<Noted>[];
}

export async function journalOn(log: Log, options: Partial<JournalOptions<Noted>> = {}): Promise<Kept> {
  const folded: AdmittedRecord<Noted>[] = [];
  const fold = (record: AdmittedRecord<Noted>) => folded.push(record);
  const plain = { log, owner: "a:1", now: () => 1000, parseEvents: parseNoted, fold, verifyEvents: true };
  return { journal: await openJournal<Noted>({ ...plain, ...options }), folded };
}

/** Numbers of the decided events, in the order of folding. */
export function numbers(folded: readonly AdmittedRecord<Noted>[], shard?: number): number[] {
  return folded
    .filter((record) => record.kind === "decision" && (shard === undefined || record.shard === shard))
    .flatMap((record) => record.events.map((event) => event.n));
}

/** All records of a shard. */
export async function readAll(log: Log, shard: number, from = 0): Promise<StoredRecord[]> {
  const all: StoredRecord[] = [];
  for await (const batch of log.read(shard, from)) all.push(...batch);
  return all;
}
