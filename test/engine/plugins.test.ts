/**
 * The loop with plug-ins as they are loaded: a site whose plug-in never answers stalls no other, has no more calls at
 * once than its queue allows, and is given up at its deadline.
 */
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { ConfiguredPlugins } from "../../src/calls.ts";
import { communicatorSection } from "../../src/config/communicator.ts";
import { instanceSchema } from "../../src/config/sections.ts";
import { memoryStore, openMemoryLog } from "../../src/log/memory.ts";
import { openEngine } from "../../src/windrow.ts";
import { fetched, queueConfig } from "../agents/drive.ts";

const module = join(import.meta.dirname, "fixtures/sites.mjs");
const soon = { timeout: 10_000, interval: 10 };

/** Two queues with jobs, one of them sick; its calls have this deadline (seconds). */
async function twoSites(deadline: number) {
  const dummy = (name: string) => ({ module: "windrow/dummy", name });
  const queue = (name: string, health: string) => {
    const { plugins, ...config } = queueConfig(name, { ddmEndpointIn: name });
    return queueConfig(name, {
      ...config,
      windrow: { concurrency: 2, deadlines: { triggerPreparation: deadline } },
      // No workers: this is about preparation.
      queueStatus: "online",
      maxWorkers: 0,
      nQueueLimitJob: 0,
      plugins: { ...plugins, preparator: { module, name: `${health}Preparator` } },
    });
  };
  const instance = instanceSchema.parse({
    master: { harvester_id: "H" },
    windrow: { shards: 4 },
    communicator: { moduleName: dummy("").module, className: "DummyCommunicator" },
    preparator: { triggerInterval: 0, checkInterval: 0 },
  });
  const queues = [queue("SICK", "Sick"), queue("WELL", "Well")];
  const plugins = new ConfiguredPlugins({
    now: Date.now,
    instance: () => instance,
    queue: (name) => queues.find(({ queueName }) => queueName === name) ?? queue(name, "Well"),
    communicator: () => communicatorSection(instance),
    configDir: import.meta.dirname,
  });
  const log = openMemoryLog(memoryStore(4));
  const engine = await openEngine({ log, plugins, now: Date.now, owner: "a", config: { instance, queues } });
  for (const [i, name] of ["SICK", "WELL"].entries()) {
    const shard = engine.world.shardOf(name);
    const events = [1, 2, 3, 4].map((n) => fetched(10 * i + n, { queue: name }));
    await engine.journal.decide({ shard, cause: "test", events });
  }
  return { engine, plugins };
}

it("a site whose plug-in never answers stalls no other, and has as many calls as its queue allows", async () => {
  const { told } = await import(module);
  told.asked.length = 0;
  const { engine, plugins } = await twoSites(60);
  const stop = new AbortController();
  const ended = engine.run(stop.signal);
  const lives = (first: number) => [1, 2, 3, 4].map((n) => engine.world.jobs.get(first + n)?.state.life);
  await vi.waitFor(() => expect(lives(10)).toEqual(Array(4).fill("prepared")), soon);
  expect(lives(0)).toEqual(Array(4).fill("fetched"));
  expect(told.asked.filter((asked: string) => asked.startsWith("SICK"))).toHaveLength(2);
  stop.abort();
  // The daemon stops hard: those that run are given up, those that waited for a turn are not begun.
  plugins.abort();
  await ended;
  expect(engine.world.anomalies).toEqual([]);
});

it("a call is given up at its deadline: its outcome is unknown, the plug-in hears it, others go on", async () => {
  const { told } = await import(module);
  told.asked.length = 0;
  const aborted = told.aborted;
  const { engine } = await twoSites(0.05);
  const stop = new AbortController();
  const ended = engine.run(stop.signal);
  await vi.waitFor(
    () => expect(new Set(told.asked.filter((one: string) => one.startsWith("SICK"))).size).toBe(4),
    soon,
  );
  await vi.waitFor(() => expect(told.aborted - aborted).toBeGreaterThanOrEqual(4), soon);
  stop.abort();
  await ended;
  const calls = [...engine.world.calls.values()].filter(({ ctx }) => ctx.queue === "SICK");
  expect(calls.map(({ state, ctx }) => [ctx.method, state.life])).toEqual(
    Array(4).fill(["triggerPreparation", "unknownOutcome"]),
  );
  expect(engine.world.anomalies).toEqual([]);
});
