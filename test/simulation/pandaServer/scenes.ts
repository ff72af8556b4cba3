/**
 * The states that the recorded pairs start from: what the real server had when a group was recorded, and what was done
 * to it before a pair (`before` of the fixture). Jobs get the PandaIDs of the recording, so these need no mapping.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { NewJob } from "../../../src/simulation/pandaServer/jobTable.ts";
import type { PandaServer } from "../../../src/simulation/pandaServer/server.ts";
import { administer, post } from "./client.ts";
import { jobsHandedOut } from "./pairs.ts";

export interface Scene {
  readonly server: PandaServer;
  readonly dir: string;
}

type Arrange = (scene: Scene) => unknown;

const computingSite = "LAB_QUEUE";
const padded = (index: number): string => String(index).padStart(6, "0");

type More = Readonly<Record<string, NewJob[string]>>;

/** A job as the recording's make-jobs made it: the `index`th of its task, with one output and a log. */
function labJob(PandaID: number, taskID: number, index: number, more: More = {}): NewJob {
  const log = `lab.${taskID}.log._${padded(index)}.tgz`;
  return {
    StatusCode: 0,
    PandaID,
    prodSourceLabel: "managed",
    taskID,
    attemptNr: 1,
    inFiles: `lab.${taskID}.in._${padded(index)}`,
    outFiles: `lab.${taskID}.out._${padded(index)},${log}`,
    logFile: log,
    prodUserID: "lab user",
    resource_type: "SCORE",
    computingSite,
    ...more,
  };
}

const range = (from: number, to: number): readonly number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);
const running = { jobStatus: "running", columns: { jobSubStatus: "running" } };

/** Jobs `from` to `to` are the first ones of a task. */
const task = (from: number, to: number, taskID: number, more: More = {}): readonly NewJob[] =>
  range(from, to).map((id) => labJob(id, taskID, id - from + 1, more));

const addHandedOut =
  (...names: readonly string[]): Arrange =>
  ({ server }) =>
    server.addJobs(names.flatMap(jobsHandedOut).map((job) => ({ ...job, computingSite })));

const report =
  (job_id: number, job_status: string, more: Record<string, string> = {}): Arrange =>
  ({ server }) =>
    post(server.url, "pilot/update_job", { job_id, job_status, ...more });

const inOrder =
  (...steps: readonly Arrange[]): Arrange =>
  async (scene) => {
    for (const step of steps) await step(scene);
  };

const statistics =
  (harvester_id: string, ...queues: readonly string[]): Arrange =>
  async ({ server }) => {
    for (const panda_queue of queues) {
      const n = harvester_id === "lab_harvester" ? 0 : 1;
      const counts = JSON.stringify({ managed: { SCORE: { running: n } } });
      await post(server.url, "harvester/report_worker_statistics", { harvester_id, panda_queue, statistics: counts });
    }
  };

/** As many jobs in a state as statistics count; their numbers are above those of the recording. */
function crowd(first: number, n: number, jobStatus: string, more: More = {}): readonly NewJob[] {
  return range(first, first + n - 1).map((id) => labJob(id, 9000, id, { jobStatus, ...more }));
}

const eventJob = (PandaID: number, taskID: number, index: number, GUID: string, more: More): NewJob =>
  labJob(PandaID, taskID, index, { jobsetID: 500000 + PandaID, GUID, scopeIn: "lab", nEventRanges: 6, ...more });

const secret =
  (kind: string, name: string, text: string, expiresAt = 2e12): Arrange =>
  ({ server }) =>
    administer(server.url, "credentials", { kind, name, text, expiresAt });

/** Instance and queues of the recording's server, in every group. */
export async function basics({ server }: Scene): Promise<void> {
  for (const _ of [1, 2]) await post(server.url, "harvester/heartbeat", { harvester_id: "lab_harvester", data: {} });
  for (const [name, ...computingElements] of [["LAB_QUEUE"], ["LAB_PULL", "localhost:9619"]]) {
    await administer(server.url, "queues", { name, harvesterID: "lab_harvester", computingElements });
  }
}

/** What each group starts with. */
export const groups: Readonly<Record<string, Arrange>> = {
  "worker-statistics": statistics("lab_harvester", "LAB_QUEUE", "LAB_PULL"),
  ends: ({ server }) =>
    server.addJobs([
      ...task(14, 29, 1006, running),
      ...task(137, 142, 1085, running),
      ...task(148, 149, 1089, running),
    ]),
  kill: ({ server }) =>
    server.addJobs([
      ...task(27, 28, 1007, running),
      labJob(30, 1007, 3),
      labJob(31, 1007, 4, { jobStatus: "sent" }),
      labJob(32, 1007, 5, { jobStatus: "starting", columns: { jobSubStatus: "fetched" } }),
      labJob(143, 1086, 1, running),
    ]),
  "commands-to-the-pilot": ({ server }) => server.addJobs(task(33, 35, 1008, running)),
  "update-inputs": ({ server }) => server.addJobs(task(37, 40, 1010, running)),
  "job-status": ({ server }) =>
    server.addJobs([...task(37, 38, 1010, running), labJob(1, 1001, 1, { jobStatus: "failed", archived: true })]),
  events: ({ server }) =>
    server.addJobs([
      eventJob(41, 1012, 1, "000003F4-0000-4000-8000-00000000044D", {}),
      eventJob(42, 1012, 2, "000003F4-0000-4000-8000-000000000450", { jobStatus: "running" }),
      eventJob(144, 1087, 1, "0000043F-0000-4000-8000-0000000021B9", { jobStatus: "sent", nEventRanges: 4 }),
    ]),
  configuration: ({ server }) =>
    server.addJobs([
      ...crowd(5000, 13, "running"),
      ...crowd(6000, 6, "sent"),
      ...crowd(7000, 3, "sent", { resource_type: "MCORE" }),
    ]),
  credentials: inOrder(
    secret("key", "lab_public", "lab-public-key\n"),
    secret("key", "lab_private", "lab-private-key\n"),
  ),
  "harvester-traffic": inOrder(
    statistics("lab_harvester", "LAB_PULL"),
    statistics("windrow_1", "NO_SUCH_QUEUE"),
    (scene) =>
      scene.server.addJobs([
        ...crowd(5000, 15, "running"),
        ...crowd(6000, 10, "sent"),
        ...crowd(7000, 4, "sent", { resource_type: "MCORE" }),
        ...crowd(8000, 1, "sent", { prodSourceLabel: "user" }),
      ]),
  ),
};

const command =
  (text: string, params: unknown): Arrange =>
  ({ server }) =>
    administer(server.url, "commands", { harvesterID: "lab_harvester", command: text, params });

/** What was done before single pairs. */
export const before: Readonly<Record<string, Arrange>> = {
  "workers-jobs": ({ server }) => server.addJobs(task(1, 3, 1001)),
  "workers-synclevel-final": report(1, "running"),
  "workers-synclevel-error": report(2, "running"),
  "commands-one": inOrder(
    command("SET_N_WORKERS_JOBTYPE:LAB_QUEUE", { managed: { SCORE: 4, MCORE: 0 } }),
    command("SYNC_WORKERS_KILL", [1, 2]),
    command("REPORT_WORKER_STATS:LAB_QUEUE", null),
  ),
  "acquire-two": addHandedOut("acquire-two", "acquire-more"),
  "acquire-with-worker": addHandedOut("acquire-with-worker"),
  "acquire-resource-type-none": addHandedOut("acquire-mcore"),
  "life-acquire": addHandedOut("life-acquire"),
  "update-batch-one-digit": report(38, "running", { batch_id: "2" }),
  // Through a number, because the server takes no other text over a text.
  "update-batch-differs": inOrder(
    report(38, "running", { batch_id: "12" }),
    report(38, "running", { batch_id: "abc" }),
  ),
  events: report(41, "running"),
  proxy: secret(
    "proxy",
    "/DC=ch/DC=cern/OU=lab/CN=panda-lab-pilot",
    "-----BEGIN CERTIFICATE-----\nnot a real proxy\n-----END CERTIFICATE-----\n",
  ),
  "token-key": inOrder(
    secret("tokenKey", "lab-client", "token-key-new", 1e12),
    secret("tokenKey", "lab-client", "token-key-old", 2e12),
  ),
  "log-no-folder": ({ dir }) => rmSync(join(dir, "cache", "jedilog"), { recursive: true }),
  log: ({ dir }) => mkdirSync(join(dir, "cache", "jedilog")),
  "traffic-6-acquire-jobs": addHandedOut("traffic-6-acquire-jobs"),
};
