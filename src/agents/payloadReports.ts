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
  return reply.ok ? withinBounds(reply.value as WorkerReport) : reply.why;
}

/** Of the attributes of one job, in characters: one event has to hold them. */
const maxAttributes = 128 * 1024;

/** The report without attributes that no event can hold: each is named, and the payload goes on without it. */
function withinBounds(report: WorkerReport): WorkerReport {
  const complaints = [...(report.complaints ?? [])];
  const bounded = (place: string, attributes: Readonly<Record<string, unknown>>): Record<string, unknown> => {
    const sizes = Object.entries(attributes).map(([name, value]) => ({ name, value, length: lengthOf(value) }));
    let left = maxAttributes;
    return Object.fromEntries(
      sizes
        .toSorted((a, b) => a.length - b.length)
        .flatMap(({ name, value, length }) => {
          left -= length;
          if (left >= 0) return [[name, value]];
          const why = `it has ${length} characters, and at most ${maxAttributes} of a job's attributes can be kept`;
          complaints.push({ where: `${place}, ${name}`, why });
          return [];
        }),
    );
  };
  const { attributes, workerAttributes } = report;
  const ofJobs = Object.entries(attributes ?? {}).map(([id, each]) => [id, bounded(`job ${id}`, each)]);
  const kept = {
    ...report,
    ...(attributes ? { attributes: Object.fromEntries(ofJobs) } : {}),
    ...(workerAttributes ? { workerAttributes: bounded("the worker", workerAttributes) } : {}),
  };
  return complaints.length > (report.complaints?.length ?? 0) ? { ...kept, complaints } : report;
}

const lengthOf = (value: unknown): number => JSON.stringify(value)?.length ?? 0;

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
