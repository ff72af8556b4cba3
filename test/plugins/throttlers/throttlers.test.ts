/** The throttlers: which rules hold a queue back, by the counts that they are given (lifecycle 6.4). */
import { describe, expect, it } from "vitest";
import { loadPlugin } from "../../../src/plugins/load.ts";
import { SimpleThrottler } from "../../../src/plugins/throttlers/simple.ts";
import { TinyThrottler } from "../../../src/plugins/throttlers/tiny.ts";
import type { FamilyMember, MissedWorkers, ThrottleCounts } from "../../../src/plugins/upkeep.ts";

const now = Date.UTC(2026, 0, 1);
const minutes = (n: number): number => now - n * 60_000;
const queue = { queueName: "Q", siteName: "S", plugins: { submitter: { computingElements: ["ce1", "ce2"] } } };
const missed = (facts: Partial<MissedWorkers>): MissedWorkers => ({
  queue: "Q",
  site: "S",
  computingElement: null,
  submitAt: minutes(1),
  n: 1,
  ...facts,
});
const counts = (...list: readonly MissedWorkers[]): ThrottleCounts => ({ now, missed: list, family: [] });
const rule = (level: string, maxMissed = 2, timeWindow = 10) => ({ level, timeWindow, maxMissed });

describe("SimpleThrottler", () => {
  const says = (options: object, given: ThrottleCounts) => new SimpleThrottler(options).toBeThrottled(queue, given);

  it.each<[string, readonly string[], MissedWorkers, boolean]>([
    ["more than maxMissed", ["pq"], missed({ n: 3 }), true],
    ["maxMissed itself", ["pq"], missed({ n: 2 }), false],
    ["before the window", ["pq"], missed({ n: 3, submitAt: minutes(10) }), false],
    ["in the window", ["pq"], missed({ n: 3, submitAt: minutes(10) + 1 }), true],
    ["of another queue of the site, by queue", ["pq"], missed({ n: 3, queue: "R" }), false],
    ["of another queue of the site, by site", ["site"], missed({ n: 3, queue: "R" }), true],
    ["of another site", ["site"], missed({ n: 3, queue: "R", site: "T" }), false],
    ["on an own computing element, whatever queue", ["ce"], missed({ n: 3, site: "T", computingElement: "ce2" }), true],
    ["on another computing element", ["ce"], missed({ n: 3, computingElement: "ce3" }), false],
    ["one broken rule of two", ["pq", "site"], missed({ n: 3, queue: "R" }), true],
  ])("%s", (_what, levels, one, throttled) => {
    const [throttle, dialog] = says({ rulesForMissed: levels.map((level) => rule(level)) }, counts(one));
    expect([throttle, dialog !== ""]).toEqual([throttled, throttled]);
  });

  it("says which rule and how many", () => {
    const two = counts(missed({ n: 2 }), missed({ n: 1, submitAt: minutes(2) }));
    expect(says({ rulesForMissed: [rule("pq")] }, two)).toEqual([
      true,
      "queue Q: 3 missed workers in 10 min, at most 2",
    ]);
  });

  it("AND wants every rule broken, and takes none for that", () => {
    const rules = { logicType: "AND", rulesForMissed: [rule("pq"), rule("site", 9)] };
    expect(says(rules, counts(missed({ n: 3 })))[0]).toBe(false);
    expect(says(rules, counts(missed({ n: 10 })))[0]).toBe(true);
    expect(says({ logicType: "AND", rulesForMissed: [] }, counts())[0]).toBe(true);
    expect(says({ rulesForMissed: [] }, counts())[0]).toBe(false);
  });

  it.each([
    {},
    { rulesForMissed: [{ level: "world", timeWindow: 1, maxMissed: 1 }] },
    { rulesForMissed: [rule("pq", -1)] },
  ])("refuses rules that it cannot read: %j", (options) => {
    expect(() => new SimpleThrottler(options)).toThrow(/rulesForMissed/);
  });
});

describe("TinyThrottler", () => {
  const member = (facts: Partial<FamilyMember>): FamilyMember => ({
    queue: "Q",
    submitted: 0,
    running: 0,
    submittedCores: 0,
    runningCores: 0,
    ...facts,
  });
  const family = [
    member({ submitted: 2, running: 3, submittedCores: 16, runningCores: 24 }),
    member({ queue: "R", submitted: 1, submittedCores: 1 }),
  ];
  const says = (options: object) => new TinyThrottler(options).toBeThrottled(queue, { now, missed: [], family });
  const workers = (maxWorkers: number) => [{ level: "workers", maxWorkers }];
  const cores = (maxCores: number) => [{ level: "cores", maxCores }];

  it.each([
    ["Submitted", workers(2), workers(3)],
    ["Submitted", cores(16), cores(17)],
    ["Running", workers(2), workers(3)],
    ["Running", cores(23), cores(24)],
    ["SubmittedRunning", workers(5), workers(6)],
    ["SubmittedRunning", cores(40), cores(41)],
  ])("%s over the whole family: more than %j breaks it, %j is as much as there is", (name, broken, kept) => {
    expect(says({ [`rulesForSiteFamily${name}`]: broken })[0]).toBe(true);
    expect(says({ [`rulesForSiteFamily${name}`]: kept })).toEqual([false, ""]);
  });

  it("has the rules of SimpleThrottler too, and says what it counted", () => {
    const both = new TinyThrottler({ rulesForMissed: [rule("pq")], rulesForSiteFamilyRunning: workers(2) });
    const [throttle, dialog] = both.toBeThrottled(queue, { now, missed: [missed({ n: 3 })], family });
    expect(throttle).toBe(true);
    expect(dialog).toBe("queue Q: 3 missed workers in 10 min, at most 2; site family: 3 workers running, at most 2");
  });

  it("refuses a limit that does not belong to its level", () => {
    expect(() => new TinyThrottler({ rulesForSiteFamilyRunning: [{ level: "cores", maxWorkers: 1 }] })).toThrow(
      /maxCores/,
    );
  });
});

it("are what the names of the original mean", async () => {
  for (const [module, name] of [
    ["simple_throttler", "SimpleThrottler"],
    ["tiny_throttler", "TinyThrottler"],
  ] as const) {
    const definition = { module: `pandaharvester.harvesterthrottler.${module}`, name, rulesForMissed: [] };
    expect(await loadPlugin("throttler", definition, { queueName: "Q", siteName: "S" })).toHaveProperty(
      "toBeThrottled",
    );
  }
});
