/** Numbers of new workers, one rule of lifecycle 6.4 at a time. */
import { describe, expect, it } from "vitest";
import { type PlanInput, planWorkers } from "../../src/sizing/plan.ts";
import { count, noJob, numbers, planInput, queue, slave } from "./fixtures.ts";

const activated = (n: number) => ({ "job_statistics.json": { Q: { activated: n } } });
const idle = { noPilotsWhenNoActiveJobs: true };
const submitter = { activateWorkerFactor: 1, maxNewWorkers: 0, noPilotsWhenNoActiveJobs: false };
const queued = (n: number, about = {}) => [count("submitted", n, about)];

describe("a queue whose order nobody gives", () => {
  it.each<[string, Partial<PlanInput>, [number, string]]>([
    ["fills up to its limit", { queue: noJob() }, [5, "nQueueLimitWorker"]],
    ["counts what is queued", { queue: noJob(), workers: queued(2) }, [3, "nQueueLimitWorker"]],
    [
      "running workers leave the limit free",
      { queue: noJob(), workers: [count("running", 3)] },
      [5, "nQueueLimitWorker"],
    ],
    ["stops at the limit", { queue: noJob(), workers: queued(5) }, [0, "nQueueLimitWorker"]],
    ["keeps maxWorkers over all", { queue: noJob(), workers: [count("running", 6)] }, [3, "maxWorkers"]],
    ["counts ready workers in maxWorkers", { queue: noJob(), workers: [count("ready", 7)] }, [2, "maxWorkers"]],
    ["stops at maxWorkers", { queue: noJob(), workers: [count("running", 9)] }, [0, "maxWorkers"]],
    [
      "sees workers without pilot type (D8)",
      { queue: noJob(), workers: queued(5, { pilotType: null }) },
      [0, "nQueueLimitWorker"],
    ],
    [
      "sees workers of other pilot types (D8)",
      { queue: noJob(), workers: queued(4, { pilotType: "RC" }) },
      [1, "nQueueLimitWorker"],
    ],
    ["begins with one worker where no limit is set", { queue: queue() }, [1, "maxWorkers"]],
    ["has one at a time then", { queue: queue(), workers: queued(1) }, [0, "maxWorkers"]],
    ["keeps maxNewWorkersPerCycle", { queue: noJob({ maxNewWorkersPerCycle: 2 }) }, [2, "maxNewWorkersPerCycle"]],
    [
      "keeps maxNewWorkers of the instance",
      { queue: noJob(), submitter: { ...submitter, maxNewWorkers: 1 } },
      [1, "maxNewWorkers"],
    ],
    ["offline", { queue: noJob({ queueStatus: "offline" }) }, [0, "queueStatus"]],
    ["throttled", { queue: noJob(), throttled: "too many missed" }, [0, "throttler: too many missed"]],
    ["an order counts for nothing", { queue: noJob(), ordered: { "ANY/ANY": 1 } }, [5, "nQueueLimitWorker"]],
  ])("%s", (_name, given, expected) => {
    expect(numbers(planInput(given))).toEqual({ "ANY/PR": expected });
  });

  it.each(["offline", "Standby", "maintenance"])("CRIC status %s", (status) => {
    const lists = { "panda_queues.json": { Q: { status } } };
    expect(numbers(planInput({ queue: noJob(), lists }))).toEqual({
      "ANY/PR": [0, `CRIC status ${status.toLowerCase()}`],
    });
  });

  it.each(["online", "test", "brokeroff"])("CRIC status %s stops nothing", (status) => {
    const lists = { "panda_queues.json": { Q: { status } } };
    expect(numbers(planInput({ queue: noJob(), lists }))).toEqual({ "ANY/PR": [5, "nQueueLimitWorker"] });
  });
});

describe("a pull queue with statistics", () => {
  it.each<[string, Partial<PlanInput>, [number, string]]>([
    ["no more than activated jobs", { lists: activated(2) }, [2, "activatedJobs"]],
    ["nor than the limit", { lists: activated(9) }, [5, "nQueueLimitWorker"]],
    ["one pilot where nothing is activated", { lists: activated(0) }, [1, "activatedJobs"]],
    [
      "none if told so by the instance",
      { lists: activated(0), submitter: { ...submitter, ...idle } },
      [0, "activatedJobs"],
    ],
    [
      "none if told so by the plug-in",
      { lists: activated(0), queue: queue({ mapType: "NoJob", nQueueLimitWorker: 5 }, idle) },
      [0, "activatedJobs"],
    ],
    [
      "an explicit false means false (D22)",
      {
        lists: activated(0),
        queue: queue({ mapType: "NoJob", nQueueLimitWorker: 5 }, { noPilotsWhenNoActiveJobs: false }),
        submitter: { ...submitter, ...idle },
      },
      [1, "activatedJobs"],
    ],
    ["absent from the statistics: one in all", { lists: { "job_statistics.json": {} } }, [1, "activatedJobs"]],
    [
      "and it may be running",
      { lists: { "job_statistics.json": {} }, workers: [count("running", 1)] },
      [0, "activatedJobs"],
    ],
    [
      "absent and told to have none",
      { lists: { "job_statistics.json": {} }, submitter: { ...submitter, ...idle } },
      [0, "activatedJobs"],
    ],
    [
      "a share of the jobs",
      { lists: activated(9), submitter: { ...submitter, activateWorkerFactor: 0.5 } },
      [4, "activatedJobs"],
    ],
    [
      "at least one of a small share",
      { lists: activated(1), submitter: { ...submitter, activateWorkerFactor: 0.5 } },
      [1, "activatedJobs"],
    ],
    [
      "auto: one share a harvester",
      {
        lists: { ...activated(8), "worker_statistics.json": { Q: { h1: {}, h2: {}, h3: {}, h4: {} } } },
        submitter: { ...submitter, activateWorkerFactor: "auto" },
      },
      [2, "activatedJobs"],
    ],
    [
      "several jobs a worker",
      { lists: activated(8), queue: queue({ mapType: "NoJob", nQueueLimitWorker: 9 }, { nCoreFactor: 4 }) },
      [2, "activatedJobs"],
    ],
    [
      "nCoreFactor by type",
      {
        lists: activated(8),
        queue: queue({ mapType: "NoJob", nQueueLimitWorker: 9 }, { nCoreFactor: { managed: { ANY: 2 } } }),
      },
      [4, "activatedJobs"],
    ],
    [
      "without a limit nothing, as the original",
      { lists: activated(8), queue: queue({ mapType: "NoJob" }) },
      [0, "maxWorkers"],
    ],
  ])("%s", (_name, given, expected) => {
    expect(numbers(planInput({ queue: noJob(), ...given }))).toEqual({ "ANY/PR": expected });
  });

  it("other map types do not look at it", () => {
    expect(numbers(planInput({ queue: queue({ nQueueLimitWorker: 5 }), lists: activated(2) }))).toEqual({
      "ANY/PR": [5, "nQueueLimitWorker"],
    });
  });
});

describe("a queue whose order the WMS gives", () => {
  it.each<[string, Partial<PlanInput>, [number, string]]>([
    ["makes what is ordered", { ordered: { "ANY/ANY": 3 } }, [3, "ordered"]],
    ["makes nothing without order", {}, [0, "ordered"]],
    [
      "what is queued already does not count against the order",
      { ordered: { "ANY/ANY": 2 }, workers: queued(3) },
      [2, "ordered"],
    ],
    ["but against the limit", { ordered: { "ANY/ANY": 3 }, workers: queued(3) }, [2, "nQueueLimitWorker"]],
    ["makes nothing at the limit (D7)", { ordered: { "ANY/ANY": 3 }, workers: queued(5) }, [0, "nQueueLimitWorker"]],
    ["nor at maxWorkers (D7)", { ordered: { "ANY/ANY": 3 }, workers: [count("running", 9)] }, [0, "maxWorkers"]],
    [
      "nor at the core limit (D7)",
      { queue: slave({ nQueueLimitWorkerCores: 4 }), ordered: { "ANY/ANY": 3 }, workers: queued(1, { cores: 4 }) },
      [0, "nQueueLimitWorkerCores"],
    ],
    [
      "nor at the memory limit (D7)",
      { queue: slave({ nQueueLimitWorkerMemory: 1000 }), ordered: { "ANY/ANY": 3 }, workers: queued(1) },
      [0, "nQueueLimitWorkerMemory"],
    ],
    [
      "follows any order where no limit is set",
      { queue: queue({ runMode: "slave" }), ordered: { "ANY/ANY": 30 } },
      [30, "ordered"],
    ],
    ["activated jobs do not matter", { ordered: { "ANY/ANY": 3 }, lists: activated(1) }, [3, "ordered"]],
  ])("%s", (_name, given, expected) => {
    expect(numbers(planInput({ queue: slave(), ...given }))).toEqual({ "ANY/PR": expected });
  });
});

describe("pilot types", () => {
  const lists = (rc: number, alrb: number) => ({
    "job_statistics_new.json": {
      Q: { SCORE: { rc_alrb: { activated: alrb }, rc_test2: { activated: rc }, managed: { activated: 50 } } },
    },
  });
  const both = slave({ nQueueLimitWorker: 20, maxWorkers: 40, prioritizedProdSourceLabels: ["rc_test2", "rc_alrb"] });
  it.each<[string, Partial<PlanInput>, Record<string, [number, string]>]>([
    [
      "prioritised ones get what they want, PR the rest",
      { ordered: { "ANY/ANY": 9 }, lists: lists(1, 2) },
      { "ANY/RC": [1, "ordered"], "ANY/ALRB": [2, "ordered"], "ANY/PR": [6, "ordered"] },
    ],
    [
      "less what they have",
      { ordered: { "ANY/ANY": 9 }, lists: lists(0, 5), workers: queued(2, { pilotType: "ALRB" }) },
      { "ANY/ALRB": [3, "ordered"], "ANY/PR": [6, "ordered"] },
    ],
    [
      "scaled down, cut to whole numbers, the rest to PR",
      { ordered: { "ANY/ANY": 5 }, lists: lists(4, 4) },
      { "ANY/RC": [2, "ordered"], "ANY/ALRB": [2, "ordered"], "ANY/PR": [1, "ordered"] },
    ],
    [
      "nothing where they have enough",
      { ordered: { "ANY/ANY": 5 }, lists: lists(0, 1), workers: queued(1, { pilotType: "ALRB" }) },
      { "ANY/PR": [5, "ordered"] },
    ],
    [
      "never more than was ordered, whoever has too many queued",
      { ordered: { "ANY/ANY": 1 }, lists: lists(5, 1), workers: queued(5, { pilotType: "ALRB" }) },
      { "ANY/RC": [1, "ordered"], "ANY/PR": [0, "ordered"] },
    ],
    [
      "limits hold for all of them (D8)",
      { ordered: { "ANY/ANY": 9 }, lists: lists(1, 2), workers: queued(18, { pilotType: null }) },
      { "ANY/RC": [1, "ordered"], "ANY/ALRB": [1, "nQueueLimitWorker"], "ANY/PR": [0, "nQueueLimitWorker"] },
    ],
    [
      "and so do those of a cycle",
      { queue: slave({ maxNewWorkersPerCycle: 2 }), ordered: { "ANY/ANY": 5 }, lists: lists(0, 1) },
      { "ANY/ALRB": [1, "ordered"], "ANY/PR": [1, "maxNewWorkersPerCycle"] },
    ],
  ])("%s", (_name, given, expected) => {
    expect(numbers(planInput({ queue: both, ...given }))).toEqual(expected);
  });

  it("are told to the worker maker by label, PR as ANY", () => {
    const { entries } = planWorkers(planInput({ queue: both, ordered: { "ANY/ANY": 9 }, lists: lists(1, 2) }));
    expect(entries.map(({ jobType, prodSourceLabel }) => [jobType, prodSourceLabel])).toEqual([
      ["managed", "ANY"],
      ["managed", "rc_test2"],
      ["managed", "rc_alrb"],
    ]);
  });

  it("a worker that waits for jobs has an entry, whatever its type; refills count (D4)", () => {
    const workers = [
      count("ready", 2, { pilotType: null }),
      count("ready", 1, { pilotType: "PT" }),
      count("running", 3, { pilotType: "RC", refill: 4 }),
      count("running", 3, { pilotType: "ALRB" }),
    ];
    const { entries } = planWorkers(planInput({ queue: queue({ nQueueLimitWorker: 1 }), workers }));
    expect(entries.map(({ pilotType, n, nReady }) => [pilotType, n, nReady])).toEqual([
      ["PR", 1, 2],
      ["PT", 0, 1],
      ["RC", 0, 4],
    ]);
  });
});

it("the plan as a whole carries the bound of its largest entry and what it was made from", () => {
  const ordered = { "managed/SCORE": 1, "managed/MCORE": 8 };
  const plan = planWorkers(planInput({ queue: slave({ nQueueLimitWorkerCores: 30 }), ordered, workers: queued(2) }));
  expect(plan).toMatchObject({
    bound: "nQueueLimitWorker",
    inputs: { limit: 5, coreLimit: 30, memoryLimit: null, queued: 2, queuedCores: 2, throttled: null },
  });
  expect(plan.entries[1]).toMatchObject({ inputs: { ordered: 8, factor: 1, activated: null, limit: 5 } });
});
