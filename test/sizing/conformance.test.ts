/** The recorded behaviour of the original is reproduced: numbers of jobs asked for, workers made, and jobs of each. */
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { planWorkers } from "../../src/sizing/plan.ts";
import {
  chunkJobs,
  classify,
  type EligibleJob,
  jobsToFetch,
  sizeDynamically,
  type WorkerCount,
} from "../../src/sizing.ts";
import {
  answersOf,
  instanceOf,
  orderedIn,
  queuesOf,
  readFamily,
  type Scenario,
  type State,
  type Turn,
  turnsOf,
} from "./corpus.ts";

const folder = process.env["WINDROW_CONFORMANCE"];

const orZero = z.number().catch(0);
const workerRow = z.object({
  status: z.string(),
  jobType: z.string().default("managed"),
  resourceType: z.string().default("ANY"),
  pilotType: z.string().nullable().default(null),
  nCore: z.number().default(1),
});

/** Every worker of the corpus has 1000 MB. */
function countsOf({ workers }: State): WorkerCount[] {
  return Object.values(workers).map((row) => {
    const { nCore, ...rest } = workerRow.parse(row);
    return { ...rest, n: 1, cores: nCore, memory: 1000 };
  });
}

const sumOf = (state: State, status: string) => {
  const jobs = Object.values(state.jobs).filter((job) => job["status"] === status);
  return { n: jobs.length, cores: jobs.reduce((sum, job) => sum + orZero.parse(job["nCore"]), 0) };
};

const makerSchema = z.object({
  nJobsPerWorker: z.number().default(1),
  nWorkersPerJob: z.number().default(1),
  maxWorkersPerJobInTotal: z.number().nullable().default(10),
  maxWorkersPerJobPerCycle: z.number().nullable().default(null),
  dynamicSizing: z.boolean().default(false),
  staticWorkers: z.number().nullable().default(null),
});

/** Jobs that could get a worker in the Submitter's cycle: chosen ones, and those that are still prepared after it. */
function eligibleJobs({ jobs }: Scenario, { round, before, after }: Turn, oneToMany: boolean): EligibleJob[] {
  const chosen = new Set(round.calls.filter(({ m }) => m === "workerMaker.make_worker").flatMap((call) => call.jobs));
  return jobs
    .filter(({ id }) => {
      if (chosen.has(id) || after.jobs[id]?.["subStatus"] === "prepared") return true;
      const job = before.jobs[id] ?? {};
      const grows = job["subStatus"] === "submitted" || job["subStatus"] === "running";
      const numberOf = (key: string): number => orZero.parse(job[key]);
      const most = numberOf("maxWorkersInTotal");
      const room = numberOf("nWorkers") < numberOf("nWorkersLimit") && job["moreWorkers"] == null;
      return oneToMany && grows && room && (most === 0 || numberOf("nWorkersInTotal") < most);
    })
    .toSorted((a, b) => b.prio - a.prio || a.task - b.task || a.id - b.id)
    .map(({ id, task }) => {
      const job = before.jobs[id] ?? {};
      return {
        PandaID: id,
        taskID: task,
        nWorkers: orZero.parse(job["nWorkers"]),
        nWorkersInTotal: orZero.parse(job["nWorkersInTotal"]),
        nWorkersLimit: z.number().nullable().catch(null).parse(job["nWorkersLimit"]),
      };
    });
}

const workersMade = ({ expected }: Scenario): number =>
  expected.flatMap(({ calls }) => calls.filter(({ m }) => m === "workerMaker.make_worker")).length;

function checkSubmission(scenario: Scenario): void {
  const queue = queuesOf(scenario)[0] ?? expect.unreachable();
  const { submitter } = instanceOf(scenario);
  const maker = makerSchema.parse(queue.plugins.workerMaker);
  const ready = answersOf(scenario, "workerMaker.num_ready_resources", 1);
  for (const turn of turnsOf(scenario)) {
    const { round, before } = turn;
    const calls = round.calls.filter(({ a }) => a === "Submitter");
    const workers = countsOf(before);
    const throttled = calls.some(({ m, ret }) => m === "throttler.to_be_throttled" && ret === true);
    const plan = planWorkers({
      queue,
      workers,
      ordered: orderedIn(scenario, queue.queueName, turn),
      lists: scenario.config.cache,
      submitter,
      throttled: throttled ? "said so" : null,
    });
    let eligible = eligibleJobs(scenario, turn, queue.mapType === "OneToMany");
    const ours: string[] = [];
    for (const { n, resourceType } of plan.entries) {
      const size = maker.dynamicSizing && n > 0 ? sized(n, ready.next().value, maker.staticWorkers, workers) : n;
      const { chunks } = chunkJobs(queue, { nWorkers: size, nReady: 0 }, maker, eligible);
      const used = new Set(chunks.flatMap(({ PandaIDs }) => PandaIDs));
      eligible = eligible.filter(({ PandaID }) => !used.has(PandaID));
      ours.push(...chunks.map(({ PandaIDs }) => `${resourceType}:${PandaIDs}`));
    }
    const theirs = calls
      .filter(({ m }) => m === "workerMaker.make_worker")
      .map(({ rt = "", jobs = [] }) => `${rt}:${jobs}`);
    expect({ round: round.r, made: ours.toSorted() }).toEqual({ round: round.r, made: theirs.toSorted() });
  }
}

const sized = (n: number, answer: unknown, staticWorkers: number | null, workers: readonly WorkerCount[]): number =>
  sizeDynamically(n, orZero.parse(answer), staticWorkers, classify(workers)).value;

function checkFetch(scenario: Scenario): void {
  const { jobfetcher } = instanceOf(scenario);
  for (const { round, before } of turnsOf(scenario)) {
    for (const queue of queuesOf(scenario)) {
      const asked = round.wms.filter(({ m, site }) => m === "get_jobs" && site === queue.siteName);
      const counts = { starting: sumOf(before, "starting"), running: sumOf(before, "running") };
      const { n } = jobsToFetch(queue, counts, jobfetcher.maxJobs);
      // Elsewhere only calls that delivered something are recorded, without what was asked.
      if (scenario.recordFetch) expect([round.r, asked.map((call) => call.n)]).toEqual([round.r, n > 0 ? [n] : []]);
      else if (asked.length > 0) expect(n).toBeGreaterThan(0);
    }
  }
}

const families = ["planning", "random-plan", "submit", "maptype", "command", "random-one", "random-many"];
/** What one queue makes depends on that queue alone, and records do not say which queue a worker is of. */
const ofOneQueue = families
  .flatMap((family) => (folder ? readFamily(folder, family) : []))
  .filter(({ config }) => Object.keys(config.queues).length === 1)
  .map((scenario) => [scenario.id, scenario] as const);
const ofFetch = folder ? readFamily(folder, "fetch").map((scenario) => [scenario.id, scenario] as const) : [];

describe.skipIf(!folder)(
  "the original's records (skipped unless WINDROW_CONFORMANCE names the corpus's folder)",
  () => {
    it("are there", () => {
      expect(ofOneQueue.length).toBeGreaterThan(200);
      expect(ofFetch.length).toBeGreaterThan(10);
      expect(ofOneQueue.reduce((sum, [, scenario]) => sum + workersMade(scenario), 0)).toBeGreaterThan(500);
    });
    describe("workers made and their jobs", () => {
      it.each(ofOneQueue)("%s", (_id, scenario) => checkSubmission(scenario));
    });
    describe("jobs asked for", () => {
      it.each(ofFetch)("%s", (_id, scenario) => checkFetch(scenario));
    });
  },
);
