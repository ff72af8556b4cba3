/**
 * Jobs as rows: adding, reading, changing, and the history of their states. Which change a report or a command makes is
 * decided elsewhere (jobStates, adder, killing); here a change is only written down.
 */
import { z } from "zod";
import { columnInteger } from "./arguments.ts";
import { dumps, loadsObject, type PythonObject, type PythonValue } from "./pythonJson.ts";
import type { Store } from "./store.ts";

const jobRow = z.object({
  PandaID: z.number(),
  computingSite: z.string(),
  prodSourceLabel: z.string(),
  resourceType: z.string(),
  taskID: z.number(),
  jobsetID: z.number(),
  owner: z.string(),
  attemptNr: z.number(),
  jobStatus: z.string(),
  archived: z.number().transform((flag) => flag !== 0),
  commandToPilot: z.string().nullable(),
  specialHandling: z.string(),
  startTime: z.string().nullable(),
  endTime: z.string().nullable(),
  changedAt: z.number(),
  sentAt: z.number().nullable(),
  timesSent: z.number(),
  judgeAt: z.number().nullable(),
  reported: z.string().nullable(),
  outputReport: z.string().nullable(),
  metaData: z.string().nullable(),
  columns: z.string().transform(loadsObject),
});

/**
 * A job. `columns` are the server's columns that reports and judgements fill (jobSubStatus, batchID, pilotErrorCode
 * ...); `judgeAt` is when the Adder looks at the final report, epoch ms.
 */
export type Job = Readonly<z.infer<typeof jobRow>>;

/** What can change in a job's life. */
export type JobChange = Partial<
  Pick<
    Job,
    | "jobStatus"
    | "archived"
    | "commandToPilot"
    | "specialHandling"
    | "startTime"
    | "endTime"
    | "sentAt"
    | "timesSent"
    | "judgeAt"
    | "reported"
    | "outputReport"
    | "metaData"
    | "columns"
  >
>;

/**
 * A job dictionary as acquire_jobs gives it, plus keys that only the server knows: `computingSite` (the queue),
 * `jobStatus` (activated unless said), `archived`, `commandToPilot`, `specialHandling`, `nEventRanges`, and `columns`
 * for what else a job in the middle of its life has. PandaID is given out when it is missing.
 */
export const newJobSchema = z
  .object({
    computingSite: z.string().min(1),
    jobStatus: z.string().min(1).default("activated"),
    archived: z.boolean().default(false),
    commandToPilot: z.string().nullable().default(null),
    specialHandling: z.string().default(""),
    columns: z.record(z.string(), z.json()).default({}),
    nEventRanges: z.int().min(0).default(0),
  })
  .catchall(z.json());
export type NewJob = z.input<typeof newJobSchema>;

const textOr = (value: PythonValue | undefined, otherwise: string): string =>
  typeof value === "string" && value !== "" && value !== "NULL" ? value : otherwise;

/**
 * Adds one job.
 * @throws Error when the PandaID is taken or no number.
 * @returns its PandaID.
 */
export function addJob(store: Store, job: NewJob, now: number): number {
  const { computingSite, jobStatus, archived, commandToPilot, specialHandling, columns, nEventRanges, ...dictionary } =
    newJobSchema.parse(job);
  const number = (key: string): number => columnInteger(dictionary[key]) ?? 0;
  const given = dictionary["PandaID"] === undefined ? null : columnInteger(dictionary["PandaID"]);
  if (given === undefined) throw new Error(`PandaID ${dumps(dictionary["PandaID"] ?? null)} is no integer`);
  if (given !== null && store.row("SELECT 1 FROM job WHERE PandaID = ?", given) !== undefined) {
    throw new Error(`there is already a job with PandaID ${given}`);
  }
  const special = [
    specialHandling,
    dictionary["debug"] === "True" ? "debug" : "",
    nEventRanges > 0 ? "eventservice" : "",
  ];
  const PandaID = store.insert(
    `INSERT INTO job (PandaID, computingSite, prodSourceLabel, resourceType, taskID, jobsetID, owner, minRamCount,
      maxDiskCount, maxWalltime, priority, attemptNr, jobStatus, archived, commandToPilot, specialHandling, columns,
      sentAt, changedAt)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    given,
    computingSite,
    textOr(dictionary["prodSourceLabel"], "managed"),
    textOr(dictionary["resource_type"], "SCORE"),
    number("taskID"),
    number("jobsetID"),
    textOr(dictionary["prodUserID"], ""),
    number("minRamCount"),
    number("maxDiskCount"),
    number("maxWalltime"),
    number("currentPriority"),
    number("attemptNr"),
    jobStatus,
    archived ? 1 : 0,
    commandToPilot,
    special.filter((word) => word !== "").join(","),
    dumps(columns),
    jobStatus === "sent" ? now : null,
    now,
  );
  const served = given === null ? { StatusCode: 0, PandaID, ...dictionary } : dictionary;
  store.run("INSERT INTO dictionary VALUES (?, ?)", PandaID, dumps(served));
  remember(store, PandaID, now, jobStatus, "added");
  for (let processID = 1; processID <= nEventRanges; processID += 1) {
    const first = (key: string): string => textOr(dictionary[key], "").split(",")[0] ?? "";
    store.run(
      "INSERT INTO eventRange VALUES (?, ?, ?, ?, ?, 3, ?, ?, ?, 0)",
      ...[PandaID, processID, PandaID, number("taskID"), number("jobsetID")],
      ...[first("inFiles"), first("GUID"), first("scopeIn")],
    );
  }
  return PandaID;
}

function remember(store: Store, PandaID: number, at: number, status: string, note: string): void {
  store.run("INSERT INTO history (PandaID, at, status, note) VALUES (?, ?, ?, ?)", PandaID, at, status, note);
}

const COLUMNS = Object.keys(jobRow.shape).join(", ");

/** A number that no column can hold is a job that nobody knows. */
export function readJob(store: Store, PandaID: number): Job | undefined {
  if (!Number.isSafeInteger(PandaID)) return undefined;
  const row = store.row(`SELECT ${COLUMNS} FROM job WHERE PandaID = ?`, PandaID);
  return row === undefined ? undefined : jobRow.parse(row);
}

/** A job that is not archived. */
export function activeJob(store: Store, PandaID: number): Job | undefined {
  const job = readJob(store, PandaID);
  return job?.archived === false ? job : undefined;
}

/** All jobs, oldest first: for the operator's view alone, because its cost is the number of jobs. */
export function allJobs(store: Store): readonly Job[] {
  return store.rows(`SELECT ${COLUMNS} FROM job ORDER BY PandaID`).map((row) => jobRow.parse(row));
}

/** The job dictionary as it was added. */
export function readDictionary(store: Store, PandaID: number): PythonObject {
  const text = z
    .object({ text: z.string() })
    .parse(store.row("SELECT text FROM dictionary WHERE PandaID = ?", PandaID));
  return loadsObject(text.text);
}

/** Writes a change down; `note` says who made it, for the history, which grows only when the state changes. */
export function changeJob(store: Store, job: Job, change: JobChange, at: number, note: string): Job {
  const changed: Job = { ...job, ...change, changedAt: at };
  store.run(
    `UPDATE job SET jobStatus = ?, archived = ?, commandToPilot = ?, specialHandling = ?, startTime = ?, endTime = ?,
      changedAt = ?, sentAt = ?, timesSent = ?, judgeAt = ?, reported = ?, outputReport = ?, metaData = ?, columns = ?
     WHERE PandaID = ?`,
    changed.jobStatus,
    changed.archived ? 1 : 0,
    changed.commandToPilot,
    changed.specialHandling,
    changed.startTime,
    changed.endTime,
    changed.changedAt,
    changed.sentAt,
    changed.timesSent,
    changed.judgeAt,
    changed.reported,
    changed.outputReport,
    changed.metaData,
    dumps(changed.columns),
    job.PandaID,
  );
  if (changed.jobStatus !== job.jobStatus) remember(store, job.PandaID, at, changed.jobStatus, note);
  return changed;
}

/** Whether a word of specialHandling says so; `dm` and `debug` both mean debug mode. */
export const isDebugged = (job: Job): boolean => /(^|,)(dm|debug)(,|$)/.test(job.specialHandling);
export const isEventService = (job: Job): boolean => /(^|,)eventservice(,|$)/.test(job.specialHandling);
/** Production may not do everything to a user's job. */
export const isOfUser = (job: Job): boolean => job.prodSourceLabel === "user" || job.prodSourceLabel === "panda";
