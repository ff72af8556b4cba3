/** What every preparator is held to (plugins.md 2). */
import { describe, expect, it } from "vitest";
import { answerSchema, type Preparator } from "../../src/plugins/contract.ts";
import type { JobSpec } from "../../src/specs/jobSpec.ts";
import { call, job } from "./fixtures.ts";

/** A site where inputs wait: `job` makes a job whose inputs are there, anew each time. */
export interface PreparatorSite {
  readonly plugin: Preparator;
  /** A second instance of the same configuration. */
  readonly other: Preparator;
  job(): JobSpec;
}

export function preparatorSuite(name: string, makeSite: () => Promise<PreparatorSite>): void {
  const check = (plugin: Preparator, given: JobSpec) =>
    (plugin.checkStageInStatus ?? plugin.checkStatus)?.call(plugin, given, call());
  describe(`preparator ${name}`, () => {
    it("stages in: trigger, check until done, paths for every input", async () => {
      const { plugin, job: make } = await makeSite();
      const given = make();
      expect(answerSchema.parse(await plugin.triggerPreparation(given, call()))).toMatchObject({ ok: true });
      await expect.poll(async () => answerSchema.parse(await check(plugin, given)).ok, { timeout: 10_000 }).toBe(true);
      expect(answerSchema.parse(await plugin.resolveInputPaths(given, call()))).toMatchObject({ ok: true });
      expect(given.inFiles.length).toBeGreaterThan(0);
      for (const file of given.inFiles) expect(file.path).toMatch(/^\/./);
    });

    it("may be triggered again with the same key where it says so", async () => {
      const { plugin, job: make } = await makeSite();
      expect(plugin.repeatable).toContain("triggerPreparation");
      const once = call();
      expect(answerSchema.parse(await plugin.triggerPreparation(make(), once))).toMatchObject({ ok: true });
      expect(answerSchema.parse(await plugin.triggerPreparation(make(), once))).toMatchObject({ ok: true });
    });

    it("accepts a job without inputs (plugins.md 2: with auxiliary inputs every phase ends with one)", async () => {
      const { plugin } = await makeSite();
      const empty = job();
      expect(answerSchema.parse(await plugin.triggerPreparation(empty, call()))).toMatchObject({ ok: true });
      expect(answerSchema.parse(await check(plugin, empty))).toMatchObject({ ok: true });
      expect(answerSchema.parse(await plugin.resolveInputPaths(empty, call()))).toMatchObject({ ok: true });
    });

    it("keeps nothing between calls: another instance checks what the first triggered", async () => {
      const { plugin, other, job: make } = await makeSite();
      await plugin.triggerPreparation(make(), call());
      const given = make();
      await expect.poll(async () => answerSchema.parse(await check(other, given)).ok, { timeout: 10_000 }).toBe(true);
    });
  });
}
