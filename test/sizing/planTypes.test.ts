/** Numbers of new workers over several resource types, and their cores and memory (lifecycle 6.4, 4 and 5). */
import { describe, expect, it } from "vitest";
import type { PlanInput } from "../../src/sizing/plan.ts";
import { count, numbers, planInput, slave } from "./fixtures.ts";

const submitter = { activateWorkerFactor: 1, maxNewWorkers: 0, noPilotsWhenNoActiveJobs: false };
const queued = (n: number, about = {}) => [count("submitted", n, about)];

describe("resource types", () => {
  const order = (SCORE: number, MCORE: number) => ({ "ANY/ANY": 0, "managed/SCORE": SCORE, "managed/MCORE": MCORE });
  it.each<[string, Partial<PlanInput>, Record<string, [number, string]>]>([
    [
      "only ordered types are planned",
      { ordered: order(1, 2) },
      { "SCORE/PR": [1, "ordered"], "MCORE/PR": [2, "ordered"] },
    ],
    [
      "each keeps the limit, and so does their sum",
      { ordered: order(4, 4) },
      { "SCORE/PR": [3, "nQueueLimitWorker"], "MCORE/PR": [2, "nQueueLimitWorker"] },
    ],
    [
      "proportional, larger remainder first",
      { ordered: order(2, 5) },
      { "SCORE/PR": [1, "nQueueLimitWorker"], "MCORE/PR": [4, "nQueueLimitWorker"] },
    ],
    [
      "what is queued of one type narrows the sum; what is left goes to the type that still has some",
      { ordered: order(3, 3), workers: queued(3, { resourceType: "SCORE" }) },
      { "SCORE/PR": [0, "nQueueLimitWorker"], "MCORE/PR": [2, "nQueueLimitWorker"] },
    ],
    [
      "maxWorkers of the sum",
      {
        queue: slave({ nQueueLimitWorker: 9 }),
        ordered: order(3, 3),
        workers: [count("running", 5, { resourceType: "SCORE" })],
      },
      { "SCORE/PR": [2, "maxWorkers"], "MCORE/PR": [2, "maxWorkers"] },
    ],
    [
      "no limit a cycle means none (D11)",
      { queue: slave({ nQueueLimitWorker: 9, maxNewWorkersPerCycle: 0 }), ordered: order(3, 3) },
      { "SCORE/PR": [3, "ordered"], "MCORE/PR": [3, "ordered"] },
    ],
    [
      "a limit a cycle holds for the sum",
      { queue: slave({ maxNewWorkersPerCycle: 3 }), ordered: order(2, 2) },
      { "SCORE/PR": [2, "ordered"], "MCORE/PR": [1, "maxNewWorkersPerCycle"] },
    ],
    [
      "and that of the instance",
      { submitter: { ...submitter, maxNewWorkers: 2 }, ordered: order(2, 2) },
      { "SCORE/PR": [1, "maxNewWorkers"], "MCORE/PR": [1, "maxNewWorkers"] },
    ],
    [
      "at equal remainders the smaller number first",
      { queue: slave({ nQueueLimitWorker: 6 }), ordered: order(6, 2) },
      { "SCORE/PR": [4, "nQueueLimitWorker"], "MCORE/PR": [2, "ordered"] },
    ],
    [
      "workers of a type that was never ordered count for nothing, as observed",
      { ordered: order(2, 1), workers: [count("submitted", 5), count("running", 4, { resourceType: "OTHER" })] },
      { "SCORE/PR": [2, "ordered"], "MCORE/PR": [1, "ordered"] },
    ],
    [
      "the first job type of a resource type stands for all",
      { ordered: { "managed/SCORE": 1, "user/SCORE": 2 } },
      { "SCORE/PR": [1, "ordered"] },
    ],
    [
      "its workers are of the merged type",
      {
        queue: slave({ maxWorkers: 3 }),
        ordered: { "user/SCORE": 2 },
        workers: [count("running", 2, { resourceType: "SCORE" })],
      },
      { "SCORE/PR": [1, "maxWorkers"] },
    ],
  ])("%s", (_name, given, expected) => {
    expect(numbers(planInput({ queue: slave(), ...given }))).toEqual(expected);
  });

  it("what rounding leaves goes to prioritised pilot types before larger remainders", () => {
    const lists = { "job_statistics_new.json": { Q: { MCORE: { rc_alrb: { activated: 2 } } } } };
    const queue = slave({ maxNewWorkersPerCycle: 6 });
    const plan = numbers(planInput({ queue, ordered: order(5, 5), lists }));
    // Wanted 5, 2 and 3, of which the limit of 5 leaves 2.5, 1 and 1.5.
    expect(plan).toEqual({
      "SCORE/PR": [2, "nQueueLimitWorker"],
      "MCORE/ALRB": [2, "ordered"],
      "MCORE/PR": [1, "nQueueLimitWorker"],
    });
  });
});

describe("sums of cores and memory", () => {
  const types = [
    { resource_name: "SCORE", maxcore: 1, maxrampercore: 2000 },
    { resource_name: "MCORE", maxcore: null, maxrampercore: 2000 },
  ];
  const site = (capability: string) => ({
    "resource_types.json": types,
    "panda_queues.json": { Q: { status: "online", corecount: 8, maxrss: 24_000, capability } },
  });
  const big = (attributes: object) => slave({ nQueueLimitWorker: 50, maxWorkers: 50, ...attributes });
  const plan = (attributes: object, ordered: Record<string, number>, capability = "ucore", workers = queued(0)) =>
    numbers(planInput({ queue: big(attributes), ordered, lists: site(capability), workers }));
  it("a worker that begins below the limit is let through", () => {
    expect(plan({ nQueueLimitWorkerCores: 17 }, { "managed/MCORE": 9 })).toEqual({
      "MCORE/PR": [3, "nQueueLimitWorkerCores"],
    });
  });
  it("what is queued takes its room", () => {
    const workers = queued(1, { resourceType: "SCORE", cores: 9 });
    expect(plan({ nQueueLimitWorkerCores: 17 }, { "managed/MCORE": 9 }, "ucore", workers)).toEqual({
      "MCORE/PR": [1, "nQueueLimitWorkerCores"],
    });
  });
  it("memory of a resource type is per core, at most the site's share", () => {
    expect(plan({ nQueueLimitWorkerMemory: 32_000 }, { "managed/MCORE": 9 })).toEqual({
      "MCORE/PR": [2, "nQueueLimitWorkerMemory"],
    });
  });
  it("a queue that is not unified has workers of the site's size: cores are cores (D10)", () => {
    expect(plan({ nQueueLimitWorkerCores: 16 }, { "managed/SCORE": 9 }, "score")).toEqual({
      "SCORE/PR": [2, "nQueueLimitWorkerCores"],
    });
    expect(plan({ nQueueLimitWorkerMemory: 48_000 }, { "managed/SCORE": 9 }, "score")).toEqual({
      "SCORE/PR": [2, "nQueueLimitWorkerMemory"],
    });
  });
  it("hold for all resource types together (D8)", () => {
    expect(plan({ nQueueLimitWorkerCores: 16 }, { "managed/MCORE": 1, "managed/SCORE": 20 })).toEqual({
      "MCORE/PR": [1, "ordered"],
      "SCORE/PR": [8, "nQueueLimitWorkerCores"],
    });
  });
  it("an unknown type counts as one core", () => {
    expect(plan({ nQueueLimitWorkerCores: 16 }, { "ANY/ANY": 20 })).toEqual({
      "ANY/PR": [16, "nQueueLimitWorkerCores"],
    });
  });
});
