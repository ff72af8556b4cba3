/** What a harvester says of itself: harvester/heartbeat, add_dialogs, update_service_metrics (panda-api 7). */
import { z } from "zod";
import { columnInteger, listOf, objectOf, textOf } from "./arguments.ts";
import { columnTime, isFractionTime } from "./clock.ts";
import {
  type Arguments,
  type Call,
  DATABASE_ERROR,
  type Envelope,
  type Operation,
  optional,
  required,
  succeeded,
} from "./operation.ts";
import { dumps, isList, isObject, loadsObject, type PythonObject, type PythonValue } from "./pythonJson.ts";

/** Columns of an instance that a heartbeat may set, and the longest text each takes. */
const COLUMNS: Readonly<Record<string, number>> = {
  description: 200,
  owner: 512,
  hostName: 100,
  sw_version: 50,
  commit_stamp: 50,
};

const instanceRow = z.object({
  columns: z.string().transform(loadsObject),
});

/** What a heartbeat sets; undefined: the database refuses it. */
function heartbeatColumns(data: PythonObject): Readonly<Record<string, PythonValue>> | undefined {
  const columns: Record<string, PythonValue> = {};
  for (const [key, value] of Object.entries(data)) {
    if (key === "commands") continue;
    const longest = COLUMNS[key];
    const kept = key === "startTime" ? columnTime(value) : value;
    const isGood =
      key === "startTime" ||
      (longest !== undefined && (value === null || (typeof value === "string" && value.length <= longest)));
    if (kept === undefined || !isGood) return undefined;
    columns[key] = kept;
  }
  return columns;
}

/** The command locks a heartbeat asks for; undefined: one is incomplete. */
function locksIn(data: PythonObject): readonly (readonly [string, string, string])[] | undefined {
  const commands = data["commands"] ?? [];
  if (!isList(commands)) return undefined;
  const locks = commands.map((item) => {
    const found = z
      .object({ command: z.string(), computingSite: z.string(), resourceType: z.string() })
      .safeParse(item);
    return found.success
      ? ([found.data.command, found.data.computingSite, found.data.resourceType] as const)
      : undefined;
  });
  return locks.every((lock) => lock !== undefined) ? locks : undefined;
}

function heartbeat(call: Call, args: Arguments): Envelope {
  const harvesterID = textOf(args, "harvester_id") ?? "";
  const data = objectOf(args, "data");
  const columns = data && heartbeatColumns(data);
  const locks = data && locksIn(data);
  if (columns === undefined || locks === undefined) return DATABASE_ERROR;
  const said = { owner: call.caller.name, hostName: "" };
  const known = call.store.row("SELECT columns FROM instance WHERE harvesterID = ?", harvesterID);
  const next =
    known === undefined
      ? { ...said, description: "automatic" }
      : { ...instanceRow.parse(known).columns, ...said, ...columns };
  call.store.run("INSERT OR REPLACE INTO instance VALUES (?, ?)", harvesterID, dumps(next));
  for (const lock of locks)
    call.store.run("INSERT OR IGNORE INTO commandLock VALUES (?, ?, ?, ?)", harvesterID, ...lock);
  // An unknown instance is registered, what it said is dropped, and the answer is a failure.
  return known === undefined ? DATABASE_ERROR : succeeded();
}

const dialogSchema = z.object({
  moduleName: z.string().max(100),
  identifier: z.string().max(100).nullable(),
  creationTime: z.string().refine(isFractionTime),
  messageLevel: z.string().max(10),
  diagMessage: z.string().max(500),
});

/** Messages are stored one by one, so those before a bad one stay. */
function addDialogs(call: Call, args: Arguments): Envelope {
  for (const sent of listOf(args, "dialogs")) {
    const dialog = dialogSchema.safeParse(sent);
    const diagID = isObject(sent) ? columnInteger(sent["diagID"]) : undefined;
    if (!dialog.success || diagID === undefined) return DATABASE_ERROR;
    const { moduleName, identifier, creationTime, messageLevel, diagMessage } = dialog.data;
    call.store.run(
      "INSERT OR REPLACE INTO dialog VALUES (?, ?, ?, ?, ?, ?, ?)",
      ...[textOf(args, "harvester_id") ?? "", diagID, moduleName, identifier, creationTime, messageLevel, diagMessage],
    );
  }
  return succeeded();
}

const metricSchema = z.tuple([z.string().refine(isFractionTime), z.string(), z.string()]);

function addMetrics(call: Call, args: Arguments): Envelope {
  const metrics = z.array(metricSchema).safeParse(listOf(args, "metrics"));
  if (!metrics.success) return DATABASE_ERROR;
  for (const [creationTime, host, text] of metrics.data) {
    call.store.run(
      "INSERT INTO metric (harvesterID, creationTime, host, text) VALUES (?, ?, ?, ?)",
      ...[textOf(args, "harvester_id") ?? "", creationTime, host, text],
    );
  }
  return succeeded([true]);
}

export const harvesterOperations: readonly Operation[] = [
  {
    name: "harvester/heartbeat",
    verb: "POST",
    auth: "secure",
    parameters: [required("harvester_id", "str"), optional("data", "dict")],
    run: heartbeat,
  },
  {
    name: "harvester/add_dialogs",
    verb: "POST",
    auth: "secure",
    parameters: [required("harvester_id", "str"), required("dialogs", "list")],
    run: addDialogs,
  },
  {
    name: "harvester/update_service_metrics",
    verb: "POST",
    auth: "secure",
    parameters: [required("harvester_id", "str"), required("metrics", "list")],
    run: addMetrics,
  },
];
