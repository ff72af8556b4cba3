/** The plug-in loader: which names it knows, which modules it takes, and how it says what is wrong with one. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadPlugin, PluginError } from "../../src/plugins/load.ts";
import { call, job, tempDir } from "./fixtures.ts";

const where = { queueName: "Q1", siteName: "SITE" };

describe("loading plug-ins", () => {
  it("knows the built-ins by Windrow's names and by Harvester's", async () => {
    const maker = await loadPlugin(
      "workerMaker",
      {
        module: "pandaharvester.harvesterworkermaker.simple_worker_maker",
        name: "SimpleWorkerMaker",
        nJobsPerWorker: 3,
      },
      where,
    );
    expect(maker.nJobsPerWorker).toBe(3);
    const kinds = {
      preparator: "DummyPreparator",
      aux_preparator: "DummyPreparator",
      stager: "DummyStager",
      zipper: "DummyZipper",
      monitor: "DummyMonitor",
      submitter: "DummySubmitter",
      sweeper: "DummySweeper",
      workerMaker: "DummyWorkerMaker",
      messenger: "DummyMessenger",
      throttler: "DummyThrottler",
      extractor: "DummyExtractor",
      communicator: "DummyCommunicator",
      credManager: "DummyCredManager",
      fileSyncer: "DummyFileSyncer",
    } as const;
    for (const kind of Object.keys(kinds).filter((key): key is keyof typeof kinds => key in kinds)) {
      expect(await loadPlugin(kind, { module: "windrow/dummy", name: kinds[kind] }, where)).toBeTypeOf("object");
    }
    const harvester = { module: "pandaharvester.harvestersubmitter.dummy_submitter", name: "DummySubmitter" };
    expect(await loadPlugin("submitter", harvester, where)).toHaveProperty("find");
  });

  it("loads a module by a path beside the configuration, with options and injected names", async () => {
    const configDir = await tempDir();
    await writeFile(
      join(configDir, "mine.mjs"),
      `export class Mine {
         constructor(options) { this.options = options; }
         triggerPreparation() { return [true, JSON.stringify(this.options)]; }
         checkStatus() { return true; }
         resolveInputPaths() { return true; }
       }
       export class Half { triggerPreparation() { return true; } }
       export class Angry { constructor() { throw new Error("no licence"); } }
       export const notAClass = 5;`,
    );
    const mine = { module: "./mine.mjs", name: "Mine", basePath: "/data" };
    const plugin = await loadPlugin("preparator", mine, { ...where, configDir });
    const [ok, dialog] = [await plugin.triggerPreparation(job(), call())].flat();
    expect(ok).toBe(true);
    expect(JSON.parse(String(dialog))).toEqual({ ...mine, queueName: "Q1", siteName: "SITE" });

    const load = (name: string) => loadPlugin("preparator", { ...mine, name }, { ...where, configDir });
    await expect(load("Half")).rejects.toThrow(/lacks checkStageInStatus, resolveInputPaths/);
    await expect(load("Angry")).rejects.toThrow(/constructor refused: no licence/);
    await expect(load("notAClass")).rejects.toThrow(/no class/);
    await expect(load("Yours")).rejects.toThrow(/exports Angry, Half, Mine, notAClass/);
  });

  it("loads a package", async () => {
    await expect(loadPlugin("stager", { module: "zod", name: "ZodError" }, where)).rejects.toThrow(
      /lacks triggerStageOut/,
    );
  });

  it.each([
    ["pandaharvester.harvestersubmitter.htcondor_submitter", "HTCondorSubmitter", /Python bridge does not exist yet/],
    ["my_site.plugins.submitter", "Submitter", /Python bridge does not exist yet/],
    ["no-such-package", "Submitter", /no such package .*; install it there/],
    ["./no-such-file.ts", "Submitter", /fails to load .*no-such-file.ts/s],
    ["windrow/nothing", "Submitter", /no such built-in; there are windrow\/dummy/],
    ["windrow/dummy", "Submitter", /the built-in has DummyPreparator/],
    ["windrow/dummy", "DummyMonitor", /lacks submitWorkers/],
  ])("refuses %s %s by queue, section, module and name", async (module, name, why) => {
    const attempt = loadPlugin("submitter", { module, name }, where);
    await expect(attempt).rejects.toThrow(PluginError);
    await expect(attempt).rejects.toThrow(why);
    await expect(attempt).rejects.toThrow(
      `queue Q1, section submitter: cannot load plug-in ${name} of module ${module}`,
    );
  });

  it("names the option that is wrong", async () => {
    await expect(
      loadPlugin("workerMaker", { module: "windrow/dummy", name: "DummyWorkerMaker", skipOnFail: "yes" }, where),
    ).rejects.toThrow(/its options are wrong:.*skipOnFail/s);
    await expect(
      loadPlugin("monitor", { module: "windrow/dummy", name: "DummyMonitor", flaky: { seed: 1 } }, where),
    ).rejects.toThrow(/works on preparator, stager and submitter/);
  });
});
