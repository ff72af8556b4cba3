/**
 * When an activity was last tried and how it went: what each event leaves for the scheduler (lifecycle 0.3), and which
 * instants of a worker count. `now` is due at once, `interval` after the activity's own interval, `trouble` after the
 * section's lockInterval.
 */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import type { Look } from "../../machines/look.ts";
import { type Chapter, looked, story, upTo } from "./story.ts";

const PandaID = 1;
const error = { code: 1099, diag: "why" };
const dialog = "d";
const why = "w";

type Row = readonly [after: Chapter, look: string, how: Look["how"], event: WindrowEvent];

const ofJobs: readonly Row[] = [
  ["fetched", "prepare", "interval", { type: "job.inputsAwaited", PandaID }],
  ["fetched", "prepare", "interval", { type: "job.preparationPostponed", PandaID, dialog }],
  ["fetched", "prepare", "trouble", { type: "job.preparationTroubled", PandaID, why }],
  ["fetched", "prepare", "now", { type: "job.preparationAdvanced", PandaID }],
  ["fetched", "prepare", "now", { type: "job.preparationTriggered", PandaID }],
  ["fetched", "report", "now", { type: "job.preparationRefused", PandaID, error, dialog }],
  ["triggered", "prepare", "interval", { type: "job.stageInAwaited", PandaID, dialog }],
  ["triggered", "prepare", "trouble", { type: "job.stageInTroubled", PandaID, why }],
  ["confirmed", "prepare", "interval", { type: "job.pathsUnresolved", PandaID, dialog }],
  ["prepared", "submit", "interval", { type: "job.makingSkipped", PandaIDs: [1], dialog }],
  ["submitting", "submit", "trouble", { type: "job.submissionTroubled", PandaID, workerID: 4, why }],
  ["running", "report", "now", { type: "job.reportOwed", PandaIDs: [1] }],
  ["running", "report", "interval", { type: "job.told", PandaIDs: [1] }],
  ["running", "report", "trouble", { type: "job.untold", PandaIDs: [1], why }],
  ["ended", "stage", "now", { type: "job.stageOutTriggered", PandaID }],
  ["ended", "stage", "trouble", { type: "job.stageOutTroubled", PandaID, step: "trigger", why }],
  ["ended", "stage", "interval", { type: "job.stageOutAwaited", PandaID, step: "trigger", dialog }],
  ["transferring", "stage", "interval", { type: "job.stageOutChecked", PandaID }],
  ["transferring", "report", "now", { type: "job.stageOutFailed", PandaID }],
  ["stored", "report", "now", { type: "job.staged", PandaID, outputReport: "{}" }],
];

const ofWorkers: readonly Row[] = [
  ["submitting", "report", "now", { type: "worker.submitted", workerID: 4 }],
  ["submitting", "check", "interval", { type: "worker.submitted", workerID: 4 }],
  ["submitting", "report", "now", { type: "worker.missed", workerID: 4, error, dialog }],
  ["running", "check", "interval", { type: "worker.looked", queue: "Q", workers: [], unchanged: [4] }],
  ["running", "check", "interval", looked("idle")],
  ["running", "check", "now", looked("idle", { again: true })],
  ["running", "check", "trouble", { type: "worker.lookTroubled", workerIDs: [4], why }],
  ["running", "kill", "now", { type: "worker.killMarked", workerIDs: [4], why }],
  ["running", "kill", "interval", { type: "worker.killSent", workerIDs: [4] }],
  ["running", "report", "interval", { type: "worker.told", workerIDs: [4] }],
  ["ended", "sweep", "interval", { type: "worker.sweepPostponed", workerIDs: [4], why }],
];

describe("after", () => {
  it.each(ofJobs)("%s: the job's %s is due by %s", (after, look, how, event) => {
    const told = upTo(after).when(event).then({});
    expect({ ...told.world.jobs.get(1)!.ctx }).toMatchObject({ [look]: { how } });
  });
  it.each(ofWorkers)("%s: the worker's %s is due by %s", (after, look, how, event) => {
    const told = upTo(after).when(event).then({});
    expect({ ...told.world.workers.get(4)!.ctx }).toMatchObject({ [look]: { how } });
  });
});

describe("a worker's instants", () => {
  const ctxOf = (told: ReturnType<typeof upTo>) => told.world.workers.get(4)!.ctx;

  it("are those of the first time", () => {
    const running = upTo("running");
    const { startAt, submitAt } = ctxOf(running);
    expect(startAt).not.toBeNull();
    const again = running.when(looked("idle")).when(looked("running"));
    expect(ctxOf(again)).toMatchObject({ startAt, submitAt, endAt: null });
    const ended = again.when(looked("idle", { endAt: 77 })).when(looked("finished", { endAt: 99 }));
    expect(ctxOf(ended)).toMatchObject({ startAt, endAt: 77 });
  });

  it("end with the record where nobody says when", () => {
    const ended = upTo("running").when(looked("failed"));
    expect(ctxOf(ended).endAt).toBe(ended.world.at);
  });

  it("move the check on only where the plug-in answered", () => {
    const running = upTo("running");
    const { checkedAt } = ctxOf(running);
    expect(ctxOf(running.when(looked("running", { checked: false }))).checkedAt).toBe(checkedAt);
    const told = running.when({ type: "worker.looked", queue: "Q", workers: [], unchanged: [4] });
    expect(ctxOf(told).checkedAt).toBe(told.world.at);
  });

  it("and its first final status stick", () => {
    const told = upTo("running").when(looked("idle", { finalStatus: "failed" }));
    expect(ctxOf(told.when(looked("idle", { finalStatus: "finished" }))).finalStatus).toBe("failed");
  });
});

it("a worker's new status is told at once, an old one is not", () => {
  const told = upTo("running").when({ type: "worker.told", workerIDs: [4] });
  const how = () => told.world.workers.get(4)!.ctx.report.how;
  told.when(looked("running"));
  expect(how()).toBe("interval");
  told.when(looked("submitted"));
  expect(how()).toBe("interval");
  told.when(looked("idle"));
  expect(how()).toBe("now");
});

it("the report of outputs that the payload gave is kept", () => {
  const told = upTo("stored").when({ type: "job.observed", PandaID, outputReport: "own" }, ...story.staged);
  expect(told.world.jobs.get(1)!.ctx.outputReport).toBe("own");
});
