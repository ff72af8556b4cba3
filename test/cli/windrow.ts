/**
 * The command as a process of its own, with its lines as they come.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";

const root = join(import.meta.dirname, "../..");
/** What one process has compiled the next one need not: half of what a short command costs. */
const env = { ...process.env, NODE_COMPILE_CACHE: join(root, "node_modules/.cache/windrow") };

export interface Run {
  readonly lines: string[];
  readonly errors: () => string;
  /** Resolves when so many lines came, or the process has ended. */
  until(n: number): Promise<void>;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  kill(signal: NodeJS.Signals): void;
}

/**
 * Starts a program, with more variables if given; it ends with the test at the latest. `onEnd`: that of the test, where
 * others run at the same time.
 */
export function start(
  program: string,
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
  onEnd: (end: () => Promise<void>) => void = onTestFinished,
): Run {
  const child = spawn(program, args, { cwd: root, env: { ...env, ...more }, stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  let errors = "";
  let wake: () => void = () => undefined;
  let isOver = false;
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    wake();
  });
  const ended = once(child, "close").then(([code, signal]) => {
    isOver = true;
    wake();
    return (code ?? signal) as number | string;
  });
  onEnd(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  return {
    lines,
    errors: () => errors,
    async until(n) {
      while (lines.length < n && !isOver)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    },
    ended,
    kill: (signal) => void child.kill(signal),
  };
}

/** `windrow` with these arguments. */
export const windrow = (...args: readonly string[]): Run => start(process.execPath, ["src/main.ts", ...args]);

/** The same to its end. */
export async function windrowDone(...args: readonly string[]): Promise<Run & { readonly code: number | string }> {
  const run = windrow(...args);
  return { ...run, code: await run.ended };
}
