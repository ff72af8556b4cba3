/**
 * Commands for harvesters: harvester/acquire_commands, acknowledge_commands, add_sweep_command, add_target_slots
 * (panda-api 7). Reading a command makes it `retrieved`, and nothing gives it again, acknowledged or not.
 */
import { z } from "zod";
import { columnInteger, integerOf, listOf, textOf } from "./arguments.ts";
import { isoText } from "./clock.ts";
import {
  type Arguments,
  type Call,
  DATABASE_ERROR,
  type Envelope,
  type Operation,
  optional,
  refused,
  required,
  succeeded,
} from "./operation.ts";
import { dumps, loads, type PythonValue } from "./pythonJson.ts";
import type { Store } from "./store.ts";

const commandRow = z.object({
  commandID: z.number(),
  command: z.string(),
  params: z.string(),
  ackRequested: z.number(),
  createdAt: z.number(),
});

/**
 * Adds a command. There is one row for an instance and a command text: an unread one of the same text is lost, even if
 * it was for another queue. Answers the command's number.
 */
export function addCommand(
  store: Store,
  harvesterID: string,
  command: string,
  params: PythonValue,
  now: number,
): number {
  store.run("DELETE FROM command WHERE harvesterID = ? AND command = ?", harvesterID, command);
  return store.insert(
    "INSERT INTO command (harvesterID, command, params, ackRequested, status, createdAt) VALUES (?, ?, ?, 0, 'new', ?)",
    harvesterID,
    command,
    dumps(params),
    now,
  );
}

function acquire(call: Call, args: Arguments): Envelope {
  // The database takes no boolean for a number of rows.
  if (typeof args.get("n_commands") === "boolean") return DATABASE_ERROR;
  const rows = call.store.rows(
    "SELECT * FROM command WHERE harvesterID = ? AND status = 'new' ORDER BY commandID LIMIT ?",
    textOf(args, "harvester_id") ?? "",
    Math.max(0, integerOf(args, "n_commands") ?? 0),
  );
  const commands = rows.map((row) => commandRow.parse(row));
  for (const { commandID } of commands) {
    call.store.run("UPDATE command SET status = 'retrieved' WHERE commandID = ?", commandID);
  }
  return succeeded(
    commands.map(({ commandID, command, params, ackRequested, createdAt }) => ({
      command_id: commandID,
      command,
      params: loads(params),
      ack_requested: ackRequested,
      creation_date: isoText(createdAt),
    })),
  );
}

function acknowledge(call: Call, args: Arguments): Envelope {
  const ids = listOf(args, "command_ids").map(columnInteger);
  if (ids.length === 0 || ids.includes(undefined)) return DATABASE_ERROR;
  for (const id of ids) call.store.run("UPDATE command SET status = 'acknowledged' WHERE commandID = ?", id ?? null);
  return succeeded();
}

const queueRow = z.object({
  harvesterID: z.string(),
  computingElements: z.string().transform((text) => z.array(z.string()).parse(JSON.parse(text))),
});

/** Tells which harvester serves a queue, for commands that name only the queue. */
export function setQueue(store: Store, name: string, harvesterID: string, computingElements: readonly string[]): void {
  store.run("INSERT OR REPLACE INTO queue VALUES (?, ?, ?)", name, harvesterID, dumps(computingElements));
}

function sweep(call: Call, args: Arguments): Envelope {
  const queue = textOf(args, "panda_queue") ?? "";
  const row = call.store.row("SELECT * FROM queue WHERE name = ?", queue);
  if (row === undefined) return refused("Error retrieving queue configuration from DB");
  const { harvesterID, computingElements } = queueRow.parse(row);
  const params = {
    status: listOf(args, "status_list"),
    computingSite: [queue],
    // Elements that the queue does not have are dropped.
    computingElement: listOf(args, "ce_list").filter(
      (name) => typeof name === "string" && computingElements.includes(name),
    ),
    submissionHost: listOf(args, "submission_host_list"),
  };
  addCommand(call.store, harvesterID, "KILL_WORKERS", params, call.now);
  return succeeded();
}

function targetSlots(_call: Call, args: Arguments): Envelope {
  const shown = (name: string): string => textOf(args, name) ?? "None";
  const numbers = `numSlots=${integerOf(args, "slots")} for PQ=${shown("panda_queue")}`;
  return succeeded(null, `set ${numbers} gshare=${shown("global_share")} resource=${shown("resource_type")}`);
}

export const commandOperations: readonly Operation[] = [
  {
    name: "harvester/acquire_commands",
    verb: "POST",
    auth: "production",
    parameters: [required("harvester_id", "str"), required("n_commands", "int"), optional("timeout", "int", 30)],
    run: acquire,
  },
  {
    name: "harvester/acknowledge_commands",
    verb: "POST",
    auth: "production",
    parameters: [required("command_ids", "list"), optional("timeout", "int", 30)],
    run: acknowledge,
  },
  {
    name: "harvester/add_sweep_command",
    verb: "POST",
    auth: "production",
    parameters: [
      required("panda_queue", "str"),
      required("status_list", "list", "str"),
      required("ce_list", "list", "str"),
      required("submission_host_list", "list", "str"),
    ],
    run: sweep,
  },
  {
    name: "harvester/add_target_slots",
    verb: "POST",
    auth: "production",
    parameters: [
      required("panda_queue", "str"),
      required("slots", "int"),
      optional("global_share", "str"),
      optional("resource_type", "str"),
      optional("expiration_date", "str"),
    ],
    run: targetSlots,
  },
];
