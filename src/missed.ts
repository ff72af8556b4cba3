/**
 * What is remembered of workers that could not be submitted, for throttlers (lifecycle 6.4): it outlasts the workers
 * themselves, which are swept. Part of the projection; nothing in it follows from a configuration.
 */
import type { MissedBatch, World } from "./world.ts";

/** Batches remembered of a queue: with one failed submission a minute, of the last eight hours. */
const remembered = 500;

/** Remembers a worker that is missed now. Those of one computing element and instant are one batch. */
export function noteMissed(world: World, workerID: number): void {
  const worker = world.workers.get(workerID);
  if (worker?.state.life !== "missed" || worker.ctx.submitAt === null) return;
  const { queue, submitAt, settings } = worker.ctx;
  const element = settings["computingElement"];
  const computingElement = element === undefined ? null : String(element);
  const batches = world.missedWorkers.get(queue) ?? [];
  const same = batches.findLastIndex((one) => one.submitAt === submitAt && one.computingElement === computingElement);
  const batch = batches[same];
  const next: readonly MissedBatch[] = batch
    ? batches.with(same, { ...batch, n: batch.n + 1 })
    : [...batches, { computingElement, submitAt, n: 1 }];
  world.missedWorkers.set(queue, next.slice(-remembered));
}
