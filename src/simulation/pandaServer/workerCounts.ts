/**
 * harvester/report_worker_statistics and get_worker_statistics: how many workers of a kind a harvester has (panda-api
 * 7).
 */
import { z } from "zod";
import { columnInteger, textOf } from "./arguments.ts";
import { type Arguments, type Call, type Envelope, type Operation, refused, required, succeeded } from "./operation.ts";
import { isList, isObject, JsonDecodeError, loads, type PythonValue } from "./pythonJson.ts";

/** Counts older than this are not told. */
const FRESH_MS = 4 * 3600 * 1000;

const countRow = z.object({
  harvesterID: z.string(),
  computingSite: z.string(),
  jobType: z.string(),
  resourceType: z.string(),
  status: z.string(),
  n: z.number(),
});

/** One row for each job type, resource type and status; undefined: not of that depth, or no number. */
function rowsIn(text: string): readonly (readonly [string, string, string, number])[] | undefined {
  let value: PythonValue;
  try {
    value = loads(text);
  } catch (error) {
    if (error instanceof JsonDecodeError) return undefined;
    throw error;
  }
  if (isList(value) && value.length === 0) return [];
  if (!isObject(value)) return undefined;
  const rows: (readonly [string, string, string, number])[] = [];
  for (const [jobType, byResource] of Object.entries(value)) {
    if (!isObject(byResource)) return undefined;
    for (const [resourceType, byStatus] of Object.entries(byResource)) {
      if (resourceType === "Undefined") continue;
      if (!isObject(byStatus)) return undefined;
      for (const [status, count] of Object.entries(byStatus)) {
        const n = columnInteger(count);
        if (n === undefined) return undefined;
        rows.push([jobType, resourceType, status, n]);
      }
    }
  }
  return rows;
}

/** Replaces all that this instance said of this queue. */
function report(call: Call, args: Arguments): Envelope {
  const rows = rowsIn(textOf(args, "statistics") ?? "");
  if (rows === undefined) return refused("database error");
  const harvesterID = textOf(args, "harvester_id") ?? "";
  const site = textOf(args, "panda_queue") ?? "";
  call.store.run("DELETE FROM workerCount WHERE computingSite = ? AND harvesterID = ?", site, harvesterID);
  for (const [jobType, resourceType, status, n] of rows) {
    call.store.run(
      "INSERT INTO workerCount VALUES (?, ?, ?, ?, ?, ?, ?)",
      ...[harvesterID, site, jobType, resourceType, status, n, call.now],
    );
  }
  return succeeded(null, "OK");
}

type Tree = { [key: string]: Tree | number };

/** Puts a number into nested objects. */
function put(tree: Tree, path: readonly string[], n: number): void {
  const [key = "", ...rest] = path;
  if (rest.length === 0) {
    tree[key] = n;
    return;
  }
  const below = tree[key];
  const branch: Tree = typeof below === "object" ? below : {};
  tree[key] = branch;
  put(branch, rest, n);
}

function tell(call: Call): Envelope {
  const tree: Tree = {};
  for (const row of call.store.rows("SELECT * FROM workerCount WHERE changedAt >= ?", call.now - FRESH_MS)) {
    const { computingSite, harvesterID, jobType, resourceType, status, n } = countRow.parse(row);
    put(tree, [computingSite, harvesterID, jobType, resourceType, status], n);
  }
  return succeeded(tree);
}

export const workerCountOperations: readonly Operation[] = [
  {
    name: "harvester/report_worker_statistics",
    verb: "POST",
    auth: "secure",
    parameters: [required("harvester_id", "str"), required("panda_queue", "str"), required("statistics", "str")],
    run: report,
  },
  { name: "harvester/get_worker_statistics", verb: "GET", auth: "secure", parameters: [], run: tell },
];
