/**
 * The public events as server-sent events. It only reads, waits for nobody, and a client that vanishes, stalls or is
 * too slow costs nothing afterwards.
 */
import type { ServerResponse } from "node:http";
import type { FastifyInstance, FastifyReply } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import { type Filter, FilterRefused, requireTypes, unknownQueues } from "../publish/filter.ts";
import { readFrom } from "../publish/from.ts";
import { aliveComment, behindEvent, endEvent } from "../publish/messages.ts";
import { PositionRefused } from "../publish/position.ts";
import { EventStream, type Published, requireSound, type Source, type StreamOptions } from "../publish/stream.ts";
import type { World } from "../world.ts";

export interface Pace {
  /** Distance of signs of life where nothing happens. */
  readonly heartbeatMs: number;
  /** How long a client may take nothing before it is given up. */
  readonly stallMs: number;
  /** How many are served at the same time; the others are asked to come later. */
  readonly clients: number;
}
const usualPace: Pace = { heartbeatMs: 15_000, stallMs: 60_000, clients: 200 };

export interface EventRoute {
  readonly world: () => World;
  readonly source: Source;
  /** Aborted when the server closes. */
  readonly closing: AbortSignal;
  /** Told of a stream that broke. */
  readonly onError: (why: string) => void;
  readonly pace?: Pace;
}

/** Names separated by commas, given once or more often. */
const names = z
  .union([z.string(), z.array(z.string())])
  .transform((given) => [given].flat().flatMap((text) => text.split(",").filter((name) => name !== "")));
const query = z.strictObject({
  type: names.optional(),
  queue: names.optional(),
  from: z.string().optional(),
  /** false: end at the tip. */
  follow: z.enum(["true", "false"]).optional(),
});

/** Adds GET /events. */
export function addEvents(server: FastifyInstance, route: EventRoute): void {
  const { clients } = route.pace ?? usualPace;
  let served = 0;
  const options = { schema: { querystring: query }, exposeHeadRoute: false };
  server.withTypeProvider<ZodTypeProvider>().get("/events", options, (request, reply) => {
    const { type, queue, from, follow } = request.query;
    // A browser comes again by itself, with the address of the first time and what it saw last.
    const last = request.headers["last-event-id"];
    try {
      const begin = readFrom((Array.isArray(last) ? last[0] : last) || from || "now");
      requireSound(route.source, begin);
      const filter: Filter = { ...(type ? { types: type } : {}), ...(queue ? { queues: queue } : {}) };
      requireTypes(filter);
      if (served >= clients) {
        const message = `${clients} streams are served already`;
        return void reply.code(503).header("retry-after", 5).send({ error: "busy", message });
      }
      served += 1;
      reply.raw.once("close", () => {
        served -= 1;
      });
      send(reply, route, { from: begin, filter, follow: follow !== "false" });
    } catch (error) {
      if (!(error instanceof PositionRefused || error instanceof FilterRefused)) throw error;
      const what = error instanceof PositionRefused ? "position" : "type";
      void reply.code(400).send({ error: what, message: error.message });
    }
  });
}

function send(reply: FastifyReply, route: EventRoute, wanted: Omit<StreamOptions, "signal">): void {
  reply.hijack();
  const { raw } = reply;
  const gone = new AbortController();
  const signal = AbortSignal.any([gone.signal, route.closing]);
  raw.on("close", () => gone.abort());
  raw.on("error", () => gone.abort());
  raw.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
  });
  raw.write("retry: 1000\n\n");
  const unknown = unknownQueues(wanted.filter ?? {}, route.world());
  if (unknown) raw.write(`: ${unknown}\n\n`);
  const stream = new EventStream(route.source, { ...wanted, signal });
  sendAll(stream, raw, signal, route.pace ?? usualPace)
    .then((isTaken) => (isTaken ? raw.end() : raw.destroy()))
    .catch((error: unknown) => {
      raw.end(); // without `windrow.end` the client takes it for a lost connection
      route.onError(error instanceof Error ? error.message : String(error));
    });
}

/** Gives false where the client does not take anything any more. */
async function sendAll(
  stream: EventStream,
  raw: ServerResponse,
  signal: AbortSignal,
  { heartbeatMs, stallMs }: Pace,
): Promise<boolean> {
  let isIdle = true;
  // What was passed over needs no reading when the client comes again, so the sign of life says the position.
  const beat = setInterval(() => isIdle && raw.write(`: ${aliveComment}\n${idLine(stream)}\n`), heartbeatMs);
  try {
    for await (const one of stream) {
      if (signal.aborted) break;
      if (!raw.write(frameOf(one))) {
        isIdle = false;
        if (!(await drained(raw, signal, stallMs))) return false;
        isIdle = true;
      }
    }
    // A server that closes says neither: the client comes again, as after a lost connection.
    if (stream.behind) raw.write(placeFrame(behindEvent, stream));
    else if (!signal.aborted) raw.write(placeFrame(endEvent, stream));
    return true;
  } finally {
    clearInterval(beat);
  }
}

const idLine = ({ position }: EventStream): string => (position === undefined ? "" : `id: ${position}\n`);

const placeFrame = (name: string, stream: EventStream): string =>
  `${idLine(stream)}event: ${name}\ndata: ${JSON.stringify({ from: stream.position })}\n\n`;

const frameOf = ({ event, position }: Published): string => `id: ${position}\ndata: ${JSON.stringify(event)}\n\n`;

/** Whether the client takes more: not if it is gone, stalled, or the server closes. */
function drained(raw: ServerResponse, signal: AbortSignal, stallMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (isDrained: boolean): void => {
      clearTimeout(timer);
      raw.off("drain", onDrain);
      signal.removeEventListener("abort", onAbort);
      resolve(isDrained);
    };
    const onDrain = (): void => settle(true);
    const onAbort = (): void => settle(false);
    const timer = setTimeout(onAbort, stallMs);
    raw.once("drain", onDrain);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}
