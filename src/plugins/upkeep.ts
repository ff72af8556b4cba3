/**
 * The contract of plug-in kinds that look after a queue or the instance and never see a single job or worker. Part of
 * the contract (contract.ts), whose schemas check their answers; types alone.
 */
import type { Answer, CallContext, Maybe, WmsAnswer } from "./contract.ts";

/** Workers that could not be submitted, together where they share queue, computing element and instant. */
export interface MissedWorkers {
  readonly queue: string;
  readonly site: string;
  /** As the submitter set it; null: it set none. */
  readonly computingElement: string | null;
  /** Epoch ms. */
  readonly submitAt: number;
  readonly n: number;
}

/** Present workers of a queue of the same siteFamily. Cores are workers times the submitter's nCoreFactor. */
export interface FamilyMember {
  readonly queue: string;
  readonly submitted: number;
  readonly running: number;
  readonly submittedCores: number;
  readonly runningCores: number;
}

/** What a throttler may look at besides the configuration. */
export interface ThrottleCounts {
  /** Epoch ms. */
  readonly now: number;
  /**
   * Of all queues of the site, and of any queue where it was on one of this queue's computing elements. The newest
   * ones of each queue: about a working day of a queue where every submission fails.
   */
  readonly missed: readonly MissedWorkers[];
  /** All queues of the siteFamily, this one among them. */
  readonly family: readonly FamilyMember[];
}

/** Holds submission back (plugins.md 10). While it throws, nothing is submitted for the queue. */
export interface Throttler {
  toBeThrottled(
    queue: Readonly<Record<string, unknown>>,
    counts: ThrottleCounts,
    call: CallContext,
  ): Maybe<readonly [boolean, string?]>;
}

/** Keeps a credential fresh (plugins.md 13). */
export interface CredManager {
  checkCredential(call: CallContext): Maybe<boolean>;
  renewCredential(call: CallContext): Maybe<Answer>;
  /** Hours left, null where nobody knows. */
  checkCredentialLifetime?(call: CallContext): Maybe<number | null>;
}

/** Keeps files in step with a source (plugins.md 14). */
export interface FileSyncer {
  check(call: CallContext): Maybe<boolean>;
  update(call: CallContext): Maybe<Answer>;
}

/**
 * Fetches the lists of the lines of [cacher] data that are not read through the communicator, and writes dump files
 * (config 3.17). It is given names alone: an address may carry a login, which the core does not know.
 */
export interface ListSource {
  /** The list of this name, `mainKey` or `mainKey|subKey`: JSON where it can be read as such, else its text. */
  readList(name: string, call: CallContext): Maybe<WmsAnswer<unknown>>;
  /** Writes a list to the dump file of its line, as a whole or not at all. */
  dumpList(name: string, data: unknown, call: CallContext): Maybe<WmsAnswer<null>>;
}
