/**
 * A small run, cut after every single record of its log: the next engine goes on from what the log says, while the
 * outside world stays as it was. Every job ends the same, every worker is created once, no machine meets an event that
 * it does not know, and the log gives the same World again. Time is virtual.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { canonical, freeze } from "../../src/frozen.ts";
import { memoryStore } from "../../src/log/memory.ts";
import { Chance } from "../simulation/chance.ts";
import { begin, configurationOf, crash, type Life, replay, settle, start } from "../simulation/simulate.ts";
import { calm, isEnd, Site } from "../simulation/site.ts";
import { addSite } from "../simulation/sites.ts";
import { type CutLog, openCutLog } from "./cutLog.ts";

const queues = { ONE: { mapType: "OneToOne" }, MANY: { mapType: "ManyToOne", maker: { nJobsPerWorker: 2 } } };
const never = Number.MAX_SAFE_INTEGER;
let runs = 0;

/** Runs three jobs to their ends on a log that is cut once. */
async function run(last: number, heard: boolean) {
  vi.setSystemTime(start);
  const site = new Site(new Chance(1), calm);
  const name = `cut-${runs++}`;
  addSite(name, site);
  site.addJob(1, "ONE", ["a", "b"]);
  site.addJob(2, "MANY", ["a"]);
  site.addJob(3, "MANY", ["c"]);
  const config = configurationOf(name, queues, 6);
  const store = memoryStore(config.instance.windrow.shards);
  const first: CutLog = openCutLog(store, last, heard);
  let log = first;
  const lives: Life[] = [];
  const opening = begin(site, name, config, first);
  // A log that is cut while the engine opens lets it wait for ever.
  const opened = await Promise.race([opening, cutting(first)]);
  if (opened) lives.push(opened);
  const isOver = () => [...site.jobs.values()].every(({ status }) => isEnd(status));
  for (;;) {
    await settle();
    if (log === first && first.isCut()) {
      if (lives[0]) await crash(lives[0], site, 0);
      else await first.crash(0);
      log = openCutLog(store, never, true);
      // No process begins in the millisecond in which the one before it ended.
      vi.setSystemTime(Date.now() + 1000);
      lives.push(await begin(site, name, config, log));
    } else if (isOver() || Date.now() > start + 7_200_000) break;
    else vi.advanceTimersToNextTimer();
  }
  const live = lives.at(-1);
  if (!live) throw new Error("the engine never opened");
  const world = canonical(freeze(live.engine.world));
  const anomalies = [...live.engine.world.anomalies];
  await crash(live, site, 0);
  const replayed = canonical(freeze((await replay(store)).world));
  const ends = [...site.jobs.values()].map(({ PandaID, status }) => `${PandaID} ${status}`);
  return { ends, anomalies, violations: site.violations, workers: site.workers.size, world, replayed, first };
}

async function cutting(log: CutLog): Promise<undefined> {
  while (!log.isCut()) await settle();
  // The record that ends the log may be the last one that opening needed.
  for (let i = 0; i < 3; i += 1) await settle();
  return undefined;
}

describe("an engine that is cut off", () => {
  beforeAll(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
  });
  afterAll(() => {
    vi.useRealTimers();
  });

  it.each([
    { heard: true, when: "after what follows from the record happened outside" },
    { heard: false, when: "before the record was read back" },
  ])("goes on from any record, $when", { timeout: 300_000 }, async ({ heard }) => {
    const whole = await run(never, true);
    expect(whole.ends).toEqual(["1 finished", "2 finished", "3 finished"]);
    expect(whole.workers).toBe(2);
    const records = whole.first.records();
    expect(records).toBeGreaterThan(40);
    for (let last = 0; last < records; last += 1) {
      const { ends, anomalies, violations, workers, world, replayed } = await run(last, heard);
      const told = `cut after record ${last} of ${records}`;
      expect({ ends, anomalies, violations, workers }, told).toEqual({
        ends: whole.ends,
        anomalies: [],
        violations: [],
        workers: whole.workers,
      });
      expect(replayed, told).toEqual(world);
    }
  });
});
