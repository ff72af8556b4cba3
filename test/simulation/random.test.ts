/**
 * Whole lives of jobs in bad weather, from a seed: plug-ins that are slow, that throw, that answer "later", "never",
 * nonsense or nothing; kills and commands of the WMS, jobs handed out twice, and crashes. Whatever happens, no machine
 * meets an event that it does not know, no worker is created twice, and the log gives the same World again.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { StoredRecord } from "../../src/log/record.ts";
import { planOf } from "./plans.ts";
import { jobsPerWorker, type Simulated, simulate } from "./simulate.ts";
import { isEnd } from "./site.ts";

/** Seeds of the run: WINDROW_SEEDS many from WINDROW_SEED on. */
const first = Number(process.env["WINDROW_SEED"] ?? 1);
const seeds = Array.from({ length: Number(process.env["WINDROW_SEEDS"] ?? 3) }, (_, i) => first + i);

const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
const textOf = ({ store }: Simulated): string =>
  JSON.stringify(store.shards.map((records: readonly StoredRecord[]) => records.map(({ hash }) => hash)));

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("the engine in bad weather", () => {
  it.each(seeds)("seed %i: every job ends, nothing is done twice, nothing is unexpected", async (seed) => {
    const done = await simulate(planOf(seed));
    expect(done.anomalies).toEqual([]);
    expect(done.site.violations).toEqual([]);
    const open = [...done.site.jobs.values()].filter(({ status }) => !isEnd(status));
    // Too few for a worker of many jobs: they wait for company, as in the original.
    const alone = open.filter(({ queue }) => queue === "MANY");
    expect(alone.length).toBeLessThan(jobsPerWorker);
    const waiting = open.filter((job) => !alone.includes(job));
    expect(waiting.map(({ PandaID, status }) => `${PandaID} is ${status}`)).toEqual([]);
    expect(asJson(done.replayed)).toEqual(asJson(done.live));
  });

  it("the same seed gives the same log byte for byte", async () => {
    const one = textOf(await simulate(planOf(first)));
    const other = textOf(await simulate(planOf(first)));
    expect(other).toBe(one);
  });
});
