/**
 * Monitor of the local batch system: reads a worker's records and looks at its processes. It must never call a worker
 * ended because it could not look: a directory that cannot be read, another machine's worker, or a process group that
 * cannot be told apart is answered with null.
 */
import { hostname } from "node:os";
import { z } from "zod";
import type { WorkSpec } from "../../specs/workSpec.ts";
import type { CallContext, Monitor, PluginOptions, WorkerAnswer } from "../contract.ts";
import { note } from "./journal.ts";
import { groupExists, isAlive } from "./process.ts";
import {
  type Attempt,
  type Claim,
  type Ended,
  journalDirSchema,
  makeRecord,
  type Records,
  readAttempt,
  readRecords,
  settle,
} from "./record.ts";

const optionsSchema = z.object({ journalDir: journalDirSchema });

/** Plug-in `windrow/local`, `LocalMonitor`. Native statuses: submitted, running, unsupervised, and how it ended. */
export class LocalMonitor implements Monitor {
  readonly #journalDir: string;

  constructor(options: PluginOptions) {
    this.#journalDir = optionsSchema.parse(options).journalDir;
  }

  async checkWorkers(
    workers: readonly WorkSpec[],
    _call: CallContext,
  ): Promise<readonly [boolean, readonly WorkerAnswer[]]> {
    const check = async (worker: WorkSpec): Promise<WorkerAnswer> => {
      try {
        return await this.#check(worker);
      } catch (error) {
        return [null, `cannot check ${worker.key}: ${error instanceof Error ? error.message : String(error)}`];
      }
    };
    return [true, await Promise.all(workers.map(check))];
  }

  async #check(worker: WorkSpec): Promise<WorkerAnswer> {
    const records = await readRecords(this.#journalDir, worker.key);
    if (!records.attempt) return noRecord(this.#journalDir, worker, records);
    const attempt = await this.#settled(records, records.attempt);
    const { claim, created } = attempt;
    if (!claim) {
      worker.nativeStatus = "submitted";
      return "submitted";
    }
    if (claim.verdict !== "started") return neverRan(worker, claim);
    worker.startAt = claim.at;
    worker.nodeID = created.host;
    if (attempt.ended) return endOf(worker, attempt.ended);
    if (created.host !== hostname()) return [null, `it runs on ${created.host}, this is ${hostname()}`];
    return this.#running(worker, records, attempt, claim);
  }

  /** An attempt that nobody took in time gets its verdict here, before anybody is told that it failed. */
  async #settled(records: Records, attempt: Attempt): Promise<Attempt> {
    if (attempt.claim || Date.now() <= attempt.created.notAfterAt) return attempt;
    return (await settle(this.#journalDir, records, "monitor")) ?? attempt;
  }

  async #running(worker: WorkSpec, records: Records, attempt: Attempt, claim: Claim): Promise<WorkerAnswer> {
    const { pid, born } = claim;
    if (pid === undefined || born === undefined) throw new Error(`${attempt.directory}/claim.json names no wrapper`);
    if (await isAlive({ pid, born })) {
      worker.nativeStatus = "running";
      return "running";
    }
    // It may have ended between the look at its records and the look at its process.
    const again = await readAttempt(records.directory, attempt.number);
    if (again?.ended) return endOf(worker, again.ended);
    if (groupExists(pid)) {
      const { payload } = again ?? {};
      if (!payload) return [null, "its wrapper is gone, and its payload did not get written down before"];
      if (await isAlive(payload)) {
        worker.nativeStatus = "unsupervised";
        return ["running", "its wrapper is gone; the payload still runs"];
      }
    }
    const ended: Ended = { reason: "vanished", code: null, at: Date.now() };
    if (await makeRecord(attempt.directory, "ended.json", ended)) {
      const { key } = attempt.created;
      await note(this.#journalDir, { event: "ended", key, attempt: attempt.number, reason: "vanished" });
      return endOf(worker, ended);
    }
    return endOf(worker, (await readAttempt(records.directory, attempt.number))?.ended ?? ended);
  }
}

function noRecord(journalDir: string, worker: WorkSpec, records: Records): WorkerAnswer {
  if (records.killAt !== undefined) {
    worker.nativeStatus = "killed";
    return ["cancelled", "killed before it was created"];
  }
  if (!records.journalExists) return [null, `${journalDir} holds no journal; is its file system there?`];
  return ["failed", `${journalDir} has no record of ${worker.key}: it was never created here`];
}

function neverRan(worker: WorkSpec, claim: Claim): WorkerAnswer {
  worker.endAt = claim.at;
  if (claim.verdict === "killed") {
    worker.nativeStatus = "killed";
    return ["cancelled", "killed before it started"];
  }
  worker.nativeStatus = "expired";
  const why = claim.verdict === "expired" ? "its wrapper came after the last instant to start" : claim.why;
  return ["failed", `never started: ${why ?? "declared dead"}`];
}

/** Kind, status and words for an end. An exit code above 128 is how a shell tells of a signal. */
function endOf(worker: WorkSpec, ended: Ended): WorkerAnswer {
  worker.endAt = ended.at;
  if (ended.code !== null) worker.nativeExitCode = ended.code;
  const signal = ended.code !== null && ended.code > 128 && ended.code <= 192 ? ended.code - 128 : undefined;
  const how = signal === undefined ? `exit code ${ended.code ?? "unknown"}` : `signal ${signal}`;
  worker.nativeStatus = ended.reason === "exit" ? (signal === undefined ? "exited" : "signalled") : ended.reason;
  switch (ended.reason) {
    case "kill":
      return ["cancelled", `killed while it ran (${how})`];
    case "walltime":
      return ["failed", `ended at its walltime (${how})`];
    case "vanished":
      return ["failed", "its wrapper vanished without a word; the exit code is unknown"];
    case "exit":
      return ended.code === 0 ? "finished" : ["failed", `the payload ended with ${how}`];
  }
}
