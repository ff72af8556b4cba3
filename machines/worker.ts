/**
 * The life of a worker (lifecycle 3). Regions: `life` is the worker itself, `report` what the WMS knows of it, `kill`
 * whether its end was ordered (it never changes the life by itself: the batch system has the last word).
 */
import { assign, setup } from "xstate";
import type { Step } from "./step.ts";
import { blankWorker, type WorkerContext } from "./workerContext.ts";
import { evolveWorker } from "./workerEvolution.ts";

const stay = { actions: "evolve" } as const;
const to = (target: string) => ({ target, actions: "evolve" }) as const;
const reports = {
  "worker.told": stay,
  "worker.untold": stay,
  "worker.logSent": stay,
  "worker.logsSettled": stay,
  "worker.logsUnsent": stay,
};
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
