/**
 * The life of a job (lifecycle 1). The machine follows what the agents decided: no guard, no clock, no limit. Three
 * regions run side by side: `life` is what is done for the job, `report` is what the WMS knows of it, `kill` whether
 * its end was asked for. `life` knows every event; the other two react to those that concern them.
 */
import { assign, setup } from "xstate";
import type { EventOf } from "../events/events.ts";
import { eventEvolutions, eventsAnytime, type RangeRow } from "./jobEvents.ts";
import { type Look, soon, tried, troubled, untried } from "./look.ts";
import type { Step } from "./step.ts";

type Fetched = EventOf<"job.fetched">;

/** Everything known of a job besides its state. Plain JSON: it goes into snapshots as it is. */
export interface JobContext {
  PandaID: number;
  queue: string;
  taskID: number | null;
  attemptNr: number | null;
  jobsetID: number | null;
  priority: number;
  nCore: number | null;
  resourceType: string | null;
  prodSourceLabel: string | null;
  zipPerMB: number | null;
  inputs: Fetched["inputs"];
  outputs: Fetched["outputs"];
  log: Fetched["log"];
  params: Readonly<Record<string, unknown>>;
  /** Phase of a job with auxiliary inputs: 0 to 4, null for a job without (1.5). */
  aux: number | null;
  /** The status that counts once the job has ended; null before. */
  verdict: "finished" | "failed" | "cancelled" | "missed" | null;
  /** Attributes for the WMS, pilot-style names. */
  attributes: Record<string, unknown>;
  metaData: unknown;
  /** JSON text of the outputs that were stored (1.8). */
  outputReport: string | null;
  createdAt: number;
  startAt: number | null;
  endAt: number | null;
  /** Linked workers, in the order of their submission. */
  workers: number[];
  /** Workers that are being made for it. */
  boundTo: number[];
  /** OneToMany (lifecycle 3.7): how many at a time, how many ever, how many so far, and whether more may follow. */
  nWorkersLimit: number | null;
  maxWorkersInTotal: number | null;
  nWorkersInTotal: number;
  /** Active ones at the last submission or look. */
  nWorkers: number;
  moreWorkers: boolean;
  submissionAttempts: number;
  pilotClosed: boolean;
  nRemainingEvents: number | null;
  /** Events by eventRangeID, and how many the WMS is to be told of. */
  ranges: Record<string, RangeRow>;
  rangesOwed: number;
  prepare: Look;
  submit: Look;
  stage: Look;
  report: Look;
}

/** A job before its first event. */
export const blankJob = (PandaID: number): JobContext => ({
  PandaID,
  queue: "",
  taskID: null,
  attemptNr: 0,
  jobsetID: null,
  priority: 0,
  nCore: null,
  resourceType: null,
  prodSourceLabel: null,
  zipPerMB: null,
  inputs: [],
  outputs: [],
  log: null,
  params: {},
  aux: null,
  verdict: null,
  attributes: {},
  metaData: null,
  outputReport: null,
  createdAt: 0,
  startAt: null,
  endAt: null,
  workers: [],
  boundTo: [],
  nWorkersLimit: null,
  maxWorkersInTotal: null,
  nWorkersInTotal: 0,
  nWorkers: 0,
  moreWorkers: true,
  submissionAttempts: 0,
  pilotClosed: false,
  nRemainingEvents: null,
  ranges: {},
  rangesOwed: 0,
  prepare: untried(),
  submit: untried(),
  stage: untried(),
  report: untried(),
});

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
    const { type: _type, hasAux, schedulerID, remarks: _remarks, ...facts } = event as Fetched;
    Object.assign(job, facts, { attributes: { schedulerID }, aux: hasAux ? 0 : null, createdAt: at });
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

const stay = { actions: "evolve" } as const;
const to = (target: string) => ({ target, actions: "evolve" }) as const;

/** Answered in every state until the job is done. */
const anytime = {
  "job.superseded": to("forgotten"),
  "job.told": stay,
  "job.untold": stay,
  "job.reportOwed": stay,
  ...eventsAnytime,
};
const killable = { "job.killAsked": stay, "job.killed": to("killed") };
const making = { "job.makingSkipped": stay, "job.makingTroubled": stay };
const staging = {
  "job.stageOutTriggered": stay,
  "job.stageOutChecked": stay,
  "job.stageOutAwaited": stay,
  "job.stageOutRefused": stay,
  "job.stageOutTroubled": stay,
  "job.zipped": stay,
  "job.observed": stay,
  "job.eventsMoved": stay,
};
const withWorker = {
  ...anytime,
  ...killable,
  ...staging,
  "job.eventsReported": stay,
  "job.bound": stay,
  ...making,
  "job.submitted": stay,
  "job.workerMissed": stay,
  "job.submissionPostponed": stay,
  "job.submissionTroubled": stay,
  "job.started": to("running"),
  "job.idled": to("idle"),
  "job.queuedAgain": to("submitted"),
  "job.ended": to("toTransfer"),
  "job.lost": to("missed"),
};
const over = { ...anytime, ...staging, "job.closed": to("done") };
const owes = { target: "owed" };

export const jobMachine = setup({
  types: { context: {} as JobContext, events: {} as Step },
  actions: {
    evolve: assign(({ context, event }) => {
      const next = structuredClone(context);
      evolveJob(next, event);
      return next;
    }),
  },
}).createMachine({
  id: "job",
  type: "parallel",
  context: blankJob(0),
  states: {
    life: {
      initial: "unknown",
      states: {
        unknown: {
          description: "Not fetched yet.",
          on: { "job.fetched": to("fetched"), "job.refused": to("refused") },
        },
        refused: { description: "Its dictionary cannot be used; ends when the WMS knows.", on: over },
        fetched: {
          description: "Waits for its inputs to be asked for; left by an answer of trigger_preparation.",
          tags: "due:trigger",
          on: {
            ...anytime,
            ...killable,
            "job.inputsAwaited": stay,
            "job.preparationTriggered": to("preparing"),
            "job.preparationAdvanced": stay,
            "job.preparationPostponed": stay,
            "job.preparationTroubled": stay,
            "job.preparationRefused": to("failedToPrepare"),
          },
        },
        preparing: {
          description: "Inputs are on their way; left by an answer of check_stage_in_status.",
          tags: "due:check",
          on: {
            ...anytime,
            ...killable,
            "job.stageInConfirmed": to("resolving"),
            "job.stageInAwaited": stay,
            "job.stageInTroubled": stay,
            "job.stageInRefused": to("failedToPrepare"),
          },
        },
        resolving: {
          description: "Inputs arrived, their paths are asked for; left by an answer of resolve_input_paths.",
          tags: "due:resolve",
          on: {
            ...anytime,
            ...killable,
            "job.pathsUnresolved": to("preparing"),
            "job.stageInTroubled": to("preparing"),
            "job.stageInAdvanced": to("preparing"),
            "job.prepared": to("prepared"),
          },
        },
        prepared: {
          description: "Ready for a worker; left when the submitter binds it to one.",
          tags: "due:submit",
          on: {
            ...anytime,
            ...killable,
            ...making,
            "job.bound": to("submitting"),
            "job.submissionTroubled": stay, // of further workers that were given up with the first
            "job.makingFailed": to("failedToMake"),
          },
        },
        submitting: {
          description: "A worker is being made and submitted for it; left by the outcome of submit_workers.",
          on: {
            ...anytime,
            ...killable,
            "job.bound": stay,
            "job.submitted": to("submitted"),
            "job.queued": to("queued"),
            "job.submissionPostponed": to("prepared"),
            "job.submissionTroubled": to("prepared"),
            "job.missed": to("missed"),
            "job.ended": to("toTransfer"),
          },
        },
        queued: {
          description: "A worker was submitted for it (late binding); left when one that asks for jobs gets it.",
          tags: "due:submit",
          on: { ...anytime, ...killable, "job.bound": to("submitting"), "job.unqueued": to("prepared") },
        },
        submitted: { description: "Its worker is in the batch system; left by what the monitor sees.", on: withWorker },
        running: { description: "Its worker runs; left by what the monitor sees.", on: withWorker },
        idle: { description: "Its worker is there but idle; left by what the monitor sees.", on: withWorker },
        toTransfer: {
          description: "The payload has ended; left when no output waits to be triggered or zipped.",
          tags: "due:stage",
          on: { ...anytime, ...killable, ...staging, "job.transferStarted": to("transferring") },
        },
        transferring: {
          description: "Outputs are in flight; left when the last one is finished or failed.",
          tags: "due:stage",
          on: {
            ...anytime,
            ...killable,
            ...staging,
            "job.staged": to("staged"),
            "job.stageOutFailed": to("failedToStageOut"),
          },
        },
        staged: { description: "All outputs are stored; ends when the WMS knows.", on: over },
        failedToStageOut: { description: "An output could not be stored; ends when the WMS knows.", on: over },
        failedToPrepare: { description: "An input could not be had; ends when the WMS knows.", on: over },
        failedToMake: { description: "No worker could be made for it; ends when the WMS knows.", on: over },
        missed: { description: "No worker could be submitted; ends when the WMS knows.", on: over },
        killed: { description: "Killed before any worker ran; ends when the WMS knows.", on: over },
        done: {
          description: "The WMS knows its end; left when it is cleaned up.",
          on: { ...staging, "job.superseded": to("forgotten"), "job.kept": stay, "job.forgotten": to("forgotten") },
        },
        forgotten: { description: "Out of the World, for ever in the log.", type: "final" },
      },
    },
    report: {
      initial: "silent",
      states: {
        silent: { description: "Nothing to tell yet.", on: { "job.fetched": owes, "job.refused": owes } },
        owed: {
          description: "The WMS does not know the newest state.",
          tags: "due:report",
          on: { "job.told": "told", "job.untold": "troubled", "job.closed": "closed" },
        },
        told: {
          description: "The WMS knows the state; it hears again after updateInterval.",
          tags: "due:report",
          on: { "job.untold": "troubled", "job.closed": "closed", ...owing() },
        },
        troubled: {
          description: "The WMS did not take the last update; it is sent again after lockInterval.",
          tags: "due:report",
          on: { "job.told": "told", "job.closed": "closed", ...owing() },
        },
        closed: { description: "The WMS knows the end." },
      },
    },
    kill: {
      initial: "unasked",
      states: {
        unasked: { description: "Nobody asked for its end.", on: { "job.killAsked": "asked" } },
        asked: { description: "Its worker is marked; the job ends through it (C27)." },
      },
    },
  },
});

/** Events after which the WMS is told at once (1.10, last paragraph). */
function owing(): Record<string, { target: string }> {
  const types = ["preparationRefused", "stageInRefused", "makingFailed", "missed", "reportOwed", "stageOutRefused"];
  return Object.fromEntries([...types, "staged", "stageOutFailed", "killed"].map((type) => [`job.${type}`, owes]));
}
