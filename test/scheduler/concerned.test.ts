/**
 * Whom each rule concerns: which duties are due in which state of a job, its files, its worker and its calls
 * (lifecycle 0.3, 1.8, 3.7, 3.9), and what leaves the World when.
 */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import type { World } from "../../src/world.ts";
import { start } from "../agents/drive.ts";
import { type Chapter, looked, opened, story } from "../projection/story.ts";
import { command, due, dueRules, forEver, hour, worldAt } from "./due.ts";

/** Rules of the queue and the instance, which are there whatever becomes of jobs. */
const always = ["fetchJobs", "planWorkers", "tellWorkerStats", "register", "getCommands"];
const concerned = (world: World): string[] => dueRules(world).filter((name) => !always.includes(name));

describe("whom a rule concerns", () => {
  it.each<[Chapter, ...string[]]>([
    ["fetched", "triggerStageIn", "tellJobs"],
    ["triggered", "checkStageIn", "tellJobs"],
    // Left so by a crash between the parts of a long record: it is looked at again.
    ["confirmed", "checkStageIn", "tellJobs"],
    ["prepared", "submitJobs", "tellJobs"],
    ["made", "tellJobs", "feedWorkers"],
    ["fed", "tellJobs", "submitWorkers"],
    // The outcome of a submission is not known: nothing is done about the worker but to wait.
    ["submitting", "tellJobs"],
    ["submitted", "tellJobs", "tellWorkers", "lookAtWorkers"],
    ["running", "tellJobs", "tellWorkers", "lookAtWorkers"],
    ["wrote", "triggerStageOut", "tellJobs", "tellWorkers", "lookAtWorkers"],
    ["ended", "triggerStageOut", "tellJobs", "tellWorkers"],
    ["transferring", "checkStageOut", "tellJobs", "tellWorkers"],
    ["staged", "tellJobs", "tellWorkers"],
    ["closed", "tellWorkers", "forgetJobs"],
    ["workerClosed", "sweepWorkers", "forgetJobs"],
    ["swept", "forgetJobs"],
    ["forgotten"],
  ])("after %s", (...[chapter, ...names]: [Chapter, ...string[]]) => {
    expect(concerned(worldAt(chapter))).toEqual(names);
  });

  it.each<readonly [string, ...string[]]>([
    ["pending"],
    ["defined", "triggerStageOut"],
    ["transferring", "checkStageOut"],
    ["zipping", "zipOutput"],
    ["post_zipping", "postZipOutput"],
    ["zipped"],
    ["finished"],
    ["failed"],
  ])("an output %s of a job that runs (1.8)", (status, ...names) => {
    const stage = concerned(worldAt("running", opened("out", { o: status })));
    expect(stage.filter((name) => /Output$|StageOut$/.test(name))).toEqual(names);
  });

  it.each<readonly [string, ...string[]]>([
    ["defined", "triggerStageOut"],
    // Nothing to trigger and nothing to zip: both lead on to the transfer, and the trigger's turn is first.
    ["finished", "triggerStageOut", "zipOutput"],
    ["zipping", "zipOutput"],
    ["post_zipping", "postZipOutput"],
  ])("an output %s of a job whose payload has ended (1.8)", (status, ...names) => {
    const ended = [...story.running, opened("out", { o: status }), ...story.ended];
    const stage = concerned(worldAt("submitted", ...ended));
    expect(stage.filter((name) => /Output$|StageOut$/.test(name))).toEqual(names);
  });

  it("post-zipping is due only where it is used", () => {
    const world = worldAt("running", opened("out", { o: "post_zipping" }));
    world.settings.zipper.usePostZipping = false;
    expect(due(world, "postZipOutput", forEver)).toEqual([]);
  });

  it.each<readonly [string, Chapter, string]>([
    ["triggerPreparation", "fetched", "triggerStageIn"],
    ["triggerStageOut", "ended", "triggerStageOut"],
  ])("not a job of which a %s has no outcome yet", (method, chapter, rule) => {
    const open: WindrowEvent = {
      type: "call.intended",
      key: "c",
      method,
      plugin: "p",
      queue: "Q",
      notAfterAt: start,
      PandaID: 1,
    };
    expect(due(worldAt(chapter), rule, forEver)).toEqual([1]);
    expect(due(worldAt(chapter, open), rule, forEver)).toEqual([]);
    expect(due(worldAt(chapter, open, { type: "call.returned", key: "c" }), rule, forEver)).toEqual([1]);
  });

  it("not a queue that the configuration dropped, but for its counts", () => {
    expect(dueRules(worldAt(null, { type: "queue.retired", queue: "Q" }))).toEqual([
      "tellWorkerStats",
      "register",
      "getCommands",
    ]);
  });

  it("a job with workers that may have more of them (3.7)", () => {
    const world = worldAt("running");
    const { ctx } = world.jobs.get(1)!;
    const may = () => due(world, "submitJobs", forEver).length === 1;
    expect(may()).toBe(false);
    Object.assign(ctx, { nWorkersLimit: 2, nWorkers: 1, maxWorkersInTotal: 3, nWorkersInTotal: 2 });
    expect(may()).toBe(true);
    for (const full of [{ nWorkers: 2 }, { nWorkersInTotal: 3 }, { moreWorkers: false }]) {
      const before = { ...ctx };
      Object.assign(ctx, full);
      expect([full, may()]).toEqual([full, false]);
      Object.assign(ctx, before);
    }
  });

  it("a worker that was bound to a job its payload asked for, at once, and again after lockInterval (3.8)", () => {
    const world = worldAt("running");
    const { ctx } = world.workers.get(4)!;
    expect(due(world, "feedAsking", forEver)).toEqual([]);
    Object.assign(ctx, { toFeed: [7], prepare: { at: start, how: "now" } });
    expect(due(world, "feedAsking", start)).toEqual([4]);
    ctx.prepare = { at: start, how: "trouble" };
    expect([due(world, "feedAsking", start + 23_000), due(world, "feedAsking", start + 23_001)]).toEqual([[], [4]]);
  });

  it("of commands, the sweeper's and the others' apart", () => {
    expect(concerned(worldAt(null, command("propagator")))).toEqual(["obey"]);
    expect(concerned(worldAt(null, command("sweeper")))).toEqual(["obeyKills"]);
  });
});

describe("what leaves the World", () => {
  const lives = { finished: 1, failed: 2, cancelled: 3, missed: 4 } as const;

  it.each(Object.entries(lives))("a worker that is %s is swept %d hours after its end (3.9)", (status, keep) => {
    const world = worldAt("running", looked(status as keyof typeof lives), { type: "worker.closed", workerIDs: [4] });
    const { ctx } = world.workers.get(4)!;
    Object.assign(ctx, { endAt: start, check: { at: start - 2 * hour, how: "interval" } });
    const swept = (now: number) => due(world, "sweepWorkers", now);
    expect([swept(start + keep * hour - 1), swept(start + keep * hour)]).toEqual([[], [4]]);
    // modificationTime < now - 60 min: not within an hour of the last look or the last attempt.
    for (const look of ["check", "sweep"] as const) {
      ctx[look] = { at: start + keep * hour, how: "interval" };
      expect([swept(start + (keep + 1) * hour), swept(start + (keep + 1) * hour + 1)]).toEqual([[], [4]]);
    }
  });

  it("a worker of which the WMS does not know the end stays", () => {
    expect(due(worldAt("closed"), "sweepWorkers", forEver)).toEqual([]);
  });

  it("a job that is done, an hour after the longest time that anything is kept (1.12)", () => {
    const world = worldAt("closed");
    world.jobs.get(1)!.ctx.report = { at: start, how: "interval" };
    const kept = start + 6 * hour;
    expect([due(world, "forgetJobs", kept), due(world, "forgetJobs", kept + 1)]).toEqual([[], [1]]);
  });
});

describe("a call without outcome", () => {
  const orphaned = () => worldAt("submitting", { type: "call.orphaned", key: "s" });

  it("is asked after when it can no longer take effect", () => {
    const last = start + 60_000;
    expect(due(worldAt("submitting"), "recoverCalls", forEver)).toEqual([]);
    expect([due(orphaned(), "recoverCalls", last), due(orphaned(), "recoverCalls", last + 1)]).toEqual([[], ["s"]]);
  });

  it("is asked after again when a minute has passed", () => {
    const world = orphaned();
    const asked = start + hour;
    world.calls.get("s")!.ctx.ask = { at: asked, how: "interval" };
    expect([due(world, "recoverCalls", asked + 60_000), due(world, "recoverCalls", asked + 60_001)]).toEqual([
      [],
      ["s"],
    ]);
  });
});
