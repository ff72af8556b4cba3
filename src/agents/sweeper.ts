/**
 * Sweeper: kills workers that are marked, and clears away what has ended and is known to the WMS (lifecycle 1.12, 3.9).
 * Both may be repeated, so there is no intent. It never ends a worker in the World: only the batch system says that one
 * is gone. It must never forget a job of which a worker is alive.
 */
import type { WindrowEvent } from "../../events/events.ts";
import { isOver, type Job, type Worker, type World } from "../world.ts";
import {
  type Answered,
  type Call,
  call,
  callAll,
  type Duty,
  type JobArgument,
  type Part,
  type Reply,
  type Run,
  record,
  traits,
  verdictOf,
} from "./agent.ts";
import { chunks } from "./asking.ts";
import { filesOf, jobData, workerArgument, workerData } from "./handing.ts";
import { livingWorkers } from "./killRule.ts";
import { obeying } from "./obeying.ts";
import { linkedJobs } from "./updates.ts";

/** Jobs forgotten in one run. */
const jobsAtOnce = 500;

const maxWorkers = (world: World): number => world.settings.sweeper.maxWorkers;

/** Workers of one queue go to its plug-in together. */
function byQueue(world: World, ids: readonly (number | string)[]): readonly (readonly number[])[] {
  const queues = new Map<string, number[]>();
  for (const id of ids as readonly number[]) {
    const queue = world.workers.get(id)?.ctx.queue ?? "";
    queues.set(queue, [...(queues.get(queue) ?? []), id]);
  }
  return [...queues.values()];
}

const workersOf = (world: World, ids: readonly (number | string)[]): Worker[] =>
  ids.flatMap((id) => world.workers.get(id as number) ?? []);

const idOf = ({ ctx }: Worker): number => ctx.workerID;

/** Kills all of them, one by one where the plug-in knows no other way; what came of it, in order. */
function* kill(world: World, queue: string, workers: readonly Worker[], now: number): Part<readonly Verdict[]> {
  const { methods } = yield* traits(queue, "sweeper");
  const about = { plugin: "sweeper", queue } as const;
  if (!methods.includes("killWorkers") && methods.includes("killWorker")) {
    const replies = yield* callAll(
      workers.map((worker) => ({
        ...about,
        method: "killWorker" as const,
        key: `killWorker:${idOf(worker)}:${now}`,
        args: { worker: workerArgument(world, worker, true), withJobs: true },
      })),
    );
    return replies.map((reply) => (reply.ok ? verdictOf(reply) : { ok: false, dialog: reply.why }));
  }
  const reply = yield* call({
    ...about,
    method: "killWorkers",
    key: `killWorkers:${workers.map(idOf)[0]}:${now}`,
    args: { workers: workers.map((worker) => workerArgument(world, worker, true)) },
  });
  const verdicts = reply.ok ? (reply.value as readonly Verdict[]) : [];
  const unsaid = { ok: false, dialog: reply.ok ? "the plug-in said nothing of this worker" : reply.why };
  return workers.map((_, index) => verdicts[index] ?? unsaid);
}

interface Verdict {
  readonly ok: boolean | null;
  readonly dialog: string;
}

/** One event for all that heard the same. */
function killed(workers: readonly Worker[], verdicts: readonly Verdict[]): WindrowEvent[] {
  const events = new Map<string, Extract<WindrowEvent, { type: "worker.killSent" | "worker.killTroubled" }>>();
  workers.forEach((worker, index) => {
    const { ok, dialog } = verdicts[index] ?? { ok: null, dialog: "" };
    const key = `${ok === true}:${dialog}`;
    const known = events.get(key);
    if (known) known.workerIDs.push(idOf(worker));
    else if (ok === true)
      events.set(key, { type: "worker.killSent", workerIDs: [idOf(worker)], ...(dialog === "" ? {} : { dialog }) });
    else events.set(key, { type: "worker.killTroubled", workerIDs: [idOf(worker)], why: dialog || `it said ${ok}` });
  });
  return [...events.values()];
}

const killWorkers: Duty = {
  name: "killWorkers",
  limit: maxWorkers,
  batches: byQueue,
  run: function* run(world, { ids, now }): Run {
    const workers = workersOf(world, ids).filter(
      (worker) => worker.state.regions["kill"] === "marked" && !isOver(worker),
    );
    const [first] = workers;
    if (!first) return;
    const { queue } = first.ctx;
    const verdicts = yield* kill(world, queue, workers, now);
    const still = workers.map((worker) => world.workers.get(idOf(worker)) === worker);
    const events = killed(
      workers.filter((_, index) => still[index]),
      verdicts.filter((_, index) => still[index]),
    );
    yield* record(world.shardOf(queue), `killWorkers:${idOf(first)}:${now}`, events);
  },
};

const sweepWorkers: Duty = {
  name: "sweepWorkers",
  limit: maxWorkers,
  batches: byQueue,
  run: function* sweep(world, { ids, now }): Run {
    const ended = workersOf(world, ids).filter(isOver);
    const [first] = ended;
    if (!first) return;
    const { queue } = first.ctx;
    const shard = world.shardOf(queue);
    const cause = `sweepWorkers:${idOf(first)}:${now}`;
    const needed = ended.filter((worker) => owingJob(world, worker) !== undefined);
    yield* record(
      shard,
      cause,
      needed.map((worker) => postponed(worker, `job ${owingJob(world, worker)} is not reported to its end`)),
    );
    const workers = ended.filter((worker) => !needed.includes(worker));
    if (workers.length === 0) return;
    const kills = killed(workers, yield* kill(world, queue, workers, now));
    const swept = yield* callAll(workers.map((worker) => sweepCall(world, worker, now)));
    // After a sweep that threw, the directory stays for the next attempt, as in the original.
    const cleanable = workers.filter((_, index) => swept[index]?.ok);
    const cleaned = yield* callAll(cleanable.map((worker) => cleanCall(world, worker, now)));
    const troubles = workers.map((worker, index) =>
      troubleOf(swept[index], cleaned[cleanable.indexOf(worker)] ?? { ok: true, value: null, files: {}, workers: {} }),
    );
    const gone = workers.filter((_, index) => troubles[index] === null);
    const kept = workers.flatMap((worker, index) => {
      const why = troubles[index];
      return why ? [postponed(worker, why)] : [];
    });
    yield* record(shard, cause, [...kills, ...kept, ...forgetting(world, gone)]);
  },
};

const postponed = (worker: Worker, why: string): WindrowEvent => ({
  type: "worker.sweepPostponed",
  workerIDs: [idOf(worker)],
  why,
});

/** A job of the worker whose end the WMS does not know yet. */
function owingJob(world: World, worker: Worker): number | undefined {
  return linkedJobs(world, worker).find((PandaID) => {
    const job = world.jobs.get(PandaID);
    return job && job.state.regions["report"] !== "closed";
  });
}

const sweepCall = (world: World, worker: Worker, now: number): Call => ({
  method: "sweepWorker",
  plugin: "sweeper",
  queue: worker.ctx.queue,
  key: `sweepWorker:${idOf(worker)}:${now}`,
  args: {
    worker: {
      data: workerData(world, worker),
      jobs: linkedJobs(world, worker).flatMap((PandaID) => {
        const job = world.jobs.get(PandaID);
        return job ? [withDeletable(world, job)] : [];
      }),
    },
    withJobs: true,
  },
});

const cleanCall = (world: World, worker: Worker, now: number): Call => ({
  method: "cleanUp",
  plugin: "messenger",
  queue: worker.ctx.queue,
  key: `cleanUp:${idOf(worker)}:${now}`,
  args: { worker: workerArgument(world, worker, true), withJobs: true },
});

/** The job with those of its files that no other job needs as an input any more (lifecycle 2.5). */
function withDeletable(world: World, job: Job): JobArgument {
  const { PandaID } = job.ctx;
  const deletable = (direction: "in" | "aux" | "out") =>
    filesOf(world.filesOf(PandaID, direction), ({ lfn }) => !world.neededInputs.has(lfn));
  return { data: jobData(job), in: [...deletable("in"), ...deletable("aux")], out: deletable("out") };
}

/** Why the worker cannot go yet; null where it can. What `cleanUp` answers does not matter, only that it did. */
function troubleOf(swept: Reply | undefined, cleaned: Reply): string | null {
  if (!swept?.ok) return swept?.why ?? "not swept";
  const { ok, dialog } = verdictOf(swept satisfies Answered);
  if (ok !== true) return dialog || `it said ${ok}`;
  return cleaned.ok || cleaned.kind === "missing" ? null : cleaned.why;
}

/** The workers go, and with the first of a job's workers the job, as in the original, unless another one is alive. */
function forgetting(world: World, gone: readonly Worker[]): WindrowEvent[] {
  if (gone.length === 0) return [];
  const workerIDs = gone.map(idOf);
  const PandaIDs = new Set(gone.flatMap((worker) => linkedJobs(world, worker)));
  const jobs = [...PandaIDs].filter((PandaID) => {
    const job = world.jobs.get(PandaID);
    return job?.state.life === "done" && livingWorkers(world, job).length === 0;
  });
  const events: WindrowEvent[] = [{ type: "worker.forgotten", workerIDs }];
  return jobs.length > 0 ? [...events, { type: "job.forgotten", PandaIDs: jobs }] : events;
}

const forgetJobs: Duty = {
  name: "forgetJobs",
  limit: () => Number.MAX_SAFE_INTEGER,
  batches: (_world, ids) => chunks(ids, jobsAtOnce),
  run: function* forget(world, { ids, now }): Run {
    const shards = new Map<number, { gone: number[]; kept: number[] }>();
    for (const PandaID of ids as readonly number[]) {
      const job = world.jobs.get(PandaID);
      if (job?.state.life !== "done") continue;
      const shard = world.shardOf(job.ctx.queue);
      const lists = shards.get(shard) ?? { gone: [], kept: [] };
      shards.set(shard, lists);
      lists[livingWorkers(world, job).length > 0 ? "kept" : "gone"].push(PandaID);
    }
    for (const [shard, { gone, kept }] of shards) {
      const events: WindrowEvent[] = [];
      if (kept.length > 0) events.push({ type: "job.kept", PandaIDs: kept, why: "a worker of it is alive" });
      if (gone.length > 0) events.push({ type: "job.forgotten", PandaIDs: gone });
      yield* record(shard, `forgetJobs:${ids[0]}:${now}`, events);
    }
  },
};

/** Marks what commands say, kills, then clears away: as one cycle of the original does. */
export const sweeper: readonly Duty[] = [obeying("obeyKills"), killWorkers, sweepWorkers, forgetJobs];
