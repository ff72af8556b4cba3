/**
 * What each command of the WMS means (lifecycle 5, panda-api 7), as events of the shards it concerns. Pure readers of
 * parameters that anybody may have typed: what cannot be read is a complaint, never a guess and never an exception.
 * Obeying twice must do nothing more, because a crash repeats it.
 */
import { z } from "zod";
import type { WindrowEvent } from "../../events/events.ts";
import { isOver, type PendingCommand, type Queue, type Worker, type World, workerStatusOf } from "../world.ts";

/** Events by the queue whose shard they belong to, and what could not be done. */
export interface Effect {
  readonly events: readonly { readonly queue: string; readonly event: WindrowEvent }[];
  readonly complaint?: string;
}

/** Who acts on a command, by how its text begins; null: nobody here knows it. */
export function receiverOf(command: string): string | null {
  return receivers.find(([prefix]) => command.startsWith(prefix))?.[1] ?? null;
}
const receivers = [
  ["REPORT_WORKER_STATS", "propagator"],
  ["SET_N_WORKERS_JOBTYPE", "submitter"],
  ["KILL_WORKERS", "sweeper"],
  ["SYNC_WORKERS_KILL", "sweeper"],
] as const;

/** What the command does to the World as it is now. */
export function effectOf(world: World, command: PendingCommand): Effect {
  const [name, ...rest] = command.command.split(":");
  const site = rest.at(-1) ?? "";
  switch (name) {
    case "REPORT_WORKER_STATS":
      return reportStats(world, site);
    case "SET_N_WORKERS_JOBTYPE":
      return orderWorkers(world, site, command);
    case "KILL_WORKERS":
      return killWorkers(world, command);
    case "SYNC_WORKERS_KILL":
      return killThese(world, command);
    default:
      return { events: [], complaint: `${command.command}: no such command` };
  }
}

/** Queues of the site that are worked for, by name; a queue's own name counts as well. */
function queuesOf(world: World, site: string): Queue[] {
  const active = [...world.queues.values()].filter(({ state }) => state.life === "active");
  const ofSite = active.filter(({ ctx }) => world.queueConfig(ctx.queue).siteName === site);
  const found = ofSite.length > 0 ? ofSite : active.filter(({ ctx }) => ctx.queue === site);
  return found.toSorted((a, b) => (a.ctx.queue < b.ctx.queue ? -1 : 1));
}

/** The first queue of the site owes the counts of all; without a site every site does. The propagator tells them. */
function reportStats(world: World, site: string): Effect {
  const sites =
    site === "" ? new Set([...world.queues.keys()].map((name) => world.queueConfig(name).siteName)) : [site];
  const queues = [...sites].flatMap((name) => queuesOf(world, name).slice(0, 1));
  if (queues.length === 0) return { events: [], complaint: `no queue of site ${site}` };
  return {
    events: queues.map(({ ctx: { queue } }) => ({ queue, event: { type: "queue.statsAsked", queue } })),
  };
}

type Order = Extract<WindrowEvent, { type: "queue.workersOrdered" }>["orders"][number];
const ordersSchema = z.record(z.string(), z.record(z.string(), z.int().nonnegative().nullable()));

/**
 * SET_N_WORKERS_JOBTYPE: every type of the site gets 0, those that are named get their number. A type that was never
 * ordered goes to the queue of its resource type, else to the queue that the command names, else to the first.
 */
function orderWorkers(world: World, site: string, { command, command_id, params }: PendingCommand): Effect {
  const parsed = ordersSchema.safeParse(params);
  if (!parsed.success) return { events: [], complaint: `${command}: ${z.prettifyError(parsed.error)}` };
  const queues = queuesOf(world, site);
  if (queues.length === 0) return { events: [], complaint: `${command}: no active queue of site ${site}` };
  const orders = new Map(queues.map(({ ctx }) => [ctx.queue, [] as Order[]] as const));
  const own: string[] = [];
  for (const [jobType, byResource] of Object.entries(parsed.data)) {
    for (const [resourceType, n] of Object.entries(byResource)) {
      const type = `${jobType}/${resourceType}`;
      const queue = (
        queues.find(({ ctx }) => type in ctx.ordered) ??
        queues.find(({ ctx }) => world.queueConfig(ctx.queue).resourceType === resourceType) ??
        queues.find(({ ctx }) => ctx.queue === site) ??
        queues[0]
      )?.ctx.queue;
      if (queue !== undefined && isOwnType(world, queue, jobType, resourceType)) own.push(type);
      else orders.get(queue ?? "")?.push({ jobType, resourceType, n: n ?? 0 });
    }
  }
  const fresh = queues.filter(({ ctx }) => ctx.orderedBy !== command_id);
  return {
    events: fresh.map(({ ctx: { queue } }) => ({
      queue,
      event: {
        type: "queue.workersOrdered",
        queue,
        orders: orders.get(queue) ?? [],
        command_id,
      },
    })),
    ...(own.length > 0 ? { complaint: `${command}: ${own.join(", ")} is the queue's own type` } : {}),
  };
}

/**
 * The original cannot keep an order of the queue's own resource type and label beside the queue's row, which has the
 * same name, and loses it (specs 6, uniqueName).
 */
function isOwnType(world: World, queue: string, jobType: string, resourceType: string): boolean {
  const config = world.queueConfig(queue);
  return config.resourceType === resourceType && config.prodSourceLabel === jobType;
}

/** "ALL": no filter. A missing or empty list chooses nothing. */
const choice = z.union([z.literal("ALL"), z.array(z.string())]).nullish();
const killSchema = z.looseObject({
  status: choice.default(["submitted"]),
  computingSite: choice,
  computingElement: choice,
  submissionHost: choice,
});

/** The one command that looks at every worker; it does so once. */
function killWorkers(world: World, { command, command_id, params }: PendingCommand): Effect {
  const parsed = killSchema.safeParse(params);
  if (!parsed.success) return { events: [], complaint: `${command}: ${z.prettifyError(parsed.error)}` };
  const { status, computingSite, computingElement, submissionHost } = parsed.data;
  const chosen = (filter: z.output<typeof choice>, value: unknown): boolean =>
    filter === "ALL" || (typeof value === "string" && (filter?.includes(value) ?? false));
  const found = [...world.workers.values()].filter(
    (worker) =>
      chosen(status, workerStatusOf(worker)) &&
      chosen(computingSite, worker.ctx.queue) &&
      chosen(computingElement, worker.ctx.settings["computingElement"]) &&
      chosen(submissionHost, worker.ctx.settings["submissionHost"]),
  );
  return { events: marks(found, `${command} ${command_id}`) };
}

const id = z.union([
  z.int(),
  z
    .string()
    .regex(/^\d{1,15}$/)
    .transform(Number),
]);

/** Ids that nobody knows are passed over: those workers are gone already. */
function killThese(world: World, { command, command_id, params }: PendingCommand): Effect {
  if (!Array.isArray(params)) return { events: [], complaint: `${command}: the parameters are no list of workerIDs` };
  const read = params.map((one: unknown) => id.safeParse(one));
  const found = read.flatMap((one) => (one.success ? (world.workers.get(one.data) ?? []) : []));
  const unread = params.filter((_, index) => !read[index]?.success);
  const effect = { events: marks([...new Set(found)], `${command} ${command_id}`) };
  return unread.length === 0
    ? effect
    : { ...effect, complaint: `${command}: no workerIDs: ${JSON.stringify(unread).slice(0, 200)}` };
}

/** One event a queue. Who has ended or is marked already is left alone. */
function marks(workers: readonly Worker[], why: string): Effect["events"] {
  const queues = new Map<string, number[]>();
  for (const worker of workers) {
    if (isOver(worker) || worker.state.regions["kill"] !== "unmarked") continue;
    const { queue, workerID } = worker.ctx;
    const known = queues.get(queue);
    if (known) known.push(workerID);
    else queues.set(queue, [workerID]);
  }
  return [...queues].map(([queue, workerIDs]) => ({ queue, event: { type: "worker.killMarked", workerIDs, why } }));
}
