/**
 * Answers those who ask a running daemon: commands over a unix socket that only the daemon's user may open, others over
 * a TCP port where the operator wants one. Reading only: it must never change anything.
 */
import { chmodSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import { statusOf } from "../audit/status.ts";
import { ConfigError } from "../config/refusal.ts";
import type { Leader } from "../log/replay.ts";
import type { Source } from "../publish/stream.ts";
import { historyOf } from "../queries.ts";
import type { World } from "../world.ts";
import type { WebAddress } from "./address.ts";
import { addEvents, type Pace } from "./events.ts";
import { socketOf } from "./socket.ts";

/** What is asked about. */
export interface Asked {
  readonly world: () => World;
  readonly leaders: () => readonly Leader[];
  readonly events: Source;
  /** Told of a stream that broke. */
  readonly onError: (why: string) => void;
  readonly pace?: Pace;
}

const subject = z.object({ kind: z.enum(["job", "worker"]), id: z.coerce.number().int().nonnegative() });

function serverOf(asked: Asked): FastifyInstance {
  const closing = new AbortController();
  const server = fastify();
  server.setValidatorCompiler(validatorCompiler);
  server.setSerializerCompiler(serializerCompiler);
  // Streams have no end of their own, and a server waits for the end of what it has begun.
  server.addHook("preClose", async () => closing.abort());
  server.register(
    async (api) => {
      addQuestions(api, asked);
      addEvents(api, { ...asked, source: asked.events, closing: closing.signal });
    },
    { prefix: "/api/v1" },
  );
  return server;
}

function addQuestions(server: FastifyInstance, { world, leaders, events }: Asked): void {
  server.get("/status", () => statusOf(world(), leaders()));
  server
    .withTypeProvider<ZodTypeProvider>()
    .get("/history/:kind/:id", { schema: { params: subject } }, ({ params }) => historyOf(events.log, params));
}

/** Where a daemon answers. */
export interface Answering {
  /** Of the TCP port, where there is one. */
  readonly url: string | undefined;
  close(): Promise<void>;
}

/** Answers beside the log, and at the address if one is given, until it is closed. @throws ConfigError */
export async function serveQueries(logDir: string, asked: Asked, web: WebAddress | undefined): Promise<Answering> {
  const socket = await listenBeside(logDir, asked);
  try {
    const port = web ? await listenAt(web, asked) : undefined;
    const close = async (): Promise<void> => void (await Promise.all([socket.close(), port?.server.close()]));
    return { url: port?.url, close };
  } catch (error) {
    await socket.close();
    throw error;
  }
}

async function listenBeside(logDir: string, asked: Asked): Promise<FastifyInstance> {
  const server = serverOf(asked);
  // Commands ask without the prefix.
  addQuestions(server, asked);
  const path = socketOf(logDir);
  rmSync(path, { force: true }); // left by a daemon that was killed; the log's lock says that none runs
  await server.listen({ path });
  chmodSync(path, 0o600);
  return server;
}

/** There is no login: whoever gets there may read. */
async function listenAt({ host, port }: WebAddress, asked: Asked): Promise<{ server: FastifyInstance; url: string }> {
  const server = serverOf(asked);
  if (isLoopback(host)) server.addHook("onRequest", refuseOtherNames);
  try {
    await server.listen({ host, port });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`the web port cannot be opened: ${why}. Choose another with --web or [windrow] webPort.`);
  }
  const { port: bound } = server.server.address() as AddressInfo;
  return { server, url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}` };
}

const isLoopback = (name: string): boolean => /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i.test(name);

/** A web page that has its own name resolved to this machine would read what is meant for this machine alone. */
async function refuseOtherNames({ hostname }: FastifyRequest, reply: FastifyReply): Promise<void> {
  if (!isLoopback(hostname)) await reply.code(421).send({ error: "host", message: "ask for localhost" });
}
