/**
 * Who owns a shard and which of its records count (design 3, reliability 2.2). Pure, and the same for every log:
 * zombies, duplicates, gaps, truncation and foreign bytes are decided here and nowhere else. It must never skip a
 * record without saying so, and never admit one that does not continue the chain.
 */
import type { Decoded, LogRecord } from "./record.ts";
import { noHash } from "./record.ts";

/** How many of the newest admitted hashes are kept per shard to compare duplicates with. */
export const rememberedHashes = 1024;

/** What has been admitted of one shard so far. A value: `admit` gives a new one. */
export interface Admission {
  readonly shard: number;
  /** Highest claimed term; 0 before the first claim. */
  readonly term: number;
  /** Owner under `term`; empty before the first claim. */
  readonly owner: string;
  /** The owner wrote `resign`: nobody leads until the next claim. */
  readonly resigned: boolean;
  /** Seq, hash and instant of the last admitted record. */
  readonly seq: number;
  readonly hash: string;
  readonly at: number;
  /** Why the shard halted; empty while it has not. */
  readonly halted: string;
  readonly recent: Recent;
}

/**
 * Hashes of the newest admitted records. `items` is shared between successive states and only ever grows behind their
 * `length`, so that admitting costs no copy; a state that is not the newest copies first, so no state ever changes.
 */
interface Recent {
  readonly items: string[];
  readonly length: number;
}

export type Verdict = "admitted" | "discarded" | "halted";
export interface Admitting {
  readonly verdict: Verdict;
  /** Empty for an admitted record. */
  readonly why: string;
  readonly state: Admission;
}

/** Before the first record of a shard. */
export function unclaimed(shard: number): Admission {
  const recent = { items: [], length: 0 };
  return { shard, term: 0, owner: "", resigned: false, seq: 0, hash: noHash, at: 0, halted: "", recent };
}

/**
 * Behind a record that is known to be admitted: who may go on after it is written in the record itself. Duplicates of
 * what came before are discarded without comparison.
 */
export function behind(record: LogRecord, hash: string): Admission {
  const { shard, term, owner, kind, seq, at } = record;
  return { ...unclaimed(shard), term, owner, resigned: kind === "resign", seq, hash, at };
}

/**
 * Judges the next record of the shard, in log order.
 *
 * A claim above the highest term takes the shard if it continues the chain. If other records were written between its
 * author's last look and itself it is discarded as overtaken, and the author claims again: to admit it would leave
 * those records outside the chain. An author that claims while the owner writes steadily therefore loses, as it should.
 *
 * A duplicate older than the remembered hashes is discarded without comparison. It changes nothing, since it is not
 * folded, and to halt for it would let one late delivery of a broker stop a healthy shard.
 */
export function admit(state: Admission, decoded: Decoded): Admitting {
  if (state.halted !== "") return { verdict: "halted", why: state.halted, state };
  if (!decoded.ok) return halt(state, `record after seq ${state.seq}: ${decoded.why}`);
  const { record, hash } = decoded;
  if (record.shard !== state.shard) return halt(state, `a record of shard ${record.shard} in shard ${state.shard}`);
  return record.kind === "claim" ? admitClaim(state, record, hash) : admitWork(state, record, hash);
}

function admitClaim(state: Admission, record: LogRecord, hash: string): Admitting {
  if (record.term <= state.term) {
    const again = record.term === state.term && hashAt(state, record.seq) === hash;
    return discard(state, again ? "duplicate" : `claim of term ${record.term}, the log is at ${state.term}`);
  }
  if (record.seq <= state.seq) {
    const before = hashAt(state, record.seq - 1);
    if (before !== undefined && before !== record.prev) return forked(state, record);
    return discard(state, `claim of term ${record.term} was overtaken by records up to seq ${state.seq}`);
  }
  return next(state, record, hash);
}

function admitWork(state: Admission, record: LogRecord, hash: string): Admitting {
  if (record.term < state.term) return discard(state, `fenced: term ${record.term}, the log is at ${state.term}`);
  if (record.term > state.term) return halt(state, `seq ${record.seq} has term ${record.term}, which nobody claimed`);
  if (record.owner !== state.owner) {
    return discard(state, `fenced: ${record.owner} writes in term ${record.term}, which ${state.owner} owns`);
  }
  if (record.seq <= state.seq) {
    const known = hashAt(state, record.seq);
    if (known === undefined)
      return discard(state, `older than the last ${rememberedHashes} records: taken for a duplicate`);
    if (known === hash) return discard(state, "duplicate");
    return halt(state, `seq ${record.seq} is there twice with different bytes (${known} and ${hash})`);
  }
  if (state.resigned) return halt(state, `seq ${record.seq} of term ${record.term} comes after its owner resigned`);
  return next(state, record, hash);
}

/** Admits what continues the chain. */
function next(state: Admission, record: LogRecord, hash: string): Admitting {
  if (record.seq > state.seq + 1) {
    return halt(state, `gap: seq ${state.seq} is followed by ${record.seq}, so acknowledged records are missing`);
  }
  if (record.prev !== state.hash) return forked(state, record);
  const after: Admission = {
    shard: state.shard,
    term: record.term,
    owner: record.owner,
    resigned: record.kind === "resign",
    seq: record.seq,
    hash,
    at: record.at,
    halted: "",
    recent: remember(state.recent, hash),
  };
  return { verdict: "admitted", why: "", state: after };
}

function forked(state: Admission, record: LogRecord): Admitting {
  return halt(
    state,
    `seq ${record.seq} continues ${record.prev}, which is not what the log has: it was truncated or rewritten`,
  );
}

function discard(state: Admission, why: string): Admitting {
  return { verdict: "discarded", why, state };
}

function halt(state: Admission, why: string): Admitting {
  return { verdict: "halted", why, state: { ...state, halted: why } };
}

/** Hash of an admitted record; undefined if it is older than what is remembered. Seq 0 is the beginning. */
function hashAt(state: Admission, seq: number): string | undefined {
  if (seq === 0) return noHash;
  const back = state.seq - seq;
  if (back < 0 || back >= rememberedHashes || back >= state.recent.length) return undefined;
  return state.recent.items[state.recent.length - 1 - back];
}

function remember(recent: Recent, hash: string): Recent {
  const { items, length } = recent;
  if (length >= 2 * rememberedHashes) {
    const kept = items.slice(length - rememberedHashes, length);
    kept.push(hash);
    return { items: kept, length: kept.length };
  }
  const own = items.length === length ? items : items.slice(0, length);
  own.push(hash);
  return { items: own, length: length + 1 };
}
