/**
 * Event feeder: asks the WMS for event ranges that workers want, and gives them to the payloads (lifecycle 4.1). Ranges
 * are in the log before they are fed, because the WMS hands out each of them once (C31).
 */
import type { WindrowEvent } from "../../events/events.ts";
import type { WmsAnswer } from "../plugins/contract.ts";
import type { Worker, World } from "../world.ts";
import { call, closing, create, creationWindowMs, type Duty, type Part, type Run, record, verdictOf } from "./agent.ts";
import { workerArgument } from "./handing.ts";

type Ranges = Record<string, unknown[]>;

const feedEvents: Duty = {
  name: "feedEvents",
  limit: (world) => world.settings.eventfeeder.maxWorkers,
  run: function* feed(world, { ids, now }): Run {
    const worker = world.workers.get(ids[0] as number);
    if (!worker) return;
    const { workerID, queue } = worker.ctx;
    const shard = world.shardOf(queue);
    if (worker.ctx.eventRanges === null) yield* askRanges(world, worker, now);
    const ranges = worker.ctx.eventRanges;
    if (ranges === null || !worker.state.tags.has("due:look")) return;
    const key = `feedEvents:${workerID}:${now}`;
    const reply = yield* call({
      method: "feedEvents",
      plugin: "messenger",
      queue,
      key,
      args: { worker: workerArgument(world, worker), plain: [ranges] },
    });
    if (!worker.state.tags.has("due:look")) return;
    const why = reply.ok ? `messenger.feedEvents: ${verdictOf(reply).dialog}` : reply.why;
    const fed = reply.ok && verdictOf(reply).ok === true;
    yield* record(shard, key, [
      fed
        ? { type: "worker.eventsFed", workerIDs: [workerID] }
        : { type: "worker.eventsUnfed", workerIDs: [workerID], why },
    ]);
  },
};

function* askRanges(world: World, worker: Worker, now: number): Part<void> {
  const { workerID, queue, eventsRequestParams } = worker.ctx;
  const key = `getEventRanges:${workerID}:${now}`;
  const scattered = world.queueConfig(queue).scatteredEvents;
  const reply = yield* create(
    world,
    {
      method: "getEventRanges",
      plugin: "communicator",
      queue: null,
      key,
      args: { plain: [eventsRequestParams ?? {}, scattered] },
      notAfterAt: now + creationWindowMs,
    },
    { workerIDs: [workerID] },
    queue,
  );
  const closed = closing(key, reply, "lost");
  const answer = reply.ok
    ? (reply.value as WmsAnswer<Ranges>)
    : { ok: false as const, message: reply.ok ? "" : reply.why };
  const shard = world.shardOf(queue);
  if (!worker.state.tags.has("due:look")) return yield* record(shard, key, closed);
  if (!answer.ok) {
    const unfed: WindrowEvent = { type: "worker.eventsUnfed", workerIDs: [workerID], why: answer.message };
    return yield* record(shard, key, [unfed, ...closed]);
  }
  yield* record(shard, key, [
    { type: "worker.eventsReceived", workerID, ranges: answer.data },
    ...endedGrowth(world, worker, answer.data),
    ...closed,
  ]);
}

/** Jobs that got fewer ranges than asked get no further workers (OneToMany, 4.1). */
function endedGrowth(world: World, { ctx }: Worker, ranges: Ranges): WindrowEvent[] {
  return ctx.pandaIDs.flatMap((PandaID): WindrowEvent[] => {
    const job = world.jobs.get(PandaID);
    const asked = ctx.eventsRequestParams?.[String(PandaID)];
    const wanted = typeof asked === "object" && asked !== null && "nRanges" in asked ? Number(asked.nRanges) : 0;
    const got = ranges[String(PandaID)]?.length ?? 0;
    const grows = job && job.ctx.nWorkers > 0 && job.ctx.nWorkersLimit !== null && job.ctx.moreWorkers;
    return grows && (got === 0 || got < wanted) ? [{ type: "job.growthEnded", PandaID }] : [];
  });
}

export const eventFeeder: readonly Duty[] = [feedEvents];
