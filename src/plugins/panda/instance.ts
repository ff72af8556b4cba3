/**
 * The calls about this harvester itself: heartbeat, commands, workers, statistics, metrics, dialogs (panda-api 7).
 * Empty lists that the server takes for a database error are never sent.
 */
import { z } from "zod";
import type { CallContext, DialogMessage, WmsAnswer, WmsCommand } from "../contract.ts";
import { answered, databaseError, dataOf, done, pieces, refused, storable, timeOf } from "./answers.ts";
import { checkJobs } from "./jobs.ts";
import type { Envelope, Transport } from "./transport.ts";
import { CallFailed, diagnosis } from "./troubles.ts";

/** Workers in one call, dialogs in one call, command ids in one call (panda-api 3). */
const workersAtOnce = 100;
const dialogsAtOnce = 50;
const acknowledgedAtOnce = 20;
/** Longer ones fail the call (panda-api 7). */
const longestDiagnosis = 500;
/** So many refusals before the first success: it is the server, not a worker. */
const hopeless = 3;

const workersSchema = z.array(z.boolean());
const commandSchema = z.object({
  command_id: z.int(),
  command: z.string(),
  params: z
    .unknown()
    .optional()
    .transform((params) => params ?? null),
  ack_requested: z
    .union([z.number(), z.boolean().transform(Number)])
    .nullish()
    .transform((flag) => flag ?? 0),
});

/** `startTime` may be epoch ms. The first heartbeat of an instance is refused and counts nevertheless: said twice. */
export async function isAlive(
  transport: Transport,
  harvesterID: string,
  data: Readonly<Record<string, unknown>>,
  call: CallContext,
): Promise<WmsAnswer<null>> {
  const { startTime, ...others } = data;
  const start = typeof startTime === "number" ? `datetime/${timeOf(startTime)}` : startTime;
  const body = { harvester_id: harvesterID, data: { ...(start !== undefined && { startTime: start }), ...others } };
  const first = await transport.post("harvester/heartbeat", body, call);
  if (first.success || first.message !== databaseError) return done(first);
  return done(await transport.post("harvester/heartbeat", body, call));
}

/**
 * Commands, oldest first, each handed out once. One that cannot be read is passed on under a name that says so,
 * because the server has forgotten it and the others of the same answer must not be lost with it.
 */
export async function getCommands(
  transport: Transport,
  harvesterID: string,
  n: number,
  call: CallContext,
): Promise<WmsAnswer<readonly WmsCommand[]>> {
  if (n < 1) return { ok: true, data: [] };
  const envelope = await transport.post(
    "harvester/acquire_commands",
    { harvester_id: harvesterID, n_commands: n },
    call,
  );
  if (!envelope.success) return refused(envelope);
  const data = dataOf(envelope, z.array(z.unknown())).map((raw): WmsCommand => {
    const parsed = commandSchema.safeParse(raw);
    if (parsed.success) return parsed.data;
    const id = z.looseObject({ command_id: z.int() }).safeParse(raw);
    return {
      command_id: id.success ? id.data.command_id : 0,
      command: `unreadable: ${diagnosis(JSON.stringify(raw) ?? "")}`,
      params: null,
      ack_requested: 0,
    };
  });
  return { ok: true, data };
}

export async function ackCommands(
  transport: Transport,
  ids: readonly number[],
  call: CallContext,
): Promise<WmsAnswer<null>> {
  return allOf(pieces(ids, acknowledgedAtOnce), (part) =>
    transport.post("harvester/acknowledge_commands", { command_ids: part }, call),
  );
}

/**
 * Workers, one answer each. A bad one fails the call after those before it are stored, so a refused call is said again
 * worker by worker, which is harmless; three refusals from the start are the server's trouble and the refusal stands.
 */
export async function updateWorkers(
  transport: Transport,
  harvesterID: string,
  workers: readonly Readonly<Record<string, unknown>>[],
  call: CallContext,
): Promise<WmsAnswer<readonly boolean[]>> {
  const store = (part: readonly Readonly<Record<string, unknown>>[]): Promise<Envelope> =>
    transport.post("harvester/update_workers", { harvester_id: harvesterID, workers: part.map(fitting) }, call);
  const stored: boolean[] = [];
  try {
    for (const part of pieces(workers, workersAtOnce)) {
      const envelope = await store(part);
      if (envelope.success) {
        stored.push(...dataOf(envelope, workersSchema.length(part.length)));
        continue;
      }
      // A lone worker was refused for itself; a refusal before the function ran concerns all alike.
      if (envelope.message !== databaseError || workers.length === 1) return refused(envelope);
      for (const worker of part) {
        stored.push((await store([worker])).success);
        if (stored.length === Math.min(hopeless, workers.length) && !stored.includes(true)) return refused(envelope);
      }
    }
  } catch (error) {
    if (!(error instanceof CallFailed) || !stored.includes(true)) throw error;
    // The rest is said again in the next cycle; what is stored is kept.
    return { ok: true, data: [...stored, ...workers.slice(stored.length).map(() => false)] };
  }
  return { ok: true, data: stored };
}

/** Nulls are ignored by the server; a text that its database cannot store would fail the worker for ever. */
function fitting(worker: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const given = Object.entries(worker).filter(([, value]) => value !== null);
  return Object.fromEntries(
    given.map(([key, value]) => {
      if (typeof value !== "string") return [key, value];
      return [key, storable(value, key === "diagMessage" ? longestDiagnosis : undefined)];
    }),
  );
}

export async function updateWorkerStats(
  transport: Transport,
  harvesterID: string,
  queue: string,
  stats: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, number>>>>>>,
  call: CallContext,
): Promise<WmsAnswer<null>> {
  const body = { harvester_id: harvesterID, panda_queue: queue, statistics: JSON.stringify(stats) };
  return done(await transport.post("harvester/report_worker_statistics", body, call));
}

/** Each metric is [epoch ms, host, values]. The server stores a repetition twice (panda-api 9). */
export async function updateServiceMetrics(
  transport: Transport,
  harvesterID: string,
  metrics: readonly (readonly [number, string, Readonly<Record<string, unknown>>])[],
  call: CallContext,
): Promise<WmsAnswer<null>> {
  if (metrics.length === 0) return { ok: true, data: null };
  const rows = metrics.map(([at, host, values]) => [timeOf(at), host, JSON.stringify(values)]);
  const body = { harvester_id: harvesterID, metrics: rows };
  return done(await transport.post("harvester/update_service_metrics", body, call));
}

export async function sendDialogMessages(
  transport: Transport,
  harvesterID: string,
  dialogs: readonly DialogMessage[],
  call: CallContext,
): Promise<WmsAnswer<null>> {
  const rows = dialogs.map(({ createdAt, diagMessage, ...dialog }) => ({
    ...dialog,
    creationTime: timeOf(createdAt),
    diagMessage: storable(diagMessage, longestDiagnosis),
  }));
  return allOf(pieces(rows, dialogsAtOnce), (part) =>
    transport.post("harvester/add_dialogs", { harvester_id: harvesterID, dialogs: part }, call),
  );
}

/**
 * The highest workerID that the server knows of this harvester, 0 where it knows none. For an instance without workers
 * the server says what it says with its database down, so a harmless question tells the two apart: taking trouble for
 * 0 would give out ids twice.
 */
export async function getMaxWorkerId(
  transport: Transport,
  harvesterID: string,
  call: CallContext,
): Promise<WmsAnswer<number>> {
  const envelope = await transport.get("harvester/get_current_worker_id", { harvester_id: harvesterID }, call);
  if (envelope.success || envelope.message !== databaseError) return answered(envelope, z.int().nonnegative());
  // No job has the id 0: with its database up the server says "unknown", else null (panda-api 2.1).
  const [probe] = await checkJobs(transport, [0], call);
  return probe?.StatusCode === 0 ? { ok: true, data: 0 } : refused(envelope);
}

/** Every part in order until one is refused. No part: nothing to say. */
async function allOf<T>(
  parts: readonly T[],
  send: (part: T) => ReturnType<Transport["post"]>,
): Promise<WmsAnswer<null>> {
  for (const part of parts) {
    const envelope = await send(part);
    if (!envelope.success) return refused(envelope);
  }
  return { ok: true, data: null };
}
