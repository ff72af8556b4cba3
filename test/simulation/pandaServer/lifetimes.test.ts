/**
 * What takes time or comes from the operator: a sent job that times out, a final report and its judgement, a kill, and
 * the administrative side. The clock is a variable; nothing waits.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { PythonValue } from "../../../src/simulation/pandaServer/pythonJson.ts";
import { type PandaServer, startPandaServer } from "../../../src/simulation/pandaServer/server.ts";
import { administer, post } from "./client.ts";
import { jobs } from "./pairs.ts";

const SENT_TIMEOUT_MS = 600_000;
const ADDER_MS = 1500;
const start = Date.parse("2026-01-15T10:00:00Z");

let dir: string;
let now: number;
let server: PandaServer;
const lines: string[] = [];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "stand-in-"));
  now = start;
  const log = (line: string): void => void lines.push(line);
  server = await startPandaServer({ dir, sentTimeoutMs: SENT_TIMEOUT_MS, adderDelayMs: ADDER_MS, now: () => now, log });
});
afterEach(async () => {
  await server.close();
  rmSync(dir, { recursive: true });
});

const acquire = (n_jobs: number, more: Record<string, PythonValue> = {}): Promise<unknown> =>
  post(server.url, "pilot/acquire_jobs", { site_name: "Q", n_jobs, ...more });
const update = (...job_list: PythonValue[]): Promise<unknown> =>
  post(server.url, "pilot/update_jobs_bulk", { job_list });
const told = (...commands: string[]) => ({
  success: true,
  message: "",
  data: commands.map((command) => ({ success: true, message: "", data: { StatusCode: 0, command } })),
});
const NONE = { success: false, message: "No jobs in PanDA", data: null };
const handedOut = (...ids: number[]) => ({
  success: true,
  message: "",
  data: { StatusCode: 0, jobs: ids.map((PandaID) => expect.objectContaining({ PandaID })) },
});
const statuses = (): readonly string[] => server.view().jobs.map((job) => job.jobStatus);

describe("jobs handed out", () => {
  it("are the dictionaries that were added, word for word", async () => {
    const ids = server.addJobs(jobs.map((job) => ({ ...job, computingSite: "Q" })));
    expect(ids).toEqual(jobs.map((job) => job["PandaID"]));
    const answer = await acquire(100, { prod_source_label: "unified" });
    const served = expect.objectContaining({ success: true });
    expect(answer).toEqual(served);
    const byID = new Map(jobs.map((job) => [job["PandaID"], job]));
    const got = JSON.parse(JSON.stringify(answer)).data.jobs;
    // Those with other labels (a build job's panda, a test) are among unified; none is left.
    expect(got.length).toBe(jobs.length);
    for (const job of got) expect({ ...job, nSent: 0 }).toEqual({ ...byID.get(job.PandaID), nSent: 0 });
  });

  it("come highest priority first, then oldest, across labels and resource types", async () => {
    const add = (currentPriority: number, resource_type: string, prodSourceLabel = "managed") =>
      server.addJobs([{ computingSite: "Q", currentPriority, resource_type, prodSourceLabel }]);
    for (const resource of ["SCORE", "MCORE"]) for (const priority of [1, 9, 5]) add(priority, resource);
    add(7, "SCORE", "test");
    add(99, "SCORE", "user");
    expect(await acquire(5)).toEqual(handedOut(2, 5, 7, 3, 6));
    expect(await acquire(5)).toEqual(handedOut(1, 4));
    expect(await acquire(5)).toEqual(NONE);
    expect(await acquire(5, { prod_source_label: "user" })).toEqual(handedOut(8));
  });

  it("are handed out again when nothing was heard of them in time, and not before", async () => {
    server.addJobs([{ computingSite: "Q" }, { computingSite: "Q" }]);
    expect(await acquire(2)).toEqual(handedOut(1, 2));
    now += SENT_TIMEOUT_MS - 1;
    expect(await acquire(2)).toEqual(NONE);
    expect(await update({ job_id: 1, job_status: "starting" })).toEqual(told("NULL"));
    now += 1;
    expect(await acquire(2)).toEqual(handedOut(2));
    const [first, second] = server.view().jobs;
    expect(first).toMatchObject({ jobStatus: "starting", timesSent: 1 });
    expect(second).toMatchObject({ jobStatus: "sent", timesSent: 2 });
    expect(second?.history.map(({ at, status }) => [at - start, status])).toEqual([
      [0, "activated"],
      [0, "sent"],
      [SENT_TIMEOUT_MS, "activated"],
      [SENT_TIMEOUT_MS, "sent"],
    ]);
    // The first client was only slow: its report is taken as the real server takes it.
    expect(await update({ job_id: 2, job_status: "running" })).toEqual(told("NULL"));
  });
});

const outputs = { outFiles: "a.out,a.log", logFile: "a.log", attemptNr: 1 };
const whole = { guid: "G", fsize: 1, adler32: "00000001" };

describe("a final report", () => {
  it("makes the job holding, and some time later it is judged, as of that instant", async () => {
    server.addJobs([{ computingSite: "Q", ...outputs }]);
    await acquire(1);
    await update({ job_id: 1, job_status: "running" });
    const report = JSON.stringify({ "a.out": whole, "a.log": whole });
    const final = { job_id: 1, attempt_nr: 1, job_status: "finished", job_output_report: report };
    expect(await update(final)).toEqual(told("NULL"));
    expect(statuses()).toEqual(["holding"]);
    now += ADDER_MS - 1;
    expect(await update(final)).toEqual(told("alreadydone"));
    now += 60_000;
    expect(await update(final)).toEqual(told("tobekilled"));
    const [job] = server.view().jobs;
    expect(job).toMatchObject({ jobStatus: "finished", archived: true, outputReport: report, reported: "finished" });
    expect(job?.history.map(({ at, status }) => [at - start, status])).toEqual([
      [0, "activated"],
      [0, "sent"],
      [0, "running"],
      [0, "holding"],
      [ADDER_MS, "finished"],
    ]);
  });

  it.each([
    ["nothing allowed to be missing", {}, { "a.log": whole }, "failed"],
    ["an output that may be missing", { allowNoOutput: ["a.out"] }, { "a.log": whole }, "finished"],
    [
      "an md5sum for adler32",
      {},
      { "a.out": { ...whole, adler32: null, md5sum: "0".repeat(32) }, "a.log": whole },
      "finished",
    ],
    ["an md5sum that is none", {}, { "a.out": { ...whole, adler32: null, md5sum: "0" }, "a.log": whole }, "failed"],
    ["an input among the files", { inFiles: "in" }, { in: { guid: "x" }, "a.out": whole, "a.log": whole }, "finished"],
    ["no outputs at all", { outFiles: "", logFile: "" }, {}, "finished"],
    ["events that carry the output", { nEventRanges: 2 }, { "a.log": whole }, "finished"],
  ])("with %s", async (_what, more, report, status) => {
    server.addJobs([{ computingSite: "Q", ...outputs, jobStatus: "running", ...more }]);
    await update({ job_id: 1, attempt_nr: 1, job_status: "finished", job_output_report: JSON.stringify(report) });
    now += ADDER_MS;
    expect(statuses()).toEqual([status]);
  });
});

describe("a final report that nobody judges", () => {
  it("is one without attempt number: the job stays holding, as on the real server", async () => {
    server.addJobs([{ computingSite: "Q", ...outputs, jobStatus: "running" }]);
    const report = { job_id: 1, job_status: "failed", pilot_error_code: 1 };
    expect(await update(report)).toEqual(told("NULL"));
    now += 3600_000;
    expect(statuses()).toEqual(["holding"]);
    expect(await update({ ...report, attempt_nr: 1 })).toEqual(told("alreadydone"));
  });
});

describe("a job that was to be killed", () => {
  it("is finished when it came to a good end all the same, else cancelled", async () => {
    server.addJobs([1, 2].map(() => ({ computingSite: "Q", ...outputs, jobStatus: "running" })));
    await administer(server.url, "kill", { jobIDs: [1, 2] });
    const report = JSON.stringify({ "a.out": whole, "a.log": whole });
    for (const job_id of [1, 2]) {
      const job_status = job_id === 1 ? "finished" : "failed";
      await update({ job_id, attempt_nr: 1, job_status, job_output_report: report });
    }
    now += ADDER_MS;
    expect(statuses()).toEqual(["finished", "cancelled"]);
  });
});

describe("the operator", () => {
  it("kills: a waiting job at once, a running one by the answer to its next report", async () => {
    server.addJobs([1, 2, 3].map(() => ({ computingSite: "Q", ...outputs })));
    await acquire(2);
    await update({ job_id: 1, job_status: "running" });
    expect(await administer(server.url, "kill", { jobIDs: [1, 2, 3, 4] })).toMatchObject({
      killed: [true, true, true, false],
    });
    expect(statuses()).toEqual(["running", "cancelled", "cancelled"]);
    expect(await update({ job_id: 1, job_status: "running" })).toEqual(told("tobekilled"));
    expect(await update({ job_id: 2, job_status: "starting" })).toEqual(told("tobekilled"));
    await update({ job_id: 1, attempt_nr: 1, job_status: "failed", pilot_error_code: 1201 });
    now += ADDER_MS;
    expect(statuses()).toEqual(["cancelled", "cancelled", "cancelled"]);
  });

  it("gives commands, each of which is told once", async () => {
    const command = { harvesterID: "h", command: "KILL_WORKERS", params: { status: ["submitted"] } };
    await administer(server.url, "commands", command);
    const ask = () => post(server.url, "harvester/acquire_commands", { harvester_id: "h", n_commands: 20 });
    expect(await ask()).toMatchObject({
      data: [{ command_id: 1, command: "KILL_WORKERS", params: { status: ["submitted"] } }],
    });
    expect(await ask()).toMatchObject({ data: [] });
    await post(server.url, "harvester/acknowledge_commands", { command_ids: [1] });
    expect(server.view().commands).toEqual([
      { commandID: 1, harvesterID: "h", command: "KILL_WORKERS", status: "acknowledged" },
    ]);
  });

  it("adds jobs, all or none, and sees them with their histories", async () => {
    const job = { computingSite: "Q", PandaID: 7 };
    expect(await administer(server.url, "jobs", { jobs: [job] })).toMatchObject({ PandaIDs: [7] });
    await expect(administer(server.url, "jobs", { jobs: [{ computingSite: "Q" }, job] })).rejects.toThrow(/PandaID 7/);
    await expect(administer(server.url, "jobs", { jobs: [{ PandaID: 8 }] })).rejects.toThrow(/computingSite/);
    const history = [{ at: start, status: "activated", note: "added" }];
    expect(await (await fetch(`${server.url}/stand-in/jobs`)).json()).toEqual({
      standIn: true,
      jobs: [expect.objectContaining({ PandaID: 7, jobStatus: "activated", history })],
    });
  });

  it("sees everywhere that it is a stand-in", async () => {
    const page = await fetch(server.url);
    expect(await page.text()).toContain("This is not a PanDA server.");
    for (const path of ["/", "/stand-in/jobs", "/api/v1/system/is_alive", "/nothing"]) {
      const { headers } = await fetch(server.url + path);
      expect(headers.get("x-windrow-stand-in")).toBe("panda-server");
      expect(headers.get("server")).toBe("Windrow stand-in PanDA server");
    }
    expect(lines.at(-1)).toContain("[stand-in PanDA server] not a real PanDA server; ready at http://127.0.0.1:");
  });
});
