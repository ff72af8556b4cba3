/**
 * A scenario's configuration as the two texts that an operator writes, read by Windrow's own readers. Plug-in sections
 * name dummy plug-ins, because the readers want a module; the scripted ones answer in their place.
 */
import { readInstance } from "../../src/config/instance.ts";
import { readQueues } from "../../src/config/queues.ts";
import type { InstanceConfig, QueueConfig } from "../../src/config/schema.ts";
import type { Scenario } from "./scenario.ts";

type Sections = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** What matters of the instance (section 3 of the corpus); intervals in seconds. */
const base: Sections = {
  master: { harvester_id: "harvester" },
  jobfetcher: { maxJobs: 500, nQueues: 5, lookupTime: 60 },
  commandmanager: { commands_bulk_size: 20 },
  preparator: {
    maxJobsToCheck: 100,
    maxJobsToTrigger: 100,
    maxFilesPerJobToCheck: 0,
    maxFilesPerJobToPrepare: 0,
    checkInterval: 180,
    triggerInterval: 180,
    lockInterval: 600,
  },
  submitter: { lookupTime: 60, queueLockInterval: 300, lockInterval: 600, checkInterval: 60, maxNewWorkers: 1000 },
  monitor: {
    maxWorkers: 500,
    checkInterval: 300,
    lockInterval: 600,
    checkTimeout: 1_000_000_000,
    workerQueueTimeLimit: 172_800,
    postProcessTimeout: 0,
  },
  stager: {
    maxJobsToCheck: 100,
    maxJobsToTrigger: 100,
    maxFilesPerJobToCheck: 0,
    maxFilesPerJobToTrigger: 0,
    checkInterval: 180,
    triggerInterval: 180,
    lockInterval: 600,
  },
  zipper: { maxJobsToZip: 100, maxFilesPerJobToZip: 0, usePostZipping: false, zipInterval: 180, lockInterval: 600 },
  propagator: { maxJobs: 100, nJobsInBulk: 100, maxWorkers: 100, updateInterval: 1800, lockInterval: 600 },
  eventfeeder: { lockInterval: 600 },
  sweeper: {
    checkInterval: 180,
    keepFinished: 1_000_000,
    keepFailed: 1_000_000,
    keepCancelled: 1_000_000,
    keepMissed: 1_000_000,
    keepPending: 1_000_000,
  },
  windrow: { shards: 4 },
};

const dummies = {
  preparator: "DummyPreparator",
  stager: "DummyStager",
  monitor: "DummyMonitor",
  submitter: "DummySubmitter",
  sweeper: "DummySweeper",
  workerMaker: "DummyWorkerMaker",
  messenger: "DummyMessenger",
};
/** Sections that a queue has only where the scenario gives or scripts them. */
const optional = { zipper: "DummyZipper", extractor: "DummyExtractor", throttler: "DummyThrottler" };
const queueDefaults = { nQueueLimitJob: 100, nQueueLimitWorker: 100, maxWorkers: 100, ddmEndpointIn: "EP" };

function iniValue(value: unknown): string {
  if (value === true) return "True";
  if (value === false) return "False";
  return value === null ? "None" : String(value);
}

/** `panda_harvester.cfg` of the scenario. */
function instanceText(cfg: Sections): string {
  const names = new Set([...Object.keys(base), ...Object.keys(cfg)]);
  return [...names]
    .map((name) => {
      const keys = Object.entries({ ...base[name], ...cfg[name] });
      return `[${name}]\n${keys.map(([key, value]) => `${key} = ${iniValue(value)}\n`).join("")}`;
    })
    .join("\n");
}

/** `panda_queueconfig.json` of the scenario. */
function queuesText({ config: { queues } }: Scenario): string {
  const dummy = (name: string, attributes: unknown) => ({
    ...(typeof attributes === "object" ? attributes : {}),
    module: "windrow/dummy",
    name,
  });
  const whole = Object.entries(queues).map(([queue, given]) => {
    const sections = Object.entries(dummies).map(([kind, name]) => [kind, dummy(name, given[kind])]);
    const more = Object.entries(optional)
      .filter(([kind]) => kind in given)
      .map(([kind, name]) => [kind, dummy(name, given[kind])]);
    const aux = "extractor" in given ? { aux_preparator: dummy(dummies.preparator, {}) } : {};
    return [queue, { ...queueDefaults, ...given, ...Object.fromEntries([...sections, ...more]), ...aux }];
  });
  return JSON.stringify(Object.fromEntries(whole));
}

export interface Configuration {
  readonly instance: InstanceConfig;
  readonly queues: readonly QueueConfig[];
}

/** Most scenarios of a family have the same instance. */
const instances = new Map<string, InstanceConfig>();

/** @throws Error where the readers refuse the scenario's configuration. */
export function configurationOf(scenario: Scenario): Configuration {
  const text = instanceText(scenario.config.cfg);
  let instance = instances.get(text);
  if (!instance) {
    instance = readInstance(text, "panda_harvester.cfg", { env: {}, hostname: "host" }).instance;
    instances.set(text, instance);
  }
  const { queues, errors } = readQueues(queuesText(scenario), "panda_queueconfig.json", ["ALL"]);
  if (errors.length > 0) throw new Error(`${scenario.id}: ${errors.join("; ")}`);
  return { instance, queues };
}
