/**
 * The recorded pairs of test/data/panda/responses.json, and for each path of the API the call of a communicator that
 * makes such a request. A test then replays the recorded answer to that call.
 */
import { readFileSync } from "node:fs";
import { z } from "zod";
import type { Communicator, JobUpdate } from "../../../src/plugins/contract.ts";
import { call } from "../fixtures.ts";

const dictionary = z.record(z.string(), z.unknown());
const pairSchema = z.object({
  name: z.string(),
  group: z.string(),
  request: z.object({
    method: z.string(),
    path: z.string(),
    query: z.string().optional(),
    caller: z.string().optional(),
    headers: z.record(z.string(), z.string().nullable()).optional(),
    body: z.unknown().optional(),
    file: z.object({ filename: z.string(), latin1: z.string().optional() }).optional(),
  }),
  response: z.object({ status: z.number(), body: z.unknown().optional(), text: z.string().optional() }),
});
export type Pair = z.output<typeof pairSchema>;

export const pairs: readonly Pair[] = z
  .array(pairSchema)
  .parse(JSON.parse(readFileSync(new URL("../../data/panda/responses.json", import.meta.url), "utf8")));

/** Text of the recorded answer. */
export const textOf = ({ response }: Pair): string => response.text ?? JSON.stringify(response.body);

/** `<module>/<function>` of a pair. */
export const pathOf = ({ request }: Pair): string => request.path.replace(/^\/api\/\w+\//, "");

/** A recorded body as far as it is a dictionary: refused requests have others. */
export const fieldsOf = ({ request }: Pair): Record<string, unknown> => dictionary.safeParse(request.body).data ?? {};

const list = (value: unknown): Record<string, unknown>[] => z.array(dictionary).safeParse(value).data ?? [];
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const instant = (value: unknown): number => Date.parse(`${text(value).replace(" ", "T").slice(0, 23)}Z`) || 0;
const query = (pair: Pair): URLSearchParams => new URLSearchParams(pair.request.query ?? "");
/** The value of a JSON text; undefined for any other. */
export function jsonOf(value: unknown): unknown {
  if (!/^[[{]/.test(text(value))) return undefined;
  try {
    return JSON.parse(text(value));
  } catch {
    return undefined;
  }
}

/** Job updates as the core would hand them over. */
export const updatesOf = (pair: Pair): JobUpdate[] => {
  const elements = z.array(z.unknown()).safeParse(fieldsOf(pair)["job_list"]).data ?? [
    { job_id: 1, job_status: "running" },
  ];
  // What is malformed on purpose stays so: the communicator has to bear it.
  return elements.map((element) => ({ job_id: Number.NaN, job_status: "", ...dictionary.safeParse(element).data }));
};

export const workersOf = (pair: Pair): Record<string, unknown>[] => list(fieldsOf(pair)["workers"]);
export const rangesOf = (pair: Pair): Record<string, unknown>[] => {
  const ranges = list(jsonOf(fieldsOf(pair)["event_ranges"]));
  return ranges.length > 0 ? ranges : [{ eventRangeID: "1-2-3-4-5", eventStatus: "finished" }];
};

type Make = (communicator: Communicator, pair: Pair) => unknown;

/** The call that makes a request of this path. */
const calls: Readonly<Record<string, Make>> = {
  "system/is_alive": (c) => c.checkPanda(call()),
  "harvester/heartbeat": (c, pair) => c.isAlive(dictionary.safeParse(fieldsOf(pair)["data"]).data ?? {}, call()),
  "pilot/acquire_jobs": (c, pair) => {
    const {
      site_name,
      node,
      prod_source_label,
      computing_element,
      n_jobs,
      scheduler_id: _,
      ...criteria
    } = fieldsOf(pair);
    const request = {
      siteName: text(site_name),
      nodeName: text(node),
      prodSourceLabel: text(prod_source_label),
      computingElement: text(computing_element),
      nJobs: typeof n_jobs === "number" ? n_jobs : 1,
      criteria,
    };
    return c.getJobs(request, call());
  },
  "pilot/update_jobs_bulk": (c, pair) => c.updateJobs(updatesOf(pair), call()),
  "job/get_status": (c, pair) => c.checkJobs(query(pair).getAll("job_ids").map(Number), call()),
  "event/acquire_event_ranges": (c, pair) => {
    const { job_id, jobset_id, task_id, n_ranges, scattered } = fieldsOf(pair);
    const request = { pandaID: job_id, jobsetID: jobset_id ?? 1, taskID: task_id, nRanges: n_ranges ?? 1 };
    return c.getEventRanges({ [String(job_id)]: request }, scattered === true, call());
  },
  "event/update_event_ranges": (c, pair) => c.updateEventRanges(rangesOf(pair), call()),
  "event/get_available_event_range_count": (c, pair) => {
    const [PandaID = 0, jobsetID = 0, taskID = 0] = ["job_id", "jobset_id", "task_id"].map((key) =>
      Number(query(pair).get(key)),
    );
    return c.checkEventAvailability({ PandaID, jobsetID, taskID }, call());
  },
  "harvester/acquire_commands": (c, pair) => c.getCommands(Number(fieldsOf(pair)["n_commands"]) || 1, call()),
  "harvester/acknowledge_commands": (c, pair) =>
    c.ackCommands(z.array(z.number()).min(1).safeParse(fieldsOf(pair)["command_ids"]).data ?? [1], call()),
  "harvester/update_workers": (c, pair) => {
    const workers = workersOf(pair);
    return c.updateWorkers(workers.length > 0 ? workers : [{ workerID: 1 }], call());
  },
  "harvester/report_worker_statistics": (c, pair) => {
    const { panda_queue, statistics } = fieldsOf(pair);
    const counts = z
      .record(z.string(), z.record(z.string(), z.record(z.string(), z.number())))
      .safeParse(jsonOf(statistics));
    return c.updateWorkerStats(text(panda_queue), counts.data ?? {}, call());
  },
  "harvester/update_service_metrics": (c, pair) => {
    const rows =
      z.array(z.tuple([z.string(), z.string(), z.unknown()])).safeParse(fieldsOf(pair)["metrics"]).data ?? [];
    const given = rows.length > 0 ? rows : [["", "h", "{}"] as const];
    const metrics = given.map(
      ([at, host, values]) => [instant(at), host, dictionary.safeParse(jsonOf(values)).data ?? {}] as const,
    );
    return c.updateServiceMetrics(metrics, call());
  },
  "harvester/add_dialogs": (c, pair) => {
    const rows = list(fieldsOf(pair)["dialogs"]);
    const dialogs = (rows.length > 0 ? rows : [{}]).map((row) => ({
      diagID: Number(row["diagID"]) || 1,
      moduleName: text(row["moduleName"]),
      identifier: text(row["identifier"]),
      createdAt: instant(row["creationTime"]),
      messageLevel: text(row["messageLevel"]),
      diagMessage: text(row["diagMessage"]),
    }));
    return c.sendDialogMessages(dialogs, call());
  },
  "harvester/get_worker_statistics": (c) => c.getWorkerStatsFromPanda(call()),
  "harvester/get_current_worker_id": (c) => c.getMaxWorkerId(call()),
  "metaconfig/get_resource_types": (c) => c.getResourceTypes(call()),
  "statistics/active_job_stats_by_site": (c) => c.getJobStats(call()),
  "statistics/active_job_detailed_stats_by_site": (c) => c.getJobStatsNew(call()),
  "creds/get_proxy": (c, pair) => c.getProxy(query(pair).get("role") ?? "", query(pair).get("dn") ?? "", call()),
  "creds/get_token_key": (c, pair) => c.getTokenKey(query(pair).get("client_name") ?? "", call()),
  "creds/get_key_pair": (c, pair) =>
    c.getKeyPair(query(pair).get("public_key_name") ?? "", query(pair).get("private_key_name") ?? "", call()),
  "file_server/upload_jedi_log": (c, { request: { file } }) =>
    c.uploadFile(file?.filename ?? "a.log", Buffer.from("line 1\n"), call()),
};

/** Paths that a communicator asks. The others are operators' and pilots': their answers are read as mere envelopes. */
export const spoken: ReadonlySet<string> = new Set(Object.keys(calls));

/** Makes the call. */
export const makeCall = async (communicator: Communicator, pair: Pair): Promise<unknown> =>
  (calls[pathOf(pair)] ?? calls["system/is_alive"])?.(communicator, pair);
