/**
 * The two processes of the demo: the stand-in server and the daemon. Both end when the demo does, however it ends,
 * because they watch the pipe that is their standard input. It must never touch a process that it has not started.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../main.ts", import.meta.url));

/** A process of the demo. */
export interface Running {
  readonly pid: number;
  /** How it ended: exit code or signal; null while it runs. */
  ended(): { readonly code: number | null; readonly signal: string | null } | null;
  /** Asks it to stop, and waits until it has. */
  stop(): Promise<void>;
}

/** Starts the stand-in server and waits until it listens. `api` ends in `/api/v1`. */
export async function startServer(
  dir: string,
  stateDir: string,
): Promise<Running & { readonly url: string; readonly api: string }> {
  const args = ["panda-server", "--dir", stateDir, "--sent-timeout", "10", "--attached", "--json"];
  const child = start(dir, "panda-stand-in.log", args, "pipe");
  const line = child.stdout ? await firstLine(child, dir) : "";
  const { url, api } = JSON.parse(line) as { url: string; api: string };
  return { ...runningOf(child), url, api };
}

/** Starts the daemon. What it writes for operators goes to `daemon.log` in the demo's directory. */
export function startDaemonProcess(dir: string, configDir: string, log: string): Running {
  const args = ["run", "--config", configDir, "--log", log, "--attached"];
  return runningOf(start(dir, "daemon.log", args, "ignore"));
}

function start(dir: string, logName: string, args: readonly string[], stdout: "pipe" | "ignore"): ChildProcess {
  mkdirSync(dir, { recursive: true });
  const log = openSync(join(dir, logName), "a");
  return spawn(process.execPath, [main, ...args], { stdio: ["pipe", stdout, log] });
}

async function firstLine(child: ChildProcess, dir: string): Promise<string> {
  if (!child.stdout) throw new Error("the stand-in server has no output");
  const lines = createInterface({ input: child.stdout });
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(
      `the stand-in server ended with code ${code} before it listened; see ${join(dir, "panda-stand-in.log")}`,
    );
  });
  const [line] = await Promise.race([once(lines, "line"), ended]);
  ended.catch(() => undefined);
  return String(line);
}

function runningOf(child: ChildProcess): Running {
  const exited = once(child, "exit");
  const over = () => child.exitCode !== null || child.signalCode !== null;
  return {
    pid: child.pid ?? 0,
    ended: () => (over() ? { code: child.exitCode, signal: child.signalCode } : null),
    async stop() {
      if (over()) return;
      // Unlike a signal, it is not lost on a process that has only begun to start.
      child.stdin?.end();
      await exited;
    },
  };
}
