/**
 * Daemons as processes on one log in Kafka, with plug-ins that answer at once (plugins.ts): what the benchmarks of
 * several instances and of subscribers start. It must never leave one behind.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Checked } from "./plugins.ts";

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const module = fileURLToPath(new URL("./plugins.ts", import.meta.url));

/** The queues of a benchmark: each in a shard of its own as far as there are some. */
export interface Site {
  readonly shards: number;
  readonly queues: number;
  readonly workersPerQueue: number;
  /** Class in plugins.ts. */
  readonly monitor: string;
  /** Seconds between two looks at a worker. */
  readonly checkInterval: number;
}

/** Writes both configuration files. */
function writeConfig(dir: string, { shards, queues, workersPerQueue, monitor, checkInterval }: Site): void {
  mkdirSync(dir, { recursive: true });
  const soon = ["checkInterval = 1", "triggerInterval = 1"];
  const sections: Record<string, readonly string[]> = {
    master: ["harvester_id = bench"],
    communicator: [`moduleName = ${module}`, "className = BenchCommunicator"],
    qconf: ["configFile = panda_queueconfig.json"],
    jobfetcher: [`nQueues = ${queues}`, "lookupTime = 1"],
    preparator: [...soon, "maxJobsToCheck = 1000", "maxJobsToTrigger = 1000"],
    submitter: ["lookupTime = 1", "checkInterval = 1", "maxNewWorkers = 0"],
    monitor: ["maxWorkers = 1000", `checkInterval = ${checkInterval}`],
    propagator: ["maxJobs = 1000", "maxWorkers = 1000", "nWorkersInBulk = 100"],
    windrow: [`shards = ${shards}`],
  };
  const lines = Object.entries(sections).flatMap(([name, keys]) => [`[${name}]`, ...keys, ""]);
  writeFileSync(join(dir, "panda_harvester.cfg"), lines.join("\n"));
  const dummy = (name: string) => ({ module: "windrow/dummy", name });
  const queue = (n: number) => ({
    queueStatus: "online",
    prodSourceLabel: "managed",
    mapType: "OneToOne",
    nQueueLimitJob: workersPerQueue,
    nQueueLimitWorker: workersPerQueue,
    maxWorkers: workersPerQueue,
    windrow: { shard: n % shards },
    preparator: dummy("DummyPreparator"),
    stager: dummy("DummyStager"),
    submitter: dummy("DummySubmitter"),
    sweeper: dummy("DummySweeper"),
    workerMaker: dummy("DummyWorkerMaker"),
    messenger: dummy("DummyMessenger"),
    monitor: { module, name: monitor },
  });
  const entries = Array.from({ length: queues }, (_, n) => [`BENCH${n}`, queue(n)]);
  writeFileSync(join(dir, "panda_queueconfig.json"), JSON.stringify(Object.fromEntries(entries)));
}

/** One daemon. */
export class BenchDaemon {
  readonly #process: ChildProcess;
  #said = "";

  /** `onChecked` hears of each answer of RunningMonitor. */
  constructor(dir: string, address: string, site: Site, onChecked: (checked: Checked) => void = () => undefined) {
    writeConfig(dir, site);
    const args = ["run", "--config", dir, "--log", address];
    this.#process = fork(main, args, { stdio: ["ignore", "ignore", "pipe", "ipc"], execArgv: [] });
    this.#process.stderr?.setEncoding("utf8").on("data", (part: string) => {
      this.#said = (this.#said + part).slice(-5000);
    });
    this.#process.on("message", (message) => onChecked(message as Checked));
  }

  /** @throws Error with the last that it said, if it has ended */
  requireRunning(): void {
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null) throw new Error(`a daemon ended: ${this.#said}`);
  }

  /** Kills it as kill -9 does, unless it has ended. */
  async kill(): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null) return;
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exited;
  }
}

/** The value below which so many of all lie. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(Math.ceil(share * sorted.length), sorted.length) - 1] ?? Number.NaN;
}
