/**
 * Judges one look at a worker: which status counts from now on, and whether the worker has to go (lifecycle 3.4 B, C).
 * The first final status that the batch system gives is kept, but the worker ends only when nothing it reported is open
 * and it was post-processed. Pure.
 */
import type { EventOf } from "../../events/events.ts";
import type { WorkerLook } from "../../events/worker.ts";
import type { InstanceConfig, QueueConfig } from "../config/schema.ts";
import type { WorkerReport } from "../plugins/contract.ts";
import type { WorkerChanges } from "../specs/workSpec.ts";
import { type Worker, type World, workerStatusOf } from "../world.ts";

const FAILEDBYSERVER = 1236;
const GENERALERROR = 1008;
const PANDAKILL = 1144;

/** What the batch system and the payload said of one worker. */
export interface Seen {
  readonly worker: Worker;
  /** Missing: the batch system was not asked. A null status: it does not know. */
  readonly answer:
    | { readonly status: string | null; readonly diag: string; readonly changes?: WorkerChanges }
    | undefined;
  readonly report: WorkerReport;
}

/** What a look is judged by. */
export interface Judging {
  readonly config: QueueConfig;
  readonly monitor: InstanceConfig["monitor"];
  /** Seconds; null: never give up. */
  readonly checkTimeout: number | null;
  /** Epoch ms. */
  readonly now: number;
}

type Draft = { -readonly [K in keyof WorkerLook]: WorkerLook[K] };

/** The verdict on one look. */
export interface Judgement {
  readonly worker: Worker;
  readonly report: WorkerReport;
  readonly look: Draft;
  /** Nothing is new but the time of the look. */
  readonly unchanged: boolean;
  /** The worker's status is another one. */
  readonly turned: boolean;
  /** Files or events were reported, to be acknowledged. */
  readonly reported: boolean;
  readonly wantsPostProcessing: boolean;
  readonly kill?: { readonly why: string; readonly error?: { readonly code: number; readonly diag: string } };
  /** The payload never ran: its jobs are closed with it. */
  readonly pilotClosed: boolean;
}

const over: ReadonlySet<string> = new Set(["finished", "failed", "cancelled", "missed"]);
const finals: ReadonlySet<string> = new Set(["finished", "failed", "cancelled"]);
type Final = "finished" | "failed" | "cancelled";

const hasAny = (of: Readonly<Record<string, readonly unknown[]>> | undefined): boolean =>
  of !== undefined && Object.values(of).some((list) => list.length > 0);

/** Judges the look of one worker. */
export function judge({ worker, answer, report }: Seen, judging: Judging): Judgement {
  const { ctx } = worker;
  const current = workerStatusOf(worker) as WorkerLook["status"];
  const checked = answer !== undefined && answer.status !== null;
  const lost = answer !== undefined && answer.status === null && ctx.endSaid === null && isLost(worker, judging);
  const death = lost
    ? killed("consecutive worker check failures", answer.diag)
    : ending(worker, answer, report, judging);
  const said = lost ? "cancelled" : statusSaid(worker, answer?.status ?? null, report, current);
  const reported = hasAny(report.files) || hasAny(report.events);
  const finalStatus = finals.has(said) ? (said as Final) : null;
  const wantsPostProcessing = finalStatus !== null && !reported && !ctx.postProcessed;
  const open = finalStatus !== null && (reported || !ctx.postProcessed);
  const status = open ? (current === "running" ? "running" : "idle") : settled(current, said);
  // After a forgotten end, what was said with it counts.
  const heard = ctx.endSaid !== null && !checked ? (ctx.diag ?? undefined) : undefined;
  const diag = death?.error?.diag ?? heard ?? answer?.diag;
  const changes = changesOf(worker, answer, report, finalStatus, diag ?? "", death?.error !== undefined);
  const look: Draft = {
    workerID: ctx.workerID,
    status,
    checked,
    ...(answer !== undefined && answer.status !== status ? { answered: answer.status } : {}),
    ...(diag !== undefined && diag !== "" && diag !== ctx.diag ? { diag } : {}),
    ...(changes ? { changes } : {}),
    ...(report.workerAttributes ? { attributes: report.workerAttributes } : {}),
    ...(finalStatus !== null && ctx.finalStatus === null ? { finalStatus } : {}),
    ...(finalStatus !== null && reported ? { again: true } : {}),
    ...(report.eventsRequest && Object.keys(report.eventsRequest).length > 0
      ? { eventsRequest: report.eventsRequest }
      : {}),
    ...(report.jobsRequested && worker.ctx.hasJob ? { jobsRequested: report.jobsRequested } : {}),
    ...(report.pandaIDs && String(report.pandaIDs) !== String(ctx.pandaIDs) ? { pandaIDs: [...report.pandaIDs] } : {}),
    ...(report.complaints?.length ? { complaints: [...report.complaints] } : {}),
  };
  return {
    worker,
    report,
    look,
    unchanged: Object.keys(look).length === 3 && status === current && checked && !wantsPostProcessing,
    turned: status !== current,
    reported,
    wantsPostProcessing,
    ...(death && worker.state.regions["kill"] === "unmarked" ? { kill: death } : {}),
    pilotClosed: death?.pilotClosed === true || ctx.pilotClosed || answer?.changes?.pilotClosed === true,
  };
}

/** Late answers do not turn a worker back: running and idle stay what they are when the answer is `submitted` (3.1). */
function settled(current: WorkerLook["status"], said: string): WorkerLook["status"] {
  if (said === "submitted" && (current === "running" || current === "idle")) return current;
  return said as WorkerLook["status"];
}

function statusSaid(worker: Worker, answered: string | null, report: WorkerReport, current: string): string {
  const { finalStatus, endSaid, hasJob, mapType } = worker.ctx;
  const end = finalStatus ?? endSaid;
  if (end !== null) return end;
  if (hasJob || mapType === "NoJob" || over.has(answered ?? "")) return answered ?? current;
  // Late binding: it waits in the batch system until its payload asks for jobs, then for them.
  return report.jobsRequested ? "ready" : current;
}

/** Nobody could say what became of it for longer than checkTimeout. */
const isLost = ({ ctx }: Worker, { checkTimeout, now }: Judging): boolean =>
  checkTimeout !== null && ctx.checkedAt !== null && now - ctx.checkedAt > checkTimeout * 1000;

interface Death {
  readonly why: string;
  readonly error?: { readonly code: number; readonly diag: string };
  readonly pilotClosed?: true;
}

const killed = (reason: string, diag: string): Death => ({
  why: reason,
  error: { code: FAILEDBYSERVER, diag: `Killed by Harvester due to ${reason}. ${diag}` },
});

/** Why the worker has to go (3.4 B5): its payload asks for it, it queues too long, its heartbeat has ended. */
function ending(
  worker: Worker,
  answer: Seen["answer"],
  report: WorkerReport,
  { monitor, now }: Judging,
): Death | undefined {
  const diag = answer?.diag ?? "";
  if (report.alive === false || report.alive === null) return killed("worker heartbeat expired", diag);
  const { submitAt } = worker.ctx;
  const queues = answer?.status === "submitted" && worker.state.life === "submitted";
  if (queues && submitAt !== null && now > submitAt + monitor.workerQueueTimeLimit * 1000) {
    return { ...killed("worker queuing too long", diag), pilotClosed: true };
  }
  return report.killRequested ? { why: "the payload asks for it" } : undefined;
}

/** What the plug-in changed, with the error that the core sets: of a kill, or where the end has no error yet (0.4). */
function changesOf(
  { ctx }: Worker,
  answer: Seen["answer"],
  report: WorkerReport,
  finalStatus: Final | null,
  diag: string,
  killedByUs: boolean,
): WorkerLook["changes"] {
  const changes = answer?.changes;
  const own: WorkerLook["changes"] = changes ? JSON.parse(JSON.stringify(changes)) : undefined;
  if (killedByUs) return { ...own, pilotError: { code: FAILEDBYSERVER, diag } };
  const attributes = { ...ctx.attributes, ...report.workerAttributes };
  const blamed = own?.pilotError ?? own?.supplementalError ?? ctx.error ?? attributes["pilotErrorCode"];
  const code = { finished: undefined, failed: GENERALERROR, cancelled: PANDAKILL }[finalStatus ?? "finished"];
  if (code === undefined || (blamed !== undefined && blamed !== null)) return own;
  return { ...own, pilotError: { code, diag } };
}

/**
 * One event for each reason: the workers of one batch mostly share it. One that another look saw end meanwhile is in no
 * trouble.
 */
export function troubles(world: World, troubled: ReadonlyMap<number, string>): EventOf<"worker.lookTroubled">[] {
  const byWhy = new Map<string, number[]>();
  for (const [workerID, why] of troubled) {
    if (world.workers.get(workerID)?.state.tags.has("due:look")) byWhy.set(why, [...(byWhy.get(why) ?? []), workerID]);
  }
  return [...byWhy].map(([why, workerIDs]) => ({ type: "worker.lookTroubled", workerIDs, why }));
}
