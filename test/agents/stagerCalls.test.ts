/**
 * What the stager asks of plug-ins, with which files and limits, and what follows where no usable answer comes.
 */
import { describe, expect, it } from "vitest";
import { stager } from "../../src/agents/stager.ts";
import { threw } from "./drive.ts";
import {
  a,
  ab,
  anyDuty,
  at,
  failed,
  file,
  finished,
  given,
  handed,
  lifeOf,
  missing,
  post,
  refused,
  row,
  run,
  says,
  statuses,
  timedOut,
  types,
  z,
  zip,
} from "./staging.ts";

describe("no usable answer", () => {
  for (const [name, status] of anyDuty) {
    for (const [how, reply] of Object.entries({ threw: threw(), missing, timedOut })) {
      it(`${name} ${how}: tried again after lockInterval`, () => {
        const world = given({ files: a(status) });
        const driven = run(name, world, reply);
        expect(statuses(world)).toEqual({ a: status });
        expect(lifeOf(world)).toBe("toTransfer");
        expect(world.jobs.get(1)!.ctx.stage).toEqual({ at, how: "trouble" });
        expect(file(world, "a")!.attemptNr).toBe(1);
        const calls = types(driven).filter((type) => type.startsWith("call."));
        if (name === "checkStageOut") return expect(calls).toEqual([]);
        // Nobody knows what a call did that passed its deadline: it stays open for the recoverer.
        expect(calls).toEqual(
          how === "timedOut" ? ["call.intended", "call.timedOut"] : ["call.intended", "call.threw", "call.settled"],
        );
        expect(world.calls.size).toBe(how === "timedOut" ? 1 : 0);
        expect(world.unsettledJobs.has(1)).toBe(how === "timedOut");
      });
    }
    const zips = name === "zipOutput" || name === "postZipOutput";
    it(`${name} answered something else: ${zips ? "failed" : "tried again after lockInterval"}`, () => {
      const world = given({ files: a(status) });
      run(name, world, refused);
      expect(statuses(world)).toEqual({ a: zips ? "failed" : status });
      expect(lifeOf(world)).toBe(zips ? "transferring" : "toTransfer");
      expect(world.jobs.get(1)!.ctx.stage.how).toBe(zips ? "now" : "trouble");
      expect(world.calls.size).toBe(0);
    });
  }
});

describe("what a plug-in is handed", () => {
  it("gets the files of the loop, as tried once more, and the workers of the job", () => {
    const world = given({ files: [...ab("defined"), row("c", "transferring"), row("d", "finished")] });
    run("triggerStageOut", world, says(null));
    const { calls } = run("triggerStageOut", world, says(null));
    expect(handed(calls[0]).map(({ lfn, attemptNr }) => [lfn, attemptNr])).toEqual([
      ["a", 2],
      ["b", 2],
    ]);
    const [call] = calls;
    expect(call).toMatchObject({ method: "triggerStageOut", plugin: "stager", queue: "Q", notAfterAt: at + 60_000 });
    expect(call && "job" in call.args && call.args.job.workers?.map(({ workerID }) => workerID)).toEqual([5]);
    expect(call && "job" in call.args && call.args.job.in).toEqual([]);
    expect(file(world, "c")!.attemptNr).toBe(0);
  });

  it("counts attempts anew after a success, and keeps counting otherwise", () => {
    const world = given({ files: ab("defined") });
    run("triggerStageOut", world, says(null));
    run("triggerStageOut", world, says(true, "", { b: finished }));
    expect(file(world, "a")!.attemptNr).toBe(0);
    expect(file(world, "b")!.attemptNr).toBe(2);
    run("checkStageOut", world, says(true));
    expect(file(world, "a")!.attemptNr).toBe(1);
  });

  it("gives zippers the members of a zip file, stagers not", () => {
    const files = [
      row("e1", "zipped", { fileType: "es_output", zip: "z" }),
      row("e2", "zipped", { fileType: "es_output", zip: "z" }),
      zip("z", "zipping"),
    ];
    const world = given({ files });
    const zipped = run("zipOutput", world, says(true));
    expect(handed(zipped.calls[0])[0]?.members?.map(({ lfn }) => lfn)).toEqual(["e1", "e2"]);
    const { calls } = run("triggerStageOut", world, says(true));
    expect(handed(calls[0])).toMatchObject([{ lfn: "z", status: "defined" }]);
    expect(handed(calls[0])[0]).not.toHaveProperty("members");
  });

  it("keeps what a zipper says of a member, which fails the job in the end", () => {
    const files = [row("e1", "zipped", { zip: "z" }), zip("z", "zipping")];
    const world = given({ files });
    run("zipOutput", world, says(true, "", { e1: failed, z: { path: "/z" } }));
    expect(statuses(world)).toEqual({ e1: "failed", z: "defined" });
    run("triggerStageOut", world, says(true));
    run("checkStageOut", world, says(true, "", { z: finished }));
    expect(lifeOf(world)).toBe("failedToStageOut");
  });

  for (const [cfg, duty, method] of [
    [{}, "zipOutput", "zipOutput"],
    [post, "zipOutput", "asyncZipOutput"],
    [post, "postZipOutput", "postZipOutput"],
  ] as const) {
    it(`${method} is asked of the zipper, of the stager where there is none`, () => {
      const zipper = { module: "windrow/dummy", name: "DummyZipper" };
      const files = z(duty === "zipOutput" ? "zipping" : "post_zipping");
      const without = run(duty, given({ files, cfg }), says(null));
      expect(without.calls).toMatchObject([{ method, plugin: "stager" }]);
      const stagerDefinition = { module: "windrow/dummy", name: "DummyStager" };
      const plugins = Object.fromEntries(
        ["preparator", "monitor", "submitter", "sweeper", "workerMaker", "messenger"].map((kind) => [
          kind,
          stagerDefinition,
        ]),
      );
      const queue = { plugins: { ...plugins, stager: stagerDefinition, zipper } };
      const within = run(duty, given({ files, cfg, queue }), says(null));
      expect(within.calls).toMatchObject([{ method, plugin: "zipper" }]);
    });
  }

  it("respects the limits of files and jobs", () => {
    const cfg = {
      stager: { maxFilesPerJobToTrigger: 1, maxFilesPerJobToCheck: 2, maxJobsToCheck: 3, maxJobsToTrigger: 4 },
      zipper: { maxFilesPerJobToZip: 1, maxJobsToZip: 5 },
    };
    const world = given({ files: ab("defined"), cfg });
    expect(stager.map(({ limit }) => limit(world))).toEqual([3, 4, 5, 5]);
    expect(stager.map(({ name }) => name)).toEqual(["checkStageOut", "triggerStageOut", "zipOutput", "postZipOutput"]);
    run("triggerStageOut", world, says(true));
    expect(statuses(world)).toEqual({ a: "transferring", b: "defined" });
    expect(lifeOf(world)).toBe("toTransfer");
    expect(world.jobs.get(1)!.ctx.stage.how).toBe("now");
    run("triggerStageOut", world, says(true));
    expect(lifeOf(world)).toBe("transferring");
    const { calls } = run("checkStageOut", world, says(true, "", { a: finished }));
    expect(handed(calls[0]).map(({ lfn }) => lfn)).toEqual(["a", "b"]);
    const zips = given({ files: [zip("y", "zipping"), zip("z", "zipping")], cfg });
    run("zipOutput", zips, says(true));
    expect(statuses(zips)).toEqual({ y: "defined", z: "zipping" });
  });

  it("goes on at once with the other files after one batch was refused", () => {
    const world = given({ files: ab("defined"), cfg: { stager: { maxFilesPerJobToTrigger: 1 } } });
    run("triggerStageOut", world, says(false, "fatal"));
    expect(statuses(world)).toEqual({ a: "failed", b: "defined" });
    expect(lifeOf(world)).toBe("toTransfer");
    expect(world.jobs.get(1)!.ctx.stage.how).toBe("now");
  });
});

describe("transfer groups of a plug-in", () => {
  const groups = { groupID: "G", groupStatus: "active", groupUpdateAt: 5 };
  it("end with the zip, not with its asynchronous start", () => {
    const sync = given({ files: z("zipping") });
    run("zipOutput", sync, says(true, "", { z: groups }));
    expect(file(sync, "z")).not.toHaveProperty("groupID");
    expect(file(sync, "z")).not.toHaveProperty("groupUpdateAt");
    const async = given({ files: z("zipping"), cfg: post });
    run("zipOutput", async, says(true, "", { z: groups }));
    expect(file(async, "z")).toMatchObject({ status: "post_zipping", groupID: "G", groupStatus: "active" });
    const { calls } = run("postZipOutput", async, says(true));
    expect(handed(calls[0])[0]).toMatchObject({ groupID: "G" });
    expect(file(async, "z")).not.toHaveProperty("groupID");
    expect(file(async, "z")).not.toHaveProperty("groupStatus");
  });

  it("stay on what is transferred, also after none", () => {
    const world = given({ files: a("defined") });
    run("triggerStageOut", world, says(true, "", { a: groups }));
    run("checkStageOut", world, says(null, "later", { a: { groupStatus: "done", groupUpdateAt: 6 } }));
    expect(file(world, "a")).toMatchObject({
      status: "transferring",
      groupID: "G",
      groupStatus: "done",
      groupUpdateAt: 6,
    });
  });
});
