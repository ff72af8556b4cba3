/** Which jobs go to which worker (lifecycle 6.6), and dynamic sizing (6.4, end). */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Chunks, chunkJobs, type EligibleJob, sizeDynamically } from "../../src/sizing.ts";
import { queue } from "./fixtures.ts";
import { chunksOfK, chunksOfW } from "./oracle.ts";

const maker = { nJobsPerWorker: 1, nWorkersPerJob: 1, maxWorkersPerJobInTotal: 10, maxWorkersPerJobPerCycle: null };
const jobs = (...tasks: readonly number[]): EligibleJob[] => tasks.map((taskID, i) => ({ PandaID: i + 1, taskID }));
const late = (...ids: readonly number[]): EligibleJob[] => ids.map((PandaID) => ({ PandaID, taskID: 1, queued: true }));
const idsOf = ({ chunks }: Chunks): (readonly number[])[] => chunks.map(({ PandaIDs }) => PandaIDs);
const slots = (nWorkers: number, nReady = 0) => ({ nWorkers, nReady });

describe("NoJob", () => {
  it("has workers without jobs", () => {
    const made = chunkJobs(queue({ mapType: "NoJob" }), slots(2), maker, jobs(1));
    expect(made).toMatchObject({ chunks: [{ PandaIDs: [] }, { PandaIDs: [] }], released: [], bound: "plannedWorkers" });
    expect(idsOf(chunkJobs(queue({ mapType: "NoJob" }), slots(0), maker, []))).toEqual([]);
  });
});

describe("OneToOne", () => {
  const one = queue({ mapType: "OneToOne" });
  it.each<[string, ReturnType<typeof slots>, EligibleJob[], number[][], number[], string]>([
    ["a job a worker, in order", slots(5), jobs(1, 2, 1), [[1], [2], [3]], [], "eligibleJobs"],
    ["as many as planned", slots(2), jobs(1, 2, 1), [[1], [2]], [], "plannedWorkers"],
    ["none where no job waits", slots(2), [], [], [], "noEligibleJob"],
    ["none where no worker is planned", slots(0), jobs(1), [], [], "plannedWorkers"],
    ["queued jobs only for ready workers", slots(3, 1), late(1, 2, 3), [[1]], [2, 3], "nJobsPerWorker"],
    [
      "and others pass them",
      slots(3, 1),
      [...late(1, 2), { PandaID: 3, taskID: 1 }],
      [[1], [3]],
      [2],
      "nJobsPerWorker",
    ],
  ])("%s", (_name, plan, list, chunks, released, bound) => {
    const made = chunkJobs(one, plan, { ...maker, nJobsPerWorker: 7 }, list);
    expect([idsOf(made), made.released, made.bound]).toEqual([chunks, released, bound]);
  });
});

describe("ManyToOne", () => {
  const two = { ...maker, nJobsPerWorker: 2 };
  const many = queue({ mapType: "ManyToOne" });
  const mixed = queue({ mapType: "ManyToOne", allowJobMixture: true });
  it.each<[string, typeof many, EligibleJob[], number[][], number[], string]>([
    ["full workers only", many, jobs(1, 1, 1), [[1, 2]], [], "nJobsPerWorker"],
    [
      "all jobs",
      many,
      jobs(1, 1, 1, 1),
      [
        [1, 2],
        [3, 4],
      ],
      [],
      "eligibleJobs",
    ],
    ["another task closes a worker", many, jobs(1, 2, 2, 3), [[1], [2, 3]], [4], "nJobsPerWorker"],
    [
      "unless mixed",
      mixed,
      jobs(1, 2, 2, 3),
      [
        [1, 2],
        [3, 4],
      ],
      [],
      "eligibleJobs",
    ],
    ["what is left open is given back at once (D12)", many, jobs(1, 2, 3, 3), [[1], [2], [3, 4]], [], "plannedWorkers"],
    ["also where it is alone", many, jobs(1, 2), [[1]], [2], "nJobsPerWorker"],
    ["too few for one", many, jobs(1), [], [], "nJobsPerWorker"],
  ])("%s", (_name, config, list, chunks, released, bound) => {
    const made = chunkJobs(config, slots(3), two, list);
    expect([idsOf(made), made.released, made.bound]).toEqual([chunks, released, bound]);
  });
});

describe("OneToMany", () => {
  const many = queue({ mapType: "OneToMany" });
  const three = { ...maker, nWorkersPerJob: 3 };
  it.each<[string, object, number, EligibleJob[], number[][], number[], string]>([
    ["workers for each job, while there are some", {}, 4, jobs(1, 1), [[1], [1], [1], [2]], [], "plannedWorkers"],
    ["all that the jobs may have", {}, 9, jobs(1, 1), [[1], [1], [1], [2], [2], [2]], [], "eligibleJobs"],
    [
      "less those that it has",
      {},
      9,
      [{ PandaID: 1, taskID: 1, nWorkers: 2, nWorkersLimit: 3 }],
      [[1]],
      [],
      "eligibleJobs",
    ],
    ["the job's own limit", {}, 9, [{ PandaID: 1, taskID: 1, nWorkersLimit: 2 }], [[1], [1]], [], "eligibleJobs"],
    [
      "no more than in total",
      { maxWorkersPerJobInTotal: 4 },
      9,
      [{ PandaID: 1, taskID: 1, nWorkersInTotal: 3 }],
      [[1]],
      [],
      "eligibleJobs",
    ],
    [
      "none beyond the total",
      { maxWorkersPerJobInTotal: 4 },
      9,
      [{ PandaID: 1, taskID: 1, nWorkersInTotal: 5 }],
      [],
      [1],
      "workersPerJob",
    ],
    ["so many in a cycle", { maxWorkersPerJobPerCycle: 2 }, 9, jobs(1), [[1], [1]], [], "eligibleJobs"],
    [
      "no more jobs than workers could serve",
      {},
      2,
      [{ PandaID: 1, taskID: 1, nWorkers: 3 }, ...jobs(1)],
      [],
      [1],
      "workersPerJob",
    ],
  ])("%s", (_name, numbers, nWorkers, list, chunks, released, bound) => {
    const made = chunkJobs(many, slots(nWorkers), { ...three, ...numbers }, list);
    expect([idsOf(made), made.released, made.bound]).toEqual([chunks, released, bound]);
  });

  it("says what is to be kept on the job", () => {
    const { chunks } = chunkJobs(many, slots(1), three, jobs(1));
    expect(chunks).toEqual([{ PandaIDs: [1], nWorkersLimit: 3, maxWorkersInTotal: 10 }]);
  });
});

const job = fc.record({
  taskID: fc.integer({ min: 1, max: 3 }),
  queued: fc.boolean(),
  nWorkers: fc.nat(3),
  nWorkersInTotal: fc.nat(6),
  nWorkersLimit: fc.option(fc.integer({ min: 1, max: 4 })),
});
const situation = fc.record({
  nWorkers: fc.nat(8),
  nReady: fc.nat(3),
  each: fc.integer({ min: 1, max: 4 }),
  mixture: fc.boolean(),
  total: fc.option(fc.nat(8)),
  cycle: fc.option(fc.integer({ min: 1, max: 3 })),
  jobs: fc.array(job, { maxLength: 15 }).map((all) => all.map((one, i) => ({ ...one, PandaID: i + 1 }))),
});

describe("any jobs", () => {
  it("go to workers as the text says; none is lost, doubled, or given to more workers than planned", () => {
    fc.assert(
      fc.property(situation, ({ nWorkers, nReady, each, mixture, jobs: list }) => {
        const config = queue({ mapType: "ManyToOne", allowJobMixture: mixture });
        const made = chunkJobs(config, { nWorkers, nReady }, { ...maker, nJobsPerWorker: each }, list);
        expect(idsOf(made)).toEqual(chunksOfK(config, nWorkers, nReady, each, list));
        expect(made.chunks.length).toBeLessThanOrEqual(nWorkers);
        expect(made.bound).toMatch(/^(plannedWorkers|eligibleJobs|noEligibleJob|nJobsPerWorker)$/);
        const named = [...idsOf(made).flat(), ...made.released];
        expect(new Set(named).size).toBe(named.length);
        for (const ids of idsOf(made)) expect(ids.length).toBeLessThanOrEqual(each);
      }),
      { numRuns: 2000 },
    );
  });

  it("get workers as the text says, none more than its limits", () => {
    fc.assert(
      fc.property(situation, ({ nWorkers, nReady, each, total, cycle, jobs: list }) => {
        const numbers = { nWorkersPerJob: each, maxWorkersPerJobInTotal: total, maxWorkersPerJobPerCycle: cycle };
        const config = queue({ mapType: "OneToMany" });
        const made = chunkJobs(config, { nWorkers, nReady }, { ...maker, ...numbers }, list);
        expect(idsOf(made).flat()).toEqual(chunksOfW({ nW: nWorkers, y: nReady, w: each, total, cycle }, list));
        expect(made.chunks.length).toBeLessThanOrEqual(nWorkers);
        expect(made.bound).toMatch(/^(plannedWorkers|eligibleJobs|noEligibleJob|workersPerJob)$/);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("dynamic sizing", () => {
  it.each<[string, [number, number, number | null, { queued: number; running: number }], number, string]>([
    ["as many as are ready", [5, 2, null, { queued: 0, running: 9 }], 2, "numReadyResources"],
    ["or as planned", [1, 2, null, { queued: 0, running: 9 }], 1, "plannedWorkers"],
    ["none where nothing is ready", [5, 0, null, { queued: 0, running: 0 }], 0, "numReadyResources"],
    ["up to staticWorkers then", [5, 0, 3, { queued: 1, running: 0 }], 2, "staticWorkers"],
    ["or as planned", [1, 0, 3, { queued: 1, running: 0 }], 1, "plannedWorkers"],
    ["none where they are there", [5, 0, 3, { queued: 1, running: 4 }], 0, "staticWorkers"],
    ["staticWorkers do not matter where some are ready", [5, 4, 1, { queued: 1, running: 4 }], 4, "numReadyResources"],
  ])("%s", (_name, args, value, bound) => {
    expect(sizeDynamically(...args)).toEqual({ value, bound });
  });
});
