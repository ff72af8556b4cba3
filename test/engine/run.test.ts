/**
 * The loop: it stops when its calls have returned, ends with what a duty or the log threw, keeps to the limits of
 * duties, takes another configuration into force at once, and has after a start what the log says, whether or not a
 * snapshot stood at the beginning.
 */
import { describe, expect, it } from "vitest";
import type { Call, Reply } from "../../src/agents/agent.ts";
import { instanceSchema } from "../../src/config/sections.ts";
import { PlacementRefused } from "../../src/configure.ts";
import { canonical, type Frozen, freeze } from "../../src/frozen.ts";
import { LogFault } from "../../src/log/faults.ts";
import { memoryStore, openMemoryLog } from "../../src/log/memory.ts";
import { type EngineOptions, openEngine } from "../../src/windrow.ts";
import { answered, queueConfig } from "../agents/drive.ts";
import { dictionary, Site } from "../differences/site.ts";

/** Answers of a method that the test gives one by one; `arrived` waits until so many were asked for. */
class Desk {
  readonly waiting: ((reply: Reply) => void)[] = [];
  asked = 0;
  #watchers: { n: number; go: () => void }[] = [];

  take(): Promise<Reply> {
    this.asked += 1;
    const reply = new Promise<Reply>((resolve) => this.waiting.push(resolve));
    this.#watchers = this.#watchers.filter(({ n, go }) => (n <= this.asked ? go() : true));
    return reply;
  }

  arrived(n: number): Promise<void> {
    if (this.asked >= n) return Promise.resolve();
    return new Promise((go) => this.#watchers.push({ n, go }));
  }

  answer(reply: Reply): void {
    this.waiting.shift()?.(reply);
  }
}

const desk = (site: Site, method: Call["method"]): Desk => {
  const made = new Desk();
  site.answers.set(method, () => made.take());
  return made;
};
const jobs = (n: number) => Array.from({ length: n }, (_, i) => dictionary(i + 1));
const yes = answered({ ok: true, dialog: "" });

describe("a stop", () => {
  it("starts nothing more, lets calls return, and writes what they said", async () => {
    const site = await Site.open({ jobs: jobs(1) });
    await site.cycle("jobFetcher");
    const trigger = desk(site, "triggerPreparation");
    const check = desk(site, "checkStageInStatus");
    const stop = new AbortController();
    const ended = site.engine.run(stop.signal);
    await trigger.arrived(1);
    stop.abort();
    trigger.answer(yes);
    await ended;
    expect([site.life(1), check.asked]).toEqual(["preparing", 0]);
    expect(site.decisions().at(-1)).toContain("job.preparationTriggered");
  });

  it("before the first turn runs nothing", async () => {
    const site = await Site.open({ jobs: jobs(1) });
    await site.engine.run(AbortSignal.abort());
    expect(site.calls).toEqual([]);
  });
});

describe("the engine ends", () => {
  it("with what a duty threw, when the calls of the others have returned and are written", async () => {
    const site = await Site.open({ jobs: jobs(2) });
    await site.cycle("jobFetcher");
    const trigger = desk(site, "triggerPreparation");
    const ended = site.engine.run(new AbortController().signal);
    await trigger.arrived(2);
    // A reply that the contract does not know is a bug of whoever made it.
    trigger.answer(answered({ ok: "perhaps", dialog: 7 }));
    trigger.answer(yes);
    site.answers.set("checkStageInStatus", () => {
      throw new Error("a bug");
    });
    await expect(ended).rejects.toThrow("a bug");
    expect(site.engine.world.jobs.size).toBe(2);
    await expect(site.engine.cycle("propagator")).rejects.toThrow("a bug");
  });

  it("when the log cannot be written, and calls nothing more", async () => {
    const site = await Site.open();
    const alive = desk(site, "isAlive");
    const ended = site.engine.run(new AbortController().signal);
    await alive.arrived(1);
    site.broken = true;
    alive.answer(answered({ ok: true, data: null }));
    await expect(ended).rejects.toThrow(LogFault);
    const { length } = site.calls;
    await site.engine.idle();
    expect(site.calls.length).toBe(length);
  });
});

describe("a duty", () => {
  it("has no more at once than its limit, and goes on with the next when one is done", async () => {
    const site = await Site.open({ jobs: jobs(7), cfg: { preparator: { maxJobsToCheck: 3 } } });
    await site.cycle("jobFetcher", "preparator");
    const check = desk(site, "checkStageInStatus");
    const stop = new AbortController();
    const ended = site.engine.run(stop.signal);
    for (let asked = 3; asked <= 7; asked++) {
      await check.arrived(asked);
      // Whatever would start beyond the limit has started by then: all that is due starts in one turn.
      await new Promise(setImmediate);
      expect([check.asked, check.waiting.length]).toEqual([asked, 3]);
      check.answer(yes);
    }
    stop.abort();
    for (const _ of check.waiting.slice()) check.answer(yes);
    await ended;
    const lives = [...site.engine.world.jobs.values()].map(({ state }) => state.life);
    expect(new Set(lives).has("preparing")).toBe(false);
  });
});

describe("another configuration", () => {
  const instance = instanceSchema.parse({ master: { harvester_id: "H" }, windrow: { shards: 4 } });
  const old = queueConfig("Q", { windrow: { shard: 1 } });

  it("is in force at once, though nothing else is due", async () => {
    const site = await Site.open();
    const stop = new AbortController();
    const ended = site.engine.run(stop.signal);
    const fetch = new Map<string, () => void>();
    const asked = (queue: string) => new Promise<void>((go) => fetch.set(queue, go));
    site.answers.set("getJobs", ({ args }) => {
      const [{ siteName }] = ("plain" in args ? args.plain : []) as [{ siteName: string }];
      fetch.get(siteName)?.();
      return answered({ ok: true, data: [] });
    });
    const soon = asked("NEW");
    await site.engine.configure({ instance, queues: [old, queueConfig("NEW", { ddmEndpointIn: "OTHER" })] });
    await soon;
    stop.abort();
    await ended;
  });

  it("that is refused leaves the old one in force and nothing in the log", async () => {
    const site = await Site.open();
    const queues = [old, queueConfig("R", { ddmEndpointIn: "OTHER" })];
    await site.engine.configure({ instance, queues });
    const before = site.engine.journal.counts().records;
    const joined = [old, queueConfig("R", { ddmEndpointIn: "EP" })];
    await expect(site.engine.configure({ instance, queues: joined })).rejects.toThrow(PlacementRefused);
    expect(site.engine.world.queueConfig("R").ddmEndpointIn).toBe("OTHER");
    expect(site.engine.journal.counts().records).toBe(before);
  });
});

describe("after a start", () => {
  it("calls that were open are orphans, each in the shard that has it", async () => {
    const site = await Site.open({ jobs: jobs(1) });
    await site.cycle("jobFetcher");
    await site.hangAfter("preparator", "triggerPreparation");
    await site.restart();
    const [call] = [...site.engine.world.calls.values()];
    expect([call?.state.life, call?.ctx.method]).toEqual(["unknownOutcome", "triggerPreparation"]);
    expect(site.decisions().at(-1)).toEqual(["call.orphaned"]);
    await site.restart();
    expect(site.decisions().at(-1)).toEqual(["call.orphaned"]);
    expect(site.decisions().filter(([type]) => type === "call.orphaned")).toHaveLength(1);
  });

  it("a World from a snapshot and the rest of the log is that of the whole log", async () => {
    const store = memoryStore(4);
    const site = await Site.open({ jobs: jobs(3) });
    const config = {
      instance: instanceSchema.parse({ master: { harvester_id: "H" }, windrow: { shards: 4 } }),
      queues: [queueConfig("Q")],
    };
    let boots = 0;
    const open = (snapshot?: EngineOptions["snapshot"]) => {
      boots += 1;
      const owner = `boot ${boots}`;
      const log = openMemoryLog(store);
      return openEngine({ log, plugins: site, now: () => site.now, owner, config, ...(snapshot ? { snapshot } : {}) });
    };
    const engine = await open();
    for (const agent of ["cacher", "jobFetcher", "preparator"] as const) await engine.cycle(agent);
    const state = JSON.parse(JSON.stringify(freeze(engine.world))) as Frozen;
    const cursors = structuredClone(engine.journal.cursors());
    for (const agent of ["preparator", "submitter", "monitor", "propagator"] as const) await engine.cycle(agent);
    expect([engine.world.workers.size, engine.world.anomalies]).toEqual([3, []]);
    const before = canonical(freeze(engine.world));
    engine.journal.detach();
    const whole = await open();
    whole.journal.detach();
    const restored = await open({ version: "1", cursors, state });
    expect(canonical(freeze(restored.world))).toEqual({ ...before, at: site.now });
    expect(canonical(freeze(whole.world))).toEqual(canonical(freeze(restored.world)));
  });
});
