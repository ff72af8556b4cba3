/**
 * From the submission to the end: the other answers of plug-ins than in the story where all goes well, as what they
 * make of job, worker and files. What the agents make of an answer is tested with the agents.
 */
import { describe, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import { type Answer, files, looked, opened, story, upTo } from "./story.ts";

const error = { code: 1099, diag: "why" };
const PandaID = 1;

const work: readonly Answer[] = [
  {
    why: "check threw",
    after: "submitted",
    events: [{ type: "worker.lookTroubled", workerIDs: [4], why: "w" }],
    becomes: { "worker 4": "submitted" },
  },
  {
    why: "nothing new",
    after: "running",
    events: [{ type: "worker.looked", queue: "Q", workers: [], unchanged: [4] }],
    becomes: { "worker 4": "running" },
  },
  { why: "a late `submitted`", after: "running", events: [looked("submitted")], becomes: { "worker 4": "running" } },
  {
    why: "idle, then queued again",
    after: "running",
    events: [looked("idle"), { type: "job.idled", PandaIDs: [1] }],
    becomes: { "worker 4": "idle", "job 1": "idle running/idle" },
  },
  {
    why: "queued again",
    after: "running",
    events: [{ type: "job.queuedAgain", PandaIDs: [1] }],
    becomes: { "job 1": "submitted starting/submitted" },
  },
  {
    why: "failed",
    after: "running",
    events: [looked("failed"), { type: "job.ended", PandaIDs: [1], verdict: "failed" }],
    becomes: { "worker 4": "failed", "job 1": "toTransfer failed/to_transfer told transferring" },
  },
  {
    why: "cancelled without having run",
    after: "submitted",
    events: [looked("cancelled"), { type: "job.ended", PandaIDs: [1], verdict: "cancelled" }],
    becomes: { "worker 4": "cancelled", "job 1": "toTransfer cancelled/to_transfer told transferring" },
  },
  {
    why: "missed by a monitor",
    after: "submitted",
    events: [looked("missed"), { type: "job.lost", PandaIDs: [1] }],
    becomes: { "worker 4": "missed", "job 1": "missed missed/missed" },
  },
  {
    why: "the payload ends before the worker",
    after: "running",
    events: [{ type: "job.ended", PandaIDs: [1], verdict: "finished" }],
    becomes: { "worker 4": "running", "job 1": "toTransfer finished/to_transfer told transferring" },
  },
];

const awaited = (step: "trigger" | "check" | "zip" | "postZip"): WindrowEvent => ({
  type: "job.stageOutAwaited",
  PandaID,
  step,
  dialog: "d",
});
const refused = (step: "trigger" | "check" | "zip" | "postZip"): WindrowEvent => ({
  type: "job.stageOutRefused",
  PandaID,
  step,
  error,
  dialog: "d",
});
const stageOut: readonly Answer[] = [
  {
    why: "trigger None",
    after: "ended",
    events: [awaited("trigger")],
    becomes: { "job 1": "toTransfer finished/to_transfer told transferring" },
  },
  {
    why: "trigger threw",
    after: "ended",
    events: [{ type: "job.stageOutTroubled", PandaID, step: "trigger", why: "w" }],
    becomes: { "job 1": "toTransfer finished/to_transfer told transferring" },
  },
  {
    why: "trigger False",
    after: "ended",
    events: [
      files("advanced", "out", { o: "failed" }),
      refused("trigger"),
      { type: "job.transferStarted", PandaID },
      { type: "job.stageOutFailed", PandaID },
    ],
    becomes: { "job 1": "failedToStageOut failed/failed_to_stage_out", "fileGroup 1/out": "settled" },
  },
  {
    why: "check None",
    after: "transferring",
    events: [awaited("check")],
    becomes: { "job 1": "transferring finished/transferring told transferring", "fileGroup 1/out": "moving" },
  },
  {
    why: "check False",
    after: "transferring",
    events: [files("advanced", "out", { o: "failed" }), refused("check"), { type: "job.stageOutFailed", PandaID }],
    becomes: { "job 1": "failedToStageOut failed/failed_to_stage_out", "job 1 report": "owed" },
  },
  {
    why: "staged out while it runs",
    after: "wrote",
    events: [...story.sent, ...story.stored],
    becomes: { "job 1": "running running/running", "fileGroup 1/out": "settled" },
  },
  {
    why: "zipped, then sent",
    after: "running",
    events: [
      opened("out", { o: "zipping" }),
      files("zipped", "out", { o: "defined" }),
      { type: "job.zipped", PandaID },
    ],
    becomes: { "job 1": "running running/running", "fileGroup 1/out": "open" },
  },
  {
    why: "zip False",
    after: "ended",
    events: [refused("zip")],
    becomes: { "job 1": "toTransfer finished/to_transfer told transferring" },
  },
  {
    why: "no outputs",
    after: "running",
    events: [
      looked("finished"),
      { type: "job.ended", PandaIDs: [1], verdict: "finished" },
      { type: "job.transferStarted", PandaID },
      { type: "job.staged", PandaID, outputReport: "{}" },
    ],
    becomes: { "job 1": "staged finished/staged", "fileGroup 1/out": "gone" },
  },
];

describe.each([
  ["work", work],
  ["stage-out", stageOut],
] as const)("each other answer in %s", (_, answers) => {
  it.each(answers)("$why", ({ after, events, becomes }) => {
    upTo(after)
      .when(...events)
      .then(becomes);
  });
});
