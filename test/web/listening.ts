/**
 * A server beside a log that the test writes, and clients that read server-sent events as slowly as the test wants.
 */
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { createParser, type EventSourceMessage } from "eventsource-parser";
import { onTestFinished } from "vitest";
import type { MemoryStore } from "../../src/log/memory.ts";
import type { RingSize } from "../../src/publish/feed.ts";
import { eventSchemas, type PublicEvent } from "../../src/publish/messages.ts";
import type { Pace } from "../../src/web/events.ts";
import { type Answering, serveQueries } from "../../src/web/queries.ts";
import { socketOf } from "../../src/web/socket.ts";
import { tempDir } from "../plugins/fixtures.ts";
import { type Writing, writing } from "../publish/writing.ts";

export interface Listening {
  readonly log: Writing & { readonly store: MemoryStore };
  readonly server: Answering;
  /** Of the TCP port. */
  readonly url: string;
  readonly socketPath: string;
  readonly errors: readonly string[];
}

/** Serves a new log over a socket and a port, until the test ends. */
export async function listening(options: { size?: RingSize; pace?: Partial<Pace> } = {}): Promise<Listening> {
  const dir = await tempDir();
  const log = await writing(options.size);
  const errors: string[] = [];
  const pace = { heartbeatMs: 60_000, stallMs: 60_000, clients: 10, ...options.pace };
  const asked = {
    world: () => log.world,
    leaders: () => log.journal.leaders(),
    events: log.live,
    onError: (why: string) => errors.push(why),
    pace,
  };
  const server = await serveQueries(dir, asked, { host: "127.0.0.1", port: 0 });
  onTestFinished(() => server.close());
  return { log, server, url: server.url ?? "", socketPath: socketOf(dir), errors };
}

export interface Client {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  /** What came so far. */
  readonly events: PublicEvent[];
  readonly ids: string[];
  /** Names and data of what is no event of an entity. */
  readonly notices: EventSourceMessage[];
  readonly comments: string[];
  /** The body where it is no stream. */
  readonly text: () => string;
  /** Resolves when so many events came, or the connection has ended. */
  until(n: number): Promise<void>;
  ended(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Vanishes. */
  leave(): void;
}

/** Subscribes at the port, or at the socket. */
export async function subscribe(
  { url, socketPath }: Listening,
  query: Readonly<Record<string, string>> = {},
  { over = "port", headers = {}, path = "/api/v1/events" }: { over?: string; headers?: object; path?: string } = {},
): Promise<Client> {
  const target = new URL(`${path}?${new URLSearchParams(query)}`, url);
  const request = get(target, { headers: { ...headers }, agent: false, ...(over === "socket" ? { socketPath } : {}) });
  request.on("error", () => undefined); // of a connection that the test broke
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const events: PublicEvent[] = [];
  const ids: string[] = [];
  const notices: EventSourceMessage[] = [];
  const comments: string[] = [];
  let text = "";
  let wake: () => void = () => undefined;
  let isOver = false;
  const parser = createParser({
    onEvent: (message) => {
      if (message.event !== undefined) return void notices.push(message);
      const event = JSON.parse(message.data) as PublicEvent;
      events.push(eventSchemas[event.data.kind].parse(event) as PublicEvent);
      ids.push(message.id ?? "");
    },
    onComment: (comment) => comments.push(comment),
  });
  response.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
    parser.feed(chunk);
    wake();
  });
  const ended = new Promise<void>((resolve) => {
    response
      .on("error", () => undefined)
      .on("close", () => {
        isOver = true;
        wake();
        resolve();
      });
  });
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    events,
    ids,
    notices,
    comments,
    text: () => text,
    async until(n) {
      while (events.length < n && !isOver)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    },
    ended: () => ended,
    pause: () => void response.pause(),
    resume: () => void response.resume(),
    leave: () => void request.destroy(),
  };
}
