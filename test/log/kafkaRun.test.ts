/**
 * A daemon with its log on Kafka, for real: jobs live through two daemons, one after the other, and the commands read
 * their lives off the topic when neither runs.
 */
import { execFile } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { pino } from "pino";
import { expect, it, vi } from "vitest";
import { type Daemon, startDaemon } from "../../src/daemon.ts";
import { readAnchor } from "../../src/log/anchorFile.ts";
import { parseKafkaAddress } from "../../src/log/kafka/settings.ts";
import { besideKafka } from "../../src/log/place.ts";
import { startPandaServer } from "../../src/simulation/pandaServer/server.ts";
import { type Broker, freshAddress, theBroker } from "../broker/answer.ts";
import { dictionary } from "../differences/site.ts";
import { placesOf, writeSite } from "../panda/site.ts";
import { tempDir } from "../plugins/fixtures.ts";
import { judgePublished } from "../publish/published.ts";

const run = promisify(execFile);
const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const windrow = (...args: string[]) => run(process.execPath, [main, ...args]);
const soon = { timeout: 40_000, interval: 100 };

async function running(
  dir: string,
  address: string | undefined,
  work: (daemon: Daemon) => Promise<void>,
): Promise<void> {
  const { config, daemonLog } = placesOf(dir);
  const logger = pino({ level: "debug" }, pino.destination({ dest: daemonLog, sync: true, append: true }));
  const daemon = await startDaemon({
    configDir: config,
    logger,
    ...(address === undefined ? {} : { logDir: address }),
  });
  const ended = daemon.run();
  try {
    await work(daemon);
  } finally {
    daemon.stop();
    await ended;
  }
}

async function liveOn(broker: Broker): Promise<void> {
  const dir = await tempDir();
  const address = freshAddress(broker);
  const server = await startPandaServer({ dir: join(dir, "server"), sentTimeoutMs: 600_000, adderDelayMs: 10 });
  const stateOf = (PandaID: number) => server.view().jobs.find((job) => job.PandaID === PandaID)?.jobStatus;
  const jobOf = (PandaID: number) => ({
    ...dictionary(PandaID, { jobPars: `-c 'echo done > ${PandaID}.out'` }),
    computingSite: "Q",
  });
  const api = `${server.url}/api/v1`;
  try {
    server.addJobs([jobOf(101)]);
    writeSite(dir, { api, harvesterID: "H", queues: { Q: { maxWorkers: 0 } } });
    await running(dir, address, ({ engine }) =>
      vi.waitFor(() => expect(engine.world.jobs.get(101)?.state.life).toBe("prepared"), soon),
    );
    // The same log as the configuration names it.
    writeFileSync(join(placesOf(dir).config, "client.properties"), "security.protocol=plaintext\nclient.id=site\n");
    const windrowSection = [`kafka = ${address}`, "kafkaConfig = client.properties"];
    writeSite(dir, { api, harvesterID: "H", queues: { Q: { maxWorkers: 4 } }, sections: { windrow: windrowSection } });
    server.addJobs([jobOf(102)]);
    await running(dir, undefined, async ({ engine, logDir }) => {
      await vi.waitFor(() => expect([stateOf(101), stateOf(102)]).toEqual(["finished", "finished"]), soon);
      expect(engine.world.anomalies).toEqual([]);
      expect(existsSync(join(logDir, "windrow.sock"))).toBe(true);
      await expect(running(dir, undefined, async () => undefined)).rejects.toMatchObject({ code: "busy" });
    });
    const beside = besideKafka(join(placesOf(dir).config, "log"), parseKafkaAddress(address).prefix, "main");
    expect(readdirSync(beside).join(" ")).toMatch(/log\.anchor snapshot-\d+\.gz/);
    expect(readAnchor(join(beside, "log.anchor"), 4)).toMatchObject({ state: "good" });

    // Each daemon went on where the one before it had stopped.
    const published = await judgePublished(address);
    expect(published.copies).toBe(0);
    expect(published.steps).toBeGreaterThan(30);

    const history: unknown = JSON.parse((await windrow("history", "job", "101", address, "--json")).stdout);
    expect(JSON.stringify(history)).toMatch(/"job.fetched".*"worker.submitted"/);
    expect((await windrow("status", address)).stdout).toMatch(/2 jobs/);
    const { stdout } = await windrow("verify", address);
    expect(stdout).toMatch(/verified: kafka:.* 0 anomalies/s);
    await windrow("log", "copy", address, join(dir, "copy"));
    expect((await windrow("verify", join(dir, "copy"))).stdout).toMatch(/2 jobs and 2 workers in the World/);
  } finally {
    await server.close();
  }
}

const answer = await theBroker();
const needs = "none" in answer ? ` (needs a broker: ${answer.none})` : "";
it.skipIf(needs !== "")(
  `a daemon keeps its log on Kafka, and commands read it there${needs}`,
  async () => {
    if (!("none" in answer)) await liveOn(answer);
  },
  120_000,
);
