/** Queues and workers for tests of the arithmetic: a bare queue has no limit at all. */
import { type QueueConfig, queueSchema } from "../../src/config/schema.ts";
import { type PlanInput, planWorkers } from "../../src/sizing/plan.ts";
import type { WorkerCount } from "../../src/sizing.ts";

const plugin = { module: "windrow/dummy", name: "Dummy" };
const plugins = {
  messenger: plugin,
  monitor: plugin,
  preparator: plugin,
  stager: plugin,
  submitter: plugin,
  sweeper: plugin,
  workerMaker: plugin,
};

export function queue(attributes: Readonly<Record<string, unknown>> = {}, submitter: object = {}): QueueConfig {
  return queueSchema.parse({
    queueName: "Q",
    siteName: "Q",
    siteFamily: "Q",
    plugins: { ...plugins, submitter: { ...plugin, ...submitter } },
    ...attributes,
  });
}

/** Workers that are alike, of one core and 1000 MB each. */
export function count(status: string, n: number, about: Partial<WorkerCount> = {}): WorkerCount {
  const base = { status, jobType: "managed", resourceType: "ANY", pilotType: "PR" };
  return { ...base, n, cores: n, memory: 1000 * n, ...about };
}

export function planInput(given: Partial<PlanInput> = {}): PlanInput {
  return {
    queue: queue(),
    workers: [],
    ordered: {},
    lists: {},
    submitter: { activateWorkerFactor: 1, maxNewWorkers: 0, noPilotsWhenNoActiveJobs: false },
    throttled: null,
    ...given,
  };
}

/** A pull queue with room for five queued workers and nine in all. */
export const noJob = (attributes: object = {}): QueueConfig =>
  queue({ mapType: "NoJob", nQueueLimitWorker: 5, maxWorkers: 9, ...attributes });
/** The same, where the WMS orders. */
export const slave = (attributes: object = {}): QueueConfig => noJob({ runMode: "slave", ...attributes });

/** `resourceType/pilotType` -> [new workers, bound] of a plan. */
export function numbers(input: PlanInput): Record<string, [number, string]> {
  const { entries } = planWorkers(input);
  return Object.fromEntries(
    entries.map(({ resourceType, pilotType, n, bound }) => [`${resourceType}/${pilotType}`, [n, bound]]),
  );
}
