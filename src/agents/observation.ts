/**
 * What a look at workers means for their jobs (lifecycle 3.6, 1.7): attributes, outputs, start and end. Jobs that are
 * not with a worker any more are left alone. Pure.
 */
import type { EventOf, WindrowEvent } from "../../events/events.ts";
import type { WorkerLook } from "../../events/worker.ts";
import { isOver, isWithWorker, type Job, type Worker, type World, workerStatusOf } from "../world.ts";
import { reportedEvents } from "./eventRanges.ts";
import type { Judgement } from "./looking.ts";
import { reportOutputs } from "./outputs.ts";

/** The step of a job's life in this look. */
type Turn = "started" | "idled" | "queuedAgain" | "lost" | "finished" | "failed" | "cancelled";

/** One job with the workers that were looked at. */
interface Observed {
  readonly job: Job;
  readonly looks: readonly Judgement[];
  readonly turn: Turn | null;
}

/** Events for all jobs of these workers, in the order of the jobs' first workers. */
export function observed(world: World, judged: readonly Judgement[], now: number): WindrowEvent[] {
  const byJob = new Map<number, Judgement[]>();
  for (const judgement of judged) {
    for (const PandaID of judgement.worker.ctx.pandaIDs) {
      byJob.set(PandaID, [...(byJob.get(PandaID) ?? []), judgement]);
    }
  }
  const events: WindrowEvent[] = [];
  const turns = new Map<Turn, number[]>();
  const owed: number[] = [];
  for (const [PandaID, looks] of byJob) {
    const job = world.jobs.get(PandaID);
    if (!job || !isWithWorker(job)) continue;
    const many = looks[0]?.worker.ctx.mapType === "OneToMany";
    const seen = many ? ofMany(world, job, looks, now) : ofOne(job, looks, now);
    if (Object.keys(seen.facts).length > 0) events.push({ type: "job.observed", PandaID, ...seen.facts });
    const after: Observed = { job, looks, turn: seen.turn };
    const files = outputs(world, after);
    const reports = looks.map(({ report }) => report.events?.[String(PandaID)] ?? []);
    events.push(...files, ...reportedEvents(world, job, reports, files));
    if (seen.turn) turns.set(seen.turn, [...(turns.get(seen.turn) ?? []), PandaID]);
    if (looks.some(({ turned }) => turned)) owed.push(PandaID);
  }
  for (const [turn, PandaIDs] of turns) events.push(turning(turn, PandaIDs));
  if (owed.length > 0) events.push({ type: "job.reportOwed", PandaIDs: owed });
  return events;
}

type Facts = Omit<EventOf<"job.observed">, "type" | "PandaID">;

/** OneToOne and ManyToOne: the job follows its worker, unless the payload gave a status of its own (3.6). */
function ofOne(job: Job, looks: readonly Judgement[], now: number): { facts: Facts; turn: Turn | null } {
  const judgement = looks[0];
  if (!judgement) return { facts: {}, turn: null };
  const { worker, look, report } = judgement;
  const own: Record<string, unknown> = { ...report.attributes?.[String(job.ctx.PandaID)] };
  const { metaData, xml, ...rest } = withWorkerErrors(worker, look, own);
  const batchID = look.changes?.set?.["batchID"] ?? worker.ctx.settings["batchID"];
  if (batchID !== undefined && job.ctx.attributes["batchID"] === undefined) rest["batchID"] ??= batchID;
  const attributes = Object.fromEntries(
    Object.entries(rest).filter(([name, value]) => JSON.stringify(job.ctx.attributes[name]) !== JSON.stringify(value)),
  );
  const jobs = Math.max(worker.ctx.pandaIDs.length, 1);
  const cores = worker.ctx.nCore;
  const nCore = job.ctx.nCore === null && cores !== null ? Math.max(Math.trunc(cores / jobs), 1) : undefined;
  const facts: Facts = {
    ...(Object.keys(attributes).length > 0 ? { attributes } : {}),
    ...(metaData === undefined ? {} : { metaData }),
    ...(xml === undefined || xml === null ? {} : { outputReport: typeof xml === "string" ? xml : JSON.stringify(xml) }),
    ...times(job, judgement, now),
    ...(nCore === undefined ? {} : { nCore }),
  };
  const jobStatus = rest["jobStatus"] ?? job.ctx.attributes["jobStatus"];
  const verdict = jobStatus === "finished" || jobStatus === "failed" ? jobStatus : null;
  return { facts, turn: verdict ?? turnOf(job, look.status) };
}

const errorNames = ["pilotErrorCode", "pilotErrorDiag", "exeErrorCode", "exeErrorDiag"] as const;

/** The worker's error codes hold for each job that reports none of its own in this look (0.4). */
function withWorkerErrors(worker: Worker, look: WorkerLook, own: Record<string, unknown>): Record<string, unknown> {
  const error = look.changes?.pilotError;
  const wide: Record<string, unknown> = {
    ...worker.ctx.attributes,
    ...look.attributes,
    ...(error ? { pilotErrorCode: error.code, pilotErrorDiag: error.diag } : {}),
  };
  const missing = errorNames.filter((name) => wide[name] !== undefined && own[name] === undefined);
  return { ...own, ...Object.fromEntries(missing.map((name) => [name, wide[name]])) };
}

/** When the payload started and ended (1.7). A closed pilot never ran: both are now. */
function times(job: Job, { worker, look, pilotClosed }: Judgement, now: number): Facts {
  if (pilotClosed) return { startAt: now, endAt: now, pilotClosed: true };
  const ended = ["finished", "failed", "cancelled", "missed"].includes(look.status);
  return {
    ...(look.status === "running" && job.ctx.startAt === null ? { startAt: worker.ctx.startAt ?? now } : {}),
    ...(ended && job.ctx.endAt === null ? { endAt: worker.ctx.endAt ?? now } : {}),
  };
}

function turnOf({ state }: Job, status: WorkerLook["status"]): Turn | null {
  switch (status) {
    case "running":
      return state.life === "running" ? null : "started";
    case "idle":
      return state.life === "idle" ? null : "idled";
    case "submitted":
      return state.life === "submitted" ? null : "queuedAgain";
    case "missed":
      return "lost";
    case "ready":
      return null;
    default:
      return status;
  }
}

/**
 * OneToMany: the job runs while one of its workers does and ends with the last of them; one finished worker is enough,
 * whenever it finished (D18).
 */
function ofMany(world: World, job: Job, looks: readonly Judgement[], now: number): { facts: Facts; turn: Turn | null } {
  const after = new Map(looks.map(({ worker, look }) => [worker.ctx.workerID, look.status]));
  const workers = job.ctx.workers.flatMap((id) => world.workers.get(id) ?? []);
  const statusOf = (worker: Worker): string => after.get(worker.ctx.workerID) ?? workerStatusOf(worker);
  const active = workers.filter((worker) => !isOver(worker));
  const allDone = active.every((worker) => ["finished", "failed", "cancelled", "missed"].includes(statusOf(worker)));
  const running = active.filter((worker) => statusOf(worker) === "running");
  const startAt = running.length > 0 && job.ctx.startAt === null ? { startAt: now } : {};
  const nWorkers = active.length === job.ctx.nWorkers ? {} : { nWorkers: active.length };
  if (!allDone) {
    const cores = running.reduce((sum, { ctx }) => sum + (ctx.nCore ?? 0), 0);
    const nCore = cores === job.ctx.nCore ? {} : { nCore: cores };
    const runs = running.length > 0 || job.state.life === "running";
    return { facts: { ...startAt, ...nCore, ...nWorkers }, turn: runs ? turnOf(job, "running") : null };
  }
  const statuses = workers.map(statusOf);
  const verdict = statuses.includes("finished") ? "finished" : statuses.includes("failed") ? "failed" : "cancelled";
  const endAt = job.ctx.endAt === null ? { endAt: now } : {};
  return { facts: { ...startAt, ...endAt, ...averageCores(job, looks, now), ...nWorkers }, turn: verdict };
}

/** Cores that the workers of the last look used on average over the job's time. */
function averageCores(job: Job, looks: readonly Judgement[], now: number): { nCore?: number } {
  const wall = (from: number | null, to: number | null): number => (to ?? now) - (from ?? now);
  const jobMs = wall(job.ctx.startAt, job.ctx.endAt);
  if (jobMs <= 0) return {};
  const used = looks.reduce((sum, { worker: { ctx } }) => sum + (ctx.nCore ?? 1) * wall(ctx.startAt, ctx.endAt), 0);
  const nCore = Math.ceil(used / jobMs);
  return nCore === job.ctx.nCore ? {} : { nCore };
}

/** Outputs that were reported in this look, and zips of those that wait for company. */
function outputs(world: World, { job, looks, turn }: Observed): readonly WindrowEvent[] {
  const { PandaID } = job.ctx;
  const ending = turn === "finished" || turn === "failed" || turn === "cancelled";
  const activeWorkers = new Set(world.activeWorkersOf(job.ctx).map(({ ctx }) => ctx.workerID));
  const reports = looks.flatMap(({ worker, report }) => {
    const files = report.files?.[String(PandaID)];
    return files?.length ? [{ workerID: worker.ctx.workerID, files }] : [];
  });
  return reportOutputs(world, job, reports, { ending, activeWorkers });
}

function turning(turn: Turn, PandaIDs: number[]): WindrowEvent {
  if (turn === "finished" || turn === "failed" || turn === "cancelled") {
    return { type: "job.ended", PandaIDs, verdict: turn };
  }
  return { type: `job.${turn}`, PandaIDs };
}
