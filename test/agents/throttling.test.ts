/** What a throttler is told, how it bounds a plan, and that missed workers are remembered after they were swept. */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import { planning } from "../../src/agents/planning.ts";
import { throttleCounts } from "../../src/agents/throttling.ts";
import { canonical, freeze, thaw } from "../../src/frozen.ts";
import { fold } from "../../src/projection.ts";
import { World } from "../../src/world.ts";
import { answered, configured, drive, start, threw, worldOf } from "./drive.ts";
import { worker } from "./lives.ts";

const throttler = { module: "windrow/dummy", name: "DummyThrottler" };
const missedOne = (workerID: number, computingElement: string, queue = "Q"): WindrowEvent[] => [
  ...worker(workerID, [], "made", { queue, mapType: "NoJob" }),
  { type: "worker.fed", workerIDs: [workerID] },
  {
    type: "call.intended",
    key: `s${workerID}`,
    method: "submitWorkers",
    plugin: "submitter",
    queue,
    notAfterAt: start,
    workerIDs: [workerID],
  },
  {
    type: "worker.missed",
    workerID,
    error: { code: 1, diag: "" },
    dialog: "no",
    changes: { set: { computingElement } },
  },
];
let seq = 7000;
const add = (world: World, at: number, ...events: readonly WindrowEvent[]): void =>
  fold(world, { shard: 1, seq: ++seq, at, events });

describe("what a throttler is told", () => {
  const queues = {
    Q: { siteName: "S", siteFamily: "F", plugins: withSubmitter({ computingElements: ["ce1"], nCoreFactor: 8 }) },
    R: { siteName: "S", siteFamily: "F" },
    T: { siteName: "T", siteFamily: "F", plugins: withSubmitter({ nCoreFactor: { managed: { SCORE: 2 } } }) },
    U: {},
  };

  it("missed workers of the site, and of any queue on an own computing element", () => {
    const world = worldOf(configured(queues));
    add(world, start, ...missedOne(4, "ce1"), ...missedOne(8, "ce1"), ...missedOne(12, "ce2"));
    add(world, start + 5, ...missedOne(16, "ce1"), ...missedOne(20, "x", "R"));
    add(world, start + 9, ...missedOne(24, "ce1", "T"), ...missedOne(28, "x", "T"), ...missedOne(32, "x", "U"));
    expect(world.anomalies).toEqual([]);
    const { missed, now } = throttleCounts(world, world.queueConfig("Q"), start + 99);
    expect(now).toBe(start + 99);
    expect(missed).toEqual([
      { queue: "Q", site: "S", computingElement: "ce1", submitAt: start, n: 2 },
      { queue: "Q", site: "S", computingElement: "ce2", submitAt: start, n: 1 },
      { queue: "Q", site: "S", computingElement: "ce1", submitAt: start + 5, n: 1 },
      { queue: "R", site: "S", computingElement: "x", submitAt: start + 5, n: 1 },
      { queue: "T", site: "T", computingElement: "ce1", submitAt: start + 9, n: 1 },
    ]);
  });

  it("the workers of its family, with their cores", () => {
    const world = worldOf([
      ...configured(queues),
      ...worker(4, [], "submitted"),
      ...worker(8, [], "running"),
      ...worker(12, [], "running", { queue: "T", jobType: "managed", resourceType: "SCORE" }),
      ...worker(16, [], "running", { queue: "U" }),
    ]);
    expect(throttleCounts(world, world.queueConfig("Q"), start).family).toEqual([
      { queue: "Q", submitted: 1, running: 1, submittedCores: 8, runningCores: 8 },
      { queue: "R", submitted: 0, running: 0, submittedCores: 0, runningCores: 0 },
      { queue: "T", submitted: 0, running: 1, submittedCores: 0, runningCores: 2 },
    ]);
  });
});

function withSubmitter(options: object): object {
  const dummy = (name: string) => ({ module: "windrow/dummy", name });
  return {
    preparator: dummy("DummyPreparator"),
    stager: dummy("DummyStager"),
    monitor: dummy("DummyMonitor"),
    submitter: { ...dummy("DummySubmitter"), ...options },
    sweeper: dummy("DummySweeper"),
    workerMaker: dummy("DummyWorkerMaker"),
    messenger: dummy("DummyMessenger"),
    throttler,
  };
}

describe("missed workers", () => {
  it("are remembered when they are swept, over a snapshot, and at most 500 batches of them", () => {
    const world = worldOf(configured({ Q: {} }));
    for (let i = 1; i <= 600; i += 1) add(world, start + i, ...missedOne(4 * i, "ce"));
    const closed: WindrowEvent[] = [
      { type: "worker.closed", workerIDs: [2400] },
      { type: "worker.forgotten", workerIDs: [2400] },
    ];
    add(world, start + 700, ...closed);
    expect(world.anomalies).toEqual([]);
    const known = world.missedWorkers.get("Q") ?? [];
    expect([known.length, known[0]?.submitAt, known.at(-1)?.submitAt]).toEqual([500, start + 101, start + 600]);
    const other = new World();
    thaw(canonical(freeze(world)), other);
    expect(other.missedWorkers).toEqual(world.missedWorkers);
  });
});

describe("a plan", () => {
  const plan = (reply: Parameters<typeof drive>[3]) => {
    const world = worldOf(configured({ Q: { mapType: "NoJob", plugins: withSubmitter({}) } }));
    return drive(planning, world, ["Q"], reply);
  };

  it("has the throttler's word as its bound, and makes nothing", () => {
    const { events, calls } = plan(() => answered({ throttle: true, dialog: "many" }));
    expect(calls.map(({ method }) => method)).toEqual(["toBeThrottled"]);
    expect(calls[0]?.args).toMatchObject({ plain: [{ queueName: "Q" }, { missed: [], family: [{ queue: "Q" }] }] });
    expect(events).toMatchObject([{ type: "queue.planned", bound: "throttler: many", plan: [{ n: 0 }] }]);
  });

  it("makes nothing while the throttler throws, and says so (plugins.md 10)", () => {
    const { events, calls } = plan(() => threw("boom"));
    expect(calls).toHaveLength(1);
    expect(events).toMatchObject([{ type: "queue.planned", bound: "throttler: no answer: boom", plan: [{ n: 0 }] }]);
  });

  it("goes on where it says no", () => {
    const { events, calls } = plan(({ method }) =>
      method === "toBeThrottled" ? answered({ throttle: false, dialog: "" }) : answered({}),
    );
    expect(calls.length).toBeGreaterThan(1);
    expect(events[0]).toMatchObject({ type: "queue.planned", bound: expect.not.stringContaining("throttler") });
  });
});
