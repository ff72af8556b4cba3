/**
 * Windrow's own communicator speaks with the stand-in as it does with a real server: every method once, in a job's
 * order.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inflateSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PandaCommunicator } from "../../../src/plugins/panda/communicator.ts";
import { type PandaServer, startPandaServer } from "../../../src/simulation/pandaServer/server.ts";
import { call } from "../../plugins/fixtures.ts";
import { administer } from "./client.ts";
import { jobs } from "./pairs.ts";

const dir = mkdtempSync(join(tmpdir(), "stand-in-"));
let now = Date.parse("2026-01-15T10:00:00Z");
let server: PandaServer;
let panda: PandaCommunicator;

beforeAll(async () => {
  server = await startPandaServer({ dir, sentTimeoutMs: 1e6, adderDelayMs: 1000, now: () => now });
  panda = new PandaCommunicator({ server_api_url_ssl: `${server.url}/api/v1`, harvesterID: "windrow" });
});
afterAll(async () => {
  await server.close();
  rmSync(dir, { recursive: true });
});

const ok = (data: unknown) => ({ ok: true, data });

describe("the communicator and the stand-in", () => {
  it("greet each other", async () => {
    expect(await panda.checkPanda(call())).toEqual(ok(null));
    expect(await panda.isAlive({ startTime: now, sw_version: "0.1.0" }, call())).toEqual(ok(null));
    expect(server.view().instances).toMatchObject([
      { harvesterID: "windrow", columns: { sw_version: "0.1.0", startTime: "2026-01-15 10:00:00" } },
    ]);
    expect(await panda.getResourceTypes(call())).toMatchObject({ ok: true, data: { length: 5 } });
    // The server refuses this while there is no worker, and the communicator knows what that means.
    expect(await panda.getMaxWorkerId(call())).toEqual(ok(0));
  });

  it("carry a job from the queue to its end", async () => {
    const [PandaID = 0] = server.addJobs(jobs.slice(0, 1).map((job) => ({ ...job, computingSite: "Q" })));
    const request = { nodeName: "n", computingElement: "n", nJobs: 5, criteria: null };
    const fetched = await panda.getJobs({ siteName: "Q", prodSourceLabel: "managed", ...request }, call());
    expect(fetched).toEqual(ok([{ ...jobs[0], nSent: 1 }]));
    const update = (job_status: string, more = {}) =>
      panda.updateJobs([{ job_id: PandaID, job_status, attempt_nr: Number(jobs[0]?.["attemptNr"]), ...more }], call());
    const fine = [{ StatusCode: 0, command: null }];
    for (const status of ["starting", "running", "transferring"]) expect(await update(status)).toEqual(fine);
    expect(await panda.getJobStats(call())).toEqual(
      ok({ Q: { activated: 0, assigned: 0, running: 0, transferring: 1 } }),
    );
    const files = String(jobs[0]?.["outFiles"]).split(",");
    const whole = Object.fromEntries(files.map((name) => [name, { guid: "G", fsize: 1, adler32: "00000001" }]));
    expect(await update("finished", { job_output_report: whole })).toEqual(fine);
    expect(await panda.checkJobs([PandaID], call())).toEqual(fine);
    now += 1000;
    expect(await update("running")).toEqual([{ StatusCode: 0, command: "tobekilled" }]);
    expect(server.view().jobs).toMatchObject([{ PandaID, jobStatus: "finished" }]);
    expect(await panda.getJobStats(call())).toMatchObject({ ok: false });
  });

  it("pass workers, statistics, metrics, dialogs and commands", async () => {
    expect(await panda.updateWorkers([{ workerID: 32, status: "running", nCore: 8 }], call())).toEqual(ok([true]));
    expect(await panda.getMaxWorkerId(call())).toEqual(ok(32));
    const statistics = { managed: { SCORE: { running: 3 } } };
    expect(await panda.updateWorkerStats("Q", statistics, call())).toEqual(ok(null));
    expect(await panda.getWorkerStatsFromPanda(call())).toEqual(ok({ Q: { windrow: statistics } }));
    expect(await panda.updateServiceMetrics([[now, "n", { rss_mib: 5 }]], call())).toEqual(ok(null));
    const dialog = { diagID: 1, moduleName: "submitter", identifier: "", createdAt: now, messageLevel: "ERROR" };
    expect(await panda.sendDialogMessages([{ ...dialog, diagMessage: "no" }], call())).toEqual(ok(null));
    await administer(server.url, "commands", { harvesterID: "windrow", command: "SYNC_WORKERS_KILL", params: [32] });
    const told = { command_id: 1, command: "SYNC_WORKERS_KILL", params: [32], ack_requested: 0 };
    expect(await panda.getCommands(20, call())).toEqual(ok([told]));
    expect(await panda.getCommands(20, call())).toEqual(ok([]));
    expect(await panda.ackCommands([1], call())).toEqual(ok(null));
    const { metrics, dialogs, commands } = server.view();
    expect([metrics, dialogs, commands]).toMatchObject([
      [{ host: "n" }],
      [{ diagMessage: "no" }],
      [{ status: "acknowledged" }],
    ]);
  });

  it("pass events, files and credentials", async () => {
    const events = { jobsetID: 5, taskID: 6, nEventRanges: 3, jobStatus: "running" };
    const [PandaID = 0] = server.addJobs([{ computingSite: "Q", ...events }]);
    expect(await panda.checkEventAvailability({ PandaID, jobsetID: 5, taskID: 6 }, call())).toEqual(ok(3));
    const ranges = await panda.getEventRanges({ [PandaID]: { jobsetID: 5, taskID: 6, nRanges: 2 } }, false, call());
    const eventRangeID = `6-${PandaID}-${PandaID}-1-3`;
    expect(ranges).toMatchObject({ data: { [PandaID]: [{ eventRangeID }, { startEvent: 2 }] } });
    await panda.updateEventRanges([{ eventRangeID, eventStatus: "finished" }], call());
    expect(server.view().eventRanges.map(({ status }) => status)).toEqual([3, 1, 0]);

    const uploaded = await panda.uploadFile("windrow__1.log", Buffer.from("worker log"), call());
    expect(uploaded).toEqual(ok(`${server.url}/cache/jedilog/windrow__1.log`));
    const stored = Buffer.from(await (await fetch(`${server.url}/cache/jedilog/windrow__1.log`)).arrayBuffer());
    expect(stored).toEqual(readFileSync(join(dir, "cache", "jedilog", "windrow__1.log")));
    expect(inflateSync(stored).toString()).toBe("worker log");

    await administer(server.url, "credentials", { kind: "tokenKey", name: "c", text: "placeholder" });
    expect(await panda.getTokenKey("c", call())).toEqual(ok("placeholder"));
    expect(await panda.getProxy("", "/CN=nobody", call())).toMatchObject({ ok: false });
  });
});
