/**
 * `windrow panda-server` as a process of its own: its line, its end, and that kill -9 loses nothing that was answered.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { administer, post } from "./client.ts";

const source = join(import.meta.dirname, "../../../src/cli/pandaServer.ts");
const script = `const { pandaServerCommand } = await import(process.argv[1]);
await pandaServerCommand().parseAsync(process.argv.slice(2), { from: "user" });`;

let dir: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "stand-in-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  rmSync(dir, { recursive: true });
});

function run(...args: string[]): ChildProcess {
  const child = spawn(process.execPath, ["--input-type=module", "-e", script, "--", source, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  return child;
}

/** The first line on standard output, or what it said on standard error when it ended before. */
async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null || child.stderr === null) throw new Error("no pipes");
  const errors: string[] = [];
  child.stderr.on("data", (chunk) => errors.push(String(chunk)));
  for await (const line of createInterface({ input: child.stdout })) return line;
  return errors.join("");
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<unknown> {
  const ended = once(child, "exit");
  child.kill(signal);
  return ended;
}

describe("windrow panda-server", () => {
  it("says its address, answers, and stops cleanly on SIGTERM", async () => {
    const child = run("--dir", dir, "--json");
    const said = JSON.parse(await firstLine(child));
    expect(said).toMatchObject({ standIn: true, dir, pid: child.pid });
    expect(said.api).toBe(`${said.url}/api/v1`);
    const answer = await fetch(`${said.api}/system/is_alive`, { headers: { accept: "application/json" } });
    expect(await answer.json()).toEqual({ success: true, message: "", data: null });
    expect(await end(child, "SIGTERM")).toEqual([0, null]);
  });

  it("has all that it answered after kill -9", async () => {
    const first = run("--dir", dir, "--sent-timeout", "3600");
    const url = await firstLine(first);
    await administer(url, "jobs", { jobs: [1, 2, 3].map(() => ({ computingSite: "Q", attemptNr: 1 })) });
    await post(url, "pilot/acquire_jobs", { site_name: "Q", n_jobs: 2 });
    await post(url, "pilot/update_jobs_bulk", { job_list: [{ job_id: 1, job_status: "running", batch_id: "17" }] });
    await administer(url, "commands", { harvesterID: "h", command: "SYNC_WORKERS_KILL", params: [1] });
    await post(url, "harvester/update_workers", { harvester_id: "h", workers: [{ workerID: 5, status: "running" }] });
    const before: unknown = await (await fetch(`${url}/stand-in/state`)).json();
    expect(await end(first, "SIGKILL")).toEqual([null, "SIGKILL"]);

    const again = await firstLine(run("--dir", dir));
    expect(await (await fetch(`${again}/stand-in/state`)).json()).toEqual(before);
    const jobs = ["running", "sent", "activated"].map((jobStatus) => ({ jobStatus }));
    expect(before).toMatchObject({ jobs });
    const rest = await post(again, "pilot/acquire_jobs", { site_name: "Q", n_jobs: 2 });
    expect(rest).toMatchObject({ data: { jobs: [{ PandaID: 3 }] } });
    const commands = await post(again, "harvester/acquire_commands", { harvester_id: "h", n_commands: 9 });
    expect(commands).toMatchObject({ data: [{ command: "SYNC_WORKERS_KILL", params: [1] }] });
    const added = await administer(again, "jobs", { jobs: [{ computingSite: "Q" }] });
    expect(added).toMatchObject({ PandaIDs: [4] });
  });

  it("refuses a directory that another one has, and options that are none", async () => {
    await firstLine(run("--dir", dir));
    expect(await firstLine(run("--dir", dir))).toContain("is in use by another stand-in PanDA server");
    expect(await firstLine(run("--dir", dir, "--port", "x"))).toContain("must be a number from 0 to 65535");
    expect(await firstLine(run())).toContain("--dir");
    expect(await firstLine(run("--help"))).toContain("Usage: panda-server");
  });
});
