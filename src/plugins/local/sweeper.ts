/**
 * Sweeper of the local batch system: ends workers and clears away their output. It must never remove a record, because
 * the record of a key is what keeps it from being created again, and never signal a process it cannot tell to be the
 * worker's.
 */
import { rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { WorkSpec } from "../../specs/workSpec.ts";
import type { Answer, CallContext, PluginOptions, Sweeper } from "../contract.ts";
import { note } from "./journal.ts";
import { isAlive, send } from "./process.ts";
import {
  type Attempt,
  batchIDOf,
  journalDirSchema,
  makeDirectory,
  makeRecord,
  namesIn,
  readAttempt,
  readRecords,
} from "./record.ts";

const optionsSchema = z.object({
  journalDir: journalDirSchema,
  /** Seconds after which a payload without wrapper is ended by force; with one, the submitter's option counts. */
  killGrace: z.number().nonnegative().default(10),
});

/** Plug-in `windrow/local`, `LocalSweeper`. */
export class LocalSweeper implements Sweeper {
  readonly #options: z.output<typeof optionsSchema>;

  constructor(options: PluginOptions) {
    this.#options = optionsSchema.parse(options);
  }

  /** May be asked again until the worker has ended (lifecycle 3.9); a key killed before its start never starts. */
  async killWorkers(workers: readonly WorkSpec[], _call: CallContext): Promise<readonly Answer[]> {
    return Promise.all(
      workers.map(async ({ key }): Promise<Answer> => {
        try {
          return await this.#kill(key);
        } catch (error) {
          return [null, `cannot kill ${key}: ${error instanceof Error ? error.message : String(error)}`];
        }
      }),
    );
  }

  /** Removes the worker's output. Records stay; a running worker is left alone and asked about again (null). */
  async sweepWorker({ key }: WorkSpec, _call: CallContext): Promise<Answer> {
    const { journalDir } = this.#options;
    const { directory, attempt } = await readRecords(journalDir, key);
    if (!attempt) return true;
    if (!attempt.claim || (attempt.claim.verdict === "started" && !attempt.ended)) {
      return [null, `${key} has not ended; kill it first`];
    }
    let removed = 0;
    for (let number = 1; number <= attempt.number; number += 1) {
      const own = join(directory, String(number));
      for (const name of (await namesIn(own)).filter((each) => !each.endsWith(".json"))) {
        await rm(join(own, name), { recursive: true, force: true });
        removed += 1;
      }
    }
    if (removed > 0) await note(journalDir, { event: "swept", key });
    return true;
  }

  async #kill(key: string): Promise<Answer> {
    const { journalDir } = this.#options;
    const directory = join(journalDir, batchIDOf(key));
    const before = await readRecords(journalDir, key);
    // A dead attempt is no end: a submitter might make the next one, unless the mark below stops it.
    if (before.attempt?.ended || before.attempt?.claim?.verdict === "killed") return [true, "it has ended before"];
    await makeDirectory(directory, journalDir);
    // The mark comes first: a wrapper looks for it before it claims, a submitter before it creates.
    await makeRecord(directory, "kill", { at: Date.now() });
    const { attempt, killAt } = await readRecords(journalDir, key);
    if (!attempt) return [true, "it was not created, and will not be"];
    const why = { by: "sweeper", verdict: "killed", at: Date.now() };
    if (!attempt.claim && (await makeRecord(attempt.directory, "claim.json", why))) {
      await note(journalDir, { event: "killed", key, attempt: attempt.number });
      return true;
    }
    const taken = await readAttempt(directory, attempt.number);
    if (!taken || taken.ended || taken.claim?.verdict !== "started") return true;
    return this.#signal(taken, killAt ?? Date.now());
  }

  /** The wrapper passes the request on and sees to its end. A payload that lost its wrapper is signalled here. */
  async #signal(attempt: Attempt, killAt: number): Promise<Answer> {
    const { claim, payload, created } = attempt;
    if (created.host !== hostname()) return [null, `it runs on ${created.host}, this is ${hostname()}`];
    if (claim?.pid === undefined || claim.born === undefined) return [null, "its claim names no wrapper"];
    const { pid, born } = claim;
    const tell = (): Promise<void> =>
      note(this.#options.journalDir, { event: "signalled", key: created.key, attempt: attempt.number });
    if (await isAlive({ pid, born })) {
      send(pid, "SIGTERM");
      await tell();
      return true;
    }
    if (!payload || !(await isAlive(payload))) return [true, "no process of it is left"];
    send(-pid, Date.now() - killAt > this.#options.killGrace * 1000 ? "SIGKILL" : "SIGTERM");
    await tell();
    return [true, "its wrapper is gone; the payload was signalled"];
  }
}
