/**
 * What holds for every plan of new workers (lifecycle 6.4), against the formulas of the text and against the limits.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type PlanInput, planWorkers } from "../../src/sizing/plan.ts";
import { classify } from "../../src/sizing.ts";
import { count, queue } from "./fixtures.ts";
import { limits, newWorkers } from "./oracle.ts";

const limit = fc.nat(12);
const attributes = fc.record({
  mapType: fc.constantFrom("NoJob", "OneToOne"),
  runMode: fc.constantFrom("self", "slave"),
  maxWorkers: fc.nat(20),
  nQueueLimitWorker: fc.option(limit),
  nQueueLimitWorkerRatio: fc.option(fc.nat(200)),
  nQueueLimitWorkerMin: fc.option(limit),
  nQueueLimitWorkerCores: fc.option(fc.nat(30)),
  nQueueLimitWorkerMemory: fc.option(fc.nat(30_000)),
  maxNewWorkersPerCycle: fc.nat(6),
});
const status = fc.constantFrom("submitted", "idle", "pending", "ready", "running", "finished", "missed");
const workersOf = (resourceTypes: readonly string[], pilotTypes: readonly (string | null)[]) =>
  fc.array(
    fc
      .record({
        status,
        n: fc.nat(4),
        resourceType: fc.constantFrom(...resourceTypes),
        pilotType: fc.constantFrom(...pilotTypes),
      })
      .map(({ status, n, ...about }) => count(status, n, about)),
    { maxLength: 6 },
  );
const submitter = fc.record({
  activateWorkerFactor: fc.constantFrom(1, 0.5, 0.3, 2),
  maxNewWorkers: fc.nat(8),
  noPilotsWhenNoActiveJobs: fc.boolean(),
});
const activated = fc.constantFrom(undefined, null, 0, 1, 3, 9);

/** `undefined`: no statistics; null: statistics without the queue. */
const statistics = (n: number | null | undefined) =>
  n === undefined ? {} : { "job_statistics.json": n === null ? {} : { Q: { activated: n } } };

const total = (input: PlanInput): number => planWorkers(input).entries.reduce((sum, { n }) => sum + n, 0);

/** Orders of resource types and prioritised pilot types, workers of any kind. */
const anything: fc.Arbitrary<PlanInput> = fc
  .record({
    attributes,
    ordered: fc.oneof(
      fc.record({ "ANY/ANY": fc.nat(9) }),
      fc.record({
        "ANY/ANY": fc.nat(9),
        "managed/SCORE": fc.nat(9),
        "managed/MCORE": fc.nat(9),
        "user/MCORE": fc.nat(3),
      }),
    ),
    workers: workersOf(["SCORE", "MCORE"], ["PR", "ALRB", "RC", null]),
    submitter,
    activated,
    alrb: fc.nat(5),
  })
  .map(({ attributes, activated, alrb, ...rest }) => ({
    ...rest,
    queue: queue(attributes),
    lists: {
      ...statistics(activated),
      "job_statistics_new.json": { Q: { SCORE: { rc_alrb: { activated: alrb }, managed: { activated: 5 } } } },
    },
    throttled: null,
  }));

describe("a queue without types", () => {
  it("gets the number of the text", () => {
    const one = fc.record({
      attributes,
      submitter,
      activated,
      ordered: fc.nat(9),
      workers: workersOf(["ANY"], ["PR"]),
    });
    fc.assert(
      fc.property(one, ({ attributes, submitter, activated, ordered, workers }) => {
        const q = queue(attributes);
        const sums = classify(workers);
        const { queued, ready, running, queuedCores: core, queuedMemory: mem } = sums;
        const expected = newWorkers({
          ...{ q, queued, ready, running, core, mem, activated, nNewWorkers: ordered },
          limits: limits(q, { n: running, core: sums.runningCores, mem: sums.runningMemory }),
          f: submitter.activateWorkerFactor,
          nmin: submitter.noPilotsWhenNoActiveJobs ? 0 : 1,
          maxNewWorkers: submitter.maxNewWorkers,
        });
        const lists = statistics(activated);
        expect(total({ queue: q, workers, ordered: { "ANY/ANY": ordered }, lists, submitter, throttled: null })).toBe(
          expected,
        );
      }),
      { numRuns: 5000 },
    );
  });
});

describe("any plan", () => {
  it("keeps every limit, whatever the types of the workers (D7, D8, D11)", () => {
    fc.assert(
      fc.property(anything, (input) => {
        const { queue: q, submitter } = input;
        const workers = input.workers;
        const sums = classify(workers);
        const { Lw, Lc, Lm } = limits(q, { n: sums.running, core: sums.runningCores, mem: sums.runningMemory });
        const n = total(input);
        const atMost = (value: number) => expect(n).toBeLessThanOrEqual(Math.max(value, 0));
        if (Lw > 0) atMost(Lw - sums.queued);
        if (q.maxWorkers > 0) atMost(q.maxWorkers - sums.queued - sums.ready - sums.running);
        if (Lc !== null) atMost(Lc - sums.queuedCores);
        if (Lm !== null) atMost(Lm - sums.queuedMemory);
        if (q.maxNewWorkersPerCycle > 0) atMost(q.maxNewWorkersPerCycle);
        if (submitter.maxNewWorkers > 0) atMost(submitter.maxNewWorkers);
        if (q.runMode === "slave") atMost(Object.values(input.ordered).reduce((sum, of) => sum + of, 0));
      }),
      { numRuns: 5000 },
    );
  });

  it("has whole numbers of at least 0, each with what bound it", () => {
    const bounds =
      /^(ordered|activatedJobs|maxWorkers|maxNewWorkers(PerCycle)?|nQueueLimitWorker(Cores|Memory)?(Ratio|Min)?)$/;
    fc.assert(
      fc.property(anything, (input) => {
        const { entries, bound } = planWorkers(input);
        expect(entries.length).toBeGreaterThan(0);
        expect(bound).toMatch(bounds);
        for (const entry of entries) {
          expect(Number.isInteger(entry.n) && entry.n >= 0).toBe(true);
          expect(entry.bound).toMatch(bounds);
          // "ordered" says that all that was ordered is made.
          if (entry.bound === "ordered") expect(entry.n).toBe(entry.inputs["ordered"]);
        }
        expect(new Set(entries.map((entry) => `${entry.resourceType}/${entry.pilotType}`)).size).toBe(entries.length);
      }),
      { numRuns: 2000 },
    );
  });

  it("makes no less where a limit is raised or more is ordered", () => {
    // A limit of 0 often means none, so that 1 is less.
    const raised = fc.constantFrom("maxWorkers", "nQueueLimitWorker", "nQueueLimitWorkerMin", "maxNewWorkersPerCycle");
    fc.assert(
      fc.property(anything, raised, fc.integer({ min: 1, max: 9 }), (input, key, by) => {
        const q = input.queue;
        const old = q[key];
        fc.pre(old !== null && old > 0);
        expect(total({ ...input, queue: { ...q, [key]: (old ?? 0) + by } })).toBeGreaterThanOrEqual(total(input));
      }),
      { numRuns: 3000 },
    );
    fc.assert(
      fc.property(anything, fc.integer({ min: 1, max: 9 }), (input, by) => {
        const more = Object.fromEntries(Object.entries(input.ordered).map(([type, n]) => [type, n + by]));
        expect(total({ ...input, ordered: more })).toBeGreaterThanOrEqual(total(input));
      }),
      { numRuns: 3000 },
    );
  });

  it("makes none where the queue is stopped", () => {
    fc.assert(
      fc.property(anything, fc.constantFrom("throttled", "offline", "standby"), (input, how) => {
        const stopped =
          how === "throttled"
            ? { ...input, throttled: "many missed" }
            : how === "offline"
              ? { ...input, queue: { ...input.queue, queueStatus: "offline" } }
              : { ...input, lists: { ...input.lists, "panda_queues.json": { Q: { status: how } } } };
        expect(total(stopped)).toBe(0);
      }),
    );
  });
});
