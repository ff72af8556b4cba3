/**
 * The life of a worker (lifecycle 3). Regions: `life` is the worker itself, `report` what the WMS knows of it, `kill`
 * whether its end was ordered (it never changes the life by itself: the batch system has the last word).
 */
import { assign, setup } from "xstate";
import type { EventOf } from "../events/events.ts";
import type { WorkerLook } from "../events/worker.ts";
import { type Look, soon, tried, troubled, untried } from "./look.ts";
import type { Step } from "./step.ts";

type Made = EventOf<"worker.made">;
type Changes = EventOf<"worker.submitted">["changes"];

/** Everything known of a worker besides its state. Plain JSON. */
export interface WorkerContext {
  workerID: number;
  queue: string;
  key: string;
  batch: string;
  mapType: string;
  pandaIDs: readonly number[];
  hasJob: boolean;
  nCore: number | null;
  minRamCount: number | null;
  maxDiskCount: number | null;
  maxWalltime: number | null;
  ioIntensity: number | null;
  jobType: string;
  resourceType: string;
  pilotType: string | null;
  accessPoint: string;
  syncLevel: number | null;
  /**
   * batchID, queueName, nodeID, computingElement, submissionHost, nativeStatus, nativeExitCode as plug-ins set them.
   */
  settings: Record<string, string | number>;
  logFiles: Record<string, string>;
  attributes: Record<string, unknown>;
  error: { code: number; diag: string } | null;
  diag: string | null;
  pilotClosed: boolean;
  createdAt: number;
  submitAt: number | null;
  startAt: number | null;
  endAt: number | null;
  /** Last answer of the batch system about it. */
  checkedAt: number | null;
  /** Name of the step that last gave it a status: a look that gives another one is told to the WMS at once. */
  seen: string | null;
  finalStatus: "finished" | "failed" | "cancelled" | null;
  /** First final status that the batch system gave, whether or not that look came to its end (C16). */
  endSaid: "finished" | "failed" | "cancelled" | null;
  postProcessed: boolean;
  /** 0 none, 1 runs on events, 2 wants more (4.1). */
  eventsRequest: number;
  eventsRequestParams: Record<string, unknown> | null;
  /** Ranges that the WMS assigned and the payload has not been given yet. */
  eventRanges: Record<string, readonly unknown[]> | null;
  nJobsToRefill: number;
  /** Jobs that are bound to it and that its payload does not have yet (3.8). */
  toFeed: readonly number[];
  prepare: Look;
  check: Look;
  report: Look;
  kill: Look;
  sweep: Look;
  /** Event ranges were last asked for (4.1). */
  feed: Look;
}

/** A worker before its first event. */
export const blankWorker = (workerID: number): WorkerContext => ({
  workerID,
  queue: "",
  key: "",
  batch: "",
  mapType: "",
  pandaIDs: [],
  hasJob: false,
  nCore: null,
  minRamCount: null,
  maxDiskCount: null,
  maxWalltime: null,
  ioIntensity: null,
  jobType: "",
  resourceType: "",
  pilotType: null,
  accessPoint: "",
  syncLevel: null,
  settings: {},
  logFiles: {},
  attributes: {},
  error: null,
  diag: null,
  pilotClosed: false,
  createdAt: 0,
  submitAt: null,
  startAt: null,
  endAt: null,
  checkedAt: null,
  seen: null,
  finalStatus: null,
  endSaid: null,
  postProcessed: false,
  eventsRequest: 0,
  eventsRequestParams: null,
  eventRanges: null,
  nJobsToRefill: 0,
  toFeed: [],
  prepare: untried(),
  check: untried(),
  report: untried(),
  kill: untried(),
  sweep: untried(),
  feed: untried(),
});

function applyChanges(worker: WorkerContext, changes: Changes): void {
  if (!changes) return;
  const { nCore, startAt, endAt, ...settings } = changes.set ?? {};
  if (Object.keys(settings).length > 0) worker.settings = { ...worker.settings, ...settings };
  if (typeof nCore === "number") worker.nCore = nCore;
  if (typeof startAt === "number") worker.startAt = startAt;
  if (typeof endAt === "number") worker.endAt = endAt;
  if (changes.logFiles) worker.logFiles = { ...worker.logFiles, ...changes.logFiles };
  if (changes.workAttributes) worker.attributes = { ...worker.attributes, ...changes.workAttributes };
  if (changes.pilotError) setPilotError(worker, changes.pilotError);
  if (changes.supplementalError) worker.error = changes.supplementalError;
  if (changes.pilotClosed) worker.pilotClosed = true;
}

/** A worker's error is replaced by a newer one (0.4). */
function setPilotError(worker: WorkerContext, error: { code: number; diag: string }): void {
  worker.attributes = { ...worker.attributes, pilotErrorCode: error.code, pilotErrorDiag: error.diag };
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
    const { type: _type, eventsRequest, attributes, ...facts } = event as Made;
    Object.assign(worker, facts, { createdAt: at, eventsRequest: eventsRequest ?? 0, attributes: attributes ?? {} });
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

const stay = { actions: "evolve" } as const;
const to = (target: string) => ({ target, actions: "evolve" }) as const;
const reports = { "worker.told": stay, "worker.untold": stay };
const active = {
  ...reports,
  "worker.unchanged": stay,
  "worker.endSaid": stay,
  "worker.lookTroubled": stay,
  "worker.killMarked": stay,
  "worker.killSent": stay,
  "worker.killTroubled": stay,
  "worker.bound": stay,
  "worker.jobsFed": stay,
  "worker.jobsUnfed": stay,
  "worker.eventsReceived": stay,
  "worker.eventsFed": stay,
  "worker.eventsUnfed": stay,
  "worker.seenReady": to("ready"),
  "worker.seenRunning": to("running"),
  "worker.seenIdle": to("idle"),
  "worker.finished": to("finished"),
  "worker.failed": to("failed"),
  "worker.cancelled": to("cancelled"),
  "worker.seenMissed": to("missed"),
};
const over = {
  ...reports,
  "worker.closed": stay,
  "worker.unbound": stay,
  "worker.killMarked": stay,
  "worker.killSent": stay,
  "worker.killTroubled": stay,
  "worker.sweepPostponed": stay,
  "worker.forgotten": to("forgotten"),
};

export const workerMachine = setup({
  types: { context: {} as WorkerContext, events: {} as Step },
  actions: {
    evolve: assign(({ context, event }) => {
      const next = structuredClone(context);
      evolveWorker(next, event);
      return next;
    }),
  },
}).createMachine({
  id: "worker",
  type: "parallel",
  context: blankWorker(0),
  states: {
    life: {
      initial: "unknown",
      states: {
        unknown: { description: "Not made yet.", on: { "worker.made": to("made") } },
        made: {
          description: "Its id is taken; left when its directory and job files are written.",
          tags: "due:feed",
          on: { "worker.fed": to("fed"), "worker.killMarked": stay, "worker.abandoned": to("abandoned") },
        },
        fed: {
          description: "Ready to be submitted; left when the intent to submit is in the log.",
          tags: "due:submit",
          on: {
            "worker.submitting": to("submitting"),
            "worker.killMarked": stay,
            "worker.abandoned": to("abandoned"),
          },
        },
        submitting: {
          description: "The batch system is being asked, or was when the daemon ended; left by an outcome or by find.",
          on: {
            "worker.submitted": to("submitted"),
            "worker.submittedRunning": to("running"),
            "worker.missed": to("missed"),
            "worker.killMarked": stay,
            "worker.abandoned": to("abandoned"),
            "worker.absent": to("fed"),
            "worker.held": to("held"),
          },
        },
        held: {
          description: "Nobody knows whether it exists; waits for an operator or for find.",
          on: {
            "worker.submitted": to("submitted"),
            "worker.submittedRunning": to("running"),
            "worker.missed": to("missed"),
            "worker.absent": to("fed"),
            "worker.killMarked": stay,
            "worker.abandoned": to("abandoned"),
          },
        },
        submitted: {
          description: "In the batch system, not running; left by what the monitor sees.",
          tags: "due:look",
          on: { ...active, "worker.seenSubmitted": stay },
        },
        ready: {
          description: "Runs and waits for a job (late binding); left when it is fed one.",
          tags: "due:look",
          on: { ...active, "worker.seenSubmitted": stay, "worker.jobsFed": to("running") },
        },
        running: {
          description: "Runs; left by what the monitor sees. A late `submitted` changes nothing.",
          tags: "due:look",
          on: { ...active, "worker.seenSubmitted": stay },
        },
        idle: {
          description: "Exists without running, or has ended and is not post-processed; left by what the monitor sees.",
          tags: "due:look",
          on: { ...active, "worker.seenSubmitted": stay },
        },
        finished: { description: "Ended well; left when it is swept.", tags: "due:sweep", on: over },
        failed: { description: "Ended badly; left when it is swept.", tags: "due:sweep", on: over },
        cancelled: { description: "Was killed; left when it is swept.", tags: "due:sweep", on: over },
        missed: { description: "Never ran; left when it is swept.", tags: "due:sweep", on: over },
        abandoned: { description: "Given up before anybody saw it.", type: "final" },
        forgotten: { description: "Out of the World, for ever in the log.", type: "final" },
      },
    },
    report: {
      initial: "silent",
      states: {
        silent: {
          description: "Unknown to the WMS.",
          on: { "worker.submitted": "owed", "worker.submittedRunning": "owed", "worker.missed": "owed" },
        },
        owed: {
          description: "The WMS does not know the newest status.",
          tags: "due:report",
          on: { "worker.told": "told", "worker.untold": "told", "worker.closed": "closed" },
        },
        told: {
          description: "The WMS was told; it hears again after updateInterval.",
          tags: "due:report",
          on: {
            "worker.closed": "closed",
            "worker.missed": "owed",
            "worker.seenReady": "owed",
            "worker.finished": "owed",
            "worker.failed": "owed",
            "worker.cancelled": "owed",
            "worker.seenMissed": "owed",
          },
        },
        closed: { description: "The WMS knows the end." },
      },
    },
    kill: {
      initial: "unmarked",
      states: {
        unmarked: { description: "Nobody wants it gone.", on: { "worker.killMarked": "marked" } },
        marked: {
          description: "It is killed, and again every sweeper.checkInterval until it has ended.",
          tags: "due:kill",
          on: {
            "worker.finished": "spent",
            "worker.failed": "spent",
            "worker.cancelled": "spent",
            "worker.seenMissed": "spent",
            "worker.missed": "spent",
          },
        },
        spent: { description: "It was marked and has ended." },
      },
    },
  },
});
