/**
 * From the fetch to the submission: the other answers of plug-ins than in the story where all goes well, as what they
 * make of job, worker and files. What the agents make of an answer is tested with the agents.
 */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import { type Answer, files, intended, upTo, workerMade } from "./story.ts";

const error = { code: 1099, diag: "why" };
const PandaID = 1;

const stageIn: readonly Answer[] = [
  {
    why: "trigger None",
    after: "fetched",
    events: [{ type: "job.preparationPostponed", PandaID, dialog: "d" }],
    becomes: { "job 1": "fetched starting/fetched" },
  },
  {
    why: "trigger False",
    after: "fetched",
    events: [{ type: "job.preparationRefused", PandaID, error, dialog: "d" }],
    becomes: { "job 1": "failedToPrepare failed/failed_to_prepare", "fileGroup 1/in": "released" },
  },
  {
    why: "trigger threw",
    after: "fetched",
    events: [{ type: "job.preparationTroubled", PandaID, why: "w" }],
    becomes: { "job 1": "fetched starting/fetched" },
  },
  {
    why: "another job prepares the input",
    after: "fetched",
    events: [files("reassigned", "in", { i: "preparing" }), { type: "job.inputsAwaited", PandaID }],
    becomes: { "job 1": "fetched starting/fetched", "fileGroup 1/in": "open" },
  },
  {
    why: "trigger of some files",
    after: "fetched",
    events: [files("triggered", "in", { i: "triggered" }), { type: "job.preparationAdvanced", PandaID }],
    becomes: { "job 1": "fetched starting/fetched", "fileGroup 1/in": "moving" },
  },
  {
    why: "check None",
    after: "triggered",
    events: [{ type: "job.stageInAwaited", PandaID, dialog: "d" }],
    becomes: { "job 1": "preparing starting/preparing" },
  },
  {
    why: "check False",
    after: "triggered",
    events: [{ type: "job.stageInRefused", PandaID, error, dialog: "d" }],
    becomes: { "job 1": "failedToPrepare failed/failed_to_prepare", "fileGroup 1/in": "released" },
  },
  {
    why: "check threw",
    after: "triggered",
    events: [{ type: "job.stageInTroubled", PandaID, why: "w" }],
    becomes: { "job 1": "preparing starting/preparing" },
  },
  {
    why: "resolve False",
    after: "confirmed",
    events: [{ type: "job.pathsUnresolved", PandaID, dialog: "d" }],
    becomes: { "job 1": "preparing starting/preparing" },
  },
  {
    why: "resolve threw",
    after: "confirmed",
    events: [{ type: "job.stageInTroubled", PandaID, why: "w" }],
    becomes: { "job 1": "preparing starting/preparing" },
  },
  {
    why: "some files are ready",
    after: "confirmed",
    events: [{ type: "job.stageInAdvanced", PandaID }],
    becomes: { "job 1": "preparing starting/preparing" },
  },
];

const missed: readonly WindrowEvent[] = [
  { type: "worker.missed", workerID: 4, error, dialog: "d" },
  { type: "call.returned", key: "s" },
];
const submission: readonly Answer[] = [
  {
    why: "no worker could be made, skipOnFail",
    after: "prepared",
    events: [{ type: "job.makingSkipped", PandaIDs: [1], dialog: "d" }],
    becomes: { "job 1": "prepared starting/prepared" },
  },
  {
    why: "no worker could be made",
    after: "prepared",
    events: [{ type: "job.makingFailed", PandaID, error, dialog: "d" }],
    becomes: { "job 1": "failedToMake failed/failed_to_make" },
  },
  {
    why: "feeding threw",
    after: "made",
    events: [
      { type: "worker.abandoned", workerIDs: [4], why: "w" },
      { type: "job.submissionTroubled", PandaID, workerID: 4, why: "w" },
    ],
    becomes: { "job 1": "prepared starting/prepared", "worker 4": "gone" },
  },
  {
    why: "submit None, attempts left",
    after: "submitting",
    events: [...missed, { type: "job.submissionPostponed", PandaID, workerID: 4, attempts: 1, limit: 3 }],
    becomes: { "job 1": "prepared starting/prepared", "worker 4": "missed", "worker 4 report": "owed" },
  },
  {
    why: "submit False",
    after: "submitting",
    events: [...missed, { type: "job.missed", PandaID, workerID: 4, attempts: 1, error }],
    becomes: { "job 1": "missed missed/missed", "worker 4": "missed", "fileGroup 1/in": "settled" },
  },
  {
    why: "submit threw, plug-in without find",
    after: "submitting",
    events: [
      { type: "call.threw", key: "s", why: "w" },
      { type: "call.settled", key: "s", how: "resubmitted" },
      { type: "worker.abandoned", workerIDs: [4], why: "w" },
      { type: "job.submissionTroubled", PandaID, workerID: 4, why: "w" },
    ],
    becomes: { "job 1": "prepared starting/prepared", "worker 4": "gone", "call s": "gone" },
  },
  {
    why: "submit threw, nobody knows",
    after: "submitting",
    events: [{ type: "call.threw", key: "s", why: "w" }],
    becomes: {
      "job 1": "submitting starting/prepared",
      "worker 4": "submitting as pending",
      "call s": "unknownOutcome",
    },
  },
  {
    why: "crash",
    after: "submitting",
    events: [{ type: "call.orphaned", key: "s" }],
    becomes: { "call s": "unknownOutcome" },
  },
  {
    why: "deadline",
    after: "submitting",
    events: [{ type: "call.timedOut", key: "s", afterMs: 1 }],
    becomes: { "call s": "unknownOutcome" },
  },
  {
    why: "crash, found: adopted",
    after: "submitting",
    events: [
      { type: "call.orphaned", key: "s" },
      { type: "worker.submitted", workerID: 4, adopted: true },
      { type: "job.submitted", PandaID, workerID: 4 },
      { type: "call.settled", key: "s", how: "found" },
    ],
    becomes: { "job 1": "submitted starting/submitted", "worker 4": "submitted", "call s": "gone" },
  },
  {
    why: "crash, not found: the same worker again",
    after: "submitting",
    events: [
      { type: "call.orphaned", key: "s" },
      { type: "worker.absent", workerIDs: [4], dialog: "d" },
      { type: "call.settled", key: "s", how: "notFound" },
      intended("s2", [4]),
    ],
    becomes: {
      "job 1": "submitting starting/prepared",
      "worker 4": "submitting as pending",
      "call s": "gone",
      "call s2": "open",
    },
  },
  {
    why: "crash, nobody can say: held, then found",
    after: "submitting",
    events: [
      { type: "call.orphaned", key: "s" },
      { type: "call.held", key: "s", why: "w" },
      { type: "worker.held", workerIDs: [4], why: "w" },
      { type: "worker.submitted", workerID: 4, adopted: true },
      { type: "job.submitted", PandaID, workerID: 4 },
      { type: "call.settled", key: "s", how: "found" },
    ],
    becomes: { "job 1": "submitted starting/submitted", "worker 4": "submitted", "call s": "gone" },
  },
  {
    why: "late binding: runs at once",
    after: "submitting",
    events: [{ type: "worker.submitted", workerID: 4, running: true }],
    becomes: { "worker 4": "running" },
  },
];

describe.each([
  ["stage-in", stageIn],
  ["submission", submission],
] as const)("each other answer in %s", (_, answers) => {
  it.each(answers)("$why", ({ after, events, becomes }) => {
    upTo(after)
      .when(...events)
      .then(becomes);
  });
});

describe("a temporary failure of submission", () => {
  it("gives the job another worker, and an error hides no earlier one", () => {
    const told = upTo("submitting")
      .when(...missed, { type: "job.submissionPostponed", PandaID, workerID: 4, attempts: 1, limit: 2 })
      .when(workerMade(8), { type: "job.bound", PandaID, workerID: 8 })
      .when({ type: "worker.fed", workerIDs: [8] }, intended("s2", [8]))
      .when({ type: "worker.missed", workerID: 8, error, dialog: "d" })
      .when({ type: "job.missed", PandaID, workerID: 8, attempts: 2, error: { code: 1110, diag: "second" } })
      .then({ "job 1": "missed missed/missed", "worker 4": "missed", "worker 8": "missed" });
    expect(told.world.jobs.get(1)!.ctx).toMatchObject({ submissionAttempts: 2, workers: [], pilotClosed: true });
    expect(told.world.jobs.get(1)!.ctx.attributes).toMatchObject({ pilotErrorCode: 1110 });
  });
});
