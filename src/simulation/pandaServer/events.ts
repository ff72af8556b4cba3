/**
 * Event ranges of event service jobs (panda-api 5). The answers are those of the real server, its two defects included:
 * a bare list from acquire_event_ranges, and HTTP 500 from update_event_ranges although the events are updated.
 */
import { z } from "zod";
import { integerOf, textOf } from "./arguments.ts";
import { activeJob, readJob } from "./jobTable.ts";
import {
  type Arguments,
  type Call,
  type Envelope,
  type Operation,
  optional,
  PythonException,
  required,
  succeeded,
} from "./operation.ts";
import { dumps, isList, isObject, JsonDecodeError, literal, loads, type PythonValue } from "./pythonJson.ts";

const FREE = 0;
const SENT = 1;
/** Statuses that are stored; others are passed over. */
const STORED: Readonly<Record<string, number>> = { finished: 3, fatal: 5, failed: 7 };

const rangeRow = z.object({
  PandaID: z.number(),
  processID: z.number(),
  fileID: z.number(),
  taskID: z.number(),
  attemptNr: z.number(),
  lfn: z.string(),
  guid: z.string(),
  scope: z.string(),
});

/** Reserves the next free ranges; each call gives others. */
function acquire(call: Call, args: Arguments): Envelope {
  const job = activeJob(call.store, integerOf(args, "job_id") ?? -1);
  const isServed = job !== undefined && ["sent", "running", "starting"].includes(job.jobStatus);
  if (!isServed || job.commandToPilot === "tobekilled") return succeeded([]);
  const rows = call.store.rows(
    `SELECT * FROM eventRange WHERE PandaID = ? AND status = 0 AND jobsetID = ? AND taskID = coalesce(?, taskID)
     ORDER BY processID LIMIT ?`,
    job.PandaID,
    integerOf(args, "jobset_id") ?? -1,
    integerOf(args, "task_id") ?? null,
    Math.max(0, integerOf(args, "n_ranges") ?? 10),
  );
  const ranges = rows.map((row) => {
    const { PandaID, processID, fileID, taskID, attemptNr, lfn, guid, scope } = rangeRow.parse(row);
    call.store.run("UPDATE eventRange SET status = ? WHERE PandaID = ? AND processID = ?", SENT, PandaID, processID);
    const eventRangeID = [taskID, PandaID, fileID, processID, attemptNr].join("-");
    return { eventRangeID, startEvent: processID, lastEvent: processID, LFN: lfn, GUID: guid, scope };
  });
  return succeeded(ranges);
}

function available(call: Call, args: Arguments): Envelope {
  const row = call.store.row(
    "SELECT count(*) AS n FROM eventRange WHERE PandaID = ? AND status = ? AND jobsetID = ? AND taskID = ?",
    ...[integerOf(args, "job_id") ?? -1, FREE, integerOf(args, "jobset_id") ?? -1, integerOf(args, "task_id") ?? -1],
  );
  return succeeded(z.object({ n: z.number() }).parse(row).n);
}

/** What became of one range, and the command for its job. Null: not a status that is stored, or no range at all. */
interface Updated {
  readonly stored: boolean | null;
  readonly PandaID?: number;
  readonly command: string | null;
}

function update(call: Call, eventRangeID: PythonValue | undefined, status: PythonValue | undefined): Updated {
  const [, PandaID = -1, , processID = -1] =
    typeof eventRangeID === "string" ? eventRangeID.split("-").map(Number) : [];
  const code = typeof status === "string" ? STORED[status] : undefined;
  if (code === undefined || !Number.isSafeInteger(PandaID) || !Number.isSafeInteger(processID)) {
    return { stored: null, command: null };
  }
  const sql = "UPDATE eventRange SET status = ? WHERE PandaID = ? AND processID = ? AND status IN (1, 2)";
  const stored = call.store.run(sql, code, PandaID, processID) > 0;
  const job = readJob(call.store, PandaID);
  return { stored, PandaID, command: job?.commandToPilot === "tobekilled" ? "tobekilled" : null };
}

/** The ranges of either version: bare, or in groups that share a zip file. Undefined: no JSON. */
function rangesIn(text: string): readonly PythonValue[] | undefined {
  let value: PythonValue;
  try {
    value = loads(text);
  } catch (error) {
    if (error instanceof JsonDecodeError) return undefined;
    throw error;
  }
  const items = isList(value) ? value : [];
  return items.flatMap((item): readonly PythonValue[] => {
    const inside = isObject(item) ? item["eventRanges"] : undefined;
    return isList(inside) ? inside : [item];
  });
}

/** The real server's fault: it puts its answer into a set, which its JSON cannot write. */
function unserializable(returns: string, commands: string): PythonException {
  const set = ["Returns", returns, "Commands", commands].map((part) => literal(part)).join(", ");
  return new PythonException("TypeError", `Type not serializable for {${set}} (<class 'set'>)`);
}

function updateAll(call: Call, args: Arguments): Envelope {
  const ranges = rangesIn(textOf(args, "event_ranges") ?? "");
  // Its answer is then a JSON text, of which it takes the first two characters for the two parts.
  if (ranges === undefined) throw unserializable('"', "E");
  const updated = ranges.map((range) =>
    isObject(range)
      ? update(call, range["eventRangeID"], range["eventStatus"])
      : { stored: null, command: null, PandaID: undefined },
  );
  if ((integerOf(args, "version") ?? 0) > 0) throw new PythonException("TypeError", "unhashable type: 'list'");
  const commands = Object.fromEntries(updated.flatMap((one) => (one.PandaID ? [[one.PandaID, one.command]] : [])));
  throw unserializable(dumps(updated.map(({ stored }) => stored)), dumps(commands));
}

function updateOne(call: Call, args: Arguments): Envelope {
  const { PandaID, command } = update(call, textOf(args, "event_range_id"), textOf(args, "event_range_status"));
  return succeeded({ Command: dumps(PandaID === undefined ? {} : { [PandaID]: command }) });
}

export const eventOperations: readonly Operation[] = [
  {
    name: "event/acquire_event_ranges",
    verb: "POST",
    auth: "production",
    parameters: [
      required("job_id", "int"),
      required("jobset_id", "int"),
      optional("task_id", "int"),
      optional("n_ranges", "int", 10),
      optional("timeout", "int", 60),
      optional("scattered", "bool", false),
      optional("segment_id", "int"),
    ],
    run: acquire,
  },
  {
    name: "event/get_available_event_range_count",
    verb: "GET",
    auth: "production",
    parameters: [
      required("job_id", "int"),
      required("jobset_id", "int"),
      required("task_id", "int"),
      optional("timeout", "any", 60),
    ],
    run: available,
  },
  {
    name: "event/update_event_ranges",
    verb: "POST",
    auth: "production",
    parameters: [required("event_ranges", "str"), optional("timeout", "int", 120), optional("version", "int", 0)],
    run: updateAll,
  },
  {
    name: "event/update_single_event_range",
    verb: "POST",
    auth: "production",
    parameters: [
      required("event_range_id", "str"),
      required("event_range_status", "str"),
      optional("core_count", "int"),
      optional("cpu_consumption_time", "any"),
      optional("object_store_id", "any"),
      optional("timeout", "int", 60),
    ],
    run: updateOne,
  },
];
