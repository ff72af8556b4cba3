/** Limits on queued workers (lifecycle 6.3). */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { workerLimits } from "../../src/sizing/limits.ts";
import { classify, workerCounts } from "../../src/sizing.ts";
import { count, queue } from "./fixtures.ts";
import * as oracle from "./oracle.ts";

const running = (n: number) => ({ running: n, runningCores: 4 * n, runningMemory: 2000 * n });
const of = (value: number, bound: string) => ({ value, bound });

describe("one rule each", () => {
  it.each<[string, Record<string, unknown>, number, object]>([
    ["nQueueLimitWorker", { nQueueLimitWorker: 5, maxWorkers: 9 }, 0, { workers: of(5, "nQueueLimitWorker") }],
    ["else maxWorkers", { maxWorkers: 9 }, 0, { workers: of(9, "maxWorkers") }],
    [
      "percent of the running ones",
      { nQueueLimitWorker: 9, nQueueLimitWorkerRatio: 50 },
      5,
      { workers: of(2, "nQueueLimitWorkerRatio") },
    ],
    [
      "0 where nothing runs and no minimum is set",
      { nQueueLimitWorker: 9, nQueueLimitWorkerRatio: 50 },
      0,
      { workers: of(0, "nQueueLimitWorkerRatio") },
    ],
    [
      "the minimum where less runs",
      { nQueueLimitWorker: 9, nQueueLimitWorkerRatio: 50, nQueueLimitWorkerMin: 3 },
      5,
      { workers: of(3, "nQueueLimitWorkerMin") },
    ],
    [
      "a ratio never lifts the limit",
      { nQueueLimitWorker: 9, nQueueLimitWorkerRatio: 500 },
      5,
      { workers: of(9, "nQueueLimitWorker") },
    ],
    ["no sums unless set", { maxWorkers: 9 }, 3, { cores: null, memory: null }],
    [
      "sums as given",
      { nQueueLimitWorkerCores: 16, nQueueLimitWorkerMemory: 4000 },
      3,
      { cores: of(16, "nQueueLimitWorkerCores"), memory: of(4000, "nQueueLimitWorkerMemory") },
    ],
    [
      "sums by ratio",
      { nQueueLimitWorkerCores: 16, nQueueLimitWorkerCoresRatio: 50, nQueueLimitWorkerMemoryRatio: 50 },
      3,
      { cores: of(6, "nQueueLimitWorkerCoresRatio"), memory: of(3000, "nQueueLimitWorkerMemoryRatio") },
    ],
    [
      "sums by minimum: one core and 1000 MB for each worker of the minimum",
      { nQueueLimitWorkerMin: 7, nQueueLimitWorkerCoresRatio: 50, nQueueLimitWorkerMemoryRatio: 50 },
      3,
      { cores: of(7, "nQueueLimitWorkerCoresMin"), memory: of(7000, "nQueueLimitWorkerMemoryMin") },
    ],
    [
      "the larger minimum",
      { nQueueLimitWorkerMin: 7, nQueueLimitWorkerCoresRatio: 50, nQueueLimitWorkerCoresMin: 8 },
      3,
      { cores: of(8, "nQueueLimitWorkerCoresMin") },
    ],
  ])("%s", (_name, attributes, n, expected) => {
    expect(workerLimits(queue(attributes), running(n))).toMatchObject(expected);
  });

  it("counts submitted, idle and pending workers as queued, and no finished ones", () => {
    const alive = ["submitted", "idle", "pending", "ready", "running"].map((status, i) => count(status, 10 ** i));
    const dead = ["finished", "failed", "cancelled", "missed"].map((status) => count(status, 50));
    expect(classify([...alive, ...dead])).toEqual({
      queued: 111,
      ready: 1000,
      running: 10000,
      queuedCores: 111,
      queuedMemory: 111_000,
      runningCores: 10000,
      runningMemory: 10_000_000,
    });
  });

  it("reads the projection's tallies; an empty pilot type is none", () => {
    const tallies = new Map([
      ["running|managed|SCORE|PR", { n: 2, cores: 3, memory: 4 }],
      ["idle|managed|MCORE|", { n: 1, cores: 8, memory: 9 }],
    ]);
    expect(workerCounts(tallies)).toEqual([
      { status: "running", jobType: "managed", resourceType: "SCORE", pilotType: "PR", n: 2, cores: 3, memory: 4 },
      { status: "idle", jobType: "managed", resourceType: "MCORE", pilotType: null, n: 1, cores: 8, memory: 9 },
    ]);
    expect(workerCounts(undefined)).toEqual([]);
  });
});

const limit = fc.option(fc.nat(30));
const ratio = fc.option(fc.nat(300));
const attributes = fc.record({
  maxWorkers: fc.nat(30),
  nQueueLimitWorker: limit,
  nQueueLimitWorkerRatio: ratio,
  nQueueLimitWorkerMin: limit,
  nQueueLimitWorkerCores: limit,
  nQueueLimitWorkerCoresRatio: ratio,
  nQueueLimitWorkerCoresMin: limit,
  nQueueLimitWorkerMemory: fc.option(fc.nat(30_000)),
  nQueueLimitWorkerMemoryRatio: ratio,
  nQueueLimitWorkerMemoryMin: fc.option(fc.nat(30_000)),
});

describe("any queue", () => {
  it("has the limits of the text", () => {
    fc.assert(
      fc.property(attributes, fc.nat(30), fc.nat(60), fc.nat(60_000), (given, n, core, mem) => {
        const config = queue(given);
        const ours = workerLimits(config, { running: n, runningCores: core, runningMemory: mem });
        const { Lw, Lc, Lm } = oracle.limits(config, { n, core, mem });
        expect([ours.workers.value, ours.cores?.value ?? null, ours.memory?.value ?? null]).toEqual([Lw, Lc, Lm]);
        for (const one of [ours.workers, ours.cores, ours.memory]) {
          if (one) expect(one.bound).toMatch(/^(maxWorkers|nQueueLimitWorker(Cores|Memory)?(Ratio|Min)?)$/);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
