/** What every stager is held to (plugins.md 3). */
import { describe, expect, it } from "vitest";
import { answerSchema, type Stager } from "../../src/plugins/contract.ts";
import type { JobSpec } from "../../src/specs/jobSpec.ts";
import { call, job } from "./fixtures.ts";

/** A site where outputs wait: `job` makes a job whose outputs are there, anew each time. */
export interface StagerSite {
  readonly plugin: Stager;
  job(): JobSpec;
}

export function stagerSuite(name: string, makeSite: () => Promise<StagerSite>): void {
  const check = (plugin: Stager, given: JobSpec) =>
    (plugin.checkStageOutStatus ?? plugin.checkStatus)?.call(plugin, given, call());
  describe(`stager ${name}`, () => {
    it("stages out: trigger, check until done, every file finished", async () => {
      const { plugin, job: make } = await makeSite();
      const given = make();
      expect(given.outFiles.length).toBeGreaterThan(0);
      expect(answerSchema.parse(await plugin.triggerStageOut(given, call()))).toMatchObject({ ok: true });
      for (const file of given.getOutputFileSpecs({ skipDone: true })) file.status = "transferring";
      await expect.poll(async () => answerSchema.parse(await check(plugin, given)).ok, { timeout: 10_000 }).toBe(true);
      expect(given.outFiles.map((file) => file.status)).toEqual(given.outFiles.map(() => "finished"));
    });

    it("may be triggered again with the same key where it says so", async () => {
      const { plugin, job: make } = await makeSite();
      expect(plugin.repeatable).toContain("triggerStageOut");
      const once = call();
      expect(answerSchema.parse(await plugin.triggerStageOut(make(), once))).toMatchObject({ ok: true });
      expect(answerSchema.parse(await plugin.triggerStageOut(make(), once))).toMatchObject({ ok: true });
    });

    it("accepts a job without outputs (lifecycle 1.8: trigger and check are called with an empty list)", async () => {
      const { plugin } = await makeSite();
      expect(answerSchema.parse(await plugin.triggerStageOut(job(), call()))).toMatchObject({ ok: true });
      expect(answerSchema.parse(await check(plugin, job()))).toMatchObject({ ok: true });
    });
  });
}
