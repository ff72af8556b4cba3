/**
 * The worker node of batch.ts: node examples/compose/node.ts SPOOL. It runs what the queue has, so many workers at a
 * time, and writes down how each ended. It must never run a worker twice: what had started before it began has failed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { access, mkdir, open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { endedSchema, jobSchema, makeOnce, readIfThere } from "./batch.ts";

const [spool = ""] = process.argv.slice(2);
const slots = 24;
const running = new Map<string, ChildProcess>();
const over = new Set<string>();

/** One look at a worker. */
async function look(id: string): Promise<void> {
  const own = join(spool, id);
  const job = await readIfThere(join(own, "job.json"), jobSchema);
  if (!job) return;
  const isKilled = await access(join(own, "kill")).then(
    () => true,
    () => false,
  );
  const child = running.get(id);
  if (child) {
    if (isKilled) child.kill("SIGKILL");
  } else if (await readIfThere(join(own, "ended.json"), endedSchema)) over.add(id);
  else if (isKilled) await end(id, "cancelled", "killed before it started");
  else if (running.size < slots) {
    if (await makeOnce(join(own, "started.json"), { at: Date.now() })) await start(id, job.directory, job.command);
    else await end(id, "failed", "the worker node went down while it ran");
  }
}

async function start(id: string, directory: string, [program = "", ...args]: readonly string[]): Promise<void> {
  await mkdir(directory, { recursive: true });
  const log = await open(join(directory, "batch.log"), "a");
  const child = spawn(program, args, { cwd: directory, stdio: ["ignore", log.fd, log.fd] });
  running.set(id, child);
  child.once("error", (error) => void end(id, "failed", String(error)));
  child.once("exit", (code, signal) => {
    if (child.killed) void end(id, "cancelled", "killed");
    else if (code === 0) void end(id, "finished", "");
    else void end(id, "failed", `${program} ended with ${signal ?? code}`);
  });
  await log.close();
}

async function end(id: string, status: "finished" | "failed" | "cancelled", why: string): Promise<void> {
  await makeOnce(join(spool, id, "ended.json"), { status, why });
  running.delete(id);
}

await mkdir(spool, { recursive: true });
for (;;) {
  for (const id of await readdir(spool)) if (!over.has(id)) await look(id);
  await pause(200);
}
