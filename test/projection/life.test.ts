/**
 * The whole life of a job with one worker (lifecycle 1 and 3) when all goes well, what the WMS knows of it,
 * and kills at every chapter. Other answers of plug-ins are in untilSubmitted and sinceSubmitted.
 */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import type { States } from "./given.ts";
import { type Chapter, chapters, files, looked, story, upTo } from "./story.ts";

const PandaID = 1;

describe("a job with one worker", () => {
  const states: Readonly<Record<Chapter, States>> = {
    fetched: { "job 1": "fetched starting/fetched", "job 1 report": "owed", "fileGroup 1/in": "open" },
    triggered: { "job 1": "preparing starting/preparing", "fileGroup 1/in": "moving" },
    confirmed: { "job 1": "resolving starting/preparing" },
    prepared: { "job 1": "prepared starting/prepared", "fileGroup 1/in": "settled" },
    made: { "job 1": "submitting starting/prepared", "worker 4": "made as pending", "worker 4 report": "silent" },
    fed: { "worker 4": "fed as pending" },
    submitting: { "worker 4": "submitting as pending", "call s": "open" },
    submitted: {
      "job 1": "submitted starting/submitted",
      "worker 4": "submitted",
      "worker 4 report": "owed",
      "call s": "gone",
    },
    running: { "job 1": "running running/running", "worker 4": "running" },
    wrote: { "job 1": "running running/running", "fileGroup 1/out": "open" },
    ended: {
      "job 1": "toTransfer finished/to_transfer told transferring",
      "worker 4": "finished",
      "fileGroup 1/in": "settled",
    },
    sent: { "job 1": "toTransfer finished/to_transfer told transferring", "fileGroup 1/out": "moving" },
    transferring: { "job 1": "transferring finished/transferring told transferring" },
    stored: { "job 1": "transferring finished/transferring told transferring", "fileGroup 1/out": "settled" },
    staged: { "job 1": "staged finished/staged", "job 1 report": "owed" },
    closed: { "job 1": "done finished/done", "job 1 report": "closed", "fileGroup 1/in": "released" },
    workerClosed: { "worker 4": "finished", "worker 4 report": "closed" },
    swept: { "worker 4": "gone", "job 1": "done finished/done" },
    forgotten: { "job 1": "gone", "fileGroup 1/in": "gone", "fileGroup 1/out": "gone" },
  };

  it.each(chapters)("is %s as it should be", (chapter) => {
    upTo(chapter).then(states[chapter]);
  });

  it("remembers what happened to it", () => {
    const { jobs, workers, fileGroups } = upTo("closed").world;
    expect(jobs.get(1)!.ctx).toMatchObject({ verdict: "finished", workers: [4], outputReport: "{}" });
    expect(workers.get(4)!.ctx).toMatchObject({ settings: { batchID: "77" }, pandaIDs: [1], hasJob: true });
    expect(fileGroups.get("1/in")!.ctx.files).toMatchObject({ i: { status: "done" } });
    expect(fileGroups.get("1/out")!.ctx.counts).toEqual({ defined: 0, transferring: 0, finished: 1 });
  });

  it("makes one step for each entity that an event names", () => {
    expect(upTo("submitting").when(...story.submitted).steps).toEqual([
      "worker 4 worker.submitted: submitting|silent|unmarked -> submitted|owed|unmarked",
      "job 1 job.submitted: submitting|owed|unasked -> submitted|owed|unasked",
      "call s call.returned: open -> returned",
    ]);
    expect(upTo("wrote").when(...story.ended).steps).toEqual([
      "worker 4 worker.finished: running|owed|unmarked -> finished|owed|unmarked",
      "job 1 job.ended: running|owed|unasked -> toTransfer|owed|unasked",
    ]);
  });
});

describe("what the WMS knows", () => {
  const report = (chapter: Chapter, ...events: readonly WindrowEvent[]) => upTo(chapter).when(...events);
  it("is told, not taken, told again", () => {
    report("running", { type: "job.told", PandaIDs: [1] })
      .then({ "job 1 report": "told" })
      .when({ type: "job.untold", PandaIDs: [1], why: "w" })
      .then({ "job 1 report": "troubled" })
      .when({ type: "job.told", PandaIDs: [1] })
      .then({ "job 1 report": "told" })
      .when({ type: "job.reportOwed", PandaIDs: [1] })
      .then({ "job 1 report": "owed", "job 1": "running running/running" });
  });
  it("is closed once the end is known, and the job stays closed", () => {
    report("closed", files("advanced", "out", { o: "failed" }), { type: "job.stageOutChecked", PandaID }).then({
      "job 1": "done finished/done",
      "job 1 report": "closed",
    });
  });
});

describe("a kill", () => {
  const killed: WindrowEvent = { type: "job.killed", PandaID, error: { code: 1144, diag: "tobekilled" } };
  const early: readonly Chapter[] = ["fetched", "triggered", "confirmed", "prepared"];
  it.each(early)("of a job that is %s ends it at once", (chapter) => {
    upTo(chapter)
      .when(killed)
      .then({ "job 1": "killed cancelled/killed", "job 1 report": "owed", "fileGroup 1/in": "released" })
      .when({ type: "job.closed", PandaIDs: [1] })
      .then({ "job 1": "done cancelled/done" });
  });

  it.each(["submitted", "running", "wrote"] as const)("of a job that is %s goes through its worker", (chapter) => {
    upTo(chapter)
      .when({ type: "job.killAsked", PandaID }, { type: "worker.killMarked", workerIDs: [4], why: "w" })
      .then({ "job 1 kill": "asked", "worker 4 kill": "marked" })
      .when({ type: "worker.killSent", workerIDs: [4] })
      .then({ "worker 4 kill": "marked" })
      .when(looked("cancelled"), { type: "job.ended", PandaIDs: [1], verdict: "cancelled" })
      .then({
        "job 1": "toTransfer cancelled/to_transfer told transferring",
        "worker 4": "cancelled",
        "worker 4 kill": "spent",
      });
  });

  it.each(["submitting", "made", "fed"] as const)("may hit a worker that is %s", (chapter) => {
    upTo(chapter)
      .when({ type: "worker.killMarked", workerIDs: [4], why: "w" })
      .then({ "worker 4 kill": "marked" });
  });

  it.each(["ended", "sent", "transferring", "stored"] as const)(
    "of a job that is %s leaves nothing to transfer",
    (chapter) => {
      upTo(chapter).when(killed).then({ "job 1": "killed cancelled/killed" });
    },
  );

  it("of a job whose end is known to nobody yet comes too late", () => {
    upTo("staged").when(killed).thenAnomaly({ entity: "job 1", type: "job.killed", state: "staged|owed|unasked" });
  });

  it("does not hide the error of the payload", () => {
    const told = upTo("running")
      .when({ type: "job.observed", PandaID, attributes: { pilotErrorCode: 7, pilotErrorDiag: "own" } })
      .when(killed);
    expect(told.world.jobs.get(1)!.ctx.attributes).toMatchObject({ pilotErrorCode: 7, pilotErrorDiag: "own" });
  });
});
