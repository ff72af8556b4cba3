/**
 * Configuration files with mistakes, as an operator writes them: one sentence names file, place, what is there and what
 * should be. A mistake of one queue leaves the others served.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";

const dummy = (name: string) => ({ module: "windrow/dummy", name });
const queue = {
  preparator: dummy("DummyPreparator"),
  stager: dummy("DummyStager"),
  monitor: dummy("DummyMonitor"),
  submitter: dummy("DummySubmitter"),
  sweeper: dummy("DummySweeper"),
  workerMaker: dummy("DummyWorkerMaker"),
  messenger: dummy("DummyMessenger"),
};

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "windrow-config-"));
});
afterEach(() => rm(dir, { recursive: true }));

async function load(instance: string, queues: string) {
  await writeFile(join(dir, "panda_harvester.cfg"), `[master]\nharvester_id = h\n${instance}`);
  await writeFile(join(dir, "panda_queueconfig.json"), queues);
  return loadConfig(dir);
}

describe("a configuration with a mistake", () => {
  it("of the instance is refused with section, key and what is there", async () => {
    await expect(load("[preparator]\ncheckInterval = often\n", JSON.stringify({ A: queue }))).rejects.toThrow(
      'panda_harvester.cfg [preparator] checkInterval is "often" (a text), it should be a number of at least 0',
    );
  });

  it("of one queue leaves the other one served", async () => {
    const wrong = { ...queue, windrow: { deadlines: { submitWorkers: "soon" } } };
    const { queues, errors } = await load("", JSON.stringify({ GOOD: queue, BAD: wrong }));
    expect(queues.map(({ queueName }) => queueName)).toEqual(["GOOD"]);
    expect(errors).toEqual([
      'panda_queueconfig.json, queue BAD: windrow.deadlines.submitWorkers is "soon" (a text), it should be seconds',
    ]);
  });

  it("that is no JSON is refused with the place", async () => {
    await expect(load("", '{"A": {')).rejects.toThrow(/^panda_queueconfig\.json is not valid JSON: .*line 1 column 8/);
  });
});
