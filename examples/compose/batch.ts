/**
 * Plug-ins of a site of its own: a batch system that is a directory which instances and worker node share. The node
 * runs in a container of its own (node.ts), so workers outlive the instance that submitted them, as on a real batch
 * system.
 *
 * A worker is a directory named by its key. What is in there is made once and never changed or removed: `job.json` by
 * the submitter, from when on it is in the queue; `started.json` and `ended.json` by the node; `kill` by the sweeper.
 */
import { randomUUID } from "node:crypto";
import { access, link, mkdir, readFile, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

/** What of Windrow's WorkSpec and CallContext is used here. */
interface Worker {
  readonly key: string;
  readonly pandaIDs: readonly number[];
  batchID?: string | undefined;
  getAccessPoint(): string;
}
interface Call {
  readonly key: string;
  readonly notAfterAt: number;
}

/** A worker in the queue; `call` is the key of the call that put it there. */
export const jobSchema = z.object({
  call: z.string(),
  pandaIDs: z.array(z.int()),
  directory: z.string(),
  command: z.array(z.string()).min(1),
});
/** How a worker ended, in Harvester's words. */
export const endedSchema = z.object({ status: z.enum(["finished", "failed", "cancelled"]), why: z.string() });

/** Makes a file unless it is there, whole or not at all. */
export async function makeOnce(path: string, content: object): Promise<boolean> {
  const part = `${path}.${randomUUID()}`;
  await writeFile(part, JSON.stringify(content), { flush: true });
  try {
    await link(part, path);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  } finally {
    await unlink(part);
  }
}

/** undefined where there is no such file; throws where nobody can tell. */
export async function readIfThere<T extends z.ZodType>(path: string, schema: T): Promise<z.output<T> | undefined> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
  return text === undefined ? undefined : schema.parse(JSON.parse(text));
}

const spoolSchema = z.object({ spoolDir: z.string().startsWith("/") });
const submitterSchema = spoolSchema.extend({ command: jobSchema.shape.command });
const idOf = ({ key }: Worker): string => encodeURIComponent(key);

/** A worker's directory. Throws where there is no spool: it is not mounted, say, and then nobody knows anything. */
async function placeOf(spoolDir: string, worker: Worker): Promise<string> {
  await access(spoolDir);
  return join(spoolDir, idOf(worker));
}

export class BatchSubmitter {
  readonly #options: z.output<typeof submitterSchema>;

  constructor(options: object) {
    this.#options = submitterSchema.parse(options);
  }

  submitWorkers(workers: readonly Worker[], call: Call) {
    return Promise.all(workers.map((worker) => this.#submit(worker, call)));
  }

  /** Whether the queue has taken a key: asked after a crash, or by another instance. */
  find(workers: readonly Worker[]) {
    return Promise.all(
      workers.map(async (worker) => {
        const own = await placeOf(this.#options.spoolDir, worker);
        const job = await readIfThere(join(own, "job.json"), jobSchema);
        return job ? { found: true, batchID: idOf(worker) } : { found: false };
      }),
    );
  }

  async #submit(worker: Worker, call: Call): Promise<true | readonly [false | null, string]> {
    const { spoolDir, command } = this.#options;
    const own = await placeOf(spoolDir, worker);
    const directory = worker.getAccessPoint();
    await mkdir(own, { recursive: true });
    if (Date.now() >= call.notAfterAt) return [null, "too late, nothing was submitted"];
    const job = { call: call.key, pandaIDs: [...worker.pandaIDs], directory, command };
    if (!(await makeOnce(join(own, "job.json"), job))) {
      const taken = await readIfThere(join(own, "job.json"), jobSchema);
      if (taken?.call !== call.key) return [false, `${worker.key} was submitted before, by call ${taken?.call}`];
    }
    worker.batchID = idOf(worker);
    return true;
  }
}

export class BatchMonitor {
  readonly #spoolDir: string;

  constructor(options: object) {
    this.#spoolDir = spoolSchema.parse(options).spoolDir;
  }

  async checkWorkers(workers: readonly Worker[]) {
    const cannotSay = (error: unknown) => [null, String(error)] as const;
    return [true, await Promise.all(workers.map((worker) => this.#check(worker).catch(cannotSay)))] as const;
  }

  async #check(worker: Worker): Promise<string | readonly [string | null, string]> {
    const own = await placeOf(this.#spoolDir, worker);
    const ended = await readIfThere(join(own, "ended.json"), endedSchema);
    if (ended) return [ended.status, ended.why];
    if (await readIfThere(join(own, "started.json"), z.object({}))) return "running";
    const isKnown = (await readIfThere(join(own, "job.json"), jobSchema)) !== undefined;
    return isKnown ? "submitted" : ["failed", `${worker.key} was never submitted here`];
  }
}

export class BatchSweeper {
  readonly #spoolDir: string;

  constructor(options: object) {
    this.#spoolDir = spoolSchema.parse(options).spoolDir;
  }

  killWorkers(workers: readonly Worker[]) {
    return Promise.all(
      workers.map(async (worker) => {
        const own = await placeOf(this.#spoolDir, worker);
        // Before its submission too: the node does not start it then.
        await mkdir(own, { recursive: true });
        await makeOnce(join(own, "kill"), {});
        return true;
      }),
    );
  }

  /** Records stay, so that no key is ever submitted again; the worker's files go with its access point. */
  async sweepWorker(worker: Worker): Promise<true | readonly [null, string]> {
    const own = await placeOf(this.#spoolDir, worker);
    const ended = await readIfThere(join(own, "ended.json"), endedSchema);
    return ended ? true : [null, `${worker.key} has not ended`];
  }
}
