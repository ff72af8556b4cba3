/**
 * Recoverer: settles creating calls whose outcome nobody knows, because of a crash, a passed deadline or an exception
 * (design 3). It waits until the effect can no longer begin, then asks the plug-in by key; it must never guess. What
 * cannot be known waits for the operator, unless the queue says `onUnknown: resubmit`.
 */
import type { WindrowEvent } from "../../events/events.ts";
import type { Found, PluginKind } from "../plugins/contract.ts";
import type { Call, Worker, World } from "../world.ts";
import { call, type Duty, type Part, type Reply, type Run, record, traits } from "./agent.ts";
import { workerArgument } from "./handing.ts";
import { submitted, troubled } from "./submission.ts";

const recoverCalls: Duty = {
  name: "recoverCalls",
  limit: () => 50,
  run: function* recover(world, { ids, now }): Run {
    const unsettled = world.calls.get(ids[0] as string);
    if (!unsettled) return;
    const { key, method, queue } = unsettled.ctx;
    const shard = queue === "" ? 0 : world.shardOf(queue);
    yield* record(shard, `recover:${key}`, yield* settling(world, unsettled, method, now));
  },
};

function* settling(world: World, unsettled: Call, method: string, now: number): Part<WindrowEvent[]> {
  const { key, queue, plugin } = unsettled.ctx;
  if (method === "submitWorkers") return yield* findWorkers(world, unsettled, now);
  // What the WMS handed out and nobody received it hands out again in its own time.
  if (plugin === "communicator") return [{ type: "call.settled", key, how: "lost" }];
  const { repeatable } = yield* traits(queue, plugin as PluginKind);
  if (repeatable.includes(method)) return [{ type: "call.settled", key, how: "repeated" }];
  if (world.queueConfig(queue).windrow.onUnknown === "resubmit")
    return [{ type: "call.settled", key, how: "repeated" }];
  return [{ type: "call.held", key, why: `${method} cannot say whether it took effect, and is not repeatable` }];
}

/**
 * Workers of which this call decides: one that was not found in the batch system is submitted again by a call of its
 * own, while this call still waits for what became of the others.
 */
function workersOf(world: World, { ctx }: Call): Worker[] {
  const later = [...world.calls.values()].filter(
    (other) => other.ctx.method === ctx.method && other.ctx.intendedAt > ctx.intendedAt,
  );
  const resubmitted = new Set(later.flatMap((other) => other.ctx.workerIDs));
  return ctx.workerIDs.flatMap((id) => {
    const worker = world.workers.get(id);
    const isOpen = worker?.state.life === "submitting" || worker?.state.life === "held";
    return worker && isOpen && !resubmitted.has(id) ? worker : [];
  });
}

/** Asks the batch system which of the workers it knows by their keys. */
function* findWorkers(world: World, unsettled: Call, now: number): Part<WindrowEvent[]> {
  const { key, queue } = unsettled.ctx;
  const workers = workersOf(world, unsettled);
  if (workers.length === 0) return [{ type: "call.settled", key, how: "found" }];
  const { methods: offered } = yield* traits(queue, "submitter");
  if (!offered.includes("find")) return unfindable(world, unsettled, workers);
  const reply: Reply = yield* call({
    method: "find",
    plugin: "submitter",
    queue,
    key: `find:${key}:${now}`,
    args: { workers: workers.map((worker) => workerArgument(world, worker)) },
  });
  const found = reply.ok ? (reply.value as readonly Found[]) : [];
  const why = reply.ok ? "the batch system cannot say" : reply.why;
  const events: WindrowEvent[] = [];
  const unknown: Worker[] = [];
  const still = workersOf(world, unsettled);
  workers.forEach((worker, i) => {
    if (!still.includes(worker)) return;
    const answer = found[i];
    if (answer?.found === true) events.push(...submitted(world, adopted(worker, answer), true));
    else if (answer?.found === false) {
      const { workerID } = worker.ctx;
      events.push({ type: "worker.absent", workerIDs: [workerID], dialog: answer.dialog ?? "not found" });
    } else unknown.push(worker);
  });
  if (unknown.length > 0) return [...events, ...held(key, unknown, why)];
  const some = found.some((answer) => answer.found === true);
  return [...events, { type: "call.settled", key, how: some ? "found" : "notFound" }];
}

const adopted = (worker: Worker, { batchID, dialog = "" }: Found) => ({
  worker,
  ok: true as const,
  dialog,
  changes: batchID === undefined ? undefined : { set: { batchID } },
});

/** The plug-in cannot be asked: the queue's `onUnknown` decides. */
function unfindable(world: World, { ctx: { key, queue } }: Call, workers: readonly Worker[]): WindrowEvent[] {
  const why = "the submitter has no find: nobody knows whether they were submitted";
  if (world.queueConfig(queue).windrow.onUnknown === "hold") return held(key, workers, why);
  return [
    { type: "worker.abandoned", workerIDs: workers.map(({ ctx }) => ctx.workerID), why },
    ...workers.flatMap((worker) => troubled(world, worker, why)),
    { type: "call.settled", key, how: "resubmitted" },
  ];
}

function held(key: string, workers: readonly Worker[], why: string): WindrowEvent[] {
  const fresh = workers.filter(({ state }) => state.life !== "held").map(({ ctx }) => ctx.workerID);
  return [
    ...(fresh.length > 0 ? [{ type: "worker.held" as const, workerIDs: fresh, why }] : []),
    { type: "call.held", key, why },
  ];
}

export const recoverer: readonly Duty[] = [recoverCalls];
