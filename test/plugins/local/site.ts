/**
 * A local batch system in a directory of the test's own. After each test nothing of it runs any more, or the test
 * fails.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect } from "vitest";
import { LocalMonitor } from "../../../src/plugins/local/monitor.ts";
import { bornOf, send } from "../../../src/plugins/local/process.ts";
import { readRecords } from "../../../src/plugins/local/record.ts";
import { LocalSubmitter } from "../../../src/plugins/local/submitter.ts";
import { LocalSweeper } from "../../../src/plugins/local/sweeper.ts";
import type { WorkerData, WorkSpec } from "../../../src/specs/workSpec.ts";
import { call, options, tempDir, worker } from "../fixtures.ts";

/** Stays until it is killed, and says on standard output when it is up. */
export const forEver = ["sh", "-c", "echo up; while :; do sleep 60; done"];

let workers = 0;

/** One local batch system. */
export interface LocalSite {
  readonly journalDir: string;
  submitter(over?: Readonly<Record<string, unknown>>): LocalSubmitter;
  monitor(): LocalMonitor;
  sweeper(over?: Readonly<Record<string, unknown>>): LocalSweeper;
  worker(over?: Partial<WorkerData>): WorkSpec;
  /** Submits one worker with this command and gives it. */
  run(command: readonly string[], over?: Readonly<Record<string, unknown>>): Promise<WorkSpec>;
  /** The monitor's answer, always with a diagnosis. */
  look(which: WorkSpec): Promise<{ readonly status: string | null; readonly diag: string }>;
  /** Waits until the monitor gives this status, and gives its diagnosis. */
  until(which: WorkSpec, status: string | null): Promise<string>;
  /** Waits until the payload's output holds this text. */
  says(which: WorkSpec, text: string): Promise<void>;
}

const made: string[] = [];

export async function makeLocalSite(): Promise<LocalSite> {
  const directory = await tempDir();
  const journalDir = join(directory, "journal");
  made.push(journalDir);
  const site: LocalSite = {
    journalDir,
    submitter: (over = {}) => new LocalSubmitter(options({ journalDir, command: ["true"], killGrace: 5, ...over })),
    monitor: () => new LocalMonitor(options({ journalDir })),
    sweeper: (over = {}) => new LocalSweeper(options({ journalDir, ...over })),
    worker: (over = {}) => {
      workers += 1;
      return worker({ workerID: workers, accessPoint: join(directory, "access", String(workers)), ...over });
    },
    run: async (command, over = {}) => {
      const given = site.worker();
      const answers = await site.submitter({ command, ...over }).submitWorkers([given], call());
      expect(answers).toEqual([true]);
      return given;
    },
    look: async (which) => {
      const [, [answer]] = await site.monitor().checkWorkers([which], call());
      if (answer === undefined) throw new Error("the monitor gave no answer for this worker");
      if (answer === null || typeof answer === "string") return { status: answer, diag: "" };
      return { status: answer[0], diag: answer[1] ?? "" };
    },
    until: async (which, status) => {
      await expect.poll(async () => (await site.look(which)).status, { timeout: 10_000 }).toBe(status);
      return (await site.look(which)).diag;
    },
    says: async (which, text) => {
      const path = which.changes()?.logFiles?.stdout ?? "no log file was announced";
      const read = (): Promise<string> => readFile(path, "utf8").catch(() => "");
      await expect.poll(read, { timeout: 10_000 }).toContain(text);
    },
  };
  return site;
}

/** Live processes whose environment says that they belong to this journal's workers or to one key. */
export async function processesOf(text: string): Promise<readonly number[]> {
  const numbers = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = [];
  for (const pid of numbers) {
    const read = (name: string): Promise<string> => readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "");
    const own = (await read("environ")).includes(text) || (await read("cmdline")).includes(text);
    if (own && (await bornOf(pid)) !== undefined) found.push(pid);
  }
  return found;
}

/** The claim's wrapper: its process leads the payload's group. */
export async function wrapperOf(site: LocalSite, which: WorkSpec): Promise<number> {
  const pid = async () => (await readRecords(site.journalDir, which.key)).attempt?.claim?.pid;
  await expect.poll(pid, { timeout: 10_000 }).toBeGreaterThan(0);
  return (await pid()) ?? 0;
}

afterEach(async () => {
  for (const journalDir of made.splice(0)) {
    // The access points lie beside the journal; both are named in the environment or the arguments of every process.
    const root = join(journalDir, "..");
    // Again and again: a process may have begun another one while it was looked for.
    const left = async () => {
      const found = await processesOf(root);
      for (const pid of found) send(pid, "SIGKILL");
      return found;
    };
    await expect.poll(left, { timeout: 5000 }).toEqual([]);
  }
});
