/**
 * The demo: a stand-in PanDA server, a daemon with three queues, and jobs with real payloads, from the first request to
 * the verified log. Killed at any moment and started again on the same directory, it goes on where it stood.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { parseKafkaAddress } from "../log/kafka/settings.ts";
import { besideKafka } from "../log/place.ts";
import { type Verification, verifyLog } from "../verify.ts";
import { demoJobs } from "./jobs.ts";
import { judgeDemo, type QueueVerdict } from "./judge.ts";
import { type Running, startDaemonProcess, startServer } from "./processes.ts";
import { Progress } from "./progress.ts";
import { placesOf, writeConfiguration } from "./site.ts";
import { addToServer, isFinal, picture, type ServerJob, serverJobs } from "./view.ts";

export interface DemoOptions {
  readonly dir: string;
  /** Address of a log on Kafka; absent: SQLite in the directory. */
  readonly log?: string;
  readonly seed: string;
  /** Seconds after which it gives up. */
  readonly timeoutSeconds: number;
  readonly say: (line: string) => void;
}

/** How the demo ended. */
export interface DemoResult {
  readonly ok: boolean;
  readonly dir: string;
  /** Directory of the log, or its address. */
  readonly logDir: string;
  readonly seconds: number;
  readonly queues: readonly QueueVerdict[];
  readonly verification: Verification | null;
  readonly complaints: readonly string[];
  /** For the commands that the demo proposes. */
  readonly example: { readonly PandaID: number };
}

/** Runs the demo to its end. @throws Error where server or daemon cannot be started. */
export async function runDemo({ dir, log, seed, timeoutSeconds, say }: DemoOptions): Promise<DemoResult> {
  const began = performance.now();
  const places = placesOf(dir);
  const where = log ?? places.log;
  // What lies beside a log on Kafka, the socket too, is beside the configuration.
  const beside =
    log === undefined ? places.log : besideKafka(join(places.config, "log"), parseKafkaAddress(log).prefix, "main");
  mkdirSync(dir, { recursive: true });
  const jobs = demoJobs(seed);
  const server = await startServer(dir, places.server);
  try {
    const known = await serverJobs(server.url);
    if (known.length === 0) await addToServer(server.url, jobs);
    else say(`going on in ${dir}: ${known.filter(isFinal).length} of ${known.length} jobs have ended`);
    writeConfiguration(dir, server.api, seed);
    const daemon = startDaemonProcess(dir, places.config, where);
    say(`stand-in PanDA server (not a real one) at ${server.url}, daemon ${daemon.pid}, log in ${where}`);
    let complaints: readonly string[] = [];
    try {
      complaints = await watch(server.url, beside, daemon, began, timeoutSeconds);
    } finally {
      await daemon.stop();
    }
    const seen = await serverJobs(server.url);
    return await conclude({ dir, where, jobs, seen, complaints, daemon, began });
  } finally {
    await server.stop();
  }
}

/** Shows the progress until every job is final at the server. Gives what kept it from getting there. */
async function watch(
  url: string,
  logDir: string,
  daemon: Running,
  began: number,
  timeoutSeconds: number,
): Promise<readonly string[]> {
  const progress = new Progress();
  for (;;) {
    const seconds = (performance.now() - began) / 1000;
    const { picture: now, jobs } = await picture(url, logDir);
    progress.show(now, seconds);
    if (jobs.every(isFinal)) return [];
    const end = daemon.ended();
    if (end)
      return [`the daemon ended (${end.signal ?? `exit code ${end.code}`}); the same command goes on where it stood`];
    if (seconds > timeoutSeconds)
      return [`not all jobs have ended after ${timeoutSeconds} s; the same command goes on`];
    await pause(250);
  }
}

interface Ending {
  readonly dir: string;
  readonly where: string;
  readonly jobs: ReturnType<typeof demoJobs>;
  readonly seen: readonly ServerJob[];
  readonly complaints: readonly string[];
  readonly daemon: Running;
  readonly began: number;
}

async function conclude({ dir, where, jobs, seen, complaints, daemon, began }: Ending): Promise<DemoResult> {
  const end = daemon.ended();
  const stopped = end?.code === 0 ? [] : [`the daemon ended with ${end?.signal ?? `exit code ${end?.code}`}`];
  const over = complaints.length > 0 ? complaints : stopped;
  const queues = await judgeDemo(dir, jobs, seen);
  const verification = over.length > 0 ? null : await verifyLog(where, () => undefined);
  const all = [...over, ...queues.flatMap((queue) => queue.complaints)];
  return {
    ok: all.length === 0 && verification?.ok === true,
    dir,
    logDir: where,
    seconds: (performance.now() - began) / 1000,
    queues,
    verification,
    complaints: all,
    example: { PandaID: jobs.find(({ queue, end }) => queue === "DEMO_FLAKY" && end === "finished")?.PandaID ?? 0 },
  };
}
