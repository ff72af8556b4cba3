/** The local batch system, held to what every batch system is held to. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { readJournal } from "../../../src/plugins/local/journal.ts";
import { LocalMonitor } from "../../../src/plugins/local/monitor.ts";
import { call, options, tempDir } from "../fixtures.ts";
import { monitorSuite } from "../monitorSuite.ts";
import { submitterSuite } from "../submitterSuite.ts";
import { sweeperSuite } from "../sweeperSuite.ts";
import { forEver, makeLocalSite, processesOf } from "./site.ts";

submitterSuite("local", async () => {
  const site = await makeLocalSite();
  return {
    plugin: () => site.submitter(),
    worker: () => site.worker(),
    created: async (key) =>
      (await readJournal(site.journalDir)).filter((line) => line.event === "created" && line.key === key).length,
  };
});

monitorSuite("local", async () => {
  const site = await makeLocalSite();
  const commands = { finished: ["true"], failed: ["false"], running: forEver, cancelled: forEver };
  return {
    plugin: () => site.monitor(),
    worker: async (fate) => {
      const worker = await site.run(commands[fate]);
      if (fate === "cancelled") expect(await site.sweeper().killWorkers([worker], call())).toMatchObject([true]);
      return worker;
    },
    unreachable: async () => {
      const file = join(await tempDir(), "file");
      await writeFile(file, "no directory");
      return { plugin: new LocalMonitor(options({ journalDir: file })), worker: site.worker() };
    },
  };
});

sweeperSuite("local", async () => {
  const site = await makeLocalSite();
  return {
    plugin: () => site.sweeper(),
    worker: async (state) => {
      const worker = await site.run(state === "running" ? forEver : ["true"]);
      if (state === "running") await site.says(worker, "up");
      else await site.until(worker, "finished");
      return worker;
    },
    gone: async ({ accessPoint }) => (await processesOf(`WINDROW_ACCESS_POINT=${accessPoint}\0`)).length === 0,
  };
});
