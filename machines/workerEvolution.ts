/**
 * What each event changes in a worker's context. Part of the worker machine; it follows what the agents decided and
 * must never decide anything.
 */
import type { EventOf } from "../events/events.ts";
import type { WorkerLook } from "../events/worker.ts";
import { takeFacts } from "./facts.ts";
import { soon, tried, troubled, untried } from "./look.ts";
import type { Step } from "./step.ts";
import type { WorkerContext } from "./workerContext.ts";

type Changes = EventOf<"worker.submitted">["changes"];

function applyChanges(worker: WorkerContext, changes: Changes): void {
  if (!changes) return;
  if (changes.set) applySettings(worker, changes.set);
  if (changes.logFiles) worker.logFiles = { ...worker.logFiles, ...changes.logFiles };
  if (changes.workAttributes) worker.attributes = { ...worker.attributes, ...changes.workAttributes };
  if (changes.pilotError) setPilotError(worker, changes.pilotError);
  if (changes.supplementalError) worker.error = changes.supplementalError;
  if (changes.pilotClosed) worker.pilotClosed = true;
}

function applySettings(worker: WorkerContext, set: Readonly<Record<string, string | number>>): void {
  const settings = { ...worker.settings };
  for (const [name, value] of Object.entries(set)) {
    if (name !== "nCore" && name !== "startAt" && name !== "endAt") settings[name] = value;
    else if (typeof value === "number") worker[name] = value;
  }
  worker.settings = settings;
}

/** A worker's error is replaced by a newer one (0.4). */
function setPilotError(worker: WorkerContext, error: { code: number; diag: string }): void {
  worker.attributes = { ...worker.attributes, pilotErrorCode: error.code, pilotErrorDiag: error.diag };
}

/** The WMS took an update: what local log files have is sent. */
function oweLogs(worker: WorkerContext, at: number): void {
  if (Object.values(worker.logFiles).some((path) => !path.startsWith("http"))) worker.logs = soon(at);
}

function running(worker: WorkerContext, at: number): void {
  worker.startAt ??= at;
}

function ended(worker: WorkerContext, at: number): void {
  worker.startAt ??= at;
  worker.endAt ??= at;
}

type Evolve = { [type: string]: (worker: WorkerContext, step: Step) => void };

const evolutions: Evolve = {
  "worker.made": (worker, { event, at }) => {
    takeFacts(worker, event);
    worker.createdAt = at;
  },
  "worker.fed": (worker, { at }) => {
    worker.prepare = soon(at);
  },
  "worker.bound": (worker, { event, at }) => {
    const { pandaIDs, eventsRequest } = event as EventOf<"worker.bound">;
    worker.toFeed = pandaIDs;
    worker.nJobsToRefill = 0;
    worker.eventsRequest = eventsRequest ?? worker.eventsRequest;
    worker.prepare = soon(at);
  },
  "worker.jobsFed": (worker, { at }) => {
    // Before its first jobs, `pandaIDs` are those that it was submitted for.
    worker.pandaIDs = worker.hasJob ? [...worker.pandaIDs, ...worker.toFeed] : worker.toFeed;
    if (!worker.hasJob) {
      running(worker, at);
      worker.seen = lookSteps.running;
      worker.report = soon(at);
    }
    worker.hasJob = true;
    worker.toFeed = [];
  },
  "worker.jobsUnfed": (worker, { at }) => {
    worker.prepare = troubled(at);
  },
  "worker.unbound": (worker) => {
    worker.toFeed = [];
  },
  "worker.submitted": (worker, step) => submitted(worker, step),
  "worker.submittedRunning": (worker, step) => {
    submitted(worker, step);
    running(worker, step.at);
  },
  "worker.missed": (worker, { event, at }) => {
    const { error, dialog, changes } = event as EventOf<"worker.missed">;
    applyChanges(worker, changes);
    setPilotError(worker, error);
    worker.diag = dialog.slice(0, 500);
    worker.pilotClosed = true;
    worker.submitAt = at;
    worker.endAt ??= at;
    worker.report = soon(at);
  },
  "worker.absent": (worker, { at }) => {
    worker.prepare = soon(at);
  },
  "worker.endSaid": (worker, { event }) => {
    const { status, diag, changes } = event as EventOf<"worker.endSaid">;
    applyChanges(worker, changes);
    worker.endSaid ??= status;
    if (diag !== "") worker.diag = diag.slice(0, 500);
  },
  "worker.lookTroubled": (worker, { at }) => {
    worker.check = troubled(at);
  },
  "worker.unchanged": (worker, { at }) => {
    worker.checkedAt = at;
    worker.check = tried(at);
  },
  "worker.killMarked": (worker, { event, at }) => {
    const { error } = event as EventOf<"worker.killMarked">;
    if (error) setPilotError(worker, error);
    worker.kill = soon(at);
  },
  "worker.killSent": (worker, { at }) => {
    worker.kill = tried(at);
  },
  "worker.killTroubled": (worker, { at }) => {
    worker.kill = tried(at);
  },
  "worker.told": (worker, { at }) => {
    worker.report = tried(at);
    oweLogs(worker, at);
  },
  "worker.closed": (worker, { at }) => oweLogs(worker, at),
  "worker.logSent": (worker, { event }) => {
    const { kind, path, from, size, url } = event as EventOf<"worker.logSent">;
    worker.sentLogs = { ...worker.sentLogs, [kind]: { path, from, size, url } };
  },
  "worker.logsSettled": (worker, { event }) => {
    // An update that was taken meanwhile wants them once more.
    if (worker.logs?.at === (event as EventOf<"worker.logsSettled">).of) worker.logs = null;
  },
  "worker.logsUnsent": (worker, { at }) => {
    worker.logs = troubled(at);
  },
  "worker.untold": (worker, { at }) => {
    worker.report = tried(at);
  },
  "worker.eventsReceived": (worker, { event }) => {
    // A long answer comes in pieces.
    const all = { ...worker.eventRanges };
    for (const [PandaID, ranges] of Object.entries((event as EventOf<"worker.eventsReceived">).ranges)) {
      all[PandaID] = [...(all[PandaID] ?? []), ...ranges];
    }
    worker.eventRanges = all;
  },
  "worker.eventsUnfed": (worker, { at }) => {
    worker.feed = troubled(at);
  },
  "worker.eventsFed": (worker) => {
    worker.eventsRequest = 1;
    worker.eventsRequestParams = null;
    worker.eventRanges = null;
    worker.feed = untried();
  },
  "worker.sweepPostponed": (worker, { at }) => {
    worker.sweep = tried(at);
  },
};

function submitted(worker: WorkerContext, { type, event, at }: Step): void {
  const { changes, eventsRequest } = event as EventOf<"worker.submitted">;
  applyChanges(worker, changes);
  if (eventsRequest) {
    worker.eventsRequest = 2;
    worker.eventsRequestParams = eventsRequest;
  }
  worker.submitAt = at;
  worker.checkedAt = at;
  worker.seen = type === "worker.submittedRunning" ? lookSteps.running : lookSteps.submitted;
  worker.check = tried(at);
  worker.report = soon(at);
}

/** One worker's part of a look, whatever status it ended in (3.4 C). */
function looked(worker: WorkerContext, { type, at, part }: Step): void {
  const look = part as WorkerLook;
  applyChanges(worker, look.changes);
  if (look.attributes) worker.attributes = { ...worker.attributes, ...look.attributes };
  if (look.diag !== undefined) worker.diag = look.diag.slice(0, 500);
  if (look.finalStatus) worker.finalStatus ??= look.finalStatus;
  if (look.postProcessed) worker.postProcessed = true;
  if (look.eventsRequest) {
    worker.eventsRequest = 2;
    worker.eventsRequestParams = look.eventsRequest;
  }
  // A request that was read before jobs were bound is the one that they answer.
  if (look.jobsRequested !== undefined && worker.toFeed.length === 0) worker.nJobsToRefill = look.jobsRequested;
  if (look.pandaIDs) worker.pandaIDs = look.pandaIDs;
  if (look.checked) worker.checkedAt = at;
  worker.check = look.again ? soon(at) : tried(at);
  if (type === "worker.seenRunning") running(worker, at);
  if (look.endAt !== undefined) worker.endAt ??= look.endAt;
  if (finals.has(type)) ended(worker, at);
  // A late `submitted` of a running worker changes nothing (3.1).
  const late = type === lookSteps.submitted && (worker.seen === lookSteps.running || worker.seen === lookSteps.idle);
  if (type === worker.seen || late) return;
  worker.seen = type;
  worker.report = soon(at);
}
const finals = new Set(["worker.finished", "worker.failed", "worker.cancelled", "worker.seenMissed"]);

/** Steps that one part of `worker.looked` becomes, by the status it gives. */
export const lookSteps = {
  submitted: "worker.seenSubmitted",
  ready: "worker.seenReady",
  running: "worker.seenRunning",
  idle: "worker.seenIdle",
  finished: "worker.finished",
  failed: "worker.failed",
  cancelled: "worker.cancelled",
  missed: "worker.seenMissed",
} as const satisfies Record<WorkerLook["status"], string>;
const lookTypes = new Set<string>(Object.values(lookSteps));

/** Changes the context by one step, in place: the projection owns it. */
export function evolveWorker(worker: WorkerContext, step: Step): void {
  if (lookTypes.has(step.type)) looked(worker, step);
  else evolutions[step.type]?.(worker, step);
}
