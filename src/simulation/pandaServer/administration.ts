/**
 * The administrative side under /stand-in/, which no real server has: putting jobs, commands, queues and credentials
 * in, killing jobs, and the view of everything. Plain JSON, checked by zod; it answers 400 with a text where the input
 * is wrong.
 */
import type { FastifyInstance } from "fastify";
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import { z } from "zod";
import type { Caller } from "./caller.ts";
import { addCommand, setQueue } from "./commands.ts";
import { addSecret } from "./credentials.ts";
import { addJob, type NewJob, newJobSchema } from "./jobTable.ts";
import { killJob } from "./killing.ts";
import type { Store } from "./store.ts";
import { view, viewJobs } from "./view.ts";

/** Ten thousand jobs are some 30 MiB. */
const LARGEST_BODY = 256 * 1024 * 1024;

const OPERATOR: Caller = { dn: "the operator of the stand-in", name: "operator", production: true };

const commandBody = z.strictObject({
  harvesterID: z.string().min(1),
  command: z.string().min(1),
  params: z.json().default(null),
});
const killBody = z.strictObject({ jobIDs: z.array(z.int()), code: z.int().optional() });
const queueBody = z.strictObject({
  name: z.string().min(1),
  harvesterID: z.string().min(1),
  computingElements: z.array(z.string()).default([]),
});
const secretBody = z.strictObject({
  kind: z.enum(["proxy", "tokenKey", "key"]),
  name: z.string(),
  text: z.string(),
  /** Epoch ms; absent: valid for ever. */
  expiresAt: z.int().default(Number.MAX_SAFE_INTEGER),
});

export interface Administered {
  readonly store: Store;
  readonly now: () => number;
  /** Runs in one transaction, after all that was due. */
  readonly atomically: <T>(work: () => T) => T;
}

/** Adds jobs, all or none; answers their PandaIDs. */
export function addJobs({ store, now, atomically }: Administered, jobs: readonly NewJob[]): readonly number[] {
  return atomically(() => jobs.map((job) => addJob(store, job, now())));
}

/** The routes, for `register` with the prefix /stand-in. */
export function administration(administered: Administered) {
  const { store, now, atomically } = administered;
  return async (scope: FastifyInstance): Promise<void> => {
    scope.addContentTypeParser(
      "application/json",
      { parseAs: "string", bodyLimit: LARGEST_BODY },
      scope.getDefaultJsonParser("error", "error"),
    );
    scope.setValidatorCompiler(validatorCompiler);
    scope.setSerializerCompiler(serializerCompiler);
    scope.setErrorHandler((error, _request, reply) => {
      const message = error instanceof Error ? error.message : String(error);
      return reply.code(400).send({ standIn: true, error: message });
    });
    const routes = scope.withTypeProvider<ZodTypeProvider>();
    routes.get("/jobs", () => atomically(() => ({ standIn: true, jobs: viewJobs(store) })));
    routes.get("/state", () => atomically(() => view(store)));
    routes.post("/jobs", { schema: { body: z.strictObject({ jobs: z.array(newJobSchema) }) } }, (request) => ({
      standIn: true,
      PandaIDs: addJobs(administered, request.body.jobs),
    }));
    routes.post("/kill", { schema: { body: killBody } }, ({ body }) => ({
      standIn: true,
      killed: atomically(() => body.jobIDs.map((id) => killJob(store, id, OPERATOR, body.code, now()))),
    }));
    routes.post("/commands", { schema: { body: commandBody } }, ({ body }) => ({
      standIn: true,
      commandID: atomically(() => addCommand(store, body.harvesterID, body.command, body.params, now())),
    }));
    routes.post("/queues", { schema: { body: queueBody } }, ({ body }) => {
      atomically(() => setQueue(store, body.name, body.harvesterID, body.computingElements));
      return { standIn: true };
    });
    routes.post("/credentials", { schema: { body: secretBody } }, ({ body }) => {
      atomically(() => addSecret(store, body.kind, body.name, body.text, body.expiresAt));
      return { standIn: true };
    });
  };
}
