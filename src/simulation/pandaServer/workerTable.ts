/**
 * Workers as rows and their relation to jobs. What a harvester may say of a worker is checked here, column by column,
 * as the real server's database does it.
 */
import { z } from "zod";
import { columnInteger } from "./arguments.ts";
import { columnTime } from "./clock.ts";
import { dumps, loadsObject, type PythonObject, type PythonValue } from "./pythonJson.ts";
import type { Store } from "./store.ts";

const INTEGERS = ["nCore", "nativeExitCode", "nJobs", "syncLevel", "errorCode", "minRamCount"];
const TIMES = ["submitTime", "startTime", "endTime"];
/** Text columns and the longest text each takes. */
const TEXTS: Readonly<Record<string, number>> = {
  status: 80,
  batchID: 80,
  nodeID: 80,
  queueName: 80,
  computingSite: 128,
  stdOut: 250,
  stdErr: 250,
  batchLog: 250,
  resourceType: 56,
  nativeStatus: 80,
  diagMessage: 500,
  computingElement: 128,
  submissionHost: 128,
  harvesterHost: 128,
  jdl: 250,
  jobType: 52,
};

const workerRow = z.object({
  harvesterID: z.string(),
  workerID: z.number(),
  status: z.string(),
  changedAt: z.number(),
  columns: z.string().transform(loadsObject),
});

export type Worker = Readonly<z.infer<typeof workerRow>>;

function columnText(value: PythonValue, longest: number): string | undefined {
  const text = typeof value === "string" ? value : typeof value === "number" ? String(value) : undefined;
  return text !== undefined && text.length <= longest ? text : undefined;
}

/**
 * The columns that a worker dictionary fills: unknown keys and nulls fill none.
 * @returns undefined when a column refuses its value.
 */
export function workerColumns(sent: PythonObject): Readonly<Record<string, PythonValue>> | undefined {
  const columns: Record<string, PythonValue> = {};
  for (const [key, value] of Object.entries(sent)) {
    if (value === null) continue;
    const longest = TEXTS[key];
    let kept: PythonValue | undefined;
    if (INTEGERS.includes(key)) kept = columnInteger(value);
    else if (TIMES.includes(key)) kept = columnTime(value);
    else if (longest !== undefined) kept = columnText(value, longest);
    else continue;
    if (kept === undefined) return undefined;
    columns[key] = kept;
  }
  return columns;
}

export function readWorker(store: Store, harvesterID: string, workerID: number): Worker | undefined {
  const row = store.row("SELECT * FROM worker WHERE harvesterID = ? AND workerID = ?", harvesterID, workerID);
  return row === undefined ? undefined : workerRow.parse(row);
}

export function allWorkers(store: Store): readonly Worker[] {
  return store.rows("SELECT * FROM worker ORDER BY harvesterID, workerID").map((row) => workerRow.parse(row));
}

export function writeWorker(store: Store, worker: Worker): void {
  store.run(
    "INSERT OR REPLACE INTO worker VALUES (?, ?, ?, ?, ?)",
    worker.harvesterID,
    worker.workerID,
    worker.status,
    worker.changedAt,
    dumps(worker.columns),
  );
}

/** The jobs of a worker. */
export function jobsOf(store: Store, harvesterID: string, workerID: number): readonly number[] {
  return store
    .rows("SELECT PandaID FROM workerJob WHERE harvesterID = ? AND workerID = ?", harvesterID, workerID)
    .map((row) => z.object({ PandaID: z.number() }).parse(row).PandaID);
}

/** Replaces the jobs of a worker. */
export function setJobs(store: Store, harvesterID: string, workerID: number, PandaIDs: readonly number[]): void {
  store.run("DELETE FROM workerJob WHERE harvesterID = ? AND workerID = ?", harvesterID, workerID);
  for (const PandaID of PandaIDs) {
    store.run("INSERT OR IGNORE INTO workerJob VALUES (?, ?, ?)", harvesterID, workerID, PandaID);
  }
}

/** What acquire_jobs with a worker makes: the worker, running, and its relation to the job. */
export function tieJob(
  store: Store,
  tie: { harvesterID: string; workerID: number; PandaID: number; site: string; now: number },
): void {
  const { harvesterID, workerID, PandaID, site, now } = tie;
  const known = readWorker(store, harvesterID, workerID);
  if (known === undefined) {
    const columns = { status: "running", computingSite: site };
    writeWorker(store, { harvesterID, workerID, status: "running", changedAt: now, columns });
  }
  store.run("INSERT OR IGNORE INTO workerJob VALUES (?, ?, ?)", harvesterID, workerID, PandaID);
}
