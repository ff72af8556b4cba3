/**
 * Answers the commands that ask a running daemon, over a unix socket that only the daemon's user may open. Reading
 * only: it must never change anything.
 */
import { chmodSync, rmSync } from "node:fs";
import { type FastifyInstance, fastify } from "fastify";
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import { statusOf } from "../audit/status.ts";
import type { SqliteLog } from "../log/sqlite.ts";
import { historyOf } from "../queries.ts";
import type { World } from "../world.ts";
import { socketOf } from "./socket.ts";

const subject = z.object({ kind: z.enum(["job", "worker"]), id: z.coerce.number().int().nonnegative() });

/** Listens beside the log until it is closed. */
export async function serveQueries(log: SqliteLog, world: () => World): Promise<FastifyInstance> {
  const server = fastify().withTypeProvider<ZodTypeProvider>();
  server.setValidatorCompiler(validatorCompiler);
  server.setSerializerCompiler(serializerCompiler);
  server.get("/status", () => statusOf(world()));
  server.get("/history/:kind/:id", { schema: { params: subject } }, ({ params }) => historyOf(log, params));
  const path = socketOf(log.dir);
  rmSync(path, { force: true }); // left by a daemon that was killed; the log's lock says that none runs
  await server.listen({ path });
  chmodSync(path, 0o600);
  return server;
}
