/**
 * The limits of a queue after their ratios were applied (lifecycle 6.1, 6.3): a ratio is percent of what runs, the
 * minimum is the least that the ratio may give, and the plain limit is never exceeded. Pure; it must never count
 * anything itself.
 */
import type { QueueConfig } from "../config/schema.ts";

/** A number together with what made it so. */
export interface Bounded {
  readonly value: number;
  readonly bound: string;
}

/** The smaller one; the first where they are equal. */
export const lesser = (one: Bounded, value: number, bound: string): Bounded =>
  value < one.value ? { value, bound } : one;

/** Percent of a number, cut to a whole number. */
const share = (of: number, percent: number): number => Math.trunc((of * percent) / 100);

/** The larger of those that are set. */
function largest(...values: readonly (number | null)[]): number | null {
  const set = values.filter((value) => value !== null);
  return set.length > 0 ? Math.max(...set) : null;
}

/** Limit on the starting jobs of a queue (lifecycle 6.1); null: the queue fetches none. */
export function jobLimit(queue: QueueConfig, running: number): Bounded | null {
  if (queue.nQueueLimitJob === null) return null;
  const fixed: Bounded = { value: queue.nQueueLimitJob, bound: "nQueueLimitJob" };
  if (queue.nQueueLimitJobRatio === null) return fixed;
  const wanted = share(running, queue.nQueueLimitJobRatio);
  const least = queue.nQueueLimitJobMin ?? Math.min(1, queue.nQueueLimitJob);
  return wanted < least ? lesser(fixed, least, "nQueueLimitJobMin") : lesser(fixed, wanted, "nQueueLimitJobRatio");
}

/** Limit on the cores of the starting jobs; null: none. */
export function jobCoreLimit(queue: QueueConfig, runningCores: number): Bounded | null {
  const least = largest(queue.nQueueLimitJobCoresMin, queue.nQueueLimitJobMin);
  return sumLimit(
    "nQueueLimitJobCores",
    queue.nQueueLimitJobCores,
    queue.nQueueLimitJobCoresRatio,
    least,
    runningCores,
  );
}

/** A limit on a sum, with its ratio of the running sum and the least value that the ratio may give; null: none. */
function sumLimit(
  name: string,
  limit: number | null,
  ratio: number | null,
  least: number | null,
  runningSum: number,
): Bounded | null {
  const fixed = limit === null ? null : { value: limit, bound: name };
  if (ratio === null) return fixed;
  const wanted = share(runningSum, ratio);
  const ofRatio: Bounded =
    least !== null && wanted < least ? { value: least, bound: `${name}Min` } : { value: wanted, bound: `${name}Ratio` };
  return fixed ? lesser(fixed, ofRatio.value, ofRatio.bound) : ofRatio;
}

export interface WorkerLimits {
  /** Limit on queued workers; 0: see the plan. */
  readonly workers: Bounded;
  /** Limits on the sums of queued workers; null: none. Memory in MB. */
  readonly cores: Bounded | null;
  readonly memory: Bounded | null;
}

/** Limits on the queued workers of a queue (lifecycle 6.3), given its running ones. */
export function workerLimits(
  queue: QueueConfig,
  { running, runningCores, runningMemory }: { running: number; runningCores: number; runningMemory: number },
): WorkerLimits {
  const least = queue.nQueueLimitWorkerMin;
  return {
    workers: workerLimit(queue, running),
    cores: sumLimit(
      "nQueueLimitWorkerCores",
      queue.nQueueLimitWorkerCores,
      queue.nQueueLimitWorkerCoresRatio,
      largest(queue.nQueueLimitWorkerCoresMin, least),
      runningCores,
    ),
    memory: sumLimit(
      "nQueueLimitWorkerMemory",
      queue.nQueueLimitWorkerMemory,
      queue.nQueueLimitWorkerMemoryRatio,
      largest(queue.nQueueLimitWorkerMemoryMin, least === null ? null : least * 1000),
      runningMemory,
    ),
  };
}

function workerLimit(queue: QueueConfig, running: number): Bounded {
  const fixed: Bounded =
    queue.nQueueLimitWorker === null
      ? { value: queue.maxWorkers, bound: "maxWorkers" }
      : { value: queue.nQueueLimitWorker, bound: "nQueueLimitWorker" };
  if (queue.nQueueLimitWorkerRatio === null) return fixed;
  const wanted = share(running, queue.nQueueLimitWorkerRatio);
  const least = queue.nQueueLimitWorkerMin;
  return least !== null && wanted < least
    ? lesser(fixed, least, "nQueueLimitWorkerMin")
    : lesser(fixed, wanted, "nQueueLimitWorkerRatio");
}
