/**
 * Defects of the original (lifecycle 10) that Windrow does not have, one each; those of the plan are shown in
 * test/sizing.
 */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import { monitor } from "../../src/agents/monitor.ts";
import { stager } from "../../src/agents/stager.ts";
import { ConfiguredPlugins } from "../../src/calls.ts";
import { communicatorSection } from "../../src/config/communicator.ts";
import { instanceSchema } from "../../src/config/sections.ts";
import { Scheduler } from "../../src/scheduler.ts";
import { answered, configured, drive, queueConfig, worldOf } from "../agents/drive.ts";
import { prepared, worker } from "../agents/lives.ts";
import { dictionary, Site } from "./site.ts";

const [lookAtWorkers] = monitor;
const says = (...answers: readonly (string | null)[]) =>
  answered({ ok: true, workers: answers.map((status) => ({ status, diag: "" })) });

/** One look at these workers, with what the batch system says of each; payloads are silent and post-processed. */
function look(events: readonly WindrowEvent[], ids: readonly number[], ...answers: readonly (string | null)[]) {
  const world = worldOf([...configured(), ...events]);
  const driven = drive(lookAtWorkers!, world, ids, ({ method }) => {
    if (method === "checkWorkers") return says(...answers);
    return answered(method === "read" ? {} : { ok: true, dialog: "" });
  });
  expect(world.anomalies).toEqual([]);
  return { world, ...driven };
}

describe("the submitter", () => {
  it("fails a job of which no worker can be made, and submits the others (D1)", async () => {
    const site = await Site.open({ jobs: [dictionary(1), dictionary(2)] });
    site.answers.set("makeWorker", ({ args }) =>
      answered("jobs" in args && args.jobs[0]?.data.PandaID === 1 ? null : { nCore: 1 }),
    );
    await site.cycle("jobFetcher", "preparator", "preparator", "submitter");
    expect([site.life(1), site.life(2)]).toEqual(["failedToMake", "submitted"]);
    expect(site.engine.world.jobs.get(1)?.ctx.attributes).toMatchObject({
      pilotErrorCode: 1110,
      pilotErrorDiag: "failed to make a worker",
    });
  });

  it("has a worker in the log, counted as pending, before the batch system hears of it (D2)", async () => {
    const site = await Site.open({ jobs: [dictionary(1)] });
    const seen: unknown[] = [];
    site.answers.set("submitWorkers", ({ args }) => {
      const [{ data } = { data: undefined }] = "workers" in args ? args.workers : [];
      const tallies = [...(site.engine.world.workerTallies.get("Q") ?? [])];
      seen.push(site.workers(), data?.status, structuredClone(tallies));
      return answered([site.create(data?.key ?? "")]);
    });
    await site.cycle("jobFetcher", "preparator", "preparator", "submitter");
    expect(seen).toEqual([["submitting"], "pending", [["pending|managed|ANY|", { n: 1, cores: 1, memory: 1000 }]]]);
    expect(site.decisions().flat()).toContain("worker.made");
  });

  it("hands a queue out once: nobody acts for a site that another one plans (D9)", () => {
    const world = worldOf(configured());
    const scheduler = new Scheduler(world);
    scheduler.placeAll();
    expect(scheduler.take("planWorkers", world.at, 10)).toEqual(["Q"]);
    scheduler.placeAll();
    expect(scheduler.take("planWorkers", world.at, 10)).toEqual([]);
    scheduler.release([{ rule: "planWorkers", id: "Q" }]);
    expect(scheduler.take("planWorkers", world.at, 10)).toEqual(["Q"]);
  });

  it("tries again after checkInterval where a submission failed for the time being (D16)", async () => {
    const site = await Site.open({ jobs: [dictionary(1)] });
    site.answers.set("submitWorkers", () => answered([{ ok: null, dialog: "busy" }]));
    await site.cycle("jobFetcher", "preparator", "preparator", "submitter");
    expect([site.life(1), site.engine.world.jobs.get(1)?.ctx.submissionAttempts]).toEqual(["prepared", 1]);
    site.answers.delete("submitWorkers");
    site.later(61);
    await site.cycle("submitter");
    expect(site.life(1)).toBe("submitted");
  });
});

describe("the monitor", () => {
  const error = { code: 1144, diag: "k" };

  it("leaves a job alone that was killed, whatever its worker does (D13)", () => {
    const killed: WindrowEvent = { type: "job.killed", PandaID: 1, error };
    const { world, events } = look([...prepared(1), ...worker(5, [1], "submitted"), killed], [5], "running");
    expect(world.workers.get(5)?.state.life).toBe("running");
    expect(events.filter(({ type }) => type.startsWith("job."))).toEqual([]);
    expect(world.jobs.get(1)?.state.life).toBe("killed");
  });

  const two = [...prepared(1), ...worker(5, [1], "submitted"), ...prepared(2), ...worker(9, [2], "submitted")];

  it("takes one strange answer for that worker's trouble alone (D17)", () => {
    const { world, events } = look(two, [5, 9], "exploded", "running");
    expect([world.workers.get(5)?.state.life, world.workers.get(9)?.state.life]).toEqual(["submitted", "running"]);
    expect(events).toContainEqual({
      type: "worker.lookTroubled",
      workerIDs: [5],
      why: "monitor.checkWorkers: unknown status exploded",
    });
    expect([world.workers.get(5)?.ctx.check.how, world.workers.get(9)?.ctx.check.how]).toEqual(["trouble", "interval"]);
  });

  it("remembers workers that finished before: one is enough for the job (D18)", () => {
    const many = { mapType: "OneToMany" };
    const first: WindrowEvent = {
      type: "worker.looked",
      queue: "Q",
      workers: [{ workerID: 5, status: "finished", checked: true }],
      unchanged: [],
    };
    const last: WindrowEvent = {
      type: "worker.looked",
      queue: "Q",
      workers: [{ workerID: 9, status: "running", checked: true, finalStatus: "failed", postProcessed: true }],
      unchanged: [],
    };
    const events = [...prepared(1), ...worker(5, [1], "submitted", many), ...worker(9, [1], "submitted", many)];
    const { world } = look([...events, first, last], [9]);
    expect(world.workers.get(9)?.state.life).toBe("failed");
    expect(world.jobs.get(1)?.ctx.verdict).toBe("finished");
  });
});

describe("the communicator", () => {
  const asked = async (className: string) => {
    const instance = instanceSchema.parse({
      master: { harvester_id: "H" },
      communicator: { moduleName: "windrow/dummy", className },
    });
    const plugins = new ConfiguredPlugins({
      now: () => 0,
      instance: () => instance,
      queue: (name) => queueConfig(name),
      communicator: () => communicatorSection(instance),
      configDir: ".",
    });
    return plugins.invoke({
      method: "isAlive",
      plugin: "communicator",
      queue: null,
      key: "k",
      args: { plain: [{}] },
    });
  };

  it("is the one that the configuration names (D14)", async () => {
    expect(await asked("DummyCommunicator")).toMatchObject({ ok: true, value: { ok: true } });
    expect(await asked("MyCommunicator")).toMatchObject({ ok: false, why: expect.stringContaining("MyCommunicator") });
  });
});

describe("events at stage-out", () => {
  it("move with the output of their own job, not with another's of the same range (D20)", () => {
    const of = (PandaID: number): WindrowEvent[] => [
      ...prepared(PandaID),
      ...worker(4 * PandaID + 1, [PandaID], "finished"),
      {
        type: "fileGroup.opened",
        group: `${PandaID}/out`,
        PandaID,
        direction: "out",
        endpoint: "EPO",
        files: [{ lfn: `${PandaID}.es`, fileType: "es_output", status: "transferring", eventRangeID: "7-1-1" }],
      },
      { type: "job.transferStarted", PandaID },
    ];
    const reported = (PandaID: number): WindrowEvent => ({
      type: "job.eventsReported",
      PandaID,
      ranges: [{ eventRangeID: "7-1-1", eventStatus: "finished", subStatus: "transferring", file: `${PandaID}.es` }],
    });
    const story = (PandaID: number) => {
      const [first, ...rest] = of(PandaID);
      const end = rest.findIndex(({ type }) => type === "job.ended");
      return [first!, ...rest.slice(0, end), reported(PandaID), ...rest.slice(end)];
    };
    const world = worldOf([...configured(), ...story(1), ...story(2)]);
    const check = stager.find(({ name }) => name === "checkStageOut")!;
    drive(check, world, [1], ({ args }) =>
      answered(
        { ok: true, dialog: "" },
        { files: { 1: "job" in args ? args.job.out.map(({ key }) => ({ key, set: { status: "finished" } })) : [] } },
      ),
    );
    expect(world.anomalies).toEqual([]);
    const subStatusOf = (PandaID: number) => world.jobs.get(PandaID)?.ctx.ranges["7-1-1"]?.subStatus;
    expect([subStatusOf(1), subStatusOf(2)]).toEqual(["finished", "transferring"]);
  });
});
