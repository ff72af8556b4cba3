/** The batch system of examples/compose, with a worker node of its own, held to what every batch system is held to. */
import { access, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { BatchMonitor, BatchSubmitter, BatchSweeper } from "../../examples/compose/batch.ts";
import type { WorkSpec } from "../../src/specs/workSpec.ts";
import { start } from "../cli/windrow.ts";
import { call, tempDir, worker } from "../plugins/fixtures.ts";
import { monitorSuite } from "../plugins/monitorSuite.ts";
import { submitterSuite } from "../plugins/submitterSuite.ts";
import { sweeperSuite } from "../plugins/sweeperSuite.ts";

/** As long as its node is there. */
const forEver = ["sh", "-c", "while kill -0 $PPID; do sleep 0.1; done"];
const node = (spoolDir: string) => start(process.execPath, ["examples/compose/node.ts", spoolDir]);
let workers = 0;

async function makeSite() {
  const dir = await tempDir();
  const spoolDir = join(dir, "spool");
  await mkdir(spoolDir);
  const nodes = [node(spoolDir)];
  const site = {
    spoolDir,
    submitter: (command = ["true"]) => new BatchSubmitter({ spoolDir, command }),
    monitor: () => new BatchMonitor({ spoolDir }),
    sweeper: () => new BatchSweeper({ spoolDir }),
    worker: () => {
      workers += 1;
      return worker({ workerID: workers, accessPoint: join(dir, String(workers)) });
    },
    submit: async (command: string[]) => {
      const given = site.worker();
      expect(await site.submitter(command).submitWorkers([given], call())).toEqual([true]);
      return given;
    },
    until: (given: WorkSpec, answer: unknown) =>
      expect.poll(async () => (await site.monitor().checkWorkers([given]))[1], { timeout: 10_000 }).toEqual([answer]),
    /** The node is gone and another one comes. */
    replaceNode: async () => {
      for (const each of nodes) {
        each.kill("SIGKILL");
        await each.ended;
      }
      nodes.push(node(spoolDir));
    },
  };
  return site;
}

submitterSuite("of examples/compose", async () => {
  const site = await makeSite();
  return {
    plugin: () => site.submitter(),
    worker: () => site.worker(),
    created: async (key) => {
      const files = await readdir(join(site.spoolDir, encodeURIComponent(key)));
      return files.filter((name) => name === "job.json").length;
    },
  };
});

monitorSuite("of examples/compose", async () => {
  const site = await makeSite();
  const commands = { finished: ["true"], failed: ["false"], running: forEver, cancelled: forEver };
  return {
    plugin: () => site.monitor(),
    worker: async (fate) => {
      const given = await site.submit(commands[fate]);
      if (fate === "cancelled") await site.sweeper().killWorkers([given]);
      return given;
    },
    unreachable: async () => {
      const spoolDir = join(await tempDir(), "not mounted");
      return { plugin: new BatchMonitor({ spoolDir }), worker: site.worker() };
    },
  };
});

sweeperSuite("of examples/compose", async () => {
  const site = await makeSite();
  return {
    plugin: () => site.sweeper(),
    worker: async (state) => {
      const given = await site.submit(state === "running" ? forEver : ["true"]);
      await site.until(given, state === "running" ? "running" : ["finished", ""]);
      return given;
    },
    gone: (given) =>
      access(join(site.spoolDir, given.batchID ?? "", "ended.json")).then(
        () => true,
        () => false,
      ),
  };
});

describe("the batch system of examples/compose", () => {
  it("says what it was that ended a worker", async () => {
    const site = await makeSite();
    await site.until(await site.submit(["false"]), ["failed", "false ended with 1"]);
    await site.until(await site.submit(["sh", "-c", "kill -TERM $$"]), ["failed", "sh ended with SIGTERM"]);
    await site.until(await site.submit(["no-such-program"]), ["failed", "Error: spawn no-such-program ENOENT"]);
  });

  it("starts nothing twice: what ran on a node that went down has failed", async () => {
    const site = await makeSite();
    const given = await site.submit(["sh", "-c", `: > started.$PPID; ${forEver[2]}`]);
    const starts = async () => (await readdir(given.accessPoint)).filter((name) => name.startsWith("started."));
    await expect.poll(() => starts().catch(() => []), { timeout: 10_000 }).toHaveLength(1);
    await site.replaceNode();
    await site.until(given, ["failed", "the worker node went down while it ran"]);
    expect(await starts()).toHaveLength(1);
  });

  it("cancels what was killed before it was submitted", async () => {
    const site = await makeSite();
    const given = site.worker();
    await site.sweeper().killWorkers([given]);
    await site.submitter(forEver).submitWorkers([given], call());
    await site.until(given, ["cancelled", "killed before it started"]);
  });

  it("cannot say whether a worker was submitted where its directory is not mounted", async () => {
    const site = await makeSite();
    await rm(site.spoolDir, { recursive: true });
    await expect(site.submitter().find([site.worker()])).rejects.toThrow("ENOENT");
    await expect(site.submitter().submitWorkers([site.worker()], call())).rejects.toThrow("ENOENT");
  });
});
