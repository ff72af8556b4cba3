/**
 * Runs Windrow's engine over a simulated site in virtual time, through crashes, and says what came of it. Timers are
 * vitest's fake ones, so that deadlines, intervals and delays all follow the same clock; the same seed gives the same
 * log, byte for byte. Real is only what is awaited at once: promises, and the loading of modules before the start.
 */
import { fileURLToPath } from "node:url";
import { vi } from "vitest";
import { parseEvents, type WindrowEvent } from "../../events/events.ts";
import { ConfiguredPlugins } from "../../src/calls.ts";
import { readInstance } from "../../src/config/instance.ts";
import { readQueues } from "../../src/config/queues.ts";
import { pluginKinds } from "../../src/config/schema.ts";
import type { Configuration } from "../../src/configure.ts";
import { canonical, type Frozen, freeze } from "../../src/frozen.ts";
import { type MemoryStore, memoryStore, openMemoryLog } from "../../src/log/memory.ts";
import { ShardReader } from "../../src/log/replay.ts";
import { fold } from "../../src/projection.ts";
import { type Engine, openEngine } from "../../src/windrow.ts";
import { type Anomaly, World } from "../../src/world.ts";
import { Chance } from "./chance.ts";
import { type CrashableLog, openDelayedLog } from "./delayedLog.ts";
import { isEnd, Site, type Weather } from "./site.ts";
import { addSite } from "./sites.ts";

/** 2026-01-01T00:00:00Z in epoch ms. */
export const start = Date.UTC(2026, 0, 1);
const shards = 4;
/** Of the queue MANY. */
export const jobsPerWorker = 3;

export interface Plan {
  readonly seed: number;
  readonly weather: Weather;
  /** Queues by name with what is different of them; all have the simulated plug-ins. */
  readonly queues: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** How many jobs each queue has. */
  readonly jobs: number;
  /** Crashes within the storm. */
  readonly crashes: number;
  /** Virtual hours until the weather is fine for good, and until the end. */
  readonly stormHours: number;
  readonly hours: number;
}

export interface Simulated {
  readonly site: Site;
  readonly store: MemoryStore;
  /** What the live engine saw over all of its lives, and what a replay of the log says. */
  readonly anomalies: readonly Anomaly[];
  readonly live: Frozen;
  readonly replayed: Frozen;
  readonly world: World;
}

/**
 * The two files that an operator would write; `pace` stretches the intervals of what is asked for its own sake.
 * @throws Error where the readers refuse them. */
export function configurationOf(site: string, queues: Plan["queues"], pace = 1): Configuration {
  const intervals = ["preparator", "stager"].map(
    (name) => `[${name}]\ncheckInterval = 20\ntriggerInterval = 20\nlockInterval = 40\n`,
  );
  const text = `[master]
harvester_id = simulated
${intervals.join("")}[jobfetcher]
lookupTime = ${15 * pace}
nQueues = 10
[commandmanager]
sleepTime = ${30 * pace}
[submitter]
lookupTime = ${10 * pace}
checkInterval = 10
lockInterval = 30
[monitor]
checkInterval = 20
lockInterval = 40
[propagator]
updateInterval = 120
lockInterval = 40
[zipper]
zipInterval = 20
lockInterval = 40
[sweeper]
checkInterval = 20
keepFinished = 1
keepFailed = 1
keepCancelled = 1
keepMissed = 1
keepPending = 1
[windrow]
shards = ${shards}
`;
  const { instance } = readInstance(text, "panda_harvester.cfg", { env: {}, hostname: "host" });
  const module = fileURLToPath(new URL("./plugins.ts", import.meta.url));
  const plugin = (name: string) => ({ module, name, site });
  const entries = Object.entries(queues).map(([queue, given]) => {
    const { maker = {}, blind = false, ...attributes } = given as { maker?: object; blind?: boolean };
    return [
      queue,
      {
        prodSourceLabel: "managed",
        nQueueLimitJob: 50,
        nQueueLimitWorker: 10,
        maxWorkers: 20,
        preparator: plugin("SimulatedPreparator"),
        stager: plugin("SimulatedStager"),
        submitter: plugin(blind ? "BlindSubmitter" : "SimulatedSubmitter"),
        monitor: plugin("SimulatedMonitor"),
        sweeper: plugin("SimulatedSweeper"),
        messenger: plugin("SimulatedMessenger"),
        workerMaker: { ...plugin("SimulatedMaker"), ...maker },
        windrow: { deadlines: deadlines(45), ...(blind ? { onUnknown: "resubmit" } : {}) },
        ...attributes,
      },
    ];
  });
  const reading = readQueues(JSON.stringify(Object.fromEntries(entries)), "panda_queueconfig.json", ["ALL"]);
  if (reading.errors.length > 0) throw new Error(reading.errors.join("\n"));
  return { instance, queues: reading.queues };
}

const deadlined = [
  ...["triggerPreparation", "checkStageInStatus", "resolveInputPaths", "triggerStageOut", "checkStageOutStatus"],
  ...["checkWorkers", "submitWorkers", "find", "killWorkers", "sweepWorker", "makeWorker", "setupAccessPoints"],
  ...["feedJobs", "read", "acknowledgeEventsFiles", "postProcessing", "cleanUp"],
];
const deadlines = (seconds: number) => Object.fromEntries(deadlined.map((name) => [name, seconds]));

/** One life of the engine. */
export interface Life {
  readonly engine: Engine;
  readonly log: CrashableLog;
  readonly ended: Promise<unknown>;
  readonly stop: AbortController;
}

/** Lets everything happen that needs no time. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 6; i += 1) await new Promise(setImmediate);
}

/** Runs the plan to its end. Call with fake timers in force. @throws what the engine throws: a bug of Windrow. */
export async function simulate(plan: Plan): Promise<Simulated> {
  vi.setSystemTime(start);
  const chance = new Chance(plan.seed);
  const site = new Site(chance, plan.weather);
  const name = `site-${plan.seed}`;
  addSite(name, site);
  site.stormUntil = start + plan.stormHours * 3_600_000;
  let PandaID = 1000;
  for (const queue of Object.keys(plan.queues)) {
    for (let i = 0; i < plan.jobs; i += 1) site.addJob(PandaID++, queue, [`in.${chance.int(1, plan.jobs)}`, "shared"]);
  }
  const config = configurationOf(name, plan.queues);
  const store = memoryStore(shards);
  const crashesAt = Array.from({ length: plan.crashes }, () => start + chance.next() * plan.stormHours * 3_600_000);
  crashesAt.sort((a, b) => a - b);
  const end = start + plan.hours * 3_600_000;
  const open = () => openDelayedLog(store, () => chance.int(1, 40));
  let life = await begin(site, name, config, open());
  let failure: unknown;
  const watch = (of: Life): void => {
    of.ended.catch((error: unknown) => {
      if (of === life) failure ??= error;
    });
  };
  watch(life);
  while (Date.now() < end && failure === undefined) {
    await settle();
    if (isOver(life.engine.world, site)) break;
    const [next] = crashesAt;
    if (next !== undefined && Date.now() >= next) {
      crashesAt.shift();
      await crash(life, site);
      life = await begin(site, name, config, open());
      watch(life);
    } else vi.advanceTimersToNextTimer();
  }
  if (failure !== undefined) throw failure;
  await settle();
  const live = canonical(freeze(life.engine.world));
  const { anomalies } = life.engine.world;
  await crash(life, site, 0);
  const { world } = await replay(store);
  return { site, store, anomalies, live, replayed: canonical(freeze(world)), world };
}

/** Opens an engine on the log and lets it run. */
export async function begin(site: Site, name: string, config: Configuration, log: CrashableLog): Promise<Life> {
  site.boot += 1;
  const plugins = new ConfiguredPlugins({
    now: Date.now,
    instance: () => config.instance,
    queue: (queue) => {
      const found = config.queues.find(({ queueName }) => queueName === queue);
      if (!found) throw new Error(`no queue ${queue}`);
      return found;
    },
    communicator: () => ({
      module: fileURLToPath(new URL("./wms.ts", import.meta.url)),
      name: "SimulatedWms",
      site: name,
    }),
    configDir: process.cwd(),
  });
  // Modules are loaded in real time: before anything moves.
  for (const { queueName } of config.queues) {
    for (const kind of pluginKinds) {
      await plugins.traits(queueName, kind);
    }
  }
  const ask = { method: "checkPanda", plugin: "communicator", queue: null, key: "load", args: { plain: [] } } as const;
  const reply = await plugins.invoke(ask);
  if (!reply.ok) throw new Error(reply.why);
  const opening = openEngine({
    log,
    plugins,
    now: Date.now,
    owner: `simulated:${site.boot}`,
    config,
    verifyEvents: true,
  });
  let opened = false;
  opening.then(
    () => {
      opened = true;
    },
    () => {
      opened = true;
    },
  );
  while (!opened) {
    await settle();
    if (!opened) vi.advanceTimersToNextTimer();
  }
  const engine = await opening;
  const stop = new AbortController();
  return { engine, log, stop, ended: engine.run(stop.signal) };
}

/** The process is gone: what it asked for is never answered, what was not durable is lost. */
export async function crash(life: Life, site: Site, durable = site.chance.int(0, 3)): Promise<void> {
  site.boot += 1;
  life.engine.journal.detach();
  await life.log.crash(durable);
  life.stop.abort();
  await settle();
}

/**
 * Every job has ended and been cleared away, but for those that wait for company: a worker of many jobs is not made for
 * fewer.
 */
const isOver = ({ jobs, workers, calls }: World, site: Site): boolean =>
  workers.size + calls.size === 0 &&
  [...jobs.values()].every(({ state, ctx }) => state.life === "prepared" && ctx.queue === "MANY") &&
  jobs.size < jobsPerWorker &&
  [...site.jobs.values()].every(({ PandaID, status }) => isEnd(status) || jobs.has(PandaID));

/** Folds the whole log anew. @throws LogHalted */
export async function replay(store: MemoryStore): Promise<{ world: World; events: readonly WindrowEvent[] }> {
  const world = new World();
  const events: WindrowEvent[] = [];
  const log = openMemoryLog(store);
  const reading = {
    parseEvents,
    fold: (record: { shard: number; seq: number; at: number; events: readonly WindrowEvent[] }) => {
      events.push(...record.events);
      fold(world, record);
    },
  };
  for (let shard = 0; shard < store.shards.length; shard += 1) {
    const reader = new ShardReader(shard, reading);
    await reader.catchUp(log);
    if (reader.admission.halted !== "") throw reader.report();
  }
  await log.close();
  return { world, events };
}
