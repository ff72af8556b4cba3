/**
 * Late binding and refill (lifecycle 3.8): jobs for workers that exist already, because their payloads ask. Binding is
 * planned with the workers to be made (planning.ts) and in the log before the payload hears of it; a job is the
 * worker's only when it was fed. Windrow must never offer a job elsewhere that such a payload may have.
 */
import type { WindrowEvent } from "../../events/events.ts";
import type { QueueConfig } from "../config/schema.ts";
import type { PlanEntry } from "../sizing/plan.ts";
import type { Chunk, WorkerCount } from "../sizing.ts";
import { isOver, type Worker, type World } from "../world.ts";
import { call, type Duty, type Reply, type Run, record, verdictOf } from "./agent.ts";
import { jobWithFiles, workerData } from "./handing.ts";
import type { Judgement } from "./looking.ts";

/** Workers of this queue are submitted without jobs. One job of many workers cannot wait for one of them. */
export const bindsLate = ({ useJobLateBinding, mapType }: QueueConfig): boolean =>
  useJobLateBinding && (mapType === "OneToOne" || mapType === "ManyToOne");

/** Whether the worker was made for jobs and has none yet. */
export const isLate = ({ ctx }: Worker): boolean => !ctx.hasJob && ctx.mapType !== "NoJob";

/** Workers whose payloads ask for jobs, oldest first. */
export function asking(world: World, queue: string): Worker[] {
  const ids = [...(world.askingWorkers.get(queue) ?? [])].toSorted((a, b) => a - b);
  return ids.flatMap((id) => world.workers.get(id) ?? []);
}

/** Running workers that want more jobs: what the plan counts as ready beside those that are (D4). */
export function refills(world: World, queue: string): WorkerCount[] {
  return asking(world, queue)
    .filter(({ state }) => state.life === "running")
    .map(({ ctx: { jobType, resourceType, pilotType } }) => ({
      ...{ status: "running", jobType, resourceType, pilotType },
      ...{ n: 0, cores: 0, memory: 0, refill: 1 },
    }));
}

/** The asking workers that an entry of the plan counts as ready. */
export const askingFor = (world: World, queue: string, { resourceType, pilotType, nReady }: PlanEntry): Worker[] =>
  asking(world, queue)
    .filter(({ ctx }) => resourceType === "ANY" || resourceType === ctx.resourceType)
    .filter(({ ctx }) => (ctx.pilotType ?? "PR") === pilotType)
    .slice(0, nReady);

/** Gives each worker the jobs of a chunk, one that refills no more than it asked for. */
export function binding(
  world: World,
  pairs: readonly (readonly [Worker, Chunk])[],
  onEvents: (chunk: Chunk) => boolean,
): WindrowEvent[] {
  const given = pairs.map(([worker, chunk]) => {
    const { hasJob, nJobsToRefill } = worker.ctx;
    return { worker, chunk, pandaIDs: chunk.PandaIDs.slice(0, hasJob ? nJobsToRefill : undefined) };
  });
  const bound = new Set(given.flatMap(({ pandaIDs }) => pandaIDs));
  return given.flatMap(({ worker, chunk, pandaIDs }): WindrowEvent[] => {
    const { workerID, hasJob } = worker.ctx;
    const others = hasJob ? [] : unqueued(world, worker).filter((PandaID) => !bound.has(PandaID));
    return [
      {
        type: "worker.bound",
        workerID,
        pandaIDs: [...pandaIDs],
        ...(onEvents(chunk) ? { eventsRequest: 1 } : {}),
      },
      ...pandaIDs.map((PandaID): WindrowEvent => ({ type: "job.bound", PandaID, workerID })),
      ...(others.length > 0 ? [{ type: "job.unqueued" as const, PandaIDs: others }] : []),
    ];
  });
}

/** Jobs that the worker was submitted for and that still wait for one. */
const unqueued = (world: World, { ctx }: Worker): number[] =>
  ctx.pandaIDs.filter((PandaID) => world.jobs.get(PandaID)?.state.life === "queued");

/** Jobs whose worker ended before its payload asked for any: they may get another one. */
export function givenBack(world: World, judged: readonly Judgement[]): WindrowEvent[] {
  const ended = judged.filter(({ worker, look }) => isLate(worker) && overStatuses.has(look.status));
  const PandaIDs = [...new Set(ended.flatMap(({ worker }) => unqueued(world, worker)))];
  return PandaIDs.length > 0 ? [{ type: "job.unqueued", PandaIDs }] : [];
}
const overStatuses: ReadonlySet<string> = new Set(["finished", "failed", "cancelled", "missed"]);

/**
 * Feeds what was bound. A payload may have the jobs of a feeding that gave no answer, so these are fed to it again
 * until it has ended, and only then offered elsewhere.
 */
export const feedAsking: Duty = {
  name: "feedAsking",
  limit: () => Number.MAX_SAFE_INTEGER,
  run: function* feed(world, { ids, now }): Run {
    const worker = world.workers.get(ids[0] as number);
    if (!worker || worker.ctx.toFeed.length === 0) return;
    const { workerID, queue, toFeed, pandaIDs, hasJob } = worker.ctx;
    const shard = world.shardOf(queue);
    const cause = `feedAsking:${workerID}:${now}`;
    if (isOver(worker)) return yield* record(shard, cause, lost(world, worker));
    const jobs = toFeed.flatMap((PandaID) => world.jobs.get(PandaID) ?? []).map((job) => jobWithFiles(world, job));
    const data = { ...workerData(world, worker), pandaIDs: hasJob ? [...pandaIDs, ...toFeed] : toFeed };
    const about = { plugin: "messenger", queue } as const;
    const set = yield* call({
      ...about,
      method: "setupAccessPoints",
      key: `setupAccessPoints:${workerID}:${now}`,
      args: { workers: [{ data }] },
    });
    const fed: Reply = set.ok
      ? yield* call({
          ...about,
          method: "feedJobs",
          key: `feedJobs:${workerID}:${now}`,
          args: { worker: { data, jobs }, withJobs: true },
        })
      : set;
    if (!fed.ok) return yield* record(shard, cause, [{ type: "worker.jobsUnfed", workerID, why: fed.why }]);
    const { ok, dialog } = verdictOf(fed);
    yield* record(shard, cause, [
      { type: "worker.jobsFed", workerID, ...(ok === true ? {} : { complaint: dialog }) },
      ...waiting(world, worker, toFeed).map((PandaID): WindrowEvent => ({ type: "job.submitted", PandaID, workerID })),
    ]);
  },
};

/** Those of the jobs that are still bound to the worker. */
const waiting = (world: World, { ctx }: Worker, PandaIDs: readonly number[]): number[] =>
  PandaIDs.filter((PandaID) => {
    const job = world.jobs.get(PandaID);
    return job?.state.life === "submitting" && job.ctx.boundTo.includes(ctx.workerID);
  });

function lost(world: World, worker: Worker): WindrowEvent[] {
  const { workerID, toFeed } = worker.ctx;
  const why = "the worker ended before it had the job";
  return [
    { type: "worker.unbound", workerID, why },
    ...waiting(world, worker, toFeed).map(
      (PandaID): WindrowEvent => ({ type: "job.submissionTroubled", PandaID, workerID, why }),
    ),
  ];
}
