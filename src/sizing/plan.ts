/**
 * How many new workers a queue gets, by resource type and pilot type (lifecycle 6.4). Each entry names the limit that
 * made its number. Pure, like the rest of sizing; it must never submit, nor look at single workers.
 *
 * Limits are held over all pilot types of a resource type and count workers without pilot type (the original looks at
 * each pilot type alone and does not see those, D8). A limit that is reached means 0 (D7).
 */
import { isActive, type QueueConfig } from "../config/schema.ts";
import { classify, type Inputs, type WorkerCount } from "../sizing.ts";
import { cutTogether, perCycle, shareSums, workersIn } from "./cut.ts";
import { type Bounded, lesser, type WorkerLimits, workerLimits } from "./limits.ts";
import { factsOf, type Lists, labelOf, pilotTypeOf, type QueueFacts } from "./lists.ts";

/** The keys of [submitter] that planning reads. */
export interface SubmitterNumbers {
  readonly activateWorkerFactor: number | "auto";
  readonly maxNewWorkers: number;
  readonly noPilotsWhenNoActiveJobs: boolean;
}

export interface PlanInput {
  readonly queue: QueueConfig;
  /** All workers of the queue. */
  readonly workers: readonly WorkerCount[];
  /** Still ordered by the WMS, `jobType/resourceType` -> n. Types that were ordered once stay here with 0. */
  readonly ordered: Readonly<Record<string, number>>;
  readonly lists: Lists;
  readonly submitter: SubmitterNumbers;
  /** Why the throttler holds the queue back; null: it does not. */
  readonly throttled: string | null;
}

export interface PlanEntry {
  readonly jobType: string;
  readonly resourceType: string;
  readonly pilotType: string;
  /** What the worker maker is told. */
  readonly prodSourceLabel: string;
  /** New workers. */
  readonly n: number;
  /** Ready workers that take jobs besides. */
  readonly nReady: number;
  readonly bound: string;
  readonly inputs: Inputs;
}

export interface Plan {
  readonly entries: readonly PlanEntry[];
  /** Of the entry with most new workers; where there are none, of the first. */
  readonly bound: string;
  readonly inputs: Inputs;
}

interface Row {
  /** As ordered; `managed` in the plan, and workers of any job type count. */
  readonly jobType: string;
  readonly resourceType: string;
  readonly ordered: number;
}

interface Entry extends Omit<PlanEntry, "n" | "bound" | "inputs"> {
  readonly row: Row;
  size: Bounded;
  inputs: Inputs;
}

/** The plan of a queue. Only job type `managed` is planned, into which all others are merged (lifecycle 6.4, 1). */
export function planWorkers(input: PlanInput): Plan {
  const { queue, workers } = input;
  const all = classify(workers);
  const limits = workerLimits(queue, all);
  const facts = factsOf(queue.queueName, input.lists);
  const { rows, aggregate } = plannedRows(queue, input.ordered);
  const stopped = stopReason(input, facts);
  const entries = rows.flatMap((row) => planRow(input, limits, facts, row, stopped));
  if (aggregate) {
    // Workers of types that were never ordered do not count, as in the original.
    const counted = workers.filter((count) => rows.some((row) => row.resourceType !== "ANY" && belongs(count, row)));
    cutTogether(input, limits.workers, entries, classify(counted));
  }
  shareSums(limits, facts, entries, all);
  const most = entries.toSorted((a, b) => b.size.value - a.size.value)[0];
  // Prioritised pilot types have their share first; workers are made in the original's order, the others before them.
  const inOrder = rows.flatMap((row) => {
    const own = entries.filter((entry) => entry.row === row);
    return [...own.filter(({ pilotType }) => pilotType === "PR"), ...own.filter(({ pilotType }) => pilotType !== "PR")];
  });
  return {
    entries: inOrder.map(({ row: _row, size, ...entry }) => ({ ...entry, n: size.value, bound: size.bound })),
    bound: most?.size.bound ?? "nothingToPlan",
    inputs: { ...limitInputs(limits), ...all, throttled: input.throttled },
  };
}

const limitInputs = ({ workers, cores, memory }: WorkerLimits): Inputs => ({
  limit: workers.value,
  coreLimit: cores?.value ?? null,
  memoryLimit: memory?.value ?? null,
});

function stopReason({ queue, throttled }: PlanInput, { cricStatus }: QueueFacts): string | null {
  if (!isActive(queue)) return "queueStatus";
  if (cricStatus && ["offline", "standby", "maintenance"].includes(cricStatus)) return `CRIC status ${cricStatus}`;
  return throttled === null ? null : `throttler: ${throttled}`;
}

/**
 * Rows of the queue in the order they were ordered; the first of a resource type stands for all its job types (6.4,
 * 1).
 */
function plannedRows(
  queue: QueueConfig,
  ordered: Readonly<Record<string, number>>,
): { rows: readonly Row[]; aggregate: boolean } {
  const rows = Object.entries(ordered).map(([key, n]): Row => {
    const at = key.indexOf("/");
    return { jobType: key.slice(0, at), resourceType: key.slice(at + 1), ordered: n };
  });
  const typed = rows.filter(({ jobType }) => jobType !== "ANY");
  if (typed.length > 0) {
    const first = typed.filter((row, i) => typed.findIndex((other) => other.resourceType === row.resourceType) === i);
    return { rows: first, aggregate: true };
  }
  const base = rows.find(({ resourceType }) => resourceType === queue.resourceType);
  return { rows: [base ?? { jobType: "ANY", resourceType: queue.resourceType, ordered: 0 }], aggregate: false };
}

const belongs = (count: WorkerCount, { resourceType }: Row): boolean =>
  resourceType === "ANY" || resourceType === count.resourceType;

/** Ready workers, and running ones that want more jobs (the original loses the latter, D4). */
const readyOf = (workers: readonly WorkerCount[], pilotType: string): number =>
  workers
    .filter((count) => (count.pilotType ?? "PR") === pilotType)
    .reduce((sum, { status, n, refill = 0 }) => sum + refill + (status === "ready" ? n : 0), 0);

function planRow(input: PlanInput, limits: WorkerLimits, facts: QueueFacts, row: Row, stopped: string | null): Entry[] {
  const workers = input.workers.filter((count) => belongs(count, row));
  const factor = activateFactor(input, facts, row);
  const orders = splitOrder(input, facts, row, workers, factor);
  const entries: Entry[] = [];
  let planned = 0;
  for (const [pilotType, ordered] of orders) {
    const room = { ...classify(workers), planned, ordered };
    const size: Bounded = stopped
      ? { value: 0, bound: stopped }
      : planEntry(input, limits, facts, { ...room, pilotType, factor, row });
    entries.push({
      row,
      jobType: "managed",
      resourceType: row.resourceType,
      pilotType,
      prodSourceLabel: labelOf(pilotType),
      nReady: readyOf(workers, pilotType),
      size,
      inputs: { ...room, factor, activated: facts.activated, ...limitInputs(limits) },
    });
    planned += size.value;
  }
  return entries;
}

/** Share of the activated jobs that this instance makes workers for (lifecycle 6.4, 3). */
function activateFactor({ queue, submitter }: PlanInput, facts: QueueFacts, row: Row): number {
  if (queue.runMode === "slave") return 1;
  const { activateWorkerFactor } = submitter;
  const share = activateWorkerFactor === "auto" ? 1 / facts.harvesters : activateWorkerFactor;
  return share / coreFactor(queue.plugins.submitter["nCoreFactor"], row);
}

/** `nCoreFactor` of the submitter: a number, or numbers by job type and resource type. */
export function coreFactor(given: unknown, row: Pick<Row, "jobType" | "resourceType">): number {
  const at = (of: unknown, ...keys: readonly string[]): unknown => {
    const key = keys.find((name) => typeof of === "object" && of !== null && Object.hasOwn(of, name));
    return key === undefined || typeof of !== "object" || of === null ? undefined : Reflect.get(of, key);
  };
  const one =
    typeof given === "number"
      ? given
      : at(at(given, row.jobType, "managed", "ANY", "Any"), row.resourceType, "ANY", "Any");
  return typeof one === "number" && one > 0 ? one : 1;
}

/**
 * Pilot types of a row with what is ordered of each (lifecycle 6.4, 3): prioritised ones get what their activated
 * jobs want, scaled down where less is ordered than all of them want; PR gets the rest. Others appear only where
 * workers are ready.
 */
function splitOrder(
  { queue }: PlanInput,
  facts: QueueFacts,
  row: Row,
  workers: readonly WorkerCount[],
  factor: number,
): ReadonlyMap<string, number> {
  const first = [...new Set(queue.prioritizedProdSourceLabels.map(pilotTypeOf))];
  const queuedOf = (type: string): number => classify(workers.filter(({ pilotType }) => pilotType === type)).queued;
  const queued = first.reduce((sum, type) => sum + queuedOf(type), 0);
  const activated = first.reduce((sum, type) => sum + facts.activatedOf(row.resourceType, type), 0);
  const missing = Math.max(Math.trunc(activated * factor) - queued, 0);
  const orders = new Map<string, number>();
  let rest = row.ordered;
  for (const type of first.filter((name) => name !== "PR")) {
    const own = Math.max(Math.trunc(facts.activatedOf(row.resourceType, type) * factor) - queuedOf(type), 0);
    // A type may want more than all together where another one has too many queued: never more than is left.
    const n = missing > 0 ? Math.min(Math.trunc(own * Math.min(row.ordered / missing, 1)), rest) : 0;
    rest -= n;
    orders.set(type, n);
  }
  for (const { pilotType } of workers) if (pilotType !== null && !orders.has(pilotType)) orders.set(pilotType, 0);
  orders.delete("PR");
  for (const [type, n] of orders) if (n === 0 && readyOf(workers, type) === 0) orders.delete(type);
  return orders.set("PR", rest);
}

interface Room {
  readonly queued: number;
  readonly ready: number;
  readonly running: number;
  readonly queuedCores: number;
  readonly queuedMemory: number;
  /** Already given to other pilot types of the row. */
  readonly planned: number;
  readonly ordered: number;
  readonly pilotType: string;
  readonly factor: number;
  readonly row: Row;
}

function planEntry(input: PlanInput, limits: WorkerLimits, facts: QueueFacts, room: Room): Bounded {
  const { queue, submitter, workers } = input;
  const byOrder = queue.runMode === "slave" || room.pilotType !== "PR";
  if (byOrder && room.ordered <= 0) return { value: 0, bound: "ordered" };
  const queued = room.queued + room.planned;
  const all = queued + room.ready + room.running;
  const sums = classify(workers);
  if (limits.workers.value > 0 && queued >= limits.workers.value) return { value: 0, bound: limits.workers.bound };
  if (queue.maxWorkers > 0 && all >= queue.maxWorkers) return { value: 0, bound: "maxWorkers" };
  if (limits.cores && sums.queuedCores >= limits.cores.value) return { value: 0, bound: limits.cores.bound };
  if (limits.memory && sums.queuedMemory >= limits.memory.value) return { value: 0, bound: limits.memory.bound };
  const target = byOrder
    ? orderedTarget(limits, queued + room.ordered)
    : freeTarget(input, limits, facts, { ...room, queued });
  let size: Bounded = { value: Math.max(target.value - queued, 0), bound: target.bound };
  if (queue.maxWorkers > 0) size = lesser(size, Math.max(queue.maxWorkers - all, 0), "maxWorkers");
  const each = facts.sizeOf(room.row.resourceType);
  if (limits.cores)
    size = lesser(size, workersIn(limits.cores.value - sums.queuedCores, each.cores), limits.cores.bound);
  if (limits.memory) {
    size = lesser(size, workersIn(limits.memory.value - sums.queuedMemory, each.memory), limits.memory.bound);
  }
  for (const { value, bound } of perCycle(queue, submitter)) {
    size = lesser(size, Math.max(value - room.planned, 0), bound);
  }
  return size;
}

function orderedTarget(limits: WorkerLimits, ordered: number): Bounded {
  const target: Bounded = { value: ordered, bound: "ordered" };
  return limits.workers.value > 0 ? lesser(target, limits.workers.value, limits.workers.bound) : target;
}

/** How many may be queued where nobody orders: the limit, for pull queues no more than activated jobs. */
function freeTarget(
  { queue, submitter }: PlanInput,
  limits: WorkerLimits,
  facts: QueueFacts,
  { queued, ready, running, factor }: Pick<Room, "queued" | "ready" | "running" | "factor">,
): Bounded {
  const limit = limits.workers;
  if (queue.mapType !== "NoJob" || facts.activated === null) {
    // Without any limit the original begins with one worker.
    return limit.value > 0 ? limit : { value: 1, bound: limit.bound };
  }
  // The original fails here without a limit, and submits nothing.
  if (limit.value <= 0) return { value: 0, bound: limit.bound };
  const frugal = queue.plugins.submitter["noPilotsWhenNoActiveJobs"] ?? submitter.noPilotsWhenNoActiveJobs;
  const idle = frugal === true ? 0 : 1;
  if (facts.activated === "absent") {
    const one = idle === 0 ? 0 : Math.max(1 - queued - ready - running, 0);
    return lesser(limit, one, "activatedJobs");
  }
  const jobs = facts.activated * factor;
  return lesser(limit, Math.max(Math.trunc(jobs), jobs > 0 ? 1 : idle), "activatedJobs");
}
