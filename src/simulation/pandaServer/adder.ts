/**
 * What the real server's daemons do to jobs while nobody asks: the Adder judges final reports some time after they came
 * (panda-api 4.4), and jobs that were sent and never heard of again are offered anew. Both happen when the next call
 * arrives, as of the instant at which they were due, so the stand-in needs no timer and a test no waiting.
 */
import { z } from "zod";
import { timeText } from "./clock.ts";
import { changeJob, isEventService, isOfUser, type Job, type JobChange, readDictionary, readJob } from "./jobTable.ts";
import { killed } from "./killing.ts";
import { isList, isObject, JsonDecodeError, loads, type PythonObject, type PythonValue } from "./pythonJson.ts";
import type { Store } from "./store.ts";

const NO_REPORT = "Could not get GUID/LFN/MD5/FSIZE/SURL from pilot JSON";
const WORKER_DONE = 300;

/** The files that a job must account for. */
export interface Expected {
  /** Outputs and the log, in the order of the dictionary. */
  readonly files: readonly string[];
  readonly inputs: readonly string[];
  readonly log: string;
  readonly mayMiss: readonly string[];
}

/** What the judge found: the last state, and the error of the files if there is one. */
export interface Judgement {
  readonly status: "finished" | "failed";
  readonly ddmErrorDiag?: string;
}

const has = (file: PythonObject, key: string): boolean => file[key] !== undefined && file[key] !== null;

function isWhole(file: PythonObject): boolean {
  const md5 = file["md5sum"];
  const checksum = has(file, "adler32") || (typeof md5 === "string" && /^[a-fA-F0-9]{32}$/.test(md5));
  return checksum && has(file, "fsize") && /^\s*[-+]?\d+/.test(String(file["fsize"]));
}

/** Names in the report; undefined: it is no report. */
function namesIn(report: string, inputs: readonly string[]): readonly string[] | undefined {
  let value: PythonValue;
  try {
    value = loads(report);
  } catch (error) {
    if (error instanceof JsonDecodeError) return undefined;
    throw error;
  }
  if (isList(value)) return value.length === 0 ? [] : undefined;
  if (!isObject(value)) return undefined;
  for (const [name, file] of Object.entries(value)) {
    if (!isObject(file) || file["guid"] === undefined) return undefined;
    if (!inputs.includes(name) && !isWhole(file)) return undefined;
  }
  return Object.keys(value);
}

/**
 * Judges a final report (panda-api 4.4).
 * @param excused the job has an error code of its own (pilotErrorCode, transExitCode, or the worker is gone), which
 * explains
 *   a missing report.
 */
export function judge(
  reported: "finished" | "failed",
  report: string,
  expected: Expected,
  excused: boolean,
): Judgement {
  if (expected.files.length === 0) return { status: reported };
  const names = namesIn(report, expected.inputs);
  if (names === undefined) return excused ? { status: "failed" } : { status: "failed", ddmErrorDiag: NO_REPORT };
  // Of a failed job only the log matters.
  const wanted = reported === "failed" ? expected.files.filter((name) => name === expected.log) : expected.files;
  // The real server names the last one that is missing.
  const missing = wanted.filter((name) => !names.includes(name) && !expected.mayMiss.includes(name)).at(-1);
  const foreign = names.find((name) => !expected.files.includes(name) && !expected.inputs.includes(name));
  if (foreign !== undefined) {
    return { status: "failed", ddmErrorDiag: `pilot produced ${foreign} inconsistently with jobdef` };
  }
  if (missing === undefined) return { status: reported };
  return { status: "failed", ddmErrorDiag: `expected output ${missing} is missing in pilot JSON` };
}

function expectedOf(store: Store, job: Job): Expected {
  const dictionary = readDictionary(store, job.PandaID);
  const names = (key: string): readonly string[] => {
    const value = dictionary[key];
    if (isList(value)) return value.map(String);
    return typeof value === "string" ? value.split(",").filter((name) => name !== "" && name !== "NULL") : [];
  };
  const files = names("outFiles");
  const allowed = names("allowNoOutput");
  // An event service job may leave outputs out: its events carry them.
  const mayMiss = isEventService(job) && job.reported === "finished" ? files : allowed;
  return { files, inputs: names("inFiles"), log: names("logFile")[0] ?? "", mayMiss };
}

const isSet = (value: PythonValue | undefined): boolean =>
  ![undefined, null, "", 0, "0", "NULL"].some((x) => x === value);

/** The last change of a job whose report is due. */
function lastChange(store: Store, job: Job, at: number): { readonly change: JobChange; readonly note: string } {
  const { columns } = job;
  // The server kills such a job by itself, and it may not kill jobs of users.
  if (columns["jobSubStatus"] === "pilot_closed" && !isOfUser(job)) {
    return { change: killed(job, "pilot", 60, at), note: "closed by the pilot" };
  }
  const excused =
    isSet(columns["pilotErrorCode"]) ||
    isSet(columns["transExitCode"]) ||
    columns["taskBufferErrorCode"] === WORKER_DONE;
  const reported = job.reported === "finished" ? "finished" : "failed";
  const { status, ddmErrorDiag } = judge(reported, job.outputReport ?? "", expectedOf(store, job), excused);
  const error = ddmErrorDiag === undefined ? {} : { ddmErrorCode: 200, ddmErrorDiag: ddmErrorDiag.slice(0, 500) };
  // A job that was to be killed and came to a good end all the same is finished.
  const jobStatus = status === "failed" && job.commandToPilot === "tobekilled" ? "cancelled" : status;
  const endTime = job.endTime ?? timeText(at);
  const change = { jobStatus, archived: true, judgeAt: null, endTime, columns: { ...columns, ...error } };
  return { change, note: `Adder: ${ddmErrorDiag ?? `reported ${reported}`}` };
}

const dueRow = z.object({ PandaID: z.number(), at: z.number() });

/** Does all that was due by now, each as of its own instant; the cost is the number of jobs that are due. */
export function advance(store: Store, now: number, sentTimeoutMs: number): void {
  const toJudge = store.rows(
    "SELECT PandaID, judgeAt AS at FROM job WHERE judgeAt <= ? ORDER BY judgeAt, PandaID",
    now,
  );
  for (const row of toJudge) {
    const { PandaID, at } = dueRow.parse(row);
    const job = readJob(store, PandaID);
    if (job === undefined) continue;
    const { change, note } = lastChange(store, job, at);
    changeJob(store, job, change, at, note);
  }
  const silent = store.rows(
    "SELECT PandaID, sentAt AS at FROM job WHERE jobStatus = 'sent' AND archived = 0 AND sentAt <= ? ORDER BY sentAt, PandaID",
    now - sentTimeoutMs,
  );
  for (const row of silent) {
    const { PandaID, at } = dueRow.parse(row);
    const job = readJob(store, PandaID);
    if (job === undefined) continue;
    const note = `no report within ${sentTimeoutMs / 1000} s after it was sent`;
    changeJob(store, job, { jobStatus: "activated", sentAt: null }, at + sentTimeoutMs, note);
  }
}
