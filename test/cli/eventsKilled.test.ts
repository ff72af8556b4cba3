/**
 * `windrow events --follow` while real daemons run real jobs and one of them is killed: what it printed is the log,
 * shard by shard, without a gap and with nothing twice.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { z } from "zod";
import { startPandaServer } from "../../src/simulation/pandaServer/server.ts";
import { socketOf } from "../../src/web/socket.ts";
import { dictionary } from "../differences/site.ts";
import { placesOf, writeSite } from "../panda/site.ts";
import { tempDir } from "../plugins/fixtures.ts";
import { windrow, windrowDone } from "./windrow.ts";

const jobs = [201, 202, 203, 204, 205, 206];
const idOf = (line: string): string => z.looseObject({ id: z.string() }).parse(JSON.parse(line)).id;
const soon = { timeout: 50_000, interval: 50 };

it("prints every step once, though the daemon is killed in between", async () => {
  const dir = await tempDir();
  const { log, config, journal } = placesOf(dir);
  const panda = await startPandaServer({ dir: join(dir, "server"), sentTimeoutMs: 600_000, adderDelayMs: 10 });
  onTestFinished(() => panda.close());
  const submitter = { module: "windrow/local", name: "LocalSubmitter", journalDir: journal, command: ["/bin/true"] };
  writeSite(dir, { api: `${panda.url}/api/v1`, harvesterID: "H", queues: { A: { submitter }, B: { submitter } } });
  panda.addJobs(jobs.map((n) => ({ ...dictionary(n), computingSite: n % 2 === 0 ? "A" : "B" })));

  const run = ["run", "--config", config, "--log", log, "--log-level", "error"];
  const first = windrow(...run);
  await vi.waitFor(() => expect(existsSync(socketOf(log))).toBe(true), soon);
  const follower = windrow("events", log, "--follow", "--json", "--from", "start");
  await follower.until(30);
  first.kill("SIGKILL");
  expect(await first.ended).toBe("SIGKILL");
  await vi.waitFor(() => expect(follower.errors()).toContain("waiting for the next one"), soon);
  const before = follower.lines.length;

  const second = windrow(...run);
  await vi.waitFor(() => {
    const text = follower.lines.join("\n");
    for (const n of jobs) expect(text).toMatch(new RegExp(`"type":"windrow.job.closed","subject":"job/${n}"`));
  }, soon);
  second.kill("SIGTERM");
  expect(await second.ended).toBe(0);
  follower.kill("SIGINT");
  expect(await follower.ended).toBe(0);
  expect(follower.lines.length).toBeGreaterThan(before);

  const all = (await windrowDone("events", log, "--json")).lines.map(idOf);
  const seen = follower.lines.map(idOf);
  for (const shard of new Set(all.map((id) => id.split("/")[0]))) {
    const of = (ids: readonly string[]) => ids.filter((id) => id.split("/")[0] === shard);
    // The last records of a daemon that stops may be for the next connection.
    expect(of(seen)).toEqual(of(all).slice(0, of(seen).length));
  }
  const last = follower.lines.at(-1) ?? "";
  const { position } = z.looseObject({ position: z.string() }).parse(JSON.parse(last));
  const rest = (await windrowDone("events", log, "--json", "--from", position)).lines.map(idOf);
  expect([...seen, ...rest].toSorted()).toEqual(all.toSorted());
});
