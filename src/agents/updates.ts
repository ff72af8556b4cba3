/**
 * What the WMS is told of jobs, workers and worker counts, in the words of its API (panda-api 4.2, 7). Pure makers of
 * records. They must never leave the lists of known names: an unknown attribute is refused with the whole update.
 */
import type { JobUpdate } from "../plugins/contract.ts";
import {
  type Job,
  reportedStatusOf,
  statusOf,
  subStatusOf,
  type Worker,
  type World,
  workerStatusOf,
} from "../world.ts";
import { remoteName } from "./logUploader.ts";

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const paired = (heads: string, tails: string): readonly (readonly [string, string])[] =>
  heads
    .split(" ")
    .flatMap((head) =>
      tails.split(" ").map((tail): [string, string] => [head + tail, `${head}_${tail.toLowerCase()}`]),
    );

/** Job attributes that are sent, by their pilot-style name (specs 2). */
const attributeNames: ReadonlyMap<string, string> = new Map([
  ...[
    "token node stdout transExitCode pilotErrorCode pilotErrorDiag cpuConsumptionTime cpuConsumptionUnit pilotLog",
    "cpuConversionFactor exeErrorCode exeErrorDiag pilotTiming startTime endTime nEvents nInputFiles jobMetrics",
    "coreCount siteName attemptNr",
  ]
    .join(" ")
    .split(" ")
    .map((name): [string, string] => [name, snake(name)]),
  ["schedulerID", "scheduler_id"],
  ["pilotID", "pilot_id"],
  ["batchID", "batch_id"],
  ...paired("max avg", "RSS VMEM SWAP PSS"),
  ...paired("tot rate", "RCHAR WCHAR RBYTES WBYTES"),
]);

/** Whether the status that is told is the one the job ends with (lifecycle 1.2). */
export const isLastReport = (job: Job, told = 0): boolean =>
  job.ctx.verdict !== null && reportedStatusOf(job, told) === statusOf(job);

/** One job as it stands now (lifecycle 1.2). `told`: as in `reportedStatusOf`. */
export function jobUpdate(job: Job, told = 0): JobUpdate {
  const { ctx } = job;
  const attributes: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(ctx.attributes)) {
    const sent = attributeNames.get(name);
    if (sent !== undefined && value !== null && value !== undefined) attributes[sent] = value;
  }
  if (ctx.nCore !== null) attributes["core_count"] ??= ctx.nCore;
  const last = isLastReport(job, told);
  return {
    ...attributes,
    ...(last && ctx.metaData !== null && ctx.metaData !== undefined ? { meta_data: asText(ctx.metaData) } : {}),
    ...(last && ctx.outputReport !== null ? { job_output_report: ctx.outputReport } : {}),
    job_id: ctx.PandaID,
    site_name: ctx.queue,
    ...(ctx.attemptNr === null ? {} : { attempt_nr: ctx.attemptNr }),
    ...statusWords(job, told),
  };
}

const asText = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

/** The WMS knows neither `cancelled` nor `missed`; the sub-status says which failure is none of the payload's. */
function statusWords(job: Job, told: number): { readonly job_status: string; readonly job_sub_status: string } {
  const status = reportedStatusOf(job, told);
  if (status !== "cancelled" && status !== "missed") return { job_status: status, job_sub_status: subStatusOf(job) };
  return { job_status: "failed", job_sub_status: job.ctx.pilotClosed ? "pilot_closed" : status };
}

/** Names that the API has for the log files of a worker. */
const logNames = { stdout: "stdOut", stderr: "stdErr", jdl: "jdl", batch_log: "batchLog" } as const;

/** One worker as it stands now (specs 3, convert_to_propagate). What is not known is left out. */
export function workerUpdate(world: World, worker: Worker): Readonly<Record<string, unknown>> {
  const { ctx } = worker;
  const { batchID, queueName, nodeID, computingElement, submissionHost, nativeStatus, nativeExitCode } = ctx.settings;
  return known({
    workerID: ctx.workerID,
    batchID,
    queueName,
    status: workerStatusOf(worker),
    computingSite: ctx.queue,
    nCore: ctx.nCore,
    nodeID,
    submitTime: timeText(ctx.submitAt),
    startTime: timeText(ctx.startAt),
    endTime: timeText(ctx.endAt),
    jobType: ctx.jobType,
    resourceType: ctx.resourceType,
    nativeExitCode,
    nativeStatus,
    diagMessage: (ctx.error && ctx.error.code !== 0 && ctx.error.diag ? ctx.error.diag : ctx.diag)?.slice(0, 500),
    nJobs: ctx.mapType === "NoJob" ? undefined : ctx.pandaIDs.length,
    computingElement,
    syncLevel: ctx.syncLevel,
    submissionHost,
    errorCode: ctx.error?.code,
    minRamCount: ctx.minRamCount,
    pandaid_list: linkedJobs(world, worker),
    ...logLinks(world, worker),
  });
}

const known = (fields: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));

/**
 * PandaIDs of the jobs that are the worker's. One that could not be submitted was made for jobs that go on with another
 * one (lifecycle 1.6); a job that is forgotten is nobody's. A pull worker has what it said that it has.
 */
export function linkedJobs(world: World, worker: Worker): readonly number[] {
  const { mapType, pandaIDs, workerID } = worker.ctx;
  if (mapType === "NoJob") return pandaIDs;
  return pandaIDs.filter((id) => world.jobs.get(id)?.ctx.workers.includes(workerID));
}

/** A URL stays as it is; a local file is named by where its copy is, or will be (specs 3, set_log_file). */
function logLinks(world: World, worker: Worker): Record<string, string> {
  const base = world.settings.pandacon.pandaCacheURL_R;
  const links: Record<string, string> = {};
  for (const [kind, stream] of Object.entries(worker.ctx.logFiles)) {
    const name = kind in logNames ? logNames[kind as keyof typeof logNames] : logNames.batch_log;
    const sent = worker.ctx.sentLogs[kind];
    if (stream.startsWith("http")) links[name] = stream;
    else if (sent?.path === stream && sent.url !== "") links[name] = sent.url;
    else if (base !== null) links[name] = `${base}/${remoteName(world.instance.harvesterID, stream)}`;
  }
  return links;
}

/**
 * `datetime/YYYY-MM-DD HH:MM:SS.ffffff` in UTC of an instant in epoch ms. Counted by hand (days from civil, era of 400
 * years), because the pure zone has no clock to ask for a calendar.
 */
export function timeText(at: number | null): string | undefined {
  if (at === null) return undefined;
  const days = Math.floor(at / 86_400_000);
  const ms = Math.trunc(at - days * 86_400_000);
  // Days since 0000-03-01, so that the leap day is the last of its year.
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const ofEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  );
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const march = Math.floor((5 * ofYear + 2) / 153);
  const day = ofYear - Math.floor((153 * march + 2) / 5) + 1;
  const month = march < 10 ? march + 3 : march - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  const date = [pad(year, 4), pad(month), pad(day)].join("-");
  const clock = [ms / 3_600_000, (ms / 60_000) % 60, (ms / 1000) % 60].map((n) => pad(Math.floor(n))).join(":");
  return `datetime/${date} ${clock}.${pad(ms % 1000, 3)}000`;
}

const pad = (n: number, digits = 2): string => String(n).padStart(digits, "0");

/** Workers of one type by what the WMS wants to know of them. */
export type Counts = Record<"running" | "submitted" | "finished" | "to_submit", number>;
/** jobType -> resourceType -> counts. */
export type WorkerStats = Record<string, Record<string, Counts>>;

const none = (): Counts => ({ running: 0, submitted: 0, finished: 0, to_submit: 0 });
const countedStatuses: ReadonlySet<string> = new Set(["running", "submitted", "finished"]);
const isCounted = (status: string): status is "running" | "submitted" | "finished" => countedStatuses.has(status);

/** Jobs types of a queue's workers with how many there are; each once for every status and pilot type. */
function* tallied(world: World, queue: string): Generator<[string, string, keyof Counts, number]> {
  for (const [key, { n }] of world.workerTallies.get(queue) ?? []) {
    const [status = "", jobType = "", resourceType = ""] = key.split("|");
    if (n > 0 && isCounted(status)) yield [jobType, resourceType, status, n];
  }
}

function ordersOf(world: World, queue: string): [string, string, number][] {
  return Object.entries(world.queues.get(queue)?.ctx.ordered ?? {}).map(([key, n]) => {
    const at = key.indexOf("/");
    return [key.slice(0, at), key.slice(at + 1), n];
  });
}

function rowOf(stats: WorkerStats, jobType: string, resourceType: string): Counts {
  stats[jobType] ??= {};
  stats[jobType][resourceType] ??= none();
  return stats[jobType][resourceType];
}

/**
 * Worker counts of a queue as they are told now and then (lifecycle 5): types that were ordered or that have workers;
 * the type ANY is no type. null where nothing is to be told. A slave queue without any worker says so, since the WMS
 * would otherwise go on with its old numbers.
 */
export function workerStats(world: World, queue: string): WorkerStats | null {
  const config = world.queueConfig(queue);
  const stats: WorkerStats = { [config.jobType]: {} };
  if (config.resourceType !== "ANY") rowOf(stats, config.jobType, config.resourceType);
  for (const [jobType, resourceType, n] of ordersOf(world, queue)) {
    if (resourceType === "ANY") stats[jobType] ??= {};
    else rowOf(stats, jobType, resourceType).to_submit = n;
  }
  for (const [jobType, resourceType, status, n] of tallied(world, queue)) {
    if (resourceType !== "ANY") rowOf(stats, jobType, resourceType)[status] += n;
  }
  if (Object.values(stats).some((types) => Object.keys(types).length > 0)) return stats;
  return config.runMode === "slave" ? { managed: { SCORE: none() } } : null;
}

/** Worker counts of a whole site as REPORT_WORKER_STATS wants them: all workers as ANY, ordered types by themselves. */
export function siteStats(world: World, queues: readonly string[]): WorkerStats {
  const stats: WorkerStats = {};
  for (const queue of queues) {
    const { jobType, resourceType } = world.queueConfig(queue);
    const all = rowOf(stats, jobType, resourceType);
    const orders = ordersOf(world, queue);
    const own = new Map(orders.map(([job, resource]) => [`${job}/${resource}`, rowOf(stats, job, resource)]));
    for (const [job, resource, n] of orders) rowOf(stats, job, resource).to_submit += n;
    for (const [job, resource, status, n] of tallied(world, queue)) {
      all[status] += n;
      const row = own.get(`${job}/${resource}`);
      if (row && row !== all) row[status] += n;
    }
  }
  return stats;
}
