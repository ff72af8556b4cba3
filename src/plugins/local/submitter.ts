/**
 * Submitter of the local batch system: each worker is a process of its own session on this machine, which outlives
 * Windrow. It must never create a key twice, never start anything after `notAfterAt`, and never run a shell over what
 * the configuration or a job says: a command is a list of arguments.
 */
import { spawn } from "node:child_process";
import { mkdir, open, symlink } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { WorkSpec } from "../../specs/workSpec.ts";
import type { Answer, CallContext, Found, PluginOptions, Submitter } from "../contract.ts";
import { journalPath, note } from "./journal.ts";
import {
  type Attempt,
  batchIDOf,
  type Created,
  isDead,
  journalDirSchema,
  makeDirectory,
  makeRecord,
  type Records,
  readRecords,
  settle,
} from "./record.ts";

const placeholder = /\$\{([^}]*)\}/g;
const known = ["accessPoint", "workerID", "pandaIDs"];

const optionsSchema = z.object({
  journalDir: journalDirSchema,
  /** Executable and arguments; `${accessPoint}`, `${workerID}` and `${pandaIDs}` (comma separated) are filled in. */
  command: z
    .array(z.string())
    .min(1)
    .refine(
      (command) =>
        command.every((word) => [...word.matchAll(placeholder)].every(([, name = ""]) => known.includes(name))),
      { error: `knows no placeholders but ${known.map((name) => `\${${name}}`).join(", ")}` },
    ),
  /** Seconds; the worker's own limit where it is missing, none where that is missing too. */
  walltime: z.number().positive().optional(),
  /** Seconds between the request to end and the end by force. */
  killGrace: z.number().nonnegative().default(10),
  /** Further environment of the payload. */
  environment: z.record(z.string().regex(/^[A-Za-z_]\w*$/), z.string()).default({}),
});

const wrapper = fileURLToPath(new URL("./wrapper.sh", import.meta.url));

/** Of Windrow's environment only these reach a payload: the rest may hold secrets. */
const inherited = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/** Plug-in `windrow/local`, `LocalSubmitter`. */
export class LocalSubmitter implements Submitter {
  readonly #options: z.output<typeof optionsSchema>;

  constructor(options: PluginOptions) {
    this.#options = optionsSchema.parse(options);
  }

  async submitWorkers(workers: readonly WorkSpec[], call: CallContext): Promise<readonly Answer[]> {
    const settled = await Promise.allSettled(
      workers.map(async (worker): Promise<Answer> => {
        if (call.signal.aborted) return [null, "not submitted: the call was ended before"];
        return this.#submit(worker, call);
      }),
    );
    // Of a worker whose submission threw nobody knows whether it was created, so the call as a whole throws: the core
    // then asks `find` about each. By now none is under way any more.
    return settled.map((each) => {
      if (each.status === "rejected") throw each.reason;
      return each.value;
    });
  }

  /** false only where no wrapper can start any more; before that, an unstarted worker is answered with null. */
  async find(workers: readonly WorkSpec[], _call: CallContext): Promise<readonly Found[]> {
    return Promise.all(
      workers.map(async ({ key }): Promise<Found> => {
        try {
          return await this.#find(key);
        } catch (error) {
          return { found: null, dialog: `cannot tell whether ${key} was created: ${reason(error)}` };
        }
      }),
    );
  }

  async #find(key: string): Promise<Found> {
    const { journalDir } = this.#options;
    const records = await readRecords(journalDir, key);
    if (!records.attempt && !records.journalExists) {
      // Nothing was ever submitted, or a file system is missing: then this cannot be made either, and throws.
      await mkdir(journalDir).catch((error: unknown) => {
        if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
      });
    }
    const { attempt } = records;
    const passed = attempt && Date.now() > attempt.created.notAfterAt;
    const settled = passed ? await settle(journalDir, records, "submitter") : attempt;
    if (!settled) return { found: false };
    if (isDead(settled)) return { found: false, dialog: deathOf(settled) };
    if (settled.claim) return { found: true, batchID: batchIDOf(key) };
    const until = new Date(settled.created.notAfterAt).toISOString();
    return { found: null, dialog: `created and not started yet; it starts before ${until} or never, ask again then` };
  }

  async #submit(worker: WorkSpec, call: CallContext): Promise<Answer> {
    const { journalDir } = this.#options;
    const { key } = worker;
    const directory = join(journalDir, batchIDOf(key));
    let records: Records;
    try {
      await makeDirectory(directory, journalDir);
      await mkdir(worker.getAccessPoint(), { recursive: true });
      records = await readRecords(journalDir, key);
    } catch (error) {
      return [null, `nothing was created for ${key}: ${reason(error)}`];
    }
    const refuse = async (verdict: false | null, why: string): Promise<Answer> => {
      await note(journalDir, { event: "refused", key, call: call.key, why });
      return [verdict, why];
    };
    if (records.killAt !== undefined) return refuse(false, `${key} was killed before; it is not created any more`);
    const number = await this.#freeNumber(records, call);
    if (number !== undefined) {
      const own = join(directory, String(number));
      await makeDirectory(own, directory);
      if (Date.now() >= call.notAfterAt) return refuse(null, `too late to create ${key}; nothing was created`);
      const created = this.#describe(worker, call);
      if (await makeRecord(own, "created.json", created)) {
        await note(journalDir, { event: "created", key, call: call.key, attempt: number, workerID: worker.workerID });
        return this.#start(worker, { directory: own, number, created });
      }
    }
    // Somebody was quicker, or the key has been taken for long.
    const taken = (await readRecords(journalDir, key)).attempt;
    if (!taken) throw new Error(`the record of ${key} vanished while it was read; records must not be removed`);
    if (taken.created.call !== call.key) {
      return refuse(
        false,
        `${key} exists already: created by call ${taken.created.call} at ` +
          `${new Date(taken.created.createdAt).toISOString()} (${taken.directory}); not created again`,
      );
    }
    await refuse(null, "created before by this call; not created again");
    // Its first submitter may have been killed before it started the wrapper. Only one wrapper gets the claim.
    if (!taken.claim) return this.#start(worker, taken);
    await announce(worker, taken.directory);
    return isDead(taken) ? [null, deathOf(taken)] : true;
  }

  /** Number of the attempt that may be made, undefined where the last one lives or may yet. */
  async #freeNumber(records: Records, call: CallContext): Promise<number | undefined> {
    let last = records.attempt;
    if (!last) return 1;
    // Left over by a call whose time has passed.
    if (!last.claim && last.created.call !== call.key && Date.now() > last.created.notAfterAt) {
      last = await settle(this.#options.journalDir, records, "submitter");
    }
    return last && isDead(last) ? last.number + 1 : undefined;
  }

  #describe(worker: WorkSpec, call: CallContext): Created {
    const values: Readonly<Record<string, string>> = {
      accessPoint: worker.getAccessPoint(),
      workerID: String(worker.workerID),
      pandaIDs: worker.pandaIDs.join(","),
    };
    return {
      key: worker.key,
      call: call.key,
      workerID: worker.workerID,
      pandaIDs: [...worker.pandaIDs],
      accessPoint: worker.getAccessPoint(),
      command: this.#options.command.map((word) =>
        word.replaceAll(placeholder, (_, name: string) => values[name] ?? ""),
      ),
      walltime: this.#options.walltime ?? worker.maxWalltime ?? 0,
      // The wrapper's shell compares whole numbers.
      notAfterAt: Math.floor(Math.min(call.notAfterAt, Number.MAX_SAFE_INTEGER)),
      createdAt: Date.now(),
      host: hostname(),
    };
  }

  /** Starts a wrapper. Where the system refuses, the attempt is declared dead, so that the key stays free. */
  async #start(worker: WorkSpec, attempt: Pick<Attempt, "directory" | "number" | "created">): Promise<Answer> {
    const { journalDir } = this.#options;
    try {
      await this.#spawn(attempt);
    } catch (error) {
      const why = `cannot start a process for ${worker.key}: ${reason(error)}`;
      const settled = await settle(journalDir, await readRecords(journalDir, worker.key), "submitter", why);
      if (!settled || isDead(settled)) return [null, why];
    }
    await announce(worker, attempt.directory);
    return true;
  }

  async #spawn({ directory, number, created }: Pick<Attempt, "directory" | "number" | "created">): Promise<void> {
    const log = await open(join(directory, "batch.log"), "a");
    try {
      const { journalDir, killGrace } = this.#options;
      const key = JSON.stringify(created.key);
      const limits = [created.notAfterAt, created.walltime, killGrace, number].map(String);
      const child = spawn(
        "/bin/sh",
        [wrapper, directory, key, journalPath(journalDir), ...limits, ...created.command],
        {
          cwd: created.accessPoint,
          detached: true,
          env: this.#environment(created),
          stdio: ["ignore", log.fd, log.fd],
        },
      );
      child.unref();
      await new Promise<void>((resolve, reject) => {
        child.once("spawn", resolve);
        child.once("error", reject);
      });
    } finally {
      await log.close();
    }
  }

  #environment(created: Created): NodeJS.ProcessEnv {
    const kept = inherited.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    });
    return {
      ...Object.fromEntries(kept),
      ...this.#options.environment,
      WINDROW_WORKER_KEY: created.key,
      WINDROW_WORKER_ID: String(created.workerID),
      HARVESTER_WORKER_ID: String(created.workerID),
      WINDROW_ACCESS_POINT: created.accessPoint,
      PANDA_IDS: created.pandaIDs.join(","),
    };
  }
}

/** Log files get names of their own: at the WMS a file is known by its name alone, whatever worker it is of. */
async function announce(worker: WorkSpec, directory: string): Promise<void> {
  worker.batchID = batchIDOf(worker.key);
  const files = { stdout: "stdout", stderr: "stderr", batch_log: "batch.log" };
  for (const [kind, name] of Object.entries(files)) {
    const own = join(directory, `${worker.workerID}.${name}`);
    await symlink(name, own).catch((error: unknown) => {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    });
    worker.setLogFile(kind, own);
  }
}

function deathOf(attempt: Attempt): string {
  const why = attempt.claim?.verdict === "expired" ? "its wrapper came too late" : (attempt.claim?.why ?? "unknown");
  return `attempt ${attempt.number} ran nothing and never will: ${why}`;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
