/**
 * The communicator against Windrow's stand-in PanDA server: the same suite that a real panda-server passes
 * (real.test.ts), so that whoever tests with the stand-in tests what the real one does.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { z } from "zod";
import { PandaCommunicator } from "../../../src/plugins/panda/communicator.ts";
import { startPandaServer } from "../../../src/simulation/pandaServer/server.ts";
import { administer } from "../../simulation/pandaServer/client.ts";
import { communicatorSuite } from "../communicatorSuite.ts";

const [template = {}] = z
  .array(z.record(z.string(), z.json()))
  .parse(JSON.parse(readFileSync(new URL("../../data/panda/jobs.json", import.meta.url), "utf8")));

communicatorSuite("panda with the stand-in server", async () => {
  const dir = mkdtempSync(join(tmpdir(), "windrow-stand-in-"));
  const server = await startPandaServer({ dir, sentTimeoutMs: 1e6, adderDelayMs: 0 });
  onTestFinished(async () => {
    await server.close();
    rmSync(dir, { recursive: true });
  });
  const url = `${server.url}/api/v1`;
  const communicator = new PandaCommunicator({ server_api_url_ssl: url, harvesterID: "windrow" });
  const post = async (path: string, body: unknown) => {
    const headers = { Accept: "application/json", "Content-Type": "application/json" };
    const answer = await fetch(`${url}/${path}`, { method: "POST", headers, body: JSON.stringify(body) });
    z.object({ success: z.literal(true) }).parse(await answer.json());
  };
  let tasks = 100;
  let strangers = 0;
  return {
    communicator,
    stranger() {
      strangers += 1;
      return new PandaCommunicator({ server_api_url_ssl: url, harvesterID: `stranger_${strangers}` });
    },
    async makeJobs(n, events = 0) {
      tasks += 1;
      const { PandaID: _, ...job } = template;
      const made = { ...job, computingSite: "Q", taskID: tasks, jobsetID: tasks, nEventRanges: events };
      server.addJobs(Array.from({ length: n }, () => made));
      const request = { siteName: "Q", nodeName: "h", prodSourceLabel: "managed", computingElement: "h" };
      return { communicator, request: { ...request, nJobs: Math.max(n, 1), criteria: { task_id: tasks } } };
    },
    async state(PandaID) {
      return server.view().jobs.find((job) => job.PandaID === PandaID)?.jobStatus ?? "unknown";
    },
    kill: (PandaID) => post("job/kill", { job_ids: [PandaID] }),
    async command() {
      const command = { harvesterID: "windrow", command: "KILL_WORKERS", params: { status: ["submitted"] } };
      await administer(server.url, "commands", command);
    },
  };
});
