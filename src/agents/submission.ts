/**
 * What the outcome of a submission means for a worker and its jobs (lifecycle 1.6 step 8), as events. Used by the
 * submitter, and by the recoverer for outcomes that it had to ask for. Pure.
 */
import type { EventOf, WindrowEvent } from "../../events/events.ts";
import { tableOf } from "../projection.ts";
import type { WorkerChanges } from "../specs/workSpec.ts";
import type { Job, Worker, World } from "../world.ts";
import { isLate } from "./lateBinding.ts";

const SETUPFAILURE = 1110;
const PANDAKILL = 1144;

/** The answer for one worker. */
export interface Outcome {
  readonly worker: Worker;
  readonly ok: boolean | null;
  readonly dialog: string;
  readonly changes: WorkerChanges | undefined;
}

/** Jobs of the worker whose present state knows the event. */
export function jobsThatKnow(world: World, worker: Worker, type: WindrowEvent["type"]): Job[] {
  return worker.ctx.pandaIDs.flatMap((PandaID) => {
    const job = world.jobs.get(PandaID);
    return job && tableOf("job").knows(job.state, type) ? job : [];
  });
}

/**
 * It is in the batch system. `adopted`: the batch system said so when it was asked. `failed` are workers of the same
 * batch that are not.
 */
export function submitted(
  world: World,
  { worker, dialog, changes }: Outcome,
  adopted = false,
  failed: ReadonlySet<number> = new Set(),
): WindrowEvent[] {
  const { ctx } = worker;
  const config = world.queueConfig(ctx.queue);
  const prefetch = ctx.hasJob && ctx.eventsRequest === 1 && config.prefetchEvents;
  const done: EventOf<"worker.submitted"> = {
    type: "worker.submitted",
    workerID: ctx.workerID,
    ...(changes ? { changes: plain(changes) } : {}),
    ...(config.useJobLateBinding && ctx.hasJob ? { running: true } : {}),
    ...(prefetch ? { eventsRequest: firstEvents(world, worker, config.initEventsMultipler) } : {}),
    ...(dialog === "" ? {} : { dialog }),
    ...(adopted ? { adopted: true } : {}),
  };
  const many = ctx.mapType === "OneToMany";
  if (isLate(worker)) return [done, ...queued(world, worker)];
  return [
    done,
    ...jobsThatKnow(world, worker, "job.submitted").map((job): WindrowEvent => {
      const nWorkers = many ? { nWorkers: activeBeside(world, job, worker, failed) } : {};
      return { type: "job.submitted", PandaID: job.ctx.PandaID, workerID: ctx.workerID, ...nWorkers };
    }),
  ];
}

/** Late binding: its jobs wait until a payload asks for some (3.8). */
function queued(world: World, worker: Worker): WindrowEvent[] {
  const { workerID } = worker.ctx;
  return jobsThatKnow(world, worker, "job.queued").map(({ ctx: { PandaID } }) => ({
    type: "job.queued",
    PandaID,
    workerID,
  }));
}

/** Active workers of the job once this one and those of the same batch before it are there. */
function activeBeside(world: World, job: Job, { ctx }: Worker, failed: ReadonlySet<number>): number {
  const before = job.ctx.boundTo.filter((id) => id <= ctx.workerID && !failed.has(id)).length;
  return world.activeWorkersOf(job.ctx).length + before;
}

/** Changes of a plug-in as the log has them. */
export const plain = (changes: WorkerChanges): NonNullable<EventOf<"worker.submitted">["changes"]> =>
  JSON.parse(JSON.stringify(changes));

/** Event ranges to ask for at once (lifecycle 4.1, prefetch). */
function firstEvents(world: World, worker: Worker, multiplier: number): Record<string, unknown> {
  const { pandaIDs, nCore } = worker.ctx;
  return Object.fromEntries(
    pandaIDs.flatMap((id) => {
      const job = world.jobs.get(id);
      if (!job) return [];
      const { params, taskID, jobsetID, PandaID } = job.ctx;
      const cores = typeof params["coreCount"] === "number" ? params["coreCount"] : 1;
      const share = Math.max(Math.ceil((nCore ?? 1) / pandaIDs.length), cores);
      const hpo = params["isHPO"] === true ? { jobsetID: 0, sourceURL: params["sourceURL"] } : { jobsetID };
      return [[String(PandaID), { pandaID: PandaID, taskID, nRanges: Math.trunc(share * multiplier), ...hpo }]];
    }),
  );
}

/**
 * They are not in the batch system. `served` are jobs that got another worker of the same batch: nothing is held
 * against them. A temporary failure counts an attempt of the job, the last attempt and a permanent failure end it.
 */
export function missed(world: World, outcomes: readonly Outcome[], served: ReadonlySet<number>): WindrowEvent[] {
  const events: WindrowEvent[] = outcomes.map(({ worker, dialog, changes }) => ({
    type: "worker.missed",
    workerID: worker.ctx.workerID,
    error: errorOf(worker, dialog),
    dialog,
    ...(changes ? { changes: plain(changes) } : {}),
  }));
  const failures = new Map<number, Outcome[]>();
  for (const outcome of outcomes) {
    for (const PandaID of outcome.worker.ctx.pandaIDs) {
      if (!served.has(PandaID)) failures.set(PandaID, [...(failures.get(PandaID) ?? []), outcome]);
    }
  }
  for (const [PandaID, its] of failures) {
    const job = world.jobs.get(PandaID);
    if (job) events.push(...afterFailures(world, job, its));
  }
  return events;
}

const errorOf = (worker: Worker, dialog: string) => ({
  code: SETUPFAILURE,
  diag: `failed to submit a workerID=${worker.ctx.workerID} with ${dialog}`,
});

function afterFailures(world: World, job: Job, failures: readonly Outcome[]): WindrowEvent[] {
  const { PandaID, queue, submissionAttempts } = job.ctx;
  const limit = world.queueConfig(queue).maxSubmissionAttempts;
  const knows = (type: WindrowEvent["type"]): boolean => tableOf("job").knows(job.state, type);
  const many = failures[0]?.worker.ctx.mapType === "OneToMany";
  const isFinal = ({ ok }: Outcome, i: number): boolean => ok === false || submissionAttempts + i + 1 >= limit;
  if (many && job.ctx.workers.length > 0 && job.state.life !== "submitting") {
    return failures.flatMap((failure, i): WindrowEvent[] => {
      const { workerID } = failure.worker.ctx;
      const attempts = submissionAttempts + i + 1;
      const type = isFinal(failure, i) ? "job.workerMissed" : "job.submissionPostponed";
      if (!knows(type)) return [];
      return [
        type === "job.workerMissed"
          ? { type, PandaID, workerID, attempts }
          : { type, PandaID, workerID, attempts, limit },
      ];
    });
  }
  const last = failures.findIndex(isFinal);
  const decisive = failures[last < 0 ? failures.length - 1 : last];
  if (!decisive) return [];
  const { worker, dialog } = decisive;
  const { workerID } = worker.ctx;
  const attempts = submissionAttempts + (last < 0 ? failures.length : last + 1);
  if (last < 0) {
    return knows("job.submissionPostponed")
      ? [{ type: "job.submissionPostponed", PandaID, workerID, attempts, limit }]
      : [];
  }
  if (many) {
    if (!knows("job.ended")) return [];
    // Every worker of the batch counts, also those after the one that decided.
    const unsubmitted = {
      attempts: submissionAttempts + failures.length,
      workers: failures.filter(isFinal).length,
    };
    return [
      { type: "job.ended", PandaIDs: [PandaID], verdict: "cancelled", unsubmitted },
      { type: "job.reportOwed", PandaIDs: [PandaID] },
    ];
  }
  return knows("job.missed")
    ? [{ type: "job.missed", PandaID, workerID, attempts, error: errorOf(worker, dialog) }]
    : [];
}

/** The worker is given up before anybody saw it: its jobs are tried again after lockInterval. */
export function troubled(world: World, worker: Worker, why: string): WindrowEvent[] {
  const { workerID } = worker.ctx;
  return jobsThatKnow(world, worker, "job.submissionTroubled").map(({ ctx }) => ({
    type: "job.submissionTroubled",
    PandaID: ctx.PandaID,
    workerID,
    why,
  }));
}

/** The jobs of workers that were to be killed and were never submitted are killed with them. */
export function killedWith(world: World, workers: readonly Worker[]): WindrowEvent[] {
  const events = new Map<number, WindrowEvent>();
  for (const worker of workers) {
    for (const { ctx } of jobsThatKnow(world, worker, "job.killed")) {
      if (ctx.workers.length > 0) continue;
      const error = { code: PANDAKILL, diag: "killed before its worker was submitted" };
      events.set(ctx.PandaID, { type: "job.killed", PandaID: ctx.PandaID, error });
    }
  }
  return [...events.values()];
}
