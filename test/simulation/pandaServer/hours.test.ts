/**
 * What the recording could not show because it takes hours, or the second time of something. The clock is a variable.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { PythonValue } from "../../../src/simulation/pandaServer/pythonJson.ts";
import { type PandaServer, startPandaServer } from "../../../src/simulation/pandaServer/server.ts";
import { post, send } from "./client.ts";

const HOUR = 3600_000;
const start = Date.parse("2026-01-15T10:00:00Z");
let dir: string;
let now: number;
let server: PandaServer;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "stand-in-"));
  now = start;
  server = await startPandaServer({ dir, sentTimeoutMs: 1e9, now: () => now });
});
afterEach(async () => {
  await server.close();
  rmSync(dir, { recursive: true });
});

async function get(path: string, query = ""): Promise<unknown> {
  return JSON.parse((await send(server.url, { method: "GET", path: `/api/v1/${path}`, query })).text);
}
const good = (data: PythonValue) => ({ success: true, message: "", data });

it("shows an ended job for an hour", async () => {
  server.addJobs([{ computingSite: "Q", jobStatus: "finished", archived: true }]);
  now += HOUR - 1;
  expect(await get("job/get_status", "job_ids=1")).toEqual(good([{ command: null, status: "finished" }]));
  now += 1;
  expect(await get("job/get_status", "job_ids=1")).toEqual(good([{ command: "tobekilled", status: "unknown" }]));
});

it("tells worker statistics for four hours", async () => {
  const statistics = { managed: { SCORE: { running: 3 } } };
  const said = { harvester_id: "h", panda_queue: "Q", statistics: JSON.stringify(statistics) };
  await post(server.url, "harvester/report_worker_statistics", said);
  now += 4 * HOUR;
  expect(await get("harvester/get_worker_statistics")).toEqual(good({ Q: { h: statistics } }));
  now += 1;
  expect(await get("harvester/get_worker_statistics")).toEqual(good({}));
});

it("keeps a worker's final status for three hours after the last change", async () => {
  const say = (status: string) =>
    post(server.url, "harvester/update_workers", { harvester_id: "h", workers: [{ workerID: 1, status }] });
  await say("missed");
  now += 3 * HOUR - 1;
  await say("running");
  expect(server.view().workers).toMatchObject([{ status: "missed" }]);
  now += 3 * HOUR;
  await say("running");
  expect(server.view().workers).toMatchObject([{ status: "running" }]);
});

it("keeps the first end time, the first metadata and the first word on an event", async () => {
  server.addJobs([{ computingSite: "Q", jobStatus: "running", jobsetID: 5, taskID: 6, nEventRanges: 2 }]);
  const report = (job_status: string, meta_data: string) =>
    post(server.url, "pilot/update_job", { job_id: 1, job_status, meta_data });
  await post(server.url, "event/acquire_event_ranges", { job_id: 1, jobset_id: 5, n_ranges: 1 });
  const verdict = (event_range_id: string, event_range_status: string) =>
    post(server.url, "event/update_single_event_range", { event_range_id, event_range_status });
  await verdict("6-1-1-1-3", "finished");
  await verdict("6-1-1-1-3", "failed");
  // Nobody was given this one.
  await verdict("6-1-1-2-3", "finished");
  expect(server.view().eventRanges.map(({ status }) => status)).toEqual([3, 0]);
  await report("transferring", "first");
  now += HOUR;
  await report("finished", "second");
  expect(server.view().jobs).toMatchObject([{ endTime: "2026-01-15 10:00:00", metaData: "first" }]);
});

it("wants no metadata with failed, so an unknown job is only to be killed", async () => {
  const report = { job_id: 9, job_status: "failed", meta_data: "{}" };
  const answer = await post(server.url, "pilot/update_job", report);
  expect(answer).toEqual(good({ StatusCode: 0, command: "tobekilled" }));
});

it("kills what was told before only when told with a force", async () => {
  server.addJobs([1, 2].map(() => ({ computingSite: "Q", jobStatus: "running" })));
  const kill = (job_ids: number[], code?: number) =>
    post(server.url, "job/kill", code === undefined ? { job_ids } : { job_ids, code });
  expect(await kill([1, 2])).toEqual(good([true, true]));
  expect(await kill([1])).toEqual(good([false]));
  expect(await kill([1], 9)).toEqual(good([true]));
  expect(await kill([2], 51)).toEqual(good([true]));
  // Only a code of a forced kill ends a running job; the others tell it again.
  expect(server.view().jobs.map(({ jobStatus }) => jobStatus)).toEqual(["cancelled", "running"]);
  expect(await kill([1], 9)).toEqual(good([false]));
});
