/**
 * What each event changes in a job's context. Part of the job machine; it follows what the agents decided and must
 * never decide anything: no guard, no clock, no limit.
 */
import type { EventOf } from "../events/events.ts";
import { takeFacts } from "./facts.ts";
import type { JobContext } from "./jobContext.ts";
import { eventEvolutions } from "./jobEvents.ts";
import { soon, tried, troubled, untried } from "./look.ts";
import type { Step } from "./step.ts";

/** An error of the core never hides one that is known already (0.4). */
function setErrorOnce(job: JobContext, error: { code: number; diag: string }): void {
  if ("pilotErrorCode" in job.attributes) return;
  job.attributes = { ...job.attributes, pilotErrorCode: error.code, pilotErrorDiag: error.diag };
}

function unbind(job: JobContext, workerID: number): void {
  job.boundTo = job.boundTo.filter((id) => id !== workerID);
}

type Evolve = { [type: string]: (job: JobContext, step: Step) => void };

/** What each event changes in the context. A name missing here changes nothing but the state. */
const evolutions: Evolve = {
  "job.fetched": (job, { event, at }) => {
    const { hasAux, schedulerID } = event as EventOf<"job.fetched">;
    takeFacts(job, event);
    job.attributes = { schedulerID };
    job.aux = hasAux ? 0 : null;
    job.createdAt = at;
    job.report = soon(at);
  },
  "job.refused": (job, { event, at }) => {
    const { queue, attemptNr, why } = event as EventOf<"job.refused">;
    Object.assign(job, { queue, attemptNr, createdAt: at, verdict: "failed", endAt: at });
    setErrorOnce(job, { code: 1110, diag: why });
    job.report = soon(at);
  },
  "job.inputsAwaited": (job, { at }) => {
    job.prepare = tried(at);
  },
  "job.preparationTriggered": (job, { event }) => {
    job.aux = (event as EventOf<"job.preparationTriggered">).aux ?? job.aux;
    job.prepare = untried();
  },
  "job.preparationAdvanced": (job, { event, at }) => {
    job.aux = (event as EventOf<"job.preparationAdvanced">).aux ?? job.aux;
    job.prepare = soon(at);
  },
  "job.preparationPostponed": (job, { at }) => {
    job.prepare = tried(at);
  },
  "job.preparationRefused": failed,
  "job.preparationTroubled": (job, { at }) => {
    job.prepare = troubled(at);
  },
  "job.stageInConfirmed": () => {},
  "job.stageInAwaited": (job, { at }) => {
    job.prepare = tried(at);
  },
  "job.stageInRefused": failed,
  "job.stageInTroubled": (job, { at }) => {
    job.prepare = troubled(at);
  },
  "job.pathsUnresolved": (job, { at }) => {
    job.prepare = tried(at);
  },
  "job.prepared": (job, { event }) => {
    const { aux, params } = event as EventOf<"job.prepared">;
    job.aux = aux ?? job.aux;
    if (params) job.params = params;
    job.prepare = untried();
  },
  "job.stageInAdvanced": (job, { event, at }) => {
    const { aux, params } = event as EventOf<"job.stageInAdvanced">;
    job.aux = aux ?? job.aux;
    if (params) job.params = params;
    job.prepare = soon(at);
  },
  "job.bound": (job, { event }) => {
    const { workerID, nWorkersLimit, maxWorkersInTotal } = event as EventOf<"job.bound">;
    job.boundTo = [...job.boundTo, workerID];
    job.nWorkersLimit ??= nWorkersLimit ?? null;
    job.maxWorkersInTotal = maxWorkersInTotal ?? job.maxWorkersInTotal;
  },
  "job.makingSkipped": (job, { at }) => {
    job.submit = tried(at);
  },
  "job.makingTroubled": (job, { at }) => {
    job.submit = troubled(at);
  },
  "job.makingFailed": failed,
  "job.submitted": (job, { event, at }) => {
    const { workerID, nWorkers } = event as EventOf<"job.submitted">;
    unbind(job, workerID);
    job.nWorkers = nWorkers ?? 1;
    job.workers = [...job.workers, workerID];
    job.nWorkersInTotal += 1;
    job.submit = tried(at);
  },
  "job.queued": (job, { event, at }) => {
    unbind(job, (event as EventOf<"job.queued">).workerID);
    job.submit = tried(at);
  },
  "job.unqueued": (job, { at }) => {
    job.submit = tried(at);
  },
  "job.workerMissed": (job, { event, at }) => {
    const { workerID, attempts } = event as EventOf<"job.workerMissed">;
    unbind(job, workerID);
    job.workers = [...job.workers, workerID];
    job.nWorkersInTotal += 1;
    job.submissionAttempts = attempts;
    job.submit = tried(at);
  },
  "job.submissionPostponed": (job, { event, at }) => {
    job.boundTo = [];
    job.submissionAttempts = (event as EventOf<"job.submissionPostponed">).attempts;
    job.submit = tried(at);
  },
  "job.submissionTroubled": (job, { event, at }) => {
    unbind(job, (event as EventOf<"job.submissionTroubled">).workerID);
    job.submit = troubled(at);
  },
  "job.missed": (job, step) => {
    const { attempts, error } = step.event as EventOf<"job.missed">;
    job.boundTo = [];
    job.submissionAttempts = attempts;
    job.verdict = "missed";
    job.pilotClosed = true;
    job.startAt = step.at;
    job.endAt = step.at;
    setErrorOnce(job, error);
    job.report = soon(step.at);
  },
  "job.observed": (job, { event }) => {
    const seen = event as EventOf<"job.observed">;
    if (seen.attributes) job.attributes = { ...job.attributes, ...seen.attributes };
    if ("metaData" in seen) job.metaData = seen.metaData;
    if (seen.outputReport !== undefined) job.outputReport = seen.outputReport;
    if (seen.startAt !== undefined) job.startAt = seen.startAt;
    if (seen.endAt !== undefined) job.endAt = seen.endAt;
    if (seen.nCore !== undefined) job.nCore = seen.nCore;
    if (seen.nWorkers !== undefined) job.nWorkers = seen.nWorkers;
    if (seen.pilotClosed) job.pilotClosed = true;
  },
  "job.reportOwed": (job, { at }) => {
    job.report = soon(at);
  },
  "job.ended": (job, { event, at }) => {
    const { verdict, unsubmitted } = event as EventOf<"job.ended">;
    job.verdict = verdict;
    job.endAt ??= at;
    if (unsubmitted) {
      job.submissionAttempts = unsubmitted.attempts;
      job.nWorkers = 1;
      job.nWorkersInTotal += unsubmitted.workers;
    }
    job.boundTo = [];
    job.moreWorkers = false;
  },
  "job.lost": (job, { at }) => {
    job.verdict = "missed";
    job.endAt ??= at;
  },
  "job.stageOutTriggered": (job, { at }) => {
    job.stage = soon(at);
  },
  "job.zipped": (job, { at }) => {
    job.stage = soon(at);
  },
  "job.stageOutChecked": (job, { at }) => {
    job.stage = tried(at);
  },
  "job.stageOutAwaited": (job, { at }) => {
    job.stage = tried(at);
  },
  "job.stageOutTroubled": (job, { at }) => {
    job.stage = troubled(at);
  },
  "job.stageOutRefused": (job, { event, at }) => {
    const { error, step } = event as EventOf<"job.stageOutRefused">;
    setErrorOnce(job, error);
    // A job that has ended goes on with its other files at once; what is in flight is looked at in its turn (1.8).
    job.stage = step === "check" || job.verdict === null ? tried(at) : soon(at);
    job.report = soon(at);
  },
  "job.transferStarted": (job) => {
    job.stage = untried();
  },
  "job.staged": (job, { event, at }) => {
    job.outputReport ??= (event as EventOf<"job.staged">).outputReport;
    job.report = soon(at);
  },
  "job.stageOutFailed": (job, { at }) => {
    job.verdict = "failed";
    job.report = soon(at);
  },
  "job.told": reported,
  "job.untold": (job, { at }) => {
    job.report = troubled(at);
  },
  "job.closed": reported,
  "job.kept": reported,
  "job.killed": (job, { event, at }) => {
    job.verdict = "cancelled";
    setErrorOnce(job, (event as EventOf<"job.killed">).error);
    job.report = soon(at);
  },
  ...eventEvolutions,
};

function reported(job: JobContext, { at }: Step): void {
  job.report = tried(at);
}

/** Given up for good: stage-in or worker making failed. */
function failed(job: JobContext, { event, at }: Step): void {
  job.verdict = "failed";
  setErrorOnce(job, (event as EventOf<"job.preparationRefused">).error);
  job.prepare = untried();
  job.report = soon(at);
}

/** Changes the context by one step, in place: the projection owns it. */
export function evolveJob(job: JobContext, step: Step): void {
  evolutions[step.type]?.(job, step);
}
