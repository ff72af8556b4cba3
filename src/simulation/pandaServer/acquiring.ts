/**
 * pilot/acquire_jobs: hands out activated jobs of a queue, each once (panda-api 4.1). A job whose answer was lost stays
 * `sent` until it times out; there is no way to ask for it again.
 */
import { z } from "zod";
import { integerOf, textOf } from "./arguments.ts";
import { changeJob, readDictionary, readJob } from "./jobTable.ts";
import {
  type Arguments,
  type Call,
  type Envelope,
  type Operation,
  optional,
  refused,
  required,
  succeeded,
} from "./operation.ts";
import type { PythonObject, PythonValue } from "./pythonJson.ts";
import { tieJob } from "./workerTable.ts";

const NO_JOBS = refused("No jobs in PanDA");

/** Which labels a request covers; null: any. */
function labelsOf(prodSourceLabel: string | undefined): readonly string[] {
  switch (prodSourceLabel) {
    case undefined:
    case "managed":
      return ["managed", "test", "prod_test", "install"];
    case "user":
      return ["user", "panda", "install"];
    case "test":
      return ["prod_test", "install", "test"];
    case "unified":
      return ["managed", "test", "prod_test", "install", "user", "panda"];
    default:
      return [prodSourceLabel];
  }
}

const kindRow = z.object({ prodSourceLabel: z.string(), resourceType: z.string() });
const candidateRow = z.object({ PandaID: z.number(), priority: z.number() });

/** A bound of 0 or null filters nothing. */
const bound = (args: Arguments, name: string): number => integerOf(args, name) || Number.MAX_SAFE_INTEGER;

/**
 * The best `n` jobs. Each kind (label and resource type) that has activated jobs is asked through the index for its
 * best `n`, so a queue of ten thousand jobs costs what one of ten does; only jobs that a filter turns down are passed
 * over one by one.
 */
function choose(call: Call, args: Arguments, n: number): readonly number[] {
  const site = textOf(args, "site_name") ?? "";
  const labels = labelsOf(textOf(args, "prod_source_label"));
  const resourceType = textOf(args, "resource_type");
  const kinds = call.store
    .rows("SELECT * FROM tally WHERE computingSite = ? AND jobStatus = 'activated' AND n > 0", site)
    .map((row) => kindRow.parse(row))
    .filter((kind) => labels.includes(kind.prodSourceLabel))
    .filter((kind) => resourceType === undefined || kind.resourceType === resourceType);
  const owner = call.caller.production ? (textOf(args, "prod_user_id") ?? null) : call.caller.name;
  const candidates = kinds.flatMap((kind) =>
    call.store.rows(
      `SELECT PandaID, priority FROM job INDEXED BY jobWaiting
       WHERE computingSite = ? AND prodSourceLabel = ? AND resourceType = ? AND jobStatus = 'activated' AND archived = 0
         AND minRamCount <= ? AND maxDiskCount <= ? AND maxWalltime <= ? AND taskID = coalesce(?, taskID)
         AND owner = coalesce(?, owner)
       ORDER BY priority DESC, PandaID LIMIT ?`,
      site,
      kind.prodSourceLabel,
      kind.resourceType,
      bound(args, "memory"),
      bound(args, "disk_space"),
      bound(args, "remaining_time"),
      integerOf(args, "task_id") ?? null,
      owner,
      n,
    ),
  );
  return candidates
    .map((row) => candidateRow.parse(row))
    .sort((a, b) => b.priority - a.priority || a.PandaID - b.PandaID)
    .slice(0, n)
    .map(({ PandaID }) => PandaID);
}

/** Marks a job as sent and gives its dictionary. */
function send(call: Call, args: Arguments, PandaID: number): PythonObject {
  const job = readJob(call.store, PandaID);
  if (job === undefined) throw new Error(`job ${PandaID} was chosen and is not there`);
  const columns: Record<string, PythonValue> = { ...job.columns };
  for (const [name, column] of [
    ["node", "modificationHost"],
    ["computing_element", "computingElement"],
    ["scheduler_id", "schedulerID"],
  ] as const) {
    const value = textOf(args, name);
    if (value !== undefined) columns[column] = value;
  }
  const change = { jobStatus: "sent", sentAt: call.now, timesSent: job.timesSent + 1, columns };
  changeJob(
    call.store,
    job,
    change,
    call.now,
    `sent to ${textOf(args, "scheduler_id") ?? textOf(args, "node") ?? "?"}`,
  );
  const harvesterID = textOf(args, "harvester_id");
  const workerID = integerOf(args, "worker_id");
  if (harvesterID !== undefined && workerID !== undefined) {
    tieJob(call.store, { harvesterID, workerID, PandaID, site: job.computingSite, now: call.now });
  }
  return readDictionary(call.store, PandaID);
}

/** The key nSent of a dictionary: how many production jobs of the queue are `sent` at this moment. */
function countSent(call: Call, site: string, prodSourceLabel: string | undefined): number {
  if (prodSourceLabel !== undefined && prodSourceLabel !== "managed") return 0;
  const row = call.store.row(
    `SELECT coalesce(sum(n), 0) AS n FROM tally
     WHERE computingSite = ? AND prodSourceLabel IN ('managed', 'test') AND jobStatus = 'sent'`,
    site,
  );
  return z.object({ n: z.number() }).parse(row).n;
}

function acquireJobs(call: Call, args: Arguments): Envelope {
  if (!call.caller.production && textOf(args, "prod_source_label") !== "user") {
    return refused("no production/pilot role in VOMS FQANs or non pilot owner");
  }
  const n = integerOf(args, "n_jobs") ?? 1;
  if (n <= 0) return NO_JOBS;
  const chosen = choose(call, args, n);
  if (chosen.length === 0) return NO_JOBS;
  const dictionaries = chosen.map((PandaID) => send(call, args, PandaID));
  const nSent = countSent(call, textOf(args, "site_name") ?? "", textOf(args, "prod_source_label"));
  const jobs = dictionaries.map((job) => (Object.hasOwn(job, "nSent") ? { ...job, nSent } : job));
  return succeeded({ StatusCode: 0, jobs });
}

export const acquiringOperations: readonly Operation[] = [
  {
    name: "pilot/acquire_jobs",
    verb: "POST",
    auth: "secure",
    parameters: [
      required("site_name", "str"),
      optional("timeout", "int", 60),
      optional("memory", "int"),
      optional("disk_space", "int"),
      optional("prod_source_label", "str"),
      optional("node", "str"),
      optional("computing_element", "str"),
      optional("prod_user_id", "str"),
      optional("get_proxy_key", "str"),
      optional("task_id", "int"),
      optional("n_jobs", "int", 1),
      optional("background", "bool"),
      optional("resource_type", "str"),
      optional("harvester_id", "str"),
      optional("worker_id", "int"),
      optional("scheduler_id", "str"),
      optional("job_type", "str"),
      optional("via_topic", "bool"),
      optional("remaining_time", "any"),
      optional("target_architecture", "any"),
    ],
    run: acquireJobs,
  },
];
