/**
 * The submitter of the local batch system, slowed: it notes that a call has begun, and then takes its time before it
 * submits, so that a test can stop the process in the middle. What it submits it must leave to the local one.
 */
import { appendFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import type { CallContext, PluginOptions, Submitter } from "../../src/plugins/contract.ts";
import { LocalSubmitter } from "../../src/plugins/local/submitter.ts";
import type { WorkSpec } from "../../src/specs/workSpec.ts";

const optionsSchema = z.looseObject({ begunFile: z.string() });
const middleMs = 1000;

/** A call that has begun, as noted. */
export const begunSchema = z.object({ pid: z.int(), call: z.string(), keys: z.array(z.string()) });

/** Named by the queues of a plant. */
export class SlowSubmitter implements Submitter {
  readonly #local: LocalSubmitter;
  readonly #begunFile: string;

  constructor(options: PluginOptions) {
    this.#begunFile = optionsSchema.parse(options).begunFile;
    this.#local = new LocalSubmitter(options);
  }

  async submitWorkers(workers: readonly WorkSpec[], call: CallContext) {
    const begun = { pid: process.pid, call: call.key, keys: workers.map(({ key }) => key) };
    await appendFile(this.#begunFile, `${JSON.stringify(begun)}\n`);
    await pause(middleMs);
    return this.#local.submitWorkers(workers, call);
  }

  find(workers: readonly WorkSpec[], call: CallContext) {
    return this.#local.find(workers, call);
  }
}
