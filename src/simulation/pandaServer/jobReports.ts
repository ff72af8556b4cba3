/**
 * pilot/update_job and pilot/update_jobs_bulk: what a client reports of its jobs is taken in, and the command for
 * each job goes back (panda-api 4.2). The last state of a job is not made here but by the Adder.
 */
import { bind, integerOf, listOf, textOf } from "./arguments.ts";
import { timeText } from "./clock.ts";
import { decide, isFinal, REPORTABLE } from "./jobStates.ts";
import { activeJob, changeJob, isDebugged, type Job, readJob } from "./jobTable.ts";
import {
  type Arguments,
  type Call,
  type Envelope,
  type Operation,
  optional,
  PythonException,
  refused,
  required,
  succeeded,
} from "./operation.ts";
import { isObject, literal, type PythonObject, type PythonValue, pythonTypeName } from "./pythonJson.ts";
import { REPORT_PARAMETERS, reportedColumns, reportedTime } from "./reportFields.ts";

const FAILED_METADATA = "Failed to add meta_data";

/** Secrets go with the word debug, whoever put it there. */
const told = (command: string): Envelope =>
  succeeded(command.includes("debug") ? { StatusCode: 0, pilotSecrets: "{}", command } : { StatusCode: 0, command });

/** The standing word for the pilot: told at every update. */
function commandFor(job: Job): string {
  const words = [isDebugged(job) ? "debug" : "", job.commandToPilot ?? ""].filter((word) => word !== "");
  return words.length === 0 ? "NULL" : words.join(",");
}

/** Metadata are kept once, and not with failed; false: nobody knows the job, and the report is lost with them. */
function keepMetaData(call: Call, PandaID: number, status: string, metaData: string): boolean {
  if (metaData === "" || status === "failed") return true;
  const job = readJob(call.store, PandaID);
  if (job === undefined) return false;
  if (!job.archived && job.metaData === null) changeJob(call.store, job, { metaData }, call.now, "metadata");
  return true;
}

const columnText = (job: Job, name: string): string => {
  const value = job.columns[name];
  return typeof value === "string" ? value : "";
};

/** Takes in one report of an active job of the right attempt. */
function takeIn(call: Call, job: Job, status: string, args: Arguments): Envelope {
  const columns = reportedColumns(args);
  const outcome = decide(
    { status: job.jobStatus, marker: columnText(job, "jobDispatcherErrorDiag"), batchID: columnText(job, "batchID") },
    { status, batchID: textOf(args, "batch_id") ?? "" },
  );
  if (outcome.kind === "conflict") return succeeded({ StatusCode: 30 }, "Database error");
  if (outcome.kind === "alreadyDone") return told("alreadydone");
  const final = isFinal(status);
  const report = final ? { reported: status, outputReport: textOf(args, "job_output_report") ?? "" } : {};
  // The Adder drops a report of another attempt, and one without attempt_nr counts as attempt 0: the job stays holding.
  const isJudged = final && (integerOf(args, "attempt_nr") ?? 0) === job.attemptNr;
  if (outcome.kind === "ignored") {
    // The real server queues the report of a merging job too, and its Adder then drops it.
    if (final) changeJob(call.store, job, report, call.now, "report");
    return told(commandFor(job));
  }
  const marked = status === "holding" || status === "transferring";
  const marker = marked ? `set to ${status} by the pilot at ${timeText(call.now)}` : "";
  const withMarker = final || marked ? { jobDispatcherErrorDiag: marker } : {};
  const startTime = reportedTime(args, "start_time");
  const endTime = reportedTime(args, "end_time");
  const next = outcome.status;
  const starts = next === "running" && ["sent", "starting"].includes(job.jobStatus);
  const ends = next === "holding" || (next === "transferring" && job.jobStatus === "running");
  changeJob(
    call.store,
    job,
    {
      ...report,
      ...(isJudged && { judgeAt: call.now + call.adderDelayMs }),
      jobStatus: next,
      columns: { ...job.columns, ...columns, ...withMarker },
      startTime: startTime ?? (starts ? timeText(call.now) : job.startTime),
      endTime: endTime ?? (ends && job.endTime === null ? timeText(call.now) : job.endTime),
    },
    call.now,
    `reported ${status}`,
  );
  return told(commandFor(job));
}

function updateJob(call: Call, args: Arguments): Envelope {
  const PandaID = integerOf(args, "job_id") ?? 0;
  const status = textOf(args, "job_status") ?? "";
  if (!REPORTABLE.includes(status)) return refused(`Invalid job status: ${status}`, { StatusCode: 50 });
  if (!keepMetaData(call, PandaID, status, textOf(args, "meta_data") ?? "")) {
    return succeeded({ StatusCode: 30, ErrorDiag: FAILED_METADATA }, FAILED_METADATA);
  }
  const job = activeJob(call.store, PandaID);
  const attempt = integerOf(args, "attempt_nr");
  if (job === undefined || (attempt !== undefined && attempt !== job.attemptNr)) return told("tobekilled");
  return takeIn(call, job, status, args);
}

/** One element of the bulk call: whatever is wrong with its form breaks the whole call. */
function elementOf(value: PythonValue): PythonObject {
  if (!isObject(value)) {
    const type = pythonTypeName(value);
    const text =
      type === "str" || type === "list"
        ? `${type === "str" ? "string" : "list"} indices must be integers or slices, not str`
        : `'${type}' object is not subscriptable`;
    throw new PythonException("TypeError", text);
  }
  for (const key of ["job_id", "job_status"]) {
    if (!Object.hasOwn(value, key)) throw new PythonException("KeyError", `'${key}'`);
  }
  const metaData = value["meta_data"];
  if (metaData === undefined) return value;
  // The bulk call makes text of anything, so null is kept as the word None.
  return { ...value, meta_data: typeof metaData === "string" ? metaData : literal(metaData) };
}

function updateJobs(call: Call, args: Arguments): Envelope {
  const answers: Envelope[] = [];
  try {
    for (const element of listOf(args, "job_list")) {
      const bound = bind({ parameters: REPORT_PARAMETERS }, elementOf(element), false);
      answers.push("refusal" in bound ? bound.refusal : updateJob(call, bound.args));
    }
  } catch (error) {
    // What came before the poison stays stored (panda-api 4.2).
    if (error instanceof PythonException) return refused(`failed with ${error.type} ${error.message}`, []);
    throw error;
  }
  return succeeded(answers);
}

export const reportOperations: readonly Operation[] = [
  { name: "pilot/update_job", verb: "POST", auth: "production", parameters: REPORT_PARAMETERS, run: updateJob },
  {
    name: "pilot/update_jobs_bulk",
    verb: "POST",
    auth: "production",
    parameters: [required("job_list", "list"), optional("harvester_id", "str")],
    run: updateJobs,
  },
];
