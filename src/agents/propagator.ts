/**
 * Propagator: tells the WMS how jobs and workers stand, and passes on what it answers (lifecycle 1.10, 3.10). Telling
 * may be repeated, so there is no intent. What it records must hold for the present state: while the WMS was asked, an
 * entity may have moved on, and then the newer state is told next. It never calls a job killed while a worker of it may
 * be alive.
 */
import type { WindrowEvent } from "../../events/events.ts";
import type { Look } from "../../machines/look.ts";
import type { JobReply, WmsAnswer } from "../plugins/contract.ts";
import { isOver, type Job, reportedStatusOf, statusOf, type World } from "../world.ts";
import { type Ask, type Call, call, callAll, type Due, type Duty, type Reply, type Run, record } from "./agent.ts";
import { asking, chunks, wmsAnswer } from "./asking.ts";
import { tellDialogs } from "./dialogs.ts";
import { tellEvents } from "./eventRanges.ts";
import { killing, livingWorkers } from "./killRule.ts";
import { uploadLogs } from "./logUploader.ts";
import { isLastReport, jobUpdate, siteStats, workerStats, workerUpdate } from "./updates.ts";

/** What a job was when the WMS was told of it, and what the WMS said. */
interface Told {
  readonly job: Job;
  readonly report: Look;
  readonly life: string;
  readonly last: boolean;
  readonly way: Way;
  /** Events that the WMS took before it was told of the job. */
  readonly events: readonly string[];
  reply?: JobReply | undefined;
}
type Way = "update" | "check" | "suppress";

/** Failures that happened outside the pilot: it cannot report them itself (D19). */
const pilotless: ReadonlySet<string> = new Set(["failedToPrepare", "failedToStageOut", "failedToMake", "refused"]);

/** How the WMS hears of the job: at all, or by a question only (1.10). */
function wayOf(world: World, job: Job): Way {
  const { noHeartbeat, truePilot } = world.queueConfig(job.ctx.queue);
  const { life } = job.state;
  if (life === "missed" || !noHeartbeat.includes(reportedStatusOf(job))) return "update";
  if (truePilot && pilotless.has(life)) return "update";
  return statusOf(job) === "running" ? "check" : "suppress";
}

const tellJobs: Duty = {
  name: "tellJobs",
  limit: (world) => world.settings.propagator.maxJobs,
  batches: (world, ids) => chunks(ids, world.settings.propagator.nJobsInBulk),
  run: function* tell(world, { ids, now }) {
    const open = ids.flatMap((id) => {
      const job = world.jobs.get(id as number);
      return !job || job.state.regions["report"] === "closed" ? [] : { job, way: wayOf(world, job) };
    });
    // Events first: a job's end is told only when the WMS knows its events (4.2).
    const updating = open.flatMap(({ job, way }) => (way === "update" ? job : []));
    const eventsTaken = yield* tellEvents(world, updating, now);
    const told: Told[] = open.map(({ job, way }) => {
      const events = eventsTaken.get(job.ctx.PandaID) ?? [];
      const last = isLastReport(job, events.length);
      return { job, report: job.ctx.report, life: job.state.life, last, way, events };
    });
    const [first] = told;
    if (!first) return;
    const cause = `tellJobs:${first.job.ctx.PandaID}:${now}`;
    const of = (way: Way) => told.filter((one) => one.way === way);
    const [updated, checked] = [of("update"), of("check")];
    if (updated.length > 0) {
      const updates = updated.map(({ job, events }) => jobUpdate(job, events.length));
      answer(updated, yield* call(asking("updateJobs", first.job.ctx.PandaID, now, [updates])));
    }
    if (checked.length > 0) {
      const PandaIDs = checked.map(({ job }) => job.ctx.PandaID);
      answer(checked, yield* call(asking("checkJobs", first.job.ctx.PandaID, now, [PandaIDs])));
    }
    for (const one of of("suppress")) one.reply = { StatusCode: 0, command: null };
    const remaining = yield* askForEvents(world, told, now);
    for (const [shard, ones] of byShard(world, told, ({ job }) => job.ctx.queue)) {
      yield* record(shard, cause, jobEvents(world, ones, remaining));
    }
  } satisfies (world: World, due: Due) => Run,
};

/** Gives each job its reply; where there was none at all, what the trouble was. */
function answer(told: readonly Told[], reply: Reply): void {
  const replies = reply.ok ? (reply.value as readonly JobReply[]) : [];
  const ErrorDiag = reply.ok ? "the WMS gave no reply for this job" : reply.why;
  told.forEach((one, index) => {
    one.reply = replies[index] ?? { StatusCode: 999, ErrorDiag };
  });
}

const isTaken = ({ reply }: Told): boolean => reply?.StatusCode === 0;

function* byShard<T>(world: World, list: readonly T[], queueOf: (one: T) => string): Generator<[number, T[]]> {
  const shards = new Map<number, T[]>();
  for (const one of list) {
    const shard = world.shardOf(queueOf(one));
    shards.set(shard, [...(shards.get(shard) ?? []), one]);
  }
  yield* shards;
}

/** Events left for jobs of the event service that have not begun; without any the job is not worth running (1.10). */
function* askForEvents(world: World, told: readonly Told[], now: number): Generator<Ask, Map<number, number>, unknown> {
  const left = new Map<number, number>();
  const asked = told.filter((one) => isTaken(one) && isPresent(world, one) && wantsEvents(one.job));
  const calls = asked.map(({ job: { ctx } }) =>
    asking("checkEventAvailability", ctx.PandaID, now, [
      { PandaID: ctx.PandaID, jobsetID: ctx.jobsetID, taskID: ctx.taskID },
    ]),
  );
  const replies = yield* callAll(calls);
  replies.forEach((reply, index) => {
    const said = reply.ok ? (reply.value as WmsAnswer<number>) : undefined;
    const PandaID = asked[index]?.job.ctx.PandaID;
    if (said?.ok && PandaID !== undefined) left.set(PandaID, said.data);
  });
  return left;
}

function wantsEvents(job: Job): boolean {
  const { params, jobsetID, taskID } = job.ctx;
  const flag = params["eventService"];
  if (flag === undefined || flag === null || flag === "" || flag === "NULL") return false;
  return jobsetID !== null && taskID !== null && statusOf(job) === "starting" && job.state.life !== "submitted";
}

/** Whether the World still holds this life of the job, and the WMS may hear more of it. */
const isPresent = (world: World, { job }: Told): boolean =>
  world.jobs.get(job.ctx.PandaID) === job && job.state.regions["report"] !== "closed";

function jobEvents(world: World, told: readonly Told[], remaining: ReadonlyMap<number, number>): WindrowEvent[] {
  const events: WindrowEvent[] = [];
  const present = told.filter((one) => isPresent(world, one));
  // Whatever wants to be told has set the look anew: then this report is out of date, and the next one is due at once.
  const current = present.filter(({ job, report }) => job.ctx.report === report);
  const taken = current.filter(isTaken);
  const closed = taken.filter(({ job, last, life }) => last && job.state.life === life);
  const open = taken.filter((one) => !closed.includes(one));
  for (const { job, events: ids } of present.filter(isTaken)) {
    if (ids.length > 0) events.push({ type: "job.eventsTold", PandaID: job.ctx.PandaID, eventRangeIDs: [...ids] });
  }
  events.push(...reports("job.closed", closed), ...reports("job.told", open));
  const behind = open.filter(isBehind);
  if (behind.length > 0) events.push({ type: "job.reportOwed", PandaIDs: behind.map(idOf) });
  for (const [why, ones] of grouped(current, (one) => (isTaken(one) ? null : whyNot(one)))) {
    events.push({ type: "job.untold", PandaIDs: ones.map(idOf), why });
  }
  for (const one of present) {
    const n = remaining.get(idOf(one));
    if (n !== undefined && !closed.includes(one)) events.push({ type: "job.eventsRemaining", PandaID: idOf(one), n });
  }
  const doomed = present.filter((one) => isTaken(one) && isDoomed(world, one, remaining.get(idOf(one))));
  return [
    ...events,
    ...killing(
      world,
      doomed.map(({ job }) => job),
    ),
  ];
}

/**
 * A job that has ended and of whose events the WMS took some, but not all: the others are told at once (1.10, step 2).
 * Where it took none, it is asked again in its time; else it would be asked without a pause while it is silent.
 */
const isBehind = ({ job: { ctx }, events }: Told): boolean =>
  ctx.verdict !== null && events.length > 0 && ctx.rangesOwed > events.length;

const idOf = ({ job }: Told): number => job.ctx.PandaID;
const whyNot = ({ reply }: Told): string =>
  reply?.StatusCode === 999
    ? (reply.ErrorDiag ?? "no usable answer")
    : `StatusCode ${reply?.StatusCode}${reply?.ErrorDiag ? `: ${reply.ErrorDiag}` : ""}`;

function* grouped<T, K>(list: readonly T[], keyOf: (one: T) => K | null): Generator<[K, T[]]> {
  const groups = new Map<K, T[]>();
  for (const one of list) {
    const key = keyOf(one);
    if (key !== null) groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  yield* groups;
}

/** One event for all that heard the same, suppressed reports apart. */
function* reports(type: "job.told" | "job.closed", told: readonly Told[]): Generator<WindrowEvent> {
  for (const [suppressed, ones] of grouped(told, ({ way }) => way === "suppress")) {
    for (const [command, few] of grouped(ones, ({ reply }) => reply?.command ?? "")) {
      const hidden = suppressed ? { suppressed: true as const } : {};
      const PandaIDs = few.map(idOf);
      if (type === "job.closed") yield { type, PandaIDs, ...hidden };
      else yield { type, PandaIDs, ...hidden, ...(command === "" ? {} : { command }) };
    }
  }
}

const killableLives: ReadonlySet<string> = new Set([
  ...["fetched", "preparing", "resolving", "prepared", "submitting", "queued", "submitted", "running", "idle"],
  ...["toTransfer", "transferring"],
]);

/**
 * The WMS wants it gone, or has no events left for it. A kill that was asked for once stands: a job whose worker was
 * given up before it began would otherwise get another one until the WMS says it again.
 */
function isDoomed(world: World, { job, reply }: Told, remaining: number | undefined): boolean {
  const { life, regions } = job.state;
  if (!killableLives.has(life)) return false;
  if (reply?.command === "tobekilled" || remaining === 0) return true;
  const waits = life === "prepared" || life === "queued";
  return regions["kill"] === "asked" && waits && livingWorkers(world, job).length === 0;
}

const tellWorkers: Duty = {
  name: "tellWorkers",
  limit: (world) => world.settings.propagator.maxWorkers,
  batches: (world, ids) => chunks(ids, world.settings.propagator.nWorkersInBulk),
  run: function* tell(world, { ids, now }) {
    const told = ids.flatMap((id) => {
      const worker = world.workers.get(id as number);
      return worker ? { worker, report: worker.ctx.report, over: isOver(worker) } : [];
    });
    const [first] = told;
    if (!first) return;
    const updates = told.map(({ worker }) => workerUpdate(world, worker));
    const wanted = asking("updateWorkers", first.worker.ctx.workerID, now, [updates]);
    const said = wmsAnswer<readonly boolean[]>(yield* call(wanted));
    const outcomes = told.map((one, index) => {
      if (!said.ok) return { ...one, why: said.message };
      return { ...one, why: said.data[index] === true ? null : "the WMS did not take it" };
    });
    for (const [shard, ones] of byShard(world, outcomes, ({ worker }) => worker.ctx.queue)) {
      // One whose status changed meanwhile is told again at once, so nothing is said of this report.
      const present = ones.filter(
        ({ worker, report }) => world.workers.get(worker.ctx.workerID) === worker && worker.ctx.report === report,
      );
      const idsOf = (list: typeof present): number[] => list.map(({ worker }) => worker.ctx.workerID);
      const closed = idsOf(present.filter(({ why, over }) => why === null && over));
      const heard = idsOf(present.filter(({ why, over }) => why === null && !over));
      const events: WindrowEvent[] = [];
      if (closed.length > 0) events.push({ type: "worker.closed", workerIDs: closed });
      if (heard.length > 0) events.push({ type: "worker.told", workerIDs: heard });
      for (const [why, few] of grouped(present, (one) => one.why)) {
        events.push({ type: "worker.untold", workerIDs: idsOf(few), why });
      }
      yield* record(shard, wanted.key, events);
    }
  } satisfies (world: World, due: Due) => Run,
};

const tellWorkerStats: Duty = {
  name: "tellWorkerStats",
  limit: () => Number.MAX_SAFE_INTEGER,
  run: function* tell(world, { ids, now }) {
    const queue = String(ids[0]);
    const known = world.queues.get(queue);
    if (!known) return;
    const key = `updateWorkerStats:${queue}:${now}`;
    const { siteName } = world.queueConfig(queue);
    const shard = world.shardOf(queue);
    const stats = workerStats(world, queue);
    const wanted: Call[] = [];
    if (known.ctx.statsAsked) {
      const queues = [...world.queues.keys()].filter((name) => world.queueConfig(name).siteName === siteName).sort();
      wanted.push({
        ...asking("updateWorkerStats", queue, now, [siteName, siteStats(world, queues)]),
        key: `${key}:site`,
      });
    }
    if (stats) wanted.push(asking("updateWorkerStats", queue, now, [queue, stats]));
    // One after the other: each replaces what the WMS had, and the exact one is to stay.
    for (const one of wanted) {
      const said = wmsAnswer<null>(yield* call(one));
      if (!said.ok) return yield* record(shard, key, [{ type: "queue.statsUntold", queue, why: said.message }]);
    }
    yield* record(shard, key, [{ type: "queue.statsTold", queue, stats: stats ?? {} }]);
  } satisfies (world: World, due: Due) => Run,
};

/** Jobs first, as the original does, then workers, their log files and numbers, and messages for people. */
export const propagator: readonly Duty[] = [tellJobs, tellWorkers, uploadLogs, tellWorkerStats, tellDialogs];
