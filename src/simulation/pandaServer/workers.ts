/**
 * harvester/update_workers and get_current_worker_id (panda-api 7). A worker's end can end its jobs: with syncLevel 1
 * the server itself reports them as failed to the Adder.
 */
import { z } from "zod";
import { columnInteger, listOf, textOf } from "./arguments.ts";
import { activeJob, changeJob } from "./jobTable.ts";
import {
  type Arguments,
  type Call,
  DATABASE_ERROR,
  type Envelope,
  type Operation,
  required,
  succeeded,
} from "./operation.ts";
import { isList, isObject, type PythonObject, type PythonValue } from "./pythonJson.ts";
import { jobsOf, readWorker, setJobs, type Worker, workerColumns, writeWorker } from "./workerTable.ts";

const FINAL = ["finished", "failed", "cancelled", "missed"];
/** A final status sticks this long after the last change. */
const STICKY_MS = 3 * 3600 * 1000;

const diagOf = (worker: Worker): string => {
  const diag = worker.columns["diagMessage"];
  return typeof diag === "string" ? diag : "None";
};

/** What a final worker means for its jobs that are neither ended nor holding. */
function tellJobs(call: Call, worker: Worker, sent: PythonObject): void {
  if (!FINAL.includes(worker.status)) return;
  for (const PandaID of jobsOf(call.store, worker.harvesterID, worker.workerID)) {
    let job = activeJob(call.store, PandaID);
    if (job === undefined || job.jobStatus === "holding") continue;
    if (sent["syncLevel"] === 1 && ["running", "starting"].includes(job.jobStatus)) {
      const diag = `The worker was ${worker.status} while the job was ${job.jobStatus} : ${diagOf(worker)}`;
      const columns = { ...job.columns, taskBufferErrorCode: 300, taskBufferErrorDiag: diag.slice(0, 300) };
      const change = { columns, reported: "failed", outputReport: null, judgeAt: call.now + call.adderDelayMs };
      job = changeJob(call.store, job, change, call.now, "worker ended");
    }
    const code = worker.columns["errorCode"];
    if (typeof code === "number" && code !== 0) {
      const columns = { ...job.columns, supErrorCode: code, supErrorDiag: `Diag from worker : ${diagOf(worker)}` };
      changeJob(call.store, job, { columns }, call.now, "worker ended");
    }
  }
}

/** False: the database refuses this worker. */
function updateWorker(call: Call, harvesterID: string, sent: PythonValue): boolean {
  if (!isObject(sent)) return false;
  const workerID = columnInteger(sent["workerID"]);
  const columns = workerColumns(sent);
  const list = sent["pandaid_list"] ?? [];
  if (workerID === undefined || columns === undefined || !isList(list)) return false;
  const PandaIDs = list.map(columnInteger).filter((id) => id !== undefined);
  if (PandaIDs.length !== list.length) return false;
  const known = readWorker(call.store, harvesterID, workerID);
  const sticks =
    known !== undefined && FINAL.includes(known.status) && known.changedAt > call.now - STICKY_MS
      ? known.status
      : undefined;
  const status = sticks ?? columns["status"] ?? known?.status;
  if (typeof status !== "string") return false;
  const merged = { ...known?.columns, ...columns, status };
  const worker = { harvesterID, workerID, status, changedAt: call.now, columns: merged };
  writeWorker(call.store, worker);
  if (PandaIDs.length > 0) setJobs(call.store, harvesterID, workerID, PandaIDs);
  tellJobs(call, worker, sent);
  return true;
}

function updateWorkers(call: Call, args: Arguments): Envelope {
  const workers = listOf(args, "workers");
  const harvesterID = textOf(args, "harvester_id") ?? "";
  // One bad worker fails the call; those before it stay stored. An empty list reads like a failure.
  const good = workers.every((sent) => updateWorker(call, harvesterID, sent));
  return good && workers.length > 0 ? succeeded(workers.map(() => true)) : DATABASE_ERROR;
}

function currentWorkerID(call: Call, args: Arguments): Envelope {
  const row = call.store.row(
    "SELECT workerID FROM worker WHERE harvesterID = ? ORDER BY workerID DESC LIMIT 1",
    textOf(args, "harvester_id") ?? "",
  );
  return row === undefined ? DATABASE_ERROR : succeeded(z.object({ workerID: z.number() }).parse(row).workerID);
}

export const workerOperations: readonly Operation[] = [
  {
    name: "harvester/update_workers",
    verb: "POST",
    auth: "secure",
    parameters: [required("harvester_id", "str"), required("workers", "list")],
    run: updateWorkers,
  },
  {
    name: "harvester/get_current_worker_id",
    verb: "GET",
    auth: "secure",
    parameters: [required("harvester_id", "str")],
    run: currentWorkerID,
  },
];
