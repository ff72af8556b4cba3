/**
 * Ten thousand jobs: a call costs what it costs with few, as a ratio of two servers measured in turns in one run, and
 * the counters behind the statistics stay true.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import { type PandaServer, startPandaServer } from "../../../src/simulation/pandaServer/server.ts";
import { post } from "./client.ts";
import { jobs } from "./pairs.ts";

const FEW = 400;
const MANY = 10_000;
const ROUNDS = 15;
const AT_ONCE = 20;
/** Generous, because the machine may be busy: work that grew with the jobs would make it 25. */
const LARGEST_RATIO = 4;

const dirs: string[] = [];
const servers: PandaServer[] = [];

async function serverWith(n: number): Promise<PandaServer> {
  const dir = mkdtempSync(join(tmpdir(), "stand-in-"));
  dirs.push(dir);
  const server = await startPandaServer({ dir, sentTimeoutMs: 1e6, adderDelayMs: 0 });
  servers.push(server);
  server.addJobs(Array.from({ length: n }, (_, i) => ({ ...jobs[0], PandaID: i + 1, computingSite: "Q" })));
  return server;
}

beforeAll(async () => {
  await serverWith(FEW);
  await serverWith(MANY);
}, 60_000);
afterAll(async () => {
  for (const server of servers) await server.close();
  for (const dir of dirs) rmSync(dir, { recursive: true });
});

const handed = z.object({ data: z.object({ jobs: z.array(z.object({ PandaID: z.number() })).length(AT_ONCE) }) });

/** One round of a harvester: fetch, report three times, look at the numbers. Answers ms. */
async function round({ url }: PandaServer): Promise<number> {
  const begin = performance.now();
  const answer = handed.parse(await post(url, "pilot/acquire_jobs", { site_name: "Q", n_jobs: AT_ONCE }));
  for (const job_status of ["starting", "running", "finished"]) {
    const job_list = answer.data.jobs.map(({ PandaID }) => ({ job_id: PandaID, job_status }));
    await post(url, "pilot/update_jobs_bulk", { job_list });
  }
  await fetch(`${url}/api/v1/statistics/active_job_stats_by_site`);
  return performance.now() - begin;
}

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? 0;

it("costs the same with ten thousand jobs as with few", async () => {
  const times = servers.map((): number[] => []);
  for (let i = 0; i < ROUNDS; i += 1) {
    for (const [at, server] of servers.entries()) times[at]?.push(await round(server));
  }
  const [few = 0, many = 0] = times.map(median);
  expect(many / few).toBeLessThan(LARGEST_RATIO);
}, 60_000);

it("counts what is there", async () => {
  for (const server of servers) {
    const counted: Record<string, number> = { running: 0, activated: 0, assigned: 0 };
    for (const { archived, jobStatus } of server.view().jobs) {
      if (!archived) counted[jobStatus] = (counted[jobStatus] ?? 0) + 1;
    }
    const path = "/api/v1/statistics/active_job_stats_by_site";
    const answer = await fetch(server.url + path, { headers: { accept: "application/json" } });
    expect(await answer.json()).toEqual({ success: true, message: "", data: { Q: counted } });
  }
});
