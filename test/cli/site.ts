/**
 * A configuration that a daemon of the command line serves without any site: dummies, three jobs, and a preparator that
 * waits for the test.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, vi } from "vitest";
import { type Run, windrow } from "./windrow.ts";

const patient = join(import.meta.dirname, "fixtures/patient.mjs");
const dummy = (name: string) => ({ module: "windrow/dummy", name });

/** What is where. */
export const placesOf = (dir: string) => ({
  config: join(dir, "config"),
  log: join(dir, "log"),
  site: join(dir, "site"),
});

/** Lines of panda_harvester.cfg by section. */
export type Cfg = Readonly<Record<string, readonly string[]>>;

const usual: Cfg = {
  master: ["harvester_id = cli"],
  communicator: [`moduleName = ${patient}`, "className = ThreeJobs"],
  windrow: ["shards = 4"],
};

/** Writes both files; queues by name with what is unusual. */
export function configure(dir: string, queues: Readonly<Record<string, object>> = { Q: {} }, cfg: Cfg = {}): void {
  const { config, site } = placesOf(dir);
  mkdirSync(config, { recursive: true });
  mkdirSync(site, { recursive: true });
  const sections = Object.entries({ ...usual, ...cfg });
  const text = sections.map(([name, lines]) => [`[${name}]`, ...lines, ""].join("\n")).join("\n");
  writeFileSync(join(config, "panda_harvester.cfg"), text);
  const queue = {
    nQueueLimitJob: 3,
    nQueueLimitWorker: 3,
    maxWorkers: 3,
    preparator: { module: patient, name: "PatientPreparator", dir: site },
    stager: dummy("DummyStager"),
    monitor: dummy("DummyMonitor"),
    submitter: dummy("DummySubmitter"),
    sweeper: dummy("DummySweeper"),
    workerMaker: dummy("DummyWorkerMaker"),
    messenger: dummy("DummyMessenger"),
  };
  const entries = Object.entries(queues).map(([name, more]) => [name, { ...queue, ddmEndpointIn: name, ...more }]);
  writeFileSync(join(config, "panda_queueconfig.json"), JSON.stringify(Object.fromEntries(entries)));
}

const soon = { timeout: 30_000, interval: 50 };

/** A daemon that has jobs and asks for their inputs; the preparator does not answer. */
export async function daemonIn(dir: string): Promise<Run> {
  const { config, log, site } = placesOf(dir);
  const daemon = windrow("run", "--config", config, "--log", log);
  await vi.waitFor(
    () => expect([existsSync(join(site, "called")), daemon.errors()]).toEqual([true, expect.anything()]),
    soon,
  );
  return daemon;
}

/** The preparator may answer from now on. */
export const letGo = (dir: string): void => writeFileSync(join(placesOf(dir).site, "go"), "");

/** Waits until the daemon says something that matches. */
export const says = (daemon: Run, what: RegExp): Promise<void> =>
  vi.waitFor(() => expect(daemon.errors()).toMatch(what), soon);
