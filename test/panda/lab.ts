/**
 * A real panda-server that somebody has started, as tests see it: where it is, how jobs are made for it and what its
 * database says of them. PANDA_URL is its address (`.../api/v1`), PANDA_LAB the folder with its lab.json and
 * certificates, PANDA_TOOLS the folder with make-jobs.py, show.py and reset.sh.
 */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";

const { PANDA_URL = "", PANDA_LAB = "", PANDA_TOOLS = "" } = process.env;
export const pandaUrl = PANDA_URL;
const missing = Object.entries({ PANDA_URL, PANDA_LAB, PANDA_TOOLS }).flatMap(([name, value]) => (value ? [] : [name]));
/** For the name of a test that is skipped without a server; empty where there is one. */
export const skipped = missing.length > 0 ? ` (skipped, no real panda-server: set ${missing.join(", ")})` : "";

const run = promisify(execFile);
const tool = async (name: string, ...args: readonly string[]): Promise<string> =>
  (await run(join(PANDA_TOOLS, name), args, { maxBuffer: 64 * 1024 * 1024 })).stdout;

const madeJob = z.object({ id: z.number(), input: z.string(), output: z.string(), log: z.string() });
const made = z.object({ task: z.number(), jobs: z.array(madeJob) });
export type MadeJob = z.output<typeof madeJob>;

/** Makes a task with so many jobs; options as make-jobs.py has them. */
export async function makeJobs(n: number, ...options: readonly string[]): Promise<readonly MadeJob[]> {
  return made.parse(JSON.parse(await tool("make-jobs.py", String(n), "--json", ...options))).jobs;
}

/** No jobs and workers any more. */
export const reset = (): Promise<string> => tool("reset.sh");

const shown = z.object({
  jobs: z.array(
    z.looseObject({
      id: z.number(),
      status: z.string(),
      substatus: z.string().nullable(),
      ddm_error: z.number().nullable(),
      exe_error: z.number().nullable(),
      pilot_error: z.number().nullable(),
      diag: z.string().nullable(),
      history: z.array(z.object({ status: z.string() })).nullable(),
      files: z.array(
        z.object({
          lfn: z.string(),
          type: z.string(),
          status: z.string(),
          size: z.number().nullable(),
          checksum: z.string().nullable(),
        }),
      ),
      workers: z.array(z.object({ worker: z.number(), harvester: z.string() })).nullable(),
      events: z.array(z.object({ range: z.string(), status: z.number() })).nullable(),
    }),
  ),
  workers: z.array(
    z.looseObject({
      id: z.number(),
      status: z.string(),
      cores: z.number().nullable(),
      resource_type: z.string().nullable(),
      job_ids: z.array(z.number()).nullable(),
    }),
  ),
});
export type Shown = z.output<typeof shown>;

/** What the server's database has. */
export const show = async (): Promise<Shown> => shown.parse(JSON.parse(await tool("show.py", "--json")));

/** Has a job killed, as an operator of PanDA does. */
export async function killJob(PandaID: number): Promise<void> {
  const answer = await fetch(`${PANDA_URL}/job/kill`, {
    method: "POST",
    headers: { Accept: "application/json", "Content-Type": "application/json" },
    body: JSON.stringify({ job_ids: [PandaID] }),
  });
  z.object({ success: z.literal(true), data: z.tuple([z.literal(true)]) }).parse(await answer.json());
}
