/**
 * A site for whole runs of the daemon: a directory with the configuration of an instance whose queues work through the
 * local batch system and real copies, with intervals of a second where Harvester's are minutes.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What is where in the site's directory. */
export const placesOf = (dir: string) => ({
  config: join(dir, "config"),
  log: join(dir, "log"),
  daemonLog: join(dir, "daemon.log"),
  journal: join(dir, "journal"),
  workers: join(dir, "workers"),
  inputs: join(dir, "inputs"),
  scratch: join(dir, "scratch"),
  stored: join(dir, "stored"),
});

export interface SiteOptions {
  /** The server's address, `.../api/v1`. */
  readonly api: string;
  readonly harvesterID: string;
  /** Queues with what they have beyond the usual, plug-in sections included. */
  readonly queues: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** File that tells the payload which jobs go wrong, and how. */
  readonly mischief?: string;
  /** Lines for sections of panda_harvester.cfg beyond the usual ones. */
  readonly sections?: Readonly<Record<string, readonly string[]>>;
}

const payload = fileURLToPath(new URL("./fixtures/payload.mjs", import.meta.url));
const everySecond = ["checkInterval = 1", "triggerInterval = 1", "lockInterval = 3"];

/** Writes both configuration files. */
export function writeSite(dir: string, { api, harvesterID, queues, mischief = "", sections = {} }: SiteOptions): void {
  const { config } = placesOf(dir);
  mkdirSync(config, { recursive: true });
  const usual: Record<string, readonly string[]> = {
    master: [`harvester_id = ${harvesterID}`],
    qconf: ["configFile = panda_queueconfig.json", "queueList = ALL"],
    pandacon: [`server_api_url_ssl = ${api}`, `cache_api_url_ssl = ${api}`, "ca_cert = False", "timeout = 20"],
    commandmanager: ["sleepTime = 2"],
    jobfetcher: ["nQueues = 10", "maxJobs = 50", "lookupTime = 1"],
    preparator: everySecond,
    submitter: ["lookupTime = 1", "checkInterval = 1", "lockInterval = 3", "maxNewWorkers = 16"],
    monitor: ["checkInterval = 1", "lockInterval = 3"],
    eventfeeder: ["sleepTime = 1", "lockInterval = 3"],
    stager: everySecond,
    zipper: ["zipInterval = 1", "lockInterval = 3"],
    propagator: ["updateInterval = 5", "lockInterval = 3"],
    sweeper: ["checkInterval = 1", "sleepTime = 1"],
    windrow: ["shards = 4", "snapshotInterval = 100"],
  };
  const names = [...new Set([...Object.keys(usual), ...Object.keys(sections)])];
  const lines = names.flatMap((name) => [`[${name}]`, ...(usual[name] ?? []), ...(sections[name] ?? []), ""]);
  writeFileSync(join(config, "panda_harvester.cfg"), lines.join("\n"));
  const entries = Object.entries(queues).map(([queue, more]) => [queue, { ...usualQueue(dir, mischief), ...more }]);
  writeFileSync(join(config, "panda_queueconfig.json"), JSON.stringify(Object.fromEntries(entries)));
}

function usualQueue(dir: string, mischief: string): Record<string, unknown> {
  const places = placesOf(dir);
  const local = (name: string) => ({ module: "windrow/local", name, journalDir: places.journal });
  return {
    queueStatus: "online",
    prodSourceLabel: "managed",
    mapType: "OneToOne",
    nQueueLimitJob: 50,
    nQueueLimitWorker: 16,
    maxWorkers: 16,
    preparator: {
      module: "windrow/file",
      name: "FilePreparator",
      sourceDir: places.inputs,
      scratchDir: places.scratch,
    },
    workerMaker: { module: "windrow/simple-worker-maker", name: "SimpleWorkerMaker" },
    messenger: {
      module: "windrow/shared-file",
      name: "SharedFileMessenger",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of Harvester's configuration.
      accessPoint: join(places.workers, "${workerID}"),
    },
    submitter: {
      ...local("LocalSubmitter"),
      command: [process.execPath, payload, mischief],
      walltime: 300,
      killGrace: 1,
    },
    monitor: local("LocalMonitor"),
    sweeper: local("LocalSweeper"),
    stager: { module: "windrow/file", name: "FileStager", destinationDir: places.stored },
  };
}
