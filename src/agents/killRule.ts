/**
 * What a kill of a job by the WMS means (lifecycle 1.10). It must never call a job killed while a worker of it may be
 * alive: the batch system has the last word about a worker.
 */
import type { WindrowEvent } from "../../events/events.ts";
import { isOver, type Job, type Worker, type World } from "../world.ts";

/** The error of a job that the WMS killed before any worker ran (lifecycle 0.4, PANDAKILL). */
const killedByWms = { code: 1144, diag: "This job was killed by panda server" };

/** Workers of the job that may be alive, those that are being made for it included. */
export function livingWorkers(world: World, { ctx }: Job): Worker[] {
  return [...ctx.workers, ...ctx.boundTo].flatMap((id) => {
    const worker = world.workers.get(id);
    return worker && !isOver(worker) ? worker : [];
  });
}

/**
 * The kill rule (1.10) without its gap (C27): with a living worker the job waits, whoever marked the worker and however
 * often the WMS says it; it ends through its worker. Without one it is killed here.
 */
export function killing(world: World, doomed: readonly Job[]): WindrowEvent[] {
  const marks: WindrowEvent[] = [];
  const jobs: WindrowEvent[] = [];
  const marked = new Set<number>();
  for (const job of doomed) {
    const { PandaID } = job.ctx;
    const living = livingWorkers(world, job);
    if (living.length === 0) {
      jobs.push({
        type: "job.killed",
        PandaID,
        error: killedByWms,
      });
      continue;
    }
    const fresh = living
      .filter(({ state, ctx }) => state.regions["kill"] === "unmarked" && !marked.has(ctx.workerID))
      .map(({ ctx }) => ctx.workerID);
    for (const id of fresh) marked.add(id);
    if (fresh.length > 0)
      marks.push({ type: "worker.killMarked", workerIDs: fresh, why: `job ${PandaID}: tobekilled` });
    if (job.state.regions["kill"] === "unasked") jobs.push({ type: "job.killAsked", PandaID });
  }
  return [...marks, ...jobs];
}
