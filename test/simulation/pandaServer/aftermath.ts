/** What the recording says of the real server's database after a pair, asked of the stand-in's view. */
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { JobView, View } from "../../../src/simulation/pandaServer/view.ts";
import type { Pair } from "./pairs.ts";

export interface Aftermath {
  readonly view: View;
  readonly pair: Pair;
  readonly expected: Readonly<Record<string, unknown>>;
  readonly dir: string;
}

/** The job's columns that the recording shows when they are not empty. */
const SHOWN = [
  "pilotErrorCode",
  "pilotErrorDiag",
  "exeErrorCode",
  "transExitCode",
  "ddmErrorCode",
  "ddmErrorDiag",
  "taskBufferErrorCode",
  "taskBufferErrorDiag",
  "supErrorCode",
  "supErrorDiag",
  "jobDispatcherErrorDiag",
  "jobSubStatus",
];

const object = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? { ...value } : {};
const keysOf = (value: unknown): readonly number[] => Object.keys(object(value)).map(Number);

function jobIn(view: View, PandaID: number): JobView {
  const job = view.jobs.find((one) => one.PandaID === PandaID);
  if (job === undefined) throw new Error(`the view has no job ${PandaID}`);
  return job;
}

function fieldsOf(job: JobView): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const name of SHOWN) {
    const value = job.columns[name];
    if (value !== undefined && value !== "" && value !== 0 && value !== "0") fields[name] = value;
  }
  if (job.commandToPilot !== null) fields["commandToPilot"] = job.commandToPilot;
  return fields;
}

/** The job that a pair is about, where the recording names it only in the request. */
function askedJob({ pair, view, expected }: Aftermath): JobView {
  const body = object(pair.request.body);
  const [first] = Array.isArray(body["job_list"]) ? body["job_list"] : [];
  return jobIn(view, Number(keysOf(expected["jobs"])[0] ?? object(first)["job_id"] ?? body["job_id"]));
}

function askedWorker({ pair, view, expected }: Aftermath): unknown {
  const body = object(pair.request.body);
  const [first] = Array.isArray(body["workers"]) ? body["workers"] : [];
  const id = Number(object(first)["workerID"]);
  const worker = view.workers.find((one) => one.workerID === id && one.harvesterID === body["harvester_id"]);
  if (worker === undefined) return null;
  const columns = Object.keys(object(expected["worker"])).filter((name) => name !== "workerID");
  return { workerID: id, ...Object.fromEntries(columns.map((name) => [name, worker.columns[name] ?? null])) };
}

function rows({ pair, view }: Aftermath): unknown {
  const body = object(pair.request.body);
  switch (pair.request.path.split("/").at(-1)) {
    case "add_dialogs":
      return view.dialogs.map(({ diagID, moduleName, messageLevel, diagMessage }) => [
        diagID,
        moduleName,
        messageLevel,
        diagMessage,
      ]);
    case "update_service_metrics":
      return view.metrics.length;
    default:
      return view.workerCounts
        .filter((row) => row.harvesterID === body["harvester_id"] && row.computingSite === body["panda_queue"])
        .map(({ jobType, resourceType, status, n }) => [jobType, resourceType, status, n]);
  }
}

function instanceRow({ pair, view, expected }: Aftermath): unknown {
  const id = object(pair.request.body)["harvester_id"];
  const instance = view.instances.find((one) => one.harvesterID === id);
  if (instance === undefined) return null;
  const columns = object(instance.columns);
  const names = Object.keys(object(expected["row"])).filter((name) => name !== "harvester_ID");
  return { harvester_ID: id, ...Object.fromEntries(names.map((name) => [name, columns[name] ?? null])) };
}

function uploaded({ pair, dir }: Aftermath): unknown {
  const path = pair.request.path.endsWith("hpo_checkpoint")
    ? "hpo_cp_1234_5"
    : join("jedilog", basename(pair.request.file?.filename ?? ""));
  const full = join(dir, "cache", path);
  if (!existsSync(full)) return null;
  const bytes = readFileSync(full);
  return { bytes: bytes.length, "as sent": bytes.toString("latin1") };
}

const readers: Readonly<Record<string, (aftermath: Aftermath) => unknown>> = {
  jobs: (aftermath) => {
    const { view, expected } = aftermath;
    if (Array.isArray(expected["jobs"])) {
      const worker = object(askedWorker({ ...aftermath, expected: { worker: {} } }));
      return view.workers.find((one) => one.workerID === worker["workerID"])?.jobs ?? [];
    }
    const shown = keysOf(expected["jobs"]).map((id) => {
      const job = jobIn(view, id);
      return [id, `${job.jobStatus} (${job.archived ? "archived" : "active"})`];
    });
    return Object.fromEntries(shown);
  },
  fields: (aftermath) => {
    const { view, expected } = aftermath;
    const ids = keysOf(expected["fields"]).filter((id) => !Number.isNaN(id));
    if (ids.length === 0) return fieldsOf(askedJob(aftermath));
    return Object.fromEntries(ids.map((id) => [id, fieldsOf(jobIn(view, id))]));
  },
  worker: askedWorker,
  rows,
  row: instanceRow,
  harvester_command_lock: ({ view }) =>
    view.commandLocks.map((lock) => [lock.command, lock.computingSite, lock.resourceType]),
  commands: ({ view }) => view.commands.map(({ commandID, command, status }) => [commandID, command, status]),
  harvester_rel_jobs_workers: ({ view }) =>
    view.workers.flatMap(({ harvesterID, workerID, jobs }) => jobs.map((id) => [harvesterID, workerID, id])),
  harvester_workers: ({ view }) =>
    view.workers.map(({ harvesterID, workerID, status }) => [harvesterID, workerID, status]),
  specialHandling: (aftermath) => askedJob(aftermath).specialHandling,
  jobSubStatus: ({ view, expected }) =>
    Object.fromEntries(keysOf(expected["jobSubStatus"]).map((id) => [id, jobIn(view, id).columns["jobSubStatus"]])),
  startTime: (aftermath) => askedJob(aftermath).startTime,
  lengths: (aftermath) => {
    const { columns } = askedJob(aftermath);
    const names = Object.keys(object(aftermath.expected["lengths"]));
    return Object.fromEntries(names.map((name) => [name, String(columns[name]).length]));
  },
  events: (aftermath) => {
    const id = Number(object(aftermath.pair.request.body)["job_id"] ?? 41);
    const ranges = aftermath.view.eventRanges.filter(({ PandaID }) => PandaID === id);
    return Object.fromEntries(ranges.map(({ processID, status }) => [`process ${processID}`, status]));
  },
  file: uploaded,
};

/** The same questions, answered by the stand-in. */
export function asked(aftermath: Aftermath): unknown {
  return Object.fromEntries(
    Object.keys(aftermath.expected).map((key) => {
      const reader = readers[key];
      if (reader === undefined) throw new Error(`nothing reads ${key} from the view`);
      return [key, reader(aftermath)];
    }),
  );
}
