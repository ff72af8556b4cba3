/**
 * The stand-in PanDA server: speaks /api/v1 as panda-server does (panda-api), so that demonstrations, rehearsals and
 * tests need no real one. It runs nothing and checks no identity, so it must only ever listen on loopback, and it says
 * in every answer that it is a stand-in.
 */
import { mkdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { advance } from "./adder.ts";
import { addJobs, administration } from "./administration.ts";
import { Forbidden, identify } from "./caller.ts";
import { logFolder } from "./files.ts";
import type { NewJob } from "./jobTable.ts";
import { PythonException } from "./operation.ts";
import { operations, perform } from "./operations.ts";
import { JsonDecodeError } from "./pythonJson.ts";
import { answerText, argumentsOf, type Received } from "./requests.ts";
import { startPage } from "./startPage.ts";
import { Store } from "./store.ts";
import { type View, view } from "./view.ts";

/** Longer bodies are read and thrown away; what they meant is refused by their size. */
const LARGEST_KEPT = 100 * 1024 * 1024;

export interface PandaServerOptions {
  /** Where the state is kept; made if it is not there. */
  readonly dir: string;
  /** 0 or absent: any free port. */
  readonly port?: number;
  readonly host?: string;
  /** A job that stays `sent` this long without a report is handed out again. */
  readonly sentTimeoutMs: number;
  /** From a final report to the last state; the real server takes 1 to 2 s. */
  readonly adderDelayMs?: number;
  /** Virtual organisations whose tokens are understood. */
  readonly virtualOrganisations?: readonly string[];
  /** Epoch ms. */
  readonly now?: () => number;
  /** Takes lines for the operator. */
  readonly log?: (line: string) => void;
}

export interface PandaServer {
  /** `http://127.0.0.1:<port>`; the API is below `/api/v1`. */
  readonly url: string;
  /** Adds job dictionaries, all or none; answers their PandaIDs. */
  addJobs(jobs: readonly NewJob[]): readonly number[];
  view(): View;
  close(): Promise<void>;
}

/** What the routes share. */
interface Running {
  readonly store: Store;
  readonly now: () => number;
  readonly adderDelayMs: number;
  readonly virtualOrganisations: readonly string[];
  readonly cacheFolder: string;
  /** Known once it listens. */
  url: string;
  atomically<T>(work: () => T, keeps?: (error: unknown) => boolean): T;
}

/** Reads a body of any type as bytes. One without Content-Length counts as empty, as on the real server. */
async function takeBody(request: FastifyRequest, payload: AsyncIterable<unknown>): Promise<Uint8Array> {
  const bytes = Number(request.headers["content-length"] ?? 0);
  const isKept = bytes > 0 && bytes <= LARGEST_KEPT;
  const chunks: Uint8Array[] = [];
  for await (const chunk of payload) if (isKept && chunk instanceof Uint8Array) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function receivedOf(request: FastifyRequest): Received {
  const headers = Object.entries(request.headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value[0] : value,
  ]);
  return {
    method: request.method,
    query: request.url.split("?").slice(1).join("?"),
    headers: Object.fromEntries(headers),
    body: request.body instanceof Uint8Array ? request.body : new Uint8Array(),
    bodyBytes: Number(request.headers["content-length"] ?? 0),
  };
}

/** Always the same type, whatever the text is. */
const plainText = (reply: FastifyReply, status: number, text: string): FastifyReply =>
  reply.code(status).header("content-type", "text/plain").send(Buffer.from(text));

/** Answers one call of the API. The order is the real server's: path, identity, body, and then `perform`. */
async function answerCall(running: Running, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const path = request.url.split("?")[0] ?? "";
  const [, name = ""] = /^\/api\/v1\/([^/]+\/[^/]+)$/.exec(path) ?? [];
  const operation = operations.get(name);
  if (operation === undefined) {
    return plainText(reply, 403, `ERROR : method ${path.split("/").at(-1)} is forbidden`);
  }
  const received = receivedOf(request);
  try {
    const now = running.now();
    const caller = identify(received.headers, now, running);
    const given = await argumentsOf(received, name);
    const { store, adderDelayMs } = running;
    const cache = { folder: running.cacheFolder, url: `${running.url}/cache` };
    const call = { store, caller, now, adderDelayMs, cache };
    // What a call stored before the real server's exception stays stored.
    const envelope = running.atomically(
      () => perform(operation, call, received.method, given),
      (error) => error instanceof PythonException,
    );
    const { success, message, data } = envelope;
    return plainText(reply, 200, answerText(received, { success, message, data }));
  } catch (error) {
    if (error instanceof Forbidden) return plainText(reply, 403, `ERROR : ${error.message}`);
    if (error instanceof JsonDecodeError) {
      return plainText(reply, 500, `ERROR : received invalid JSON : ${error.message}`);
    }
    if (error instanceof PythonException) return plainText(reply, 500, error.message);
    throw error;
  }
}

/** Gives an upload back. Names have no folders, so nothing outside the cache can be asked for. */
async function answerCache(running: Running, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const [, inLogs, name = ""] = /^\/cache\/(jedilog\/)?([^/?]+)/.exec(request.url) ?? [];
  const folder = inLogs === undefined ? running.cacheFolder : logFolder(running.cacheFolder);
  try {
    const file = decodeURIComponent(name);
    if (file === "" || file === ".." || file.includes("/")) return plainText(reply, 404, "not found");
    return reply.header("content-type", "application/octet-stream").send(await readFile(join(folder, file)));
  } catch {
    return plainText(reply, 404, "not found");
  }
}

function build(running: Running, directory: string, log: (line: string) => void): FastifyInstance {
  const app = Fastify({ logger: false, exposeHeadRoutes: false, bodyLimit: Number.MAX_SAFE_INTEGER });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", takeBody);
  app.addHook("onRequest", async (_request, reply) => {
    reply.header("server", "Windrow stand-in PanDA server").header("x-windrow-stand-in", "panda-server");
  });
  app.setErrorHandler((error, request, reply) => {
    const text = error instanceof Error ? error.message : String(error);
    log(`${request.method} ${request.url.split("?")[0]} failed: ${error instanceof Error ? error.stack : text}`);
    return plainText(reply, 500, text);
  });
  app.get("/", (_request, reply) => reply.type("text/html; charset=utf-8").send(startPage(running.url, directory)));
  app.get("/cache/*", (request, reply) => answerCache(running, request, reply));
  app.register(administration(running), { prefix: "/stand-in" });
  app.all("/*", (request, reply) => answerCall(running, request, reply));
  app.setNotFoundHandler((request, reply) => answerCall(running, request, reply));
  return app;
}

/**
 * Starts a stand-in PanDA server.
 * @throws Error when the directory is in use by another one, or the port is.
 */
export async function startPandaServer(options: PandaServerOptions): Promise<PandaServer> {
  const { host = "127.0.0.1", port = 0, now = Date.now, sentTimeoutMs, adderDelayMs = 1000 } = options;
  const log = (line: string): void => options.log?.(`[stand-in PanDA server] ${line}`);
  const directory = resolve(options.dir);
  const cacheFolder = join(directory, "cache");
  const store = new Store(directory);
  mkdirSync(logFolder(cacheFolder), { recursive: true });
  const running: Running = {
    store,
    now,
    adderDelayMs,
    virtualOrganisations: options.virtualOrganisations ?? ["wlcg"],
    cacheFolder,
    url: "",
    atomically: (work, keeps) =>
      store.atomically(() => {
        advance(store, now(), sentTimeoutMs);
        return work();
      }, keeps),
  };
  const app = build(running, directory, log);
  try {
    running.url = await app.listen({ host, port });
  } catch (error) {
    store.close();
    throw error;
  }
  log(`not a real PanDA server; ready at ${running.url}, state in ${directory}`);
  return {
    url: running.url,
    addJobs: (jobs) => addJobs(running, jobs),
    view: () => running.atomically(() => view(store)),
    close: async () => {
      await app.close();
      store.close();
      log("stopped");
    },
  };
}
