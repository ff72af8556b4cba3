/**
 * What the communicator makes of a server or a network in trouble: one error that names the address, what happened and
 * what to do, and no answer taken for another one.
 */
import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { Communicator } from "../../../src/plugins/contract.ts";
import { PandaCommunicator } from "../../../src/plugins/panda/communicator.ts";
import { call } from "../fixtures.ts";
import { always, envelope, failureOf, serve } from "./server.ts";

const request = {
  siteName: "LAB_QUEUE",
  nodeName: "h1",
  prodSourceLabel: "managed",
  computingElement: "h1",
  nJobs: 2,
  criteria: null,
};
const update = (job_id: number) => ({ job_id, job_status: "running", attempt_nr: 1 });

/** Every call that asks the server, with the `<module>/<function>` it asks. */
const everyCall: readonly (readonly [string, (c: Communicator) => unknown])[] = [
  ["system/is_alive", (c) => c.checkPanda(call())],
  ["harvester/heartbeat", (c) => c.isAlive({}, call())],
  ["pilot/acquire_jobs", (c) => c.getJobs(request, call())],
  ["pilot/update_jobs_bulk", (c) => c.updateJobs([update(1)], call())],
  ["job/get_status", (c) => c.checkJobs([1], call())],
  ["event/acquire_event_ranges", (c) => c.getEventRanges({ "1": { jobsetID: 1, nRanges: 1 } }, false, call())],
  ["event/update_event_ranges", (c) => c.updateEventRanges([{ eventRangeID: "1-2-3-4-5" }], call())],
  [
    "event/get_available_event_range_count",
    (c) => c.checkEventAvailability({ PandaID: 1, jobsetID: 1, taskID: 1 }, call()),
  ],
  ["harvester/acquire_commands", (c) => c.getCommands(1, call())],
  ["harvester/acknowledge_commands", (c) => c.ackCommands([1], call())],
  ["harvester/update_workers", (c) => c.updateWorkers([{ workerID: 1 }], call())],
  ["harvester/report_worker_statistics", (c) => c.updateWorkerStats("Q", {}, call())],
  ["harvester/update_service_metrics", (c) => c.updateServiceMetrics([[0, "h", {}]], call())],
  ["harvester/add_dialogs", (c) => c.sendDialogMessages([dialog], call())],
  ["metaconfig/get_resource_types", (c) => c.getResourceTypes(call())],
  ["statistics/active_job_stats_by_site", (c) => c.getJobStats(call())],
  ["statistics/active_job_detailed_stats_by_site", (c) => c.getJobStatsNew(call())],
  ["harvester/get_worker_statistics", (c) => c.getWorkerStatsFromPanda(call())],
  ["harvester/get_current_worker_id", (c) => c.getMaxWorkerId(call())],
  ["file_server/upload_jedi_log", (c) => c.uploadFile("a.log", Buffer.from("x"), call())],
  ["creds/get_proxy", (c) => c.getProxy("", "", call())],
  ["creds/get_token_key", (c) => c.getTokenKey("n", call())],
  ["creds/get_key_pair", (c) => c.getKeyPair("a", "b", call())],
];
const dialog = { diagID: 1, moduleName: "m", identifier: "i", createdAt: 0, messageLevel: "ERROR", diagMessage: "d" };
/** Calls of which the data say nothing. */
const empty = [
  ...["system/is_alive", "harvester/heartbeat", "harvester/acknowledge_commands", "harvester/add_dialogs"],
  ...["harvester/report_worker_statistics", "harvester/update_service_metrics"],
];

describe.each(everyCall)("%s", (path, make) => {
  test.each([
    ["cut JSON", '{"success": true, "message": "", "da', 200, /the answer is not JSON/],
    ["a web page", "<html>Bad Gateway</html>", 200, /the answer is not JSON/],
    ["an empty answer", "", 200, /the answer is not JSON: /],
    ["JSON of another shape", '["success"]', 200, /the answer is no envelope/],
    ["success as text", '{"success": "true", "message": "", "data": null}', 200, /the answer is no envelope/],
    ["plain text with 403", "ERROR : method x is forbidden", 403, /HTTP 403: .* check that server_api_url_ssl/],
    ["a proxy's 502", "Bad Gateway", 502, /HTTP 502: .*; if it stays so, show this to the server's operators$/],
  ])("%s", async (_, text, status, says) => {
    const server = await always(text, status);
    const { message } = await failureOf(make(server.communicator()));
    expect(message).toMatch(says);
    expect(message).toContain(`${server.url}/${path}: `);
    expect(message).toMatch(/; [a-z].{10,}$/);
  });

  test("a refusal of the server is an answer or a reply without usable answer, with address and advice", async () => {
    const server = await always(envelope(null, false, "production or pilot role required"));
    const answer = await make(server.communicator());
    const said = JSON.stringify(answer);
    expect(said).toContain(`${server.url}/${path}: production or pilot role required; renew the proxy`);
    expect(Array.isArray(answer) ? answer : [answer]).toMatchObject([
      Array.isArray(answer) ? { StatusCode: 999 } : { ok: false },
    ]);
  });
});

test.each(everyCall.filter(([path]) => !empty.includes(path)))("%s: data of another shape", async (_, make) => {
  const server = await always(envelope(7.5));
  const { message } = await failureOf(make(server.communicator()));
  expect(message).toMatch(/the data are not what \/api\/v1 says: data/);
});

describe("no answer", () => {
  test("a refused connection", async () => {
    const server = await closedPort();
    const { message } = await failureOf(server.communicator.checkPanda(call()));
    expect(message).toMatch(/ECONNREFUSED/);
    expect(message).toContain(`GET ${server.url}/system/is_alive: `);
    expect(message).toContain("check server_api_url_ssl of [pandacon], and that the server runs");
  });

  test("a server that never answers is given up after [pandacon] timeout", async () => {
    const server = await serve(() => undefined);
    const { message } = await failureOf(server.communicator({ timeout: 0.05 }).getJobs(request, call()));
    expect(message).toMatch(/no complete answer within 0.05 s; raise timeout of \[pandacon\]/);
    expect(server.asked).toHaveLength(1);
  });

  test("so is one that stops in the middle", async () => {
    const server = await serve((response) => {
      response.writeHead(200, { "Content-Length": 1000 });
      response.write('{"success": true');
    });
    const { message } = await failureOf(server.communicator({ timeout: 0.05 }).getJobs(request, call()));
    expect(message).toMatch(/no complete answer within 0.05 s/);
  });

  test("the caller's signal ends a call", async () => {
    const ending = new AbortController();
    const server = await serve(() => ending.abort());
    const { message } = await failureOf(server.communicator().getJobs(request, call({ signal: ending.signal })));
    expect(message).toMatch(/the caller ended it before the answer was complete/);
  });

  test("an answer that breaks off", async () => {
    const server = await serve((response) => {
      response.writeHead(200, { "Content-Length": 1000 });
      response.write('{"success": true', () => response.destroy());
    });
    const { message } = await failureOf(server.communicator().getJobs(request, call()));
    expect(message).toMatch(/the answer broke off: /);
    expect(server.asked).toHaveLength(1);
  });

  test("a call that comes too late is not sent", async () => {
    const server = await always(envelope(null));
    const { message } = await failureOf(server.communicator().getJobs(request, call({ notAfterAt: Date.now() - 1 })));
    expect(message).toMatch(/not sent, it was too late to begin/);
    expect(server.asked).toEqual([]);
  });
});

/** A communicator of a port at which nobody listens. */
async function closedPort() {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = z.object({ port: z.number() }).parse(server.address());
  await new Promise((resolve) => server.close(resolve));
  const url = `http://127.0.0.1:${port}/api/v1`;
  return { url, communicator: new PandaCommunicator({ server_api_url_ssl: url, harvesterID: "h" }) };
}
