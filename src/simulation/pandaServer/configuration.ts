/** What the server knows without a job's life: whether it is alive, the resource types, and how many jobs are where. */
import { z } from "zod";
import { type Call, type Envelope, type Operation, refused, succeeded } from "./operation.ts";
import type { PythonValue } from "./pythonJson.ts";

const resource = (resource_name: string, ...bounds: readonly (number | null)[]): PythonValue => {
  const [mincore = null, maxcore = null, minrampercore = null, maxrampercore = null] = bounds;
  return { resource_name, mincore, maxcore, minrampercore, maxrampercore };
};

/** Those of a fresh PanDA; null is no bound. */
const RESOURCE_TYPES: readonly PythonValue[] = [
  resource("SCORE", 1, 1, 0, 2000),
  resource("MCORE", 2, null, 0, 2000),
  resource("SCORE_HIMEM", 1, 1, 2001, null),
  resource("MCORE_HIMEM", 2, null, 2001, null),
  resource("Undefined", 1, null, null, null),
];

/** States that are always told; others only when a job is in them. */
const ALWAYS = ["running", "activated", "assigned"];

const tallyRow = z.object({
  computingSite: z.string(),
  prodSourceLabel: z.string(),
  resourceType: z.string(),
  jobStatus: z.string(),
  n: z.number(),
});

type Tree = { [key: string]: Tree | number };

/** Numbers of active jobs, nested by the keys that `path` gives of a row and by state. */
function counts(call: Call, path: (row: z.infer<typeof tallyRow>) => readonly string[]): Tree {
  const tree: Tree = {};
  for (const found of call.store.rows("SELECT * FROM tally WHERE n > 0")) {
    const row = tallyRow.parse(found);
    let branch = tree;
    for (const key of path(row)) {
      const below = branch[key];
      const next: Tree = typeof below === "object" ? below : {};
      branch[key] = next;
      branch = next;
    }
    const states: readonly (readonly [string, number])[] = [
      ...ALWAYS.map((status) => [status, 0] as const),
      [row.jobStatus, row.n],
    ];
    for (const [status, n] of states) branch[status] = Number(branch[status] ?? 0) + n;
  }
  return tree;
}

/** Without an active job the answer reads like a failure. */
const answer = (tree: Tree, what: string): Envelope =>
  Object.keys(tree).length > 0 ? succeeded(tree) : refused(`Database failure getting the job statistics${what}`, {});

export const configurationOperations: readonly Operation[] = [
  { name: "system/is_alive", verb: "GET", auth: "open", parameters: [], run: () => succeeded() },
  {
    name: "metaconfig/get_resource_types",
    verb: "GET",
    auth: "secure",
    parameters: [],
    run: () => succeeded(RESOURCE_TYPES),
  },
  {
    name: "statistics/active_job_stats_by_site",
    verb: "GET",
    auth: "open",
    parameters: [],
    run: (call) =>
      answer(
        counts(call, (row) => [row.computingSite]),
        "",
      ),
  },
  {
    name: "statistics/active_job_detailed_stats_by_site",
    verb: "GET",
    auth: "open",
    parameters: [],
    run: (call) =>
      answer(
        counts(call, (row) => [row.computingSite, row.resourceType, row.prodSourceLabel]),
        " with resource_type and prodsourcelabel",
      ),
  },
];
