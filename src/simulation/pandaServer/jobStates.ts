/**
 * What a report does to a job: the table "stored state x reported state" of panda-api 4.3, as the real server's
 * updateJobStatus decides it. Pure, so that each cell of the recorded matrix is a test.
 */

/** What the server knows of the job. */
export interface Stored {
  readonly status: string;
  /** jobDispatcherErrorDiag: set when the client itself reported holding or transferring. */
  readonly marker: string;
  readonly batchID: string;
}

/** What the client said. */
export interface Reported {
  readonly status: string;
  readonly batchID: string;
}

/**
 * `stored`: the job gets `status` and all fields. `ignored`: nothing is kept. `alreadyDone`: nothing is kept and the
 * client is told so. `conflict`: the batch id is not the job's, over which the real server falls.
 */
export type Outcome =
  | { readonly kind: "stored"; readonly status: string }
  | { readonly kind: "ignored" }
  | { readonly kind: "alreadyDone" }
  | { readonly kind: "conflict" };

const IGNORED: Outcome = { kind: "ignored" };
const ALREADY_DONE: Outcome = { kind: "alreadyDone" };

/** States that a client may report. */
export const REPORTABLE: readonly string[] = ["running", "failed", "finished", "holding", "starting", "transferring"];

export const isFinal = (status: string): boolean => status === "finished" || status === "failed";

/** Numbers count as numbers from two digits on. */
const isNumeric = (batchID: string): boolean => /^\d+\.*\d+$/.test(batchID);

function isBatchConflict(stored: string, reported: string): boolean {
  if (stored === "" || reported === "" || stored === reported) return false;
  return !isNumeric(stored) && !isNumeric(reported);
}

/**
 * `reported.status` is one of REPORTABLE. A final state is never stored at once: it leads to holding (panda-api 4.4).
 */
export function decide(stored: Stored, reported: Reported): Outcome {
  const final = isFinal(reported.status);
  const toward = final ? "holding" : reported.status;
  if (stored.status === "failed") return ALREADY_DONE;
  if (stored.status === "merging") return IGNORED;
  if (stored.status === "transferring" && toward === "holding" && stored.marker === "") return ALREADY_DONE;
  if (stored.status === "holding" && toward === "holding") {
    if (!final) return IGNORED;
    if (stored.marker === "") return ALREADY_DONE;
  }
  if (["holding", "transferring"].includes(stored.status) && ["running", "starting"].includes(toward)) return IGNORED;
  if (isBatchConflict(stored.batchID, reported.batchID)) return { kind: "conflict" };
  if (stored.status === "holding" && toward === "transferring") return IGNORED;
  // An older state that arrives late keeps the state but overwrites the other fields.
  if (stored.status === "running" && toward === "starting") return { kind: "stored", status: "running" };
  return { kind: "stored", status: toward };
}
