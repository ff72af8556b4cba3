/**
 * The life of a job (lifecycle 1). The machine follows what the agents decided: no guard, no clock, no limit. Three
 * regions run side by side: `life` is what is done for the job, `report` is what the WMS knows of it, `kill` whether
 * its end was asked for. `life` knows every event; the other two react to those that concern them.
 */
import { assign, setup } from "xstate";
import { blankJob, type JobContext } from "./jobContext.ts";
import { eventsAnytime } from "./jobEvents.ts";
import { evolveJob } from "./jobEvolution.ts";
import type { Step } from "./step.ts";

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
