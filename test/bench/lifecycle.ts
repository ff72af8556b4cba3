/**
 * Benchmarks `lifecycle` and `growth`: whole OneToOne lives with plug-ins that answer at once, from the fetch of a
 * job to the WMS knowing its end, on a durable log. Every job has an input, an output and a log file.
 */
import { ConfiguredPlugins } from "../../src/calls.ts";
import { queueSchema } from "../../src/config/schema.ts";
import { instanceSchema } from "../../src/config/sections.ts";
import type { Log } from "../../src/log/log.ts";
import { rest } from "../../src/log/rest.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import type { PluginDefinition } from "../../src/plugins/load.ts";
import { Feed } from "../../src/publish/feed.ts";
import { Publisher } from "../../src/publish/publisher.ts";
import type { Topics } from "../../src/publish/topics.ts";
import { openEngine } from "../../src/windrow.ts";
import { type Figure, inTemporary } from "./figure.ts";

const dummy = (name: string): PluginDefinition => ({ module: "windrow/dummy", name });

/** Intervals so short that nothing waits for time, and room for as many jobs as a site would have in flight. */
const instanceOf = (shards: number) =>
  instanceSchema.parse({
    master: { harvester_id: "bench" },
    windrow: { shards },
    jobfetcher: { maxJobs: 500, lookupTime: 0.02 },
    preparator: { maxJobsToCheck: 1000, maxJobsToTrigger: 1000, checkInterval: 0.01, triggerInterval: 0.01 },
    submitter: { lookupTime: 0.02, checkInterval: 0.01, maxNewWorkers: 0 },
    monitor: { maxWorkers: 500, checkInterval: 0.02 },
    stager: { maxJobsToCheck: 1000, maxJobsToTrigger: 1000, checkInterval: 0.01, triggerInterval: 0.01 },
    propagator: { maxJobs: 1000, nJobsInBulk: 100, maxWorkers: 1000, nWorkersInBulk: 100 },
  });

/** Each is a family of its own: a site and an endpoint that no other has. */
const queueOf = (n: number, shards: number) =>
  queueSchema.parse({
    queueName: `BENCH${n}`,
    siteName: `BENCH${n}`,
    siteFamily: `BENCH${n}`,
    nQueueLimitJob: 2000,
    nQueueLimitWorker: 2000,
    maxWorkers: 4000,
    ddmEndpointIn: `BENCH${n}_IN`,
    windrow: { concurrency: 16, shard: n % shards },
    plugins: {
      preparator: dummy("DummyPreparator"),
      stager: dummy("DummyStager"),
      monitor: dummy("DummyMonitor"),
      submitter: dummy("DummySubmitter"),
      sweeper: dummy("DummySweeper"),
      workerMaker: dummy("DummyWorkerMaker"),
      messenger: dummy("DummyMessenger"),
    },
  });

const job = {
  inFiles: "in.%PANDAID",
  GUID: "guid-in-%PANDAID",
  fsize: "1000",
  checksum: "ad:00000001",
  scopeIn: "bench",
  realDatasetsIn: "bench.in",
  ddmEndPointIn: "BENCH_IN",
  outFiles: "out.%PANDAID,log.%PANDAID",
  logFile: "log.%PANDAID",
  logGUID: "guid-log-%PANDAID",
  scopeOut: "bench",
  scopeLog: "bench",
  realDatasets: "bench.out,bench.log",
  ddmEndPointOut: "BENCH_OUT,BENCH_OUT",
};

/** How long the topics may take for all. */
const giveUpMs = 300_000;

/** What one run of so many jobs took. */
export interface Lives {
  readonly perSecond: number;
  readonly records: number;
  readonly bytes: number;
}

/**
 * Leads `jobs` jobs through their whole lives on a new durable log in `dir`; all but a few records are in one shard.
 */
export async function liveThrough(dir: string, jobs: number): Promise<Lives> {
  return liveOn(await openSqliteLog(dir, { shards: 4 }), jobs);
}

/**
 * Leads `jobs` jobs of so many queues, which are in shards of their own, through their whole lives on a new log. Where
 * there are topics, it is over when every step is acknowledged there.
 */
export async function liveOn(log: Log, jobs: number, queues = 1, topics?: Topics): Promise<Lives> {
  const instance = instanceOf(log.shards);
  const config = { instance, queues: Array.from({ length: queues }, (_, n) => queueOf(n + 1, log.shards)) };
  const byName = new Map(config.queues.map((queue) => [queue.queueName, queue]));
  const plugins = new ConfiguredPlugins({
    now: Date.now,
    instance: () => instance,
    queue: (name) => byName.get(name) ?? queueOf(1, log.shards),
    communicator: () => ({ ...dummy("DummyCommunicator"), nJobs: jobs, template: job }),
    configDir: import.meta.dirname,
  });
  const stop = new AbortController();
  let closed = 0;
  const feed: Feed = new Feed({ world: () => engine.world, cursors: () => engine.journal.cursors() });
  const engine = await openEngine({
    log,
    plugins,
    now: Date.now,
    owner: "bench:1",
    config,
    watch: (transition) => {
      feed.push(transition);
      const { kind, step } = transition;
      if (kind === "job" && step.type === "job.closed" && ++closed === jobs) stop.abort();
    },
  });
  const logger = { info: console.error, warn: console.error };
  const publisher = topics && new Publisher({ source: { log, feed }, topics, engine, logger, noteMs: 200 });
  await topics?.open(logger.warn); // they are there already at every start but the first
  const began = performance.now();
  publisher?.start();
  await engine.run(stop.signal);
  const late = () => [...engine.world.lastSteps.keys()].filter((shard) => topics && engine.world.isUnpublished(shard));
  while (late().length > 0) {
    if (performance.now() - began > giveUpMs) throw new Error(`the topics lack steps of shards ${late().join(", ")}`);
    await rest(20, new AbortController().signal);
  }
  const seconds = (performance.now() - began) / 1000;
  const { records, bytes } = engine.journal.counts();
  if (engine.world.anomalyCount > 0)
    throw new Error(`anomalies: ${JSON.stringify(engine.world.anomalies.slice(0, 3))}`);
  const done = engine.world.jobLives.get("done") ?? 0;
  if (done !== jobs) throw new Error(`${done} of ${jobs} jobs are done`);
  await publisher?.finish();
  await engine.journal.resign();
  return { perSecond: jobs / seconds, records, bytes };
}

/**
 * Time per job with ten times as many jobs, over the time per job: what Windrow does for a job must not grow with
 * others.
 */
export async function benchGrowth(jobs = 10_000): Promise<Figure> {
  const few = await inTemporary((dir) => liveThrough(dir, jobs));
  const many = await inTemporary((dir) => liveThrough(dir, 10 * jobs));
  return {
    name: "growth",
    value: 1_000_000 / many.perSecond,
    unit: "µs/job",
    limit: 1.2,
    ratio: few.perSecond / many.perSecond,
    atMost: true,
  };
}

/** 10,000 whole lives. What a machine can do differs, so the figure is judged beside the probe. */
export function benchLifecycle(jobs = 10_000): Promise<Figure> {
  return inTemporary(async (dir) => {
    const { perSecond } = await liveThrough(dir, jobs);
    return { name: "lifecycle", value: perSecond, unit: "jobs/s", limit: null, ratio: null };
  });
}
