/**
 * The site of the demo: a directory with the configuration of an instance with three queues, all plug-ins built in, all
 * work done by real processes and real copies on this machine.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type DemoQueue, flakyOf, inputsDir, queues } from "./jobs.ts";

/** What is where in the demo's directory. */
export const placesOf = (dir: string) => ({
  config: join(dir, "config"),
  log: join(dir, "log"),
  server: join(dir, "panda-stand-in"),
  stored: join(dir, "stored"),
  journalOf: (queue: DemoQueue) => join(dir, "site", queue, "journal"),
  workersOf: (queue: DemoQueue) => join(dir, "site", queue, "workers"),
  scratchOf: (queue: DemoQueue) => join(dir, "site", queue, "scratch"),
});

const payload = fileURLToPath(new URL("./payload.mjs", import.meta.url));

/** Writes both configuration files for a server at this address (`http://127.0.0.1:PORT/api/v1`). */
export function writeConfiguration(dir: string, api: string, seed: string): void {
  const { config } = placesOf(dir);
  mkdirSync(config, { recursive: true });
  writeFileSync(join(config, "panda_harvester.cfg"), instanceText(api));
  const entries = Object.fromEntries(queues.map((queue) => [queue, queueEntry(dir, queue, seed)]));
  writeFileSync(join(config, "panda_queueconfig.json"), `${JSON.stringify(entries, null, 2)}\n`);
}

/** Harvester's own intervals are minutes; the demo's are a second. */
const instanceText = (
  api: string,
): string => `# Written by \`windrow demo\`: a stand-in PanDA server and short intervals.
[master]
harvester_id = windrow_demo

[qconf]
configFile = panda_queueconfig.json
queueList = ALL

[pandacon]
server_api_url_ssl = ${api}
cache_api_url_ssl = ${api}
ca_cert = False
timeout = 10

[commandmanager]
sleepTime = 2

[jobfetcher]
nQueues = 10
maxJobs = 50
lookupTime = 1

[preparator]
checkInterval = 1
triggerInterval = 1
lockInterval = 3

[submitter]
lookupTime = 1
checkInterval = 1
lockInterval = 3
maxNewWorkers = 8

[monitor]
checkInterval = 1
lockInterval = 3

[stager]
checkInterval = 1
triggerInterval = 1
lockInterval = 3

[zipper]
zipInterval = 1
lockInterval = 3

[propagator]
updateInterval = 10
lockInterval = 3

[sweeper]
checkInterval = 2

[windrow]
shards = 8
snapshotInterval = 500
`;

function queueEntry(dir: string, queue: DemoQueue, seed: string): Record<string, unknown> {
  const places = placesOf(dir);
  const isFlaky = queue === "DEMO_FLAKY";
  const flaky = isFlaky ? { flaky: flakyOf(seed) } : {};
  const many = queue === "DEMO_MANY";
  const local = (name: string) => ({ module: "windrow/local", name, journalDir: places.journalOf(queue) });
  return {
    queueStatus: "online",
    prodSourceLabel: "managed",
    mapType: many ? "ManyToOne" : "OneToOne",
    nQueueLimitJob: 30,
    nQueueLimitWorker: 6,
    maxWorkers: 8,
    // Every fourth submission of the flaky queue is put off: with Harvester's three attempts some job would be lost.
    ...(isFlaky ? { maxSubmissionAttempts: 20 } : {}),
    ddmEndpointIn: `${queue}_IN`,
    preparator: {
      module: "windrow/file",
      name: "FilePreparator",
      sourceDir: join(inputsDir, ".."),
      scratchDir: places.scratchOf(queue),
      ...flaky,
    },
    workerMaker: many
      ? { module: "windrow/multi-job-worker-maker", name: "MultiJobWorkerMaker", nJobsPerWorker: 6 }
      : { module: "windrow/simple-worker-maker", name: "SimpleWorkerMaker" },
    messenger: {
      module: "windrow/shared-file",
      name: "SharedFileMessenger",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: a placeholder of Harvester's configuration.
      accessPoint: join(places.workersOf(queue), "${workerID}"),
    },
    submitter: { ...local("LocalSubmitter"), command: [process.execPath, payload], walltime: 300, ...flaky },
    monitor: local("LocalMonitor"),
    sweeper: local("LocalSweeper"),
    stager: { module: "windrow/file", name: "FileStager", destinationDir: places.stored, ...flaky },
  };
}
