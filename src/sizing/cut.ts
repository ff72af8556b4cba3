/**
 * Cuts the plan of a queue where its entries together exceed a limit that each of them keeps (lifecycle 6.4, 5). It
 * must never raise a number.
 */
import type { QueueConfig } from "../config/schema.ts";
import type { Classes } from "../sizing.ts";
import { type Bounded, lesser, type WorkerLimits } from "./limits.ts";
import { pilotTypeOf, type QueueFacts } from "./lists.ts";

/** An entry of the plan whose number may still become smaller. */
interface Sized {
  readonly resourceType: string;
  readonly pilotType: string;
  size: Bounded;
}

/** Limits on the new workers of one cycle; 0 means none (also in the sum over the resource types: D11). */
export function perCycle(
  { maxNewWorkersPerCycle }: QueueConfig,
  { maxNewWorkers }: { readonly maxNewWorkers: number },
): readonly Bounded[] {
  return [
    { value: maxNewWorkersPerCycle, bound: "maxNewWorkersPerCycle" },
    { value: maxNewWorkers, bound: "maxNewWorkers" },
  ].filter(({ value }) => value > 0);
}

/**
 * Where job types were ordered, the queue's limits hold for the sum over the resource types too: what is over is cut
 * in proportion, and what remains by rounding goes first to entries that still have workers, then to prioritised
 * pilot types, larger remainders, smaller numbers. Here a limit of 0 is one, as in the original.
 */
export function cutTogether(
  { queue, submitter }: { readonly queue: QueueConfig; readonly submitter: { readonly maxNewWorkers: number } },
  limit: Bounded,
  entries: readonly Sized[],
  { queued, ready, running }: Classes,
): void {
  const cut = entries.filter(({ resourceType }) => resourceType !== "ANY");
  let allowed: Bounded = { value: Math.max(limit.value - queued, 0), bound: limit.bound };
  allowed = lesser(allowed, Math.max(queue.maxWorkers - queued - ready - running, 0), "maxWorkers");
  for (const { value, bound } of perCycle(queue, submitter)) allowed = lesser(allowed, value, bound);
  const total = cut.reduce((sum, { size }) => sum + size.value, 0);
  if (total <= allowed.value) return;
  const first = new Set(queue.prioritizedProdSourceLabels.map(pilotTypeOf));
  const parts = cut.map((entry) => {
    const exact = entry.size.value * allowed.value;
    return { entry, was: entry.size.value, n: Math.floor(exact / total), remainder: exact % total };
  });
  let left = allowed.value - parts.reduce((sum, { n }) => sum + n, 0);
  const order = parts
    .filter(({ was }) => was > 0)
    .toSorted(
      (a, b) =>
        Number(b.n > 0) - Number(a.n > 0) ||
        Number(first.has(b.entry.pilotType)) - Number(first.has(a.entry.pilotType)) ||
        b.remainder - a.remainder ||
        a.n - b.n,
    );
  for (const part of order) {
    if (left <= 0) break;
    part.n += 1;
    left -= 1;
  }
  for (const { entry, was, n } of parts) if (n < was) entry.size = { value: n, bound: allowed.bound };
}

/** Core and memory limits hold for all entries together; a worker that begins below the limit is let through. */
export function shareSums(
  limits: WorkerLimits,
  facts: QueueFacts,
  entries: readonly Sized[],
  { queuedCores, queuedMemory }: Classes,
): void {
  let cores = (limits.cores?.value ?? 0) - queuedCores;
  let memory = (limits.memory?.value ?? 0) - queuedMemory;
  for (const entry of entries) {
    const each = facts.sizeOf(entry.resourceType);
    if (limits.cores) entry.size = lesser(entry.size, workersIn(cores, each.cores), limits.cores.bound);
    if (limits.memory) entry.size = lesser(entry.size, workersIn(memory, each.memory), limits.memory.bound);
    cores -= entry.size.value * each.cores;
    memory -= entry.size.value * each.memory;
  }
}

/** Workers of this size that begin within the room. */
export const workersIn = (room: number, each: number): number => Math.ceil(Math.max(room, 0) / each);
