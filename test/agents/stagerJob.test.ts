/**
 * What becomes of the job: its end and its report, early stage-out, and what may happen to it while a plug-in is at
 * work.
 */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import type { FileRowEvent } from "../../events/fields.ts";
import { fold } from "../../src/projection.ts";
import type { World } from "../../src/world.ts";
import { configured, drive, start, threw, worldOf } from "./drive.ts";
import {
  a,
  anyDuty,
  at,
  dutyNamed,
  ended,
  finished,
  given,
  killed,
  lifeOf,
  out,
  PandaID,
  post,
  row,
  run,
  says,
  statuses,
  timedOut,
  types,
  z,
  zip,
} from "./staging.ts";

describe("the end of a job", () => {
  it("reports finished outputs and logs with guid, size and checksum", () => {
    const files = [
      row("a", "transferring", { chksum: "ad:abcd", guid: "g-x", fsize: 4711 }),
      { lfn: "1.log", fileType: "log", status: "transferring", fsize: 3, chksum: "ffff" },
      { lfn: "b", fileType: "output", status: "transferring", fsize: 1, chksum: "md:1" },
      row("e", "transferring", { fileType: "es_output" }),
    ];
    const all = { a: finished, "1.log": finished, b: finished, e: finished };
    const report = () => {
      const world = given({ life: "transferring", files });
      run("checkStageOut", world, says(true, "", all));
      return JSON.parse(world.jobs.get(1)!.ctx.outputReport ?? "");
    };
    const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
    expect(report()).toEqual({
      a: { guid: "g-x", fsize: 4711, adler32: "abcd" },
      "1.log": { guid: "g-log-1", fsize: 3, adler32: "ffff" },
      b: { guid: expect.stringMatching(uuid), fsize: 1, adler32: "1" },
    });
    expect(report()).toEqual(report());
  });

  it("keeps a report that the worker gave", () => {
    const world = given({ life: "transferring" });
    fold(world, { shard: 1, seq: 2, at: start, events: [{ type: "job.observed", PandaID, outputReport: "{}x" }] });
    run("checkStageOut", world, says(true));
    expect(world.jobs.get(1)!.ctx.outputReport).toBe("{}x");
  });

  it("fails with a failed input, as the original", () => {
    const inputs: FileRowEvent[] = [{ lfn: "f", fileType: "input", status: "failed" }];
    const world = given({ life: "transferring", files: a("transferring"), inputs });
    run("checkStageOut", world, says(true, "", { a: finished }));
    expect(lifeOf(world)).toBe("failedToStageOut");
    expect(world.jobs.get(1)!.ctx.verdict).toBe("failed");
  });

  it("keeps the worker's error beside a failed stage-out, and overrides the verdict", () => {
    const world = given({ life: "transferring", files: a("transferring") });
    const attributes = { pilotErrorCode: 1008, pilotErrorDiag: "payload" };
    fold(world, { shard: 1, seq: 2, at: start, events: [{ type: "job.observed", PandaID, attributes }] });
    run("checkStageOut", world, says(false, "fatal"));
    expect(world.jobs.get(1)!.ctx).toMatchObject({ verdict: "failed", attributes });
  });
});

describe("a job that is not waiting for its stage-out", () => {
  for (const life of ["running", "killed", "done"]) {
    it(`${life}: goes through all steps, and only files change`, () => {
      const world = given({ life, files: [zip("z", "zipping"), row("a", "defined")], cfg: post });
      run("zipOutput", world, says(true));
      expect(world.jobs.get(1)!.ctx.stage.how).toBe("now");
      run("postZipOutput", world, says(true));
      run("triggerStageOut", world, says(true));
      expect(world.jobs.get(1)!.ctx.stage.how).toBe("now");
      run("checkStageOut", world, says(null, "later", { a: finished }));
      run("checkStageOut", world, says(true, "", { z: finished }));
      expect(statuses(world)).toEqual({ z: "finished", a: "finished" });
      expect(world.jobs.get(1)!.ctx.stage.how).toBe("interval");
      expect(lifeOf(world)).toBe(life);
    });

    it(`${life}: a refusal fails the files and tells the reason`, () => {
      const world = given({ life, files: a("defined") });
      run("triggerStageOut", world, says(false, "fatal"));
      expect(statuses(world)).toEqual({ a: "failed" });
      expect(lifeOf(world)).toBe(life);
    });
  }
});

describe("what happens while the plug-in is at work", () => {
  const meanwhile = (world: World, ...events: WindrowEvent[]) => fold(world, { shard: 1, seq: 2, at, events });
  const endings: readonly [string, WindrowEvent[], string][] = [
    ["the WMS kills the job", [killed], "killed"],
    ["the job is killed and closed", [killed, { type: "job.closed", PandaIDs: [1] }], "done"],
  ];
  const replies = { true: says(true), false: says(false), none: says(null), threw: threw(), timedOut };
  for (const [what, events, life] of endings) {
    for (const [name, status] of anyDuty) {
      for (const [answer, reply] of Object.entries(replies)) {
        it(`${what} during ${name}, then ${answer}`, () => {
          const world = given({ life: name === "checkStageOut" ? "transferring" : "toTransfer", files: a(status) });
          const driven = run(name, world, () => {
            meanwhile(world, ...events);
            return reply;
          });
          expect(lifeOf(world)).toBe(life);
          expect(types(driven)).not.toContain("job.transferStarted");
          expect(types(driven)).not.toContain("job.stageOutFailed");
          expect(world.calls.size).toBe(answer === "timedOut" && name !== "checkStageOut" ? 1 : 0);
          if (answer === "false") expect(statuses(world)).toEqual({ a: "failed" });
        });
      }
    }
  }

  it("the job ends: its transfer has started already", () => {
    const world = given({ life: "running", files: a("defined") });
    run("triggerStageOut", world, () => {
      meanwhile(world, ended);
      return says(true);
    });
    expect(lifeOf(world)).toBe("transferring");
  });

  it("the job ends with further files: they come first", () => {
    const world = given({ life: "running", files: a("defined") });
    run("triggerStageOut", world, () => {
      meanwhile(world, { type: "fileGroup.extended", group: out, files: z("zipping") }, ended);
      return says(true);
    });
    expect(statuses(world)).toEqual({ a: "transferring", z: "zipping" });
    expect(lifeOf(world)).toBe("toTransfer");
  });

  for (const [name, status] of anyDuty) {
    it(`the job is cleaned up during ${name}: nothing is left to say but the call's end`, () => {
      const world = given({ life: "done", files: a(status) });
      const driven = run(name, world, () => {
        meanwhile(world, { type: "job.forgotten", PandaIDs: [1] });
        return says(true);
      });
      expect(types(driven)).toEqual(name === "checkStageOut" ? [] : ["call.intended", "call.returned"]);
      expect(world.fileGroups.size).toBe(0);
    });
  }

  it("a job that is gone already is not looked for", () => {
    expect(drive(dutyNamed("checkStageOut"), worldOf(configured()), [1], () => says(true)).calls).toEqual([]);
  });
});

describe("the state of the group", () => {
  it("moves, opens again for further files, and settles when nothing is left", () => {
    const world = given({ life: "running", files: a("defined") });
    const state = () => world.fileGroups.get(out)!.state.life;
    expect(state()).toBe("open");
    run("triggerStageOut", world, says(true));
    expect(state()).toBe("moving");
    run("checkStageOut", world, says(true, "", { a: finished }));
    expect(state()).toBe("settled");
    fold(world, {
      shard: 1,
      seq: 2,
      at,
      events: [{ type: "fileGroup.extended", group: out, files: [row("b", "defined")] }],
    });
    expect(state()).toBe("open");
    run("triggerStageOut", world, says(true, "", { b: finished }));
    expect(state()).toBe("settled");
  });
});
