/**
 * Where everything stands, from the World and its log: who leads, queues with their jobs and workers by state, what is
 * in trouble, what waits for an operator. Pure; it must never do work per job beyond one pass for the troubles it
 * shows.
 */
import type { Look } from "../../machines/look.ts";
import type { Leader } from "../log/replay.ts";
import { subStatusOf, type World, workerStatusOf } from "../world.ts";

/** One queue of the status. */
export interface QueueStatus {
  readonly queue: string;
  readonly site: string;
  readonly state: string;
  readonly shard: number;
  /** Harvester's subStatus of jobs -> number. */
  readonly jobs: Readonly<Record<string, number>>;
  /** Worker status -> number. */
  readonly workers: Readonly<Record<string, number>>;
}

/** One who leads, as far as the log says: it does not say that an owner has died. */
export interface LeaderStatus {
  /** null: nobody, the last owner gave them up. */
  readonly owner: string | null;
  readonly shards: readonly number[];
  /** Instant of the newest record in them (epoch ms). */
  readonly lastRecordAt: number;
}

/** The status of a log. */
export interface Status {
  readonly harvesterID: string;
  /** Instant of the newest record (epoch ms). */
  readonly at: number;
  readonly leaders: readonly LeaderStatus[];
  readonly queues: readonly QueueStatus[];
  readonly totals: { readonly jobs: number; readonly workers: number; readonly fileGroups: number };
  /** Creating calls whose outcome nobody knows yet, or that wait for an operator. */
  readonly unsettled: readonly { readonly key: string; readonly state: string; readonly queue: string }[];
  /** Jobs whose last try of something brought no answer, by what was tried. */
  readonly trouble: Readonly<Record<string, number>>;
  readonly anomalies: number;
}

/** The status as the World gives it, and the log for who leads. */
export function statusOf(world: World, leaders: readonly Leader[]): Status {
  const jobs = new Map<string, Record<string, number>>();
  const workers = new Map<string, Record<string, number>>();
  const trouble: Record<string, number> = {};
  for (const job of world.jobs.values()) {
    count(jobs, job.ctx.queue, subStatusOf(job));
    const { prepare, submit, stage, report } = job.ctx;
    for (const [what, look] of Object.entries({ prepare, submit, stage, report }) as [string, Look][]) {
      if (look.how === "trouble") trouble[`jobs: ${what}`] = (trouble[`jobs: ${what}`] ?? 0) + 1;
    }
  }
  for (const worker of world.workers.values()) {
    count(workers, worker.ctx.queue, workerStatusOf(worker));
    if (worker.ctx.check.how === "trouble") trouble["workers: look"] = (trouble["workers: look"] ?? 0) + 1;
  }
  return {
    harvesterID: world.instance.harvesterID,
    at: world.at,
    leaders: Array.from(
      Map.groupBy(leaders, ({ owner }) => owner),
      ([owner, of]) => ({
        owner,
        shards: of.map(({ shard }) => shard),
        lastRecordAt: Math.max(...of.map(({ at }) => at)),
      }),
    ),
    queues: [...world.queues.values()].map(({ state, ctx }) => ({
      queue: ctx.queue,
      site: String(ctx.config["siteName"] ?? ctx.queue),
      state: state.life,
      shard: world.placements.get(ctx.queue) ?? 0,
      jobs: jobs.get(ctx.queue) ?? {},
      workers: workers.get(ctx.queue) ?? {},
    })),
    totals: { jobs: world.jobs.size, workers: world.workers.size, fileGroups: world.fileGroups.size },
    unsettled: [...world.calls.values()]
      .filter(({ state }) => state.life !== "open")
      .map(({ state, ctx }) => ({ key: ctx.key, state: state.life, queue: ctx.queue })),
    trouble,
    anomalies: world.anomalyCount,
  };
}

function count(by: Map<string, Record<string, number>>, queue: string, key: string): void {
  const numbers = by.get(queue) ?? {};
  numbers[key] = (numbers[key] ?? 0) + 1;
  by.set(queue, numbers);
}
