/**
 * Runs the demo as a user does, and kills parts of it with SIGKILL at a moment that is named beforehand. Everything it
 * kills it has started itself, or one of those has. It must never look into the daemon: moments are seen from outside.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { queues } from "../../src/demo/jobs.ts";
import { placesOf } from "../../src/demo/site.ts";

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** Who is killed: the daemon alone, the demo with its server, or all three at once. */
export type Victims = "daemon" | "demo and server" | "all";

/** When: so many seconds after the start, or when so many workers were submitted or outputs stored since then. */
export interface Moment {
  readonly after: "seconds" | "submissions" | "stored";
  readonly n: number;
  readonly victims: Victims;
}

/** How a run of the demo ended. */
export interface Ran {
  readonly code: number | null;
  /** Whether the moment came before the demo's end. */
  readonly killed: boolean;
  readonly seconds: number;
  /** What it said at its end; empty for one that was killed. */
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the demo on the directory (`log`: on Kafka); kills at the moment, where there is one. */
export async function runDemo(dir: string, moment?: Moment, log?: string): Promise<Ran> {
  const began = performance.now();
  const seconds = (): number => (performance.now() - began) / 1000;
  const args = [main, "demo", "--dir", dir, "--json", ...(log === undefined ? [] : ["--log", log])];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  const text = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => {
    text.stdout += chunk;
  });
  child.stderr.on("data", (chunk: Buffer) => {
    text.stderr += chunk;
  });
  const exited = once(child, "close");
  let killed = false;
  if (moment) {
    const before = countOf(dir, moment.after);
    while (child.exitCode === null && !killed) {
      const daemon = /daemon (\d+)/.exec(text.stderr)?.[1];
      const n = moment.after === "seconds" ? seconds() : countOf(dir, moment.after) - before;
      if (daemon !== undefined && n >= moment.n) {
        kill(child, Number(daemon), moment.victims);
        killed = true;
      } else await pause(5);
    }
  }
  await exited;
  return { code: child.exitCode, killed, seconds: seconds(), ...text };
}

function kill(demo: ChildProcess, daemon: number, victims: Victims): void {
  const pid = demo.pid ?? 0;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);
  const server = children.find((child) => child !== daemon);
  // The demo first: it would restart nothing, but it would report.
  const pids = { daemon: [daemon], "demo and server": [pid, server], all: [pid, daemon, server] }[victims];
  for (const each of pids) {
    if (each === undefined || each <= 1) throw new Error(`no process to kill: ${pids.join(", ")}`);
    process.kill(each, "SIGKILL");
  }
}

/** What is there to be counted from outside: workers in the journals of the batch system, stored outputs. */
function countOf(dir: string, what: Moment["after"]): number {
  const places = placesOf(dir);
  if (what === "stored") return namesIn(join(places.stored, "demo")).length;
  if (what === "submissions") {
    return queues.reduce((sum, queue) => sum + namesIn(places.journalOf(queue)).length, 0);
  }
  return 0;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
