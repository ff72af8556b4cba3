/**
 * The public events of a log for commands. Of a directory: from its daemon where one runs, else from the log itself;
 * such a log must never be held open while a daemon is waited for, or none could start. On Kafka: from the journal,
 * which anybody may read while daemons write it. All of them say the same.
 */
import { existsSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { EventSourceParserStream } from "eventsource-parser/stream";
import { Agent, request } from "undici";
import { z } from "zod";
import { type LogHalted, LogRefused } from "../log/faults.ts";
import { isKafkaAddress } from "../log/kafka/settings.ts";
import type { Log } from "../log/log.ts";
import { openKafkaLogToFollow, openLogToRead } from "../log/open.ts";
import { openSqliteLogReadOnly } from "../log/sqlite.ts";
import type { Filter } from "../publish/filter.ts";
import { readFrom } from "../publish/from.ts";
import { snapshotsOf } from "../publish/live.ts";
import { aliveComment, behindEvent, endEvent, eventSchemas } from "../publish/messages.ts";
import { PositionRefused } from "../publish/position.ts";
import { EventStream, type Published, type Source } from "../publish/stream.ts";
import { foldVersion } from "../version.ts";
import { socketOf } from "../web/socket.ts";
import { readingShown } from "./progress.ts";

export interface Subscribing {
  /** As `readFrom` takes it. */
  readonly from: string;
  readonly filter: Filter;
  /** Go on with what comes until the signal aborts, through daemons that stop and brokers that are away. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
  /** Told once when a daemon or a broker is waited for, when Kafka answers again, and of queues that are not known. */
  readonly notice: (text: string) => void;
}

/** A daemon that has just been started may listen a moment later. */
const retryMs = 500;

/** All events that are wanted of the log in a directory or on Kafka. @throws PositionRefused, LogRefused, LogHalted */
export function subscribed(where: string, subscribing: Subscribing): AsyncGenerator<Published> {
  return isKafkaAddress(where) ? fromKafka(where, subscribing) : fromDirectory(where, subscribing);
}

async function* fromDirectory(logDir: string, subscribing: Subscribing): AsyncGenerator<Published> {
  const { follow, signal, notice } = subscribing;
  let from = subscribing.from;
  let isWaiting = false;
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    const answer = await connect(logDir, { ...subscribing, from });
    if (answer) {
      isWaiting = false;
      const back = yield* received(answer.body, from, isFirst ? notice : () => undefined);
      await answer.close();
      from = back.from;
      if (back.how === "end") return;
      if (back.how === "behind") continue;
    } else if (isFirst || !follow) {
      const tip = yield* fromStopped(logDir, { ...subscribing, from });
      if (!follow) return;
      from = tip ?? from;
    }
    if (!isWaiting && follow) notice("no daemon runs on this log; waiting for the next one");
    isWaiting = true;
    await pause(retryMs, undefined, { signal }).catch(() => undefined);
  }
}

/** Reads the log to its tip. Gives the position there. */
async function* fromStopped(
  logDir: string,
  { from, filter, follow, signal, notice }: Subscribing,
): AsyncGenerator<Published, string | undefined> {
  const log = await openSqliteLogReadOnly(logDir).catch((error: unknown) => {
    // A daemon is just starting or stopping: who follows waits for it.
    if (follow && error instanceof LogRefused && error.code === "busy") return undefined;
    throw error;
  });
  if (!log) return undefined;
  try {
    const reading = { from, filter, follow: false, signal, notice };
    return yield* read(log, reading, { snapshot: snapshotsOf(log, await foldVersion()) });
  } finally {
    await log.close();
  }
}

/** Reads the journal, and follows it. */
async function* fromKafka(address: string, reading: Subscribing): AsyncGenerator<Published> {
  const { notice } = reading;
  const halting = new AbortController();
  const halted = (why: LogHalted): void => halting.abort(why);
  const log = await (reading.follow ? openKafkaLogToFollow(address, { notice, halted }) : openLogToRead(address));
  const signal = AbortSignal.any([reading.signal, halting.signal]);
  // A question that waits for brokers ends only so.
  signal.addEventListener("abort", () => void log.close(), { once: true });
  try {
    yield* read(log, { ...reading, signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await log.close();
  }
  halting.signal.throwIfAborted();
}

/** The stream of a log, with progress until the first event comes. Gives the position at its end. */
async function* read(
  log: Log,
  { from, notice, ...options }: Subscribing,
  more: Pick<Source, "snapshot"> = {},
): AsyncGenerator<Published, string | undefined> {
  const shown = await readingShown(log);
  const said = (text: string): void => {
    shown.over();
    notice(text);
  };
  const stream = new EventStream({ log: shown.log, ...more }, { from: readFrom(from), notice: said, ...options });
  try {
    for await (const one of stream) {
      shown.over();
      yield one;
    }
    return stream.position;
  } finally {
    shown.over();
  }
}

interface Connection {
  readonly body: ReadableStream<Uint8Array>;
  close(): Promise<void>;
}

/** undefined where nobody listens: a killed daemon leaves its socket behind. */
async function connect(logDir: string, { from, filter, follow, signal }: Subscribing): Promise<Connection | undefined> {
  const socketPath = socketOf(logDir);
  if (!existsSync(socketPath)) return undefined;
  // The daemon gives a sign of life every few seconds.
  const dispatcher = new Agent({ connect: { socketPath }, bodyTimeout: 60_000 });
  const query = new URLSearchParams({ from, follow: String(follow) });
  for (const type of filter.types ?? []) query.append("type", type);
  for (const queue of filter.queues ?? []) query.append("queue", queue);
  try {
    const { statusCode, body } = await request(`http://daemon/api/v1/events?${query}`, { dispatcher, signal });
    if (statusCode === 200) return { body: webStreamOf(body), close: () => dispatcher.destroy() };
    const { message } = z.looseObject({ message: z.string() }).parse(await body.json());
    throw statusCode === 400 ? new PositionRefused(message) : new LogRefused("busy", `the daemon says: ${message}`);
  } catch (error) {
    await dispatcher.destroy();
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (signal.aborted || code === "ECONNREFUSED" || code === "ENOENT") return undefined;
    throw error;
  }
}

/** undici's bodies are Node's streams. */
const webStreamOf = (body: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> => ReadableStream.from(body);

const anyEvent = z.union([eventSchemas.job, eventSchemas.fileGroup, eventSchemas.worker]);

/** Where it goes on, and how the connection ended: as the daemon said, or somehow. */
interface Back {
  readonly from: string;
  readonly how: "behind" | "end" | "broken";
}

/** Events until the connection ends. `notice` is told what the daemon says beside them. */
async function* received(
  body: ReadableStream<Uint8Array>,
  begin: string,
  notice: Subscribing["notice"],
): AsyncGenerator<Published, Back> {
  let from = begin;
  const text = body.pipeThrough(new TextDecoderStream());
  const onComment = (said: string): void => (said === aliveComment ? undefined : notice(said));
  try {
    for await (const { id, event, data } of text.pipeThrough(new EventSourceParserStream({ onComment }))) {
      from = id ?? from;
      if (event === behindEvent) return { from, how: "behind" };
      if (event === endEvent) return { from, how: "end" };
      yield { event: anyEvent.parse(JSON.parse(data)), position: from };
    }
  } catch (error) {
    if (error instanceof z.ZodError) throw error;
    // A daemon that stops or is killed breaks the connection; the log says the rest.
  }
  return { from, how: "broken" };
}
