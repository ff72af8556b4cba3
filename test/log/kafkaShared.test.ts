/**
 * Two daemons on one log in Kafka, each a process: they share the shards, and when one is killed the other finishes
 * what both had begun, with the jobs' secrets. Nothing reaches the batch system twice.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, vi } from "vitest";
import { noSecurity, parseKafkaAddress } from "../../src/log/kafka/settings.ts";
import { openKafkaSnapshots } from "../../src/log/kafka/snapshots.ts";
import { startPandaServer } from "../../src/simulation/pandaServer/server.ts";
import { verifyLog } from "../../src/verify.ts";
import { type Broker, freshAddress, theBroker } from "../broker/answer.ts";
import { dictionary } from "../differences/site.ts";
import { placesOf, writeSite } from "../panda/site.ts";
import { tempDir } from "../plugins/fixtures.ts";
import { judgePublished } from "../publish/published.ts";

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

/** A daemon as a process, and what it wrote to standard error. */
function startInstance(dir: string, address: string, name: string): { process: ChildProcess; said: () => string } {
  const args = [main, "run", "--config", placesOf(dir).config, "--log", address, "--instance", name];
  const daemon = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"] });
  let text = "";
  daemon.stderr?.setEncoding("utf8").on("data", (part: string) => (text += part));
  return { process: daemon, said: () => text };
}

async function shareOn(broker: Broker): Promise<void> {
  const dir = await tempDir();
  const address = freshAddress(broker);
  const server = await startPandaServer({ dir: join(dir, "server"), sentTimeoutMs: 20_000, adderDelayMs: 10 });
  const finished = () => server.view().jobs.filter((job) => job.jobStatus === "finished").length;
  const jobsFrom = (first: number, length: number) =>
    Array.from({ length }, (_, i) => ({
      ...dictionary(first + i, { jobPars: `-c 'sleep 1; echo done > ${first + i}.out'` }),
      computingSite: `Q${i % 4}`,
      // Whoever finishes what the killed one had fetched needs them.
      secrets: '{"token": "of a job"}',
    }));
  const queues = Object.fromEntries([0, 1, 2, 3].map((i) => [`Q${i}`, { maxWorkers: 4 }]));
  writeSite(dir, { api: `${server.url}/api/v1`, harvesterID: "H", queues });
  const a = startInstance(dir, address, "a");
  const b = startInstance(dir, address, "b");
  try {
    server.addJobs(jobsFrom(101, 12));
    await vi.waitFor(() => expect(finished(), a.said() + b.said()).toBe(12), { timeout: 60_000, interval: 200 });
    const led = /"shard":\d,"msg":"led"/g;
    expect([a.said().match(led)?.length, b.said().match(led)?.length]).toEqual([2, 2]);
    // More than have workers at once: when the first has finished, others are still to be begun.
    server.addJobs(jobsFrom(201, 24));
    await vi.waitFor(() => expect(finished()).toBeGreaterThan(12), { timeout: 30_000, interval: 50 });
    b.process.kill("SIGKILL");
    await vi.waitFor(() => expect(finished(), a.said()).toBe(36), { timeout: 150_000, interval: 200 });
    expect(a.said().match(led)).toHaveLength(4);
    a.process.kill("SIGTERM");
    expect((await once(a.process, "exit"))[0]).toBe(0);
    const snapshots = await openKafkaSnapshots({ address: parseKafkaAddress(address), security: noSecurity });
    expect((await snapshots.newest())?.name).toMatch(/^snapshot-/);
    snapshots.close();
    await judgePublished(address);
    const verification = await verifyLog(address, () => undefined);
    expect(verification).toMatchObject({ ok: true, jobs: 36, workers: 36, anomalies: 0, passedOver: [] });
    expect(verification.snapshot).toMatchObject({ equal: true });
    const vault = join(placesOf(dir).config, "log.kafka", parseKafkaAddress(address).prefix, "vault");
    expect(readdirSync(vault)).toHaveLength(36);
    expect(readdirSync(placesOf(dir).journal).filter((name) => name.startsWith("windrow"))).toHaveLength(36);
  } finally {
    a.process.kill("SIGKILL");
    b.process.kill("SIGKILL");
    await server.close();
  }
}

const answer = await theBroker();
const needs = "none" in answer ? ` (needs a broker: ${answer.none})` : "";
it.skipIf(needs !== "")(
  `two daemons share a log on Kafka, and one finishes what a killed one began${needs}`,
  async () => {
    if (!("none" in answer)) await shareOn(answer);
  },
  300_000,
);
