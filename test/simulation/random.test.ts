/**
 * Whole lives of jobs in bad weather, from a seed: plug-ins that are slow, that throw, that answer "later", "never",
 * nonsense or nothing; kills and commands of the WMS, jobs handed out twice, and crashes. Whatever happens, no machine
 * meets an event that it does not know, no worker is created twice, and the log gives the same World again.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { StoredRecord } from "../../src/log/record.ts";
import { type Plan, type Simulated, simulate } from "./simulate.ts";
import { isEnd, type Weather } from "./site.ts";

const storm: Weather = {
  later: 0.1,
  fatal: 0.01,
  throws: 0.02,
  nonsense: 0.01,
  silence: 0.01,
  kills: 0.01,
  again: 0.02,
  slowest: 20,
};
const queues = {
  ONE: { mapType: "OneToOne", ddmEndpointIn: "E" },
  MANY: { mapType: "ManyToOne", ddmEndpointIn: "E", maker: { nJobsPerWorker: 4 } },
  SPLIT: { mapType: "OneToMany", maker: { nWorkersPerJob: 3 } },
  BLIND: { mapType: "OneToOne", blind: true },
};

const planOf = (seed: number): Plan => ({
  seed,
  weather: storm,
  queues,
  jobs: 12,
  crashes: 4,
  stormHours: 2,
  hours: 9,
});

/** Seeds of the run: WINDROW_SEEDS many from WINDROW_SEED on. */
const first = Number(process.env["WINDROW_SEED"] ?? 1);
const seeds = Array.from({ length: Number(process.env["WINDROW_SEEDS"] ?? 4) }, (_, i) => first + i);

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
    expect(open.map(({ PandaID, status }) => `${PandaID} is ${status}`)).toEqual([]);
    expect(done.replayed).toEqual(done.live);
  });

  it("the same seed gives the same log byte for byte", async () => {
    const one = textOf(await simulate(planOf(first)));
    const other = textOf(await simulate(planOf(first)));
    expect(other).toBe(one);
  });
});
