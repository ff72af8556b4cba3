/**
 * Asks the payloads of several workers what they report (lifecycle 3.4 B5, B6), each by its messenger, and only for
 * what can matter in this look. It must never judge what they say.
 */
import type { WorkerReport } from "../plugins/contract.ts";
import type { Worker, World } from "../world.ts";
import { callAll, type Part, type Reply } from "./agent.ts";
import { workerArgument } from "./handing.ts";

/** What each payload reports, or why that cannot be known. */
export function* askPayloads(
  world: World,
  workers: readonly Worker[],
  now: number,
): Part<ReadonlyMap<number, WorkerReport | string>> {
  const replies = yield* callAll(
    workers.map((worker) => ({
      method: "read" as const,
      plugin: "messenger" as const,
      queue: worker.ctx.queue,
      key: `read:${worker.ctx.workerID}:${now}`,
      args: { worker: workerArgument(world, worker), plain: [requestFor(world, worker, now)] },
    })),
  );
  return new Map(workers.map(({ ctx }, i) => [ctx.workerID, reportOf(replies[i])]));
}

function reportOf(reply: Reply | undefined): WorkerReport | string {
  if (!reply) return "messenger.read: no answer";
  return reply.ok ? (reply.value as WorkerReport) : reply.why;
}

function requestFor(world: World, { ctx }: Worker, now: number) {
  const { messenger } = world.queueConfig(ctx.queue).plugins;
  const heartbeat = messenger["worker_heartbeat"];
  const running = ctx.finalStatus === null;
  return {
    attributes: true,
    files: true,
    events: ctx.eventsRequest > 0,
    eventsRequest: ctx.eventsRequest === 1,
    pandaIDs: ctx.mapType === "NoJob",
    jobsRequested: running && ctx.mapType !== "NoJob" && ctx.nJobsToRefill === 0 && ctx.toFeed.length === 0,
    killRequested: true,
    heartbeatMinutes: typeof heartbeat === "number" ? heartbeat : null,
    now,
  };
}
