/** Plug-ins that fail on purpose: how often, for whom, and the same again for the same key. */
import { describe, expect, it } from "vitest";
import type { Answer } from "../../../src/plugins/contract.ts";
import { DummyPreparator, DummySubmitter } from "../../../src/plugins/dummy/dummy.ts";
import { flakySchema, isDoomed } from "../../../src/plugins/dummy/flaky.ts";
import { loadPlugin } from "../../../src/plugins/load.ts";
import { call, job, worker } from "../fixtures.ts";

const where = { queueName: "TEST", siteName: "SITE" };
const dummy = (name: string, flaky: unknown) => ({ module: "windrow/dummy", name, flaky });
const verdict = (answer: Answer) => (Array.isArray(answer) ? answer[0] : answer);

describe("flaky plug-ins", () => {
  it("answers null for about the share of calls named, the same for the same key", async () => {
    const plugin = await loadPlugin("preparator", dummy("DummyPreparator", { seed: 4, noneRate: 0.3 }), where);
    const ask = async (n: number) => verdict(await plugin.triggerPreparation(job(), call({ key: `key-${n}` })));
    const answers = await Promise.all(Array.from({ length: 1000 }, (_, n) => ask(n)));
    const nones = answers.filter((answer) => answer === null).length;
    expect(nones).toBeGreaterThan(250);
    expect(nones).toBeLessThan(350);
    expect(answers.filter((answer) => answer === false)).toEqual([]);
    expect(await Promise.all(answers.map((_, n) => ask(n)))).toEqual(answers);
  });

  it("refuses for good exactly the jobs that isDoomed names, whatever the call", async () => {
    const flaky = flakySchema.parse({ seed: "x", falseRate: 0.2 });
    const plugin = await loadPlugin("stager", dummy("DummyStager", flaky), where);
    const ids = Array.from({ length: 200 }, (_, n) => n + 1);
    for (const PandaID of ids) {
      const answer = verdict(await plugin.triggerStageOut(job({ PandaID }), call()));
      expect(answer).toBe(!isDoomed(flaky, "stager", PandaID));
    }
    expect(ids.filter((id) => isDoomed(flaky, "stager", id)).length).toBeGreaterThan(20);
    expect(ids.map((id) => isDoomed(flaky, "submitter", id))).not.toEqual(
      ids.map((id) => isDoomed(flaky, "stager", id)),
    );
  });

  it("asks the submitter only for the workers it lets through, and keeps the order", async () => {
    const plugin = await loadPlugin("submitter", dummy("DummySubmitter", { seed: 1, noneRate: 0.5 }), where);
    const workers = Array.from({ length: 40 }, (_, n) => worker({ workerID: 9000 + n, pandaIDs: [n + 1] }));
    const answers = (await plugin.submitWorkers(workers, call())).map(verdict);
    expect(new Set(answers)).toEqual(new Set([true, null]));
    expect(workers.map((each) => each.batchID !== undefined)).toEqual(answers.map((answer) => answer === true));
    const found = new DummySubmitter().find(workers).map((each) => each.found);
    expect(found).toEqual(answers.map((answer) => answer === true));
  });

  it("leaves every other method to the plug-in, and refuses a rate that would never end", async () => {
    const plugin = await loadPlugin("preparator", dummy("DummyPreparator", { seed: 4, noneRate: 0.9 }), where);
    expect(plugin.repeatable).toEqual(new DummyPreparator().repeatable);
    expect(plugin.resolveInputPaths(job(), call())).toBe(true);
    await expect(loadPlugin("preparator", dummy("DummyPreparator", { seed: 4, noneRate: 1 }), where)).rejects.toThrow(
      /noneRate/,
    );
  });
});
