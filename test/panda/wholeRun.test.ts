/**
 * A whole run of the daemon against PanDA's own server: 30 jobs of one core and of eight, through the local batch
 * system, real copies and the shared-file messenger, to the last states that the server's database has. Among them are
 * a job that is killed on the server while it runs, one that ends well without its output, one that fails, and one of
 * the event service.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { startDaemonProcess } from "../../src/demo/processes.ts";
import { judge } from "../../src/plugins/local/journal.ts";
import { verifyLog } from "../../src/verify.ts";
import { killJob, type MadeJob, makeJobs, pandaUrl, reset, type Shown, show, skipped } from "./lab.ts";
import { placesOf, writeSite } from "./site.ts";

/** What make-jobs.py says of every input: 1 MiB with this checksum. */
const inputSize = 1_048_576;
const adler32 = { a: 0x0c0d, b: 0x0a0b };
const modulus = 65_521;

/** A file of that size and checksum: zeros, with what the sums need at the end and one byte further up. */
function inputContent(): Buffer {
  const content = Buffer.alloc(inputSize);
  let rest = adler32.a - 1;
  let sum = inputSize % modulus;
  for (let fromEnd = 1; rest > 1; fromEnd += 1) {
    const value = Math.min(255, rest - 1);
    content[inputSize - fromEnd] = value;
    rest -= value;
    sum += value * fromEnd;
  }
  const fromEnd = ((((adler32.b - sum) % modulus) + modulus) % modulus) + modulus;
  content[inputSize - fromEnd] = 1;
  return content;
}

const final = new Set(["finished", "failed", "cancelled"]);
/** A job of the event service ends here for its harvester: the server has made another job that merges its outputs. */
const merging = "merging";
const dir = skipped ? "" : mkdtempSync(join(tmpdir(), "windrow-panda-"));
const places = placesOf(dir);

describe.skipIf(skipped !== "")(`a whole run against panda-server${skipped}`, () => {
  let single: readonly MadeJob[] = [];
  let eight: readonly MadeJob[] = [];
  let events: readonly MadeJob[] = [];
  let seen: Shown;
  const jobOf = (PandaID: number | undefined) => {
    const job = seen.jobs.find(({ id }) => id === PandaID);
    if (!job) throw new Error(`the server does not know job ${PandaID}`);
    return job;
  };
  const workersOf = (PandaID: number) => seen.workers.filter(({ job_ids }) => job_ids?.includes(PandaID));

  beforeAll(async () => {
    await reset();
    single = await makeJobs(21);
    eight = await makeJobs(8, "--cores", "8");
    events = await makeJobs(1, "--es", "6");
    mkdirSync(join(places.inputs, "lab"), { recursive: true });
    const content = inputContent();
    for (const { input } of [...single, ...eight, ...events]) writeFileSync(join(places.inputs, "lab", input), content);
    const [, barren, failing] = single;
    const mischief = join(dir, "mischief.json");
    writeFileSync(mischief, JSON.stringify({ [barren?.id ?? 0]: "no output", [failing?.id ?? 0]: "fail" }));
    writeSite(dir, { api: pandaUrl, harvesterID: "lab_harvester", queues: { LAB_QUEUE: {} }, mischief });
    await runDaemon();
  }, 300_000);
  afterAll(() => rmSync(dir, { recursive: true }));

  /** Until every job is in a last state at the server and every worker too. */
  async function runDaemon(): Promise<void> {
    const [victim] = single;
    const every = { timeout: 240_000, interval: 1000 };
    const daemon = startDaemonProcess(dir, places.config, places.log);
    try {
      await vi.waitFor(async () => {
        seen = await show();
        expect(jobOf(victim?.id).status).toBe("running");
      }, every);
      await killJob(victim?.id ?? 0);
      await vi.waitFor(async () => {
        seen = await show();
        expect(daemon.ended()).toBeNull();
        const ends = [...single, ...eight, ...events].map(({ id }) => jobOf(id).status);
        expect(ends.filter((status) => !final.has(status) && status !== merging)).toEqual([]);
        expect(seen.workers.filter(({ status }) => !final.has(status)).map(({ id }) => id)).toEqual([]);
      }, every);
    } finally {
      await daemon.stop();
    }
    expect(daemon.ended()).toEqual({ code: 0, signal: null });
  }

  test("jobs of one core and of eight are finished, with outputs as they were stored", () => {
    for (const { id, output, log } of [...single.slice(3), ...eight]) {
      expect(jobOf(id)).toMatchObject({ status: "finished", ddm_error: 0 });
      // The server was told of both, or it would have failed the job; it believes what it is told.
      expect(existsSync(join(places.stored, "lab", log))).toBe(true);
      expect(readFileSync(join(places.stored, "lab", output), "utf8")).toBe(`job ${id}\n`);
    }
  });

  test("each had a worker of its cores", () => {
    for (const [jobs, cores] of [
      [single.slice(3), 1],
      [eight, 8],
    ] as const) {
      for (const { id } of jobs) expect(workersOf(id)).toMatchObject([{ status: "finished", cores }]);
    }
  });

  test("the job that was killed on the server is cancelled, and its worker with it", () => {
    const [victim] = single;
    expect(jobOf(victim?.id)).toMatchObject({ status: "cancelled", pilot_error: 1144 });
    expect(workersOf(victim?.id ?? 0)).toMatchObject([{ status: "cancelled" }]);
    expect(existsSync(join(places.stored, "lab", victim?.output ?? ""))).toBe(false);
  });

  test("a job that ends well without its output is failed by the server", () => {
    expect(jobOf(single[1]?.id)).toMatchObject({ status: "failed", ddm_error: 200 });
  });

  test("a job whose payload fails says why, and the server finds nothing more to complain of", () => {
    expect(jobOf(single[2]?.id)).toMatchObject({ status: "failed", exe_error: 3, pilot_error: 1008, ddm_error: 0 });
    expect(jobOf(single[2]?.id).diag).toBe("the payload ended with exit code 3");
  });

  test("the job of the event service has all its events done", () => {
    const [one] = events;
    const job = jobOf(one?.id);
    expect(job).toMatchObject({ status: merging, substatus: "es_merge" });
    // 3 is finished; when its job has ended and left something to merge the server makes 6 of it, done.
    expect(job.events?.map(({ status }) => status)).toEqual([6, 6, 6, 6, 6, 6]);
    for (const { range } of job.events ?? []) {
      // The dictionary knows nothing of these outputs, so they have no scope.
      expect(readFileSync(join(places.stored, `output.${range}`), "utf8")).toBe(`events of ${range}\n`);
    }
    const of = (job.diag ?? "").match(/PandaID=(\d+)/)?.[1];
    expect(jobOf(Number(of)).status).toBe("activated");
  });

  test("no worker was submitted twice, and the log verifies", async () => {
    expect(await judge(places.journal)).toMatchObject({ createdTwice: [], startedTwice: [], startedUncreated: [] });
    expect(await verifyLog(places.log, () => undefined)).toMatchObject({ ok: true });
  });
});
