/** A process that submits a worker to a local batch system, for tests that need several or one to kill. */
import { text } from "node:stream/consumers";
import { z } from "zod";
import { LocalSubmitter } from "../../../src/plugins/local/submitter.ts";
import { WorkSpec } from "../../../src/specs/workSpec.ts";

const given = z
  .object({
    options: z.looseObject({ module: z.string(), name: z.string(), queueName: z.string(), siteName: z.string() }),
    worker: z.custom<ConstructorParameters<typeof WorkSpec>[0]>((value) => typeof value === "object" && value !== null),
    call: z.object({ key: z.string(), notAfterAt: z.number() }),
    times: z.number(),
    stay: z.boolean().default(false),
  })
  .parse(JSON.parse(await text(process.stdin)));

const submitter = new LocalSubmitter(given.options);
const call = { ...given.call, signal: new AbortController().signal };
const answers = await Promise.all(
  Array.from({ length: given.times }, () => submitter.submitWorkers([new WorkSpec(given.worker)], call)),
);
process.stdout.write(`${answers.map((answer) => JSON.stringify(answer)).join("\n")}\n`);
if (given.stay) setInterval(() => undefined, 60_000);
