/** Jobs to ask for (lifecycle 6.1, with D5 as it was meant). */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jobsToFetch } from "../../src/sizing.ts";
import { queue } from "./fixtures.ts";
import { fetchLimits } from "./oracle.ts";

const none = { n: 0, cores: 0 };

describe("one rule each", () => {
  it.each<[string, Record<string, unknown>, { starting?: object; running?: object; maxJobs?: number }, number, string]>(
    [
      ["the limit, where nothing is starting", { nQueueLimitJob: 10 }, {}, 10, "nQueueLimitJob"],
      ["less what is starting (D5)", { nQueueLimitJob: 10 }, { starting: { n: 4, cores: 4 } }, 6, "nQueueLimitJob"],
      ["running jobs do not count", { nQueueLimitJob: 10 }, { running: { n: 50, cores: 50 } }, 10, "nQueueLimitJob"],
      ["nothing at the limit", { nQueueLimitJob: 10 }, { starting: { n: 10, cores: 1 } }, 0, "nQueueLimitJob"],
      ["nothing above it", { nQueueLimitJob: 10 }, { starting: { n: 12, cores: 1 } }, 0, "nQueueLimitJob"],
      ["a limit of 0 is one", { nQueueLimitJob: 0 }, {}, 0, "nQueueLimitJob"],
      ["without limit nothing is fetched", {}, {}, 0, "nQueueLimitJob"],
      ["a NoJob queue fetches nothing", { mapType: "NoJob" }, {}, 0, "mapType"],
      ["an offline queue fetches nothing", { nQueueLimitJob: 10, queueStatus: "offline" }, {}, 0, "queueStatus"],
      ["maxJobs of the instance", { nQueueLimitJob: 10 }, { maxJobs: 3 }, 3, "maxJobs"],
      [
        "the deficit below maxJobs",
        { nQueueLimitJob: 10 },
        { maxJobs: 3, starting: { n: 8, cores: 8 } },
        2,
        "nQueueLimitJob",
      ],
      [
        "percent of the running ones",
        { nQueueLimitJob: 10, nQueueLimitJobRatio: 50 },
        { running: { n: 9, cores: 9 } },
        4,
        "nQueueLimitJobRatio",
      ],
      [
        "not above the limit",
        { nQueueLimitJob: 10, nQueueLimitJobRatio: 200 },
        { running: { n: 9, cores: 9 } },
        10,
        "nQueueLimitJob",
      ],
      [
        "one job begins where nothing runs",
        { nQueueLimitJob: 10, nQueueLimitJobRatio: 50 },
        {},
        1,
        "nQueueLimitJobMin",
      ],
      [
        "the minimum where less runs",
        { nQueueLimitJob: 10, nQueueLimitJobRatio: 50, nQueueLimitJobMin: 3 },
        { running: { n: 4, cores: 4 } },
        3,
        "nQueueLimitJobMin",
      ],
      [
        "no minimum where enough runs",
        { nQueueLimitJob: 10, nQueueLimitJobRatio: 50, nQueueLimitJobMin: 3 },
        { running: { n: 6, cores: 6 } },
        3,
        "nQueueLimitJobRatio",
      ],
      [
        "a minimum of 0 is one too",
        { nQueueLimitJob: 10, nQueueLimitJobRatio: 50, nQueueLimitJobMin: 0 },
        {},
        0,
        "nQueueLimitJobRatio",
      ],
      [
        "cores below the limit do not lower the number",
        { nQueueLimitJob: 10, nQueueLimitJobCores: 8 },
        { starting: { n: 1, cores: 7 } },
        9,
        "nQueueLimitJob",
      ],
      [
        "cores at the limit stop",
        { nQueueLimitJob: 10, nQueueLimitJobCores: 8 },
        { starting: { n: 1, cores: 8 } },
        0,
        "nQueueLimitJobCores",
      ],
      [
        "cores by ratio",
        { nQueueLimitJob: 10, nQueueLimitJobCoresRatio: 50 },
        { starting: { n: 1, cores: 4 }, running: { n: 1, cores: 8 } },
        0,
        "nQueueLimitJobCoresRatio",
      ],
      [
        "cores by minimum",
        { nQueueLimitJob: 10, nQueueLimitJobCoresRatio: 50, nQueueLimitJobCoresMin: 6 },
        { starting: { n: 1, cores: 6 }, running: { n: 1, cores: 8 } },
        0,
        "nQueueLimitJobCoresMin",
      ],
      [
        "the larger of both minimums",
        { nQueueLimitJob: 10, nQueueLimitJobCoresRatio: 50, nQueueLimitJobCoresMin: 2, nQueueLimitJobMin: 6 },
        { starting: { n: 1, cores: 5 } },
        9,
        "nQueueLimitJob",
      ],
      [
        "a ratio of cores never lifts their limit",
        { nQueueLimitJob: 10, nQueueLimitJobCores: 3, nQueueLimitJobCoresRatio: 50 },
        { starting: { n: 1, cores: 3 }, running: { n: 1, cores: 8 } },
        0,
        "nQueueLimitJobCores",
      ],
    ],
  )("%s", (_name, attributes, { starting, running, maxJobs = 500 }, n, bound) => {
    const counts = { starting: { ...none, ...starting }, running: { ...none, ...running } };
    expect(jobsToFetch(queue(attributes), counts, maxJobs)).toMatchObject({ n, bound });
  });

  it("says what it was made from", () => {
    const counts = { starting: { n: 1, cores: 2 }, running: { n: 3, cores: 4 } };
    const { inputs } = jobsToFetch(queue({ nQueueLimitJob: 10, nQueueLimitJobCores: 8 }), counts, 500);
    expect(inputs).toEqual({
      starting: 1,
      startingCores: 2,
      running: 3,
      runningCores: 4,
      limit: 10,
      coreLimit: 8,
      maxJobs: 500,
    });
  });
});

const limit = fc.option(fc.nat(30), { freq: 2 });
const attributes = fc.record({
  nQueueLimitJob: limit,
  nQueueLimitJobRatio: fc.option(fc.nat(300)),
  nQueueLimitJobMin: limit,
  nQueueLimitJobCores: limit,
  nQueueLimitJobCoresRatio: fc.option(fc.nat(300)),
  nQueueLimitJobCoresMin: limit,
});
const some = fc.record({ n: fc.nat(40), cores: fc.nat(60) });
const situation = fc.record({ attributes, starting: some, running: some, maxJobs: fc.nat(20) });
const bounds = [
  ...["nQueueLimitJob", "nQueueLimitJobRatio", "nQueueLimitJobMin", "nQueueLimitJobCores"],
  ...["nQueueLimitJobCoresRatio", "nQueueLimitJobCoresMin", "maxJobs"],
];

describe("any queue", () => {
  it("fetches as the text says, less what is starting", () => {
    fc.assert(
      fc.property(situation, ({ attributes, starting, running, maxJobs }) => {
        const config = queue(attributes);
        const limits = fetchLimits(config, running.n, running.cores);
        const skipped = !limits || starting.n >= limits.L || (limits.C !== null && starting.cores >= limits.C);
        const expected = skipped ? 0 : Math.min(limits.L - starting.n, maxJobs);
        const { n, bound } = jobsToFetch(config, { starting, running }, maxJobs);
        expect(n).toBe(expected);
        expect(bounds).toContain(bound);
      }),
      { numRuns: 2000 },
    );
  });

  it("never exceeds its limit, with what is starting", () => {
    fc.assert(
      fc.property(situation, ({ attributes, starting, running, maxJobs }) => {
        const { n } = jobsToFetch(queue(attributes), { starting, running }, maxJobs);
        expect(n).toBeGreaterThanOrEqual(0);
        expect(n).toBeLessThanOrEqual(maxJobs);
        if (n > 0) expect(starting.n + n).toBeLessThanOrEqual(attributes.nQueueLimitJob ?? 0);
      }),
    );
  });

  it("never fetches less where a limit is raised", () => {
    const raised = fc.constantFrom("nQueueLimitJob", "nQueueLimitJobMin", "nQueueLimitJobCores", "maxJobs");
    fc.assert(
      fc.property(situation, raised, fc.integer({ min: 1, max: 9 }), (given, key, by) => {
        const { attributes, starting, running, maxJobs } = given;
        const old = key === "maxJobs" ? maxJobs : attributes[key as keyof typeof attributes];
        fc.pre(old !== null);
        const more = key === "maxJobs" ? attributes : { ...attributes, [key]: (old ?? 0) + by };
        const before = jobsToFetch(queue(attributes), { starting, running }, maxJobs).n;
        const after = jobsToFetch(queue(more), { starting, running }, key === "maxJobs" ? maxJobs + by : maxJobs).n;
        expect(after).toBeGreaterThanOrEqual(before);
      }),
    );
  });
});
