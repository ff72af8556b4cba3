/** All functions of the stand-in's API, and the order in which a call is checked before one runs (panda-api 2). */
import { acquiringOperations } from "./acquiring.ts";
import { bind } from "./arguments.ts";
import { isSecure } from "./caller.ts";
import { commandOperations } from "./commands.ts";
import { configurationOperations } from "./configuration.ts";
import { credentialOperations } from "./credentials.ts";
import { eventOperations } from "./events.ts";
import { fileOperations } from "./files.ts";
import { harvesterOperations } from "./harvesters.ts";
import { jobOperations } from "./jobQuestions.ts";
import { reportOperations } from "./jobReports.ts";
import { type Call, type Envelope, type Given, type Operation, refused } from "./operation.ts";
import { workerCountOperations } from "./workerCounts.ts";
import { workerOperations } from "./workers.ts";

/** By the end of the path, `<module>/<function>`. */
export const operations: ReadonlyMap<string, Operation> = new Map(
  [
    acquiringOperations,
    reportOperations,
    jobOperations,
    workerOperations,
    workerCountOperations,
    harvesterOperations,
    commandOperations,
    eventOperations,
    configurationOperations,
    credentialOperations,
    fileOperations,
  ].flatMap((list) => list.map((operation) => [operation.name, operation] as const)),
);

/**
 * Identity, role, verb, names, types, function, in this order.
 * @param verb as it was sent, any word.
 * @throws PythonException where the real server breaks.
 */
export function perform(
  operation: Operation,
  call: Call,
  verb: string,
  given: { readonly [name: string]: Given },
): Envelope {
  if (operation.auth !== "open" && !isSecure(call.caller)) return refused("SSL secure connection is required");
  if (operation.auth === "production" && !call.caller.production) {
    return refused("production or pilot role required");
  }
  if (verb !== operation.verb) return refused(`expecting ${operation.verb}, received ${verb}`);
  const bound = bind(operation, given, verb === "GET");
  return "refusal" in bound ? bound.refusal : operation.run(call, bound.args);
}
