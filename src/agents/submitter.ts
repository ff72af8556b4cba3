/**
 * Submitter: plans workers for the queues of a site, makes them, feeds them and submits them (lifecycle 1.6, 6). Each
 * of these is a state of the worker, so what a crash interrupts is taken up where it stood: a worker's id is in the log
 * before anything exists outside, and its key goes to the batch system with it. It must never submit a worker twice:
 * where nobody knows what a submission did, the recoverer asks first.
 */
import type { EventOf, WindrowEvent } from "../../events/events.ts";
import type { Worker, World } from "../world.ts";
import {
  type Answered,
  call,
  callAll,
  closing,
  create,
  creationWindowMs,
  type Duty,
  type Part,
  type Reply,
  type Run,
  record,
  traits,
} from "./agent.ts";
import { workerArgument } from "./handing.ts";
import { feedAsking } from "./lateBinding.ts";
import { planning } from "./planning.ts";
import { killedWith, missed, type Outcome, submitted, troubled } from "./submission.ts";

/** Workers of one batch are fed and submitted together. */
function byBatch(world: World, ids: readonly (number | string)[]): readonly (readonly number[])[] {
  const batches = new Map<string, number[]>();
  for (const id of ids as readonly number[]) {
    const batch = world.workers.get(id)?.ctx.batch ?? "";
    batches.set(batch, [...(batches.get(batch) ?? []), id]);
  }
  return [...batches.values()].map((batch) => batch.toSorted((a, b) => a - b));
}

const workersOf = (world: World, ids: readonly (number | string)[], life: string): Worker[] =>
  ids.flatMap((id) => {
    const worker = world.workers.get(id as number);
    return worker?.state.life === life ? worker : [];
  });

const feedWorkers: Duty = {
  name: "feedWorkers",
  limit: () => Number.MAX_SAFE_INTEGER,
  batches: byBatch,
  run: function* feed(world, { ids, now }): Run {
    const workers = yield* withoutMarked(world, workersOf(world, ids, "made"));
    const [first] = workers;
    if (!first) return;
    const { queue, batch } = first.ctx;
    const shard = world.shardOf(queue);
    const about = { plugin: "messenger", queue } as const;
    const set = yield* call({
      ...about,
      method: "setupAccessPoints",
      key: `setupAccessPoints:${batch}:${now}`,
      args: { workers: workers.map((worker) => workerArgument(world, worker)) },
    });
    if (!set.ok) return yield* record(shard, `feed:${batch}`, giveUp(world, workers, set.why));
    const fed = workers.filter(({ ctx }) => ctx.hasJob && ctx.pandaIDs.length > 0);
    const replies = yield* callAll(
      fed.map((worker) => ({
        ...about,
        method: "feedJobs" as const,
        key: `feedJobs:${worker.ctx.workerID}:${now}`,
        args: { worker: workerArgument(world, worker, true), withJobs: true },
      })),
    );
    const failed = replies.find((reply) => !reply.ok);
    if (failed && !failed.ok) return yield* record(shard, `feed:${batch}`, giveUp(world, workers, failed.why));
    const complaints = replies.flatMap((reply) => {
      const { ok, dialog } = (reply as Answered).value as { ok: boolean | null; dialog: string };
      return ok === true ? [] : [dialog];
    });
    const complaint = complaints.length > 0 ? { complaint: complaints.join("; ") } : {};
    yield* record(shard, `feed:${batch}`, [
      { type: "worker.fed", workerIDs: workers.map(({ ctx }) => ctx.workerID), ...complaint },
    ]);
  },
};

const submitWorkers: Duty = {
  name: "submitWorkers",
  limit: () => Number.MAX_SAFE_INTEGER,
  batches: byBatch,
  run: function* submit(world, { ids, now }): Run {
    const workers = yield* withoutMarked(world, workersOf(world, ids, "fed"));
    const [first] = workers;
    if (!first) return;
    const { queue, batch } = first.ctx;
    const shard = world.shardOf(queue);
    const workerIDs = workers.map(({ ctx }) => ctx.workerID);
    const key = `submitWorkers:${batch}:${workerIDs[0]}:${now}`;
    const { methods } = yield* traits(queue, "submitter");
    const reply = yield* create(
      world,
      {
        method: "submitWorkers",
        plugin: "submitter",
        queue,
        key,
        args: { workers: workers.map((worker) => workerArgument(world, worker, true)) },
        notAfterAt: now + creationWindowMs,
      },
      { workerIDs },
    );
    if (reply.ok && answersOf(reply).length === workers.length) {
      const events = outcomes(world, workers, reply);
      return yield* record(shard, key, [...events, ...closing(key, reply)]);
    }
    const trouble: Reply = reply.ok ? refusal(workers.length, answersOf(reply).length) : reply;
    // It threw, and nobody can be asked by key: the jobs get other workers, as in the original (contract,
    // afterUnknown).
    const blind = trouble.kind === "missing" || (trouble.kind !== "timedOut" && !methods.includes("find"));
    const events = blind ? giveUp(world, workers, trouble.why) : [];
    yield* record(shard, key, [...events, ...closing(key, trouble, blind ? "resubmitted" : undefined)]);
  },
};

interface SubmitAnswer {
  readonly ok: boolean | null;
  readonly dialog: string;
}
const answersOf = (reply: Answered): readonly SubmitAnswer[] => reply.value as readonly SubmitAnswer[];

const refusal = (asked: number, got: number): Extract<Reply, { ok: false }> => ({
  ok: false,
  kind: "refused",
  why: `submitter.submitWorkers: ${got} answers for ${asked} workers`,
  afterMs: 0,
});

/** What the answers mean for the workers and their jobs; jobs that got a worker are not failed by another one. */
function outcomes(world: World, workers: readonly Worker[], reply: Answered): WindrowEvent[] {
  const pairs = workers.map((worker, i): Outcome => {
    const { ok, dialog } = answersOf(reply)[i] ?? { ok: null, dialog: "" };
    return { worker, ok, dialog, changes: reply.workers[worker.ctx.workerID] };
  });
  const failures = pairs.filter(({ ok }) => ok !== true);
  const failed = new Set(failures.map(({ worker }) => worker.ctx.workerID));
  return [
    ...pairs.filter(({ ok }) => ok === true).flatMap((outcome) => submitted(world, outcome, false, failed)),
    ...missed(world, failures, new Set(pairs.flatMap(({ ok, worker }) => (ok === true ? worker.ctx.pandaIDs : [])))),
  ];
}

/** The workers were never seen by anybody; their jobs are tried again after lockInterval. */
function giveUp(world: World, workers: readonly Worker[], why: string): WindrowEvent[] {
  const abandoned: EventOf<"worker.abandoned"> = {
    type: "worker.abandoned",
    workerIDs: workers.map(({ ctx }) => ctx.workerID),
    why,
  };
  return [abandoned, ...workers.flatMap((worker) => troubled(world, worker, why))];
}

/** Workers that were to be killed before they exist are not submitted, and their jobs are killed with them (C14). */
function* withoutMarked(world: World, workers: readonly Worker[]): Part<readonly Worker[]> {
  const marked = workers.filter(({ state }) => state.regions["kill"] === "marked");
  const [first] = marked;
  if (!first) return workers;
  const why = "killed before it was submitted";
  yield* record(world.shardOf(first.ctx.queue), `kill:${first.ctx.workerID}`, [
    { type: "worker.abandoned", workerIDs: marked.map(({ ctx }) => ctx.workerID), why },
    ...killedWith(world, marked),
  ]);
  return workers.filter((worker) => !marked.includes(worker));
}

/** In the order of one cycle: plan and make, feed, submit. */
export const submitter: readonly Duty[] = [planning, feedWorkers, feedAsking, submitWorkers];
