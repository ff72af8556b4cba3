/**
 * The questions that commands and the user interface ask of a log, answered the same by a daemon of its own log and by
 * a command of a stopped one. They only read.
 */
import { parseEvents } from "../events/events.ts";
import { type History, HistoryReader, type Subject } from "./audit/history.ts";
import { type Status, statusOf } from "./audit/status.ts";
import type { Log } from "./log/log.ts";
import { replay } from "./log/replay.ts";
import { fold } from "./projection.ts";
import { World } from "./world.ts";

/** The life of a job or worker from its first event to the log's present end. */
export async function historyOf(log: Log, subject: Subject): Promise<History> {
  const reader = new HistoryReader(subject);
  await replay(log, { parseEvents, fold: (record) => reader.fold(record) });
  return reader.history();
}

/** The status that a stopped log gives. */
export async function statusOfLog(log: Log): Promise<Status> {
  const world = new World();
  const { leaders } = await replay(log, { parseEvents, fold: (record) => fold(world, record) });
  return statusOf(world, leaders);
}
