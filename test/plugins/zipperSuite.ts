/** What every zipper is held to (plugins.md 4). */
import { describe, expect, it } from "vitest";
import { answerSchema, type Zipper } from "../../src/plugins/contract.ts";
import type { JobSpec } from "../../src/specs/jobSpec.ts";
import { call, job } from "./fixtures.ts";

/** A site where members wait: `job` makes a job with archives to be made, anew each time. */
export interface ZipperSite {
  readonly plugin: Zipper;
  job(): JobSpec;
}

export function zipperSuite(name: string, makeSite: () => Promise<ZipperSite>): void {
  const expectZipped = (given: JobSpec): void => {
    expect(given.outFiles.length).toBeGreaterThan(0);
    for (const file of given.outFiles) {
      expect(file.path).toMatch(/^\/./);
      expect(file.fsize).toBeGreaterThanOrEqual(0);
      expect(file.chksum).toMatch(/^[0-9a-f]{8}$/);
    }
  };
  describe(`zipper ${name}`, () => {
    it("zips in one step and sets path, size and checksum", async () => {
      const { plugin, job: make } = await makeSite();
      const given = make();
      expect(answerSchema.parse(await plugin.zipOutput(given, call()))).toMatchObject({ ok: true });
      expectZipped(given);
    });

    it("zips in two steps (usePostZipping)", async () => {
      const { plugin, job: make } = await makeSite();
      const given = make();
      expect(answerSchema.parse(await plugin.asyncZipOutput?.(given, call()))).toMatchObject({ ok: true });
      expect(answerSchema.parse(await plugin.postZipOutput?.(given, call()))).toMatchObject({ ok: true });
      expectZipped(given);
    });

    it("gives the same archive when it is called again", async () => {
      const { plugin, job: make } = await makeSite();
      expect(plugin.repeatable).toContain("zipOutput");
      const [first, second] = [make(), make()];
      const once = call();
      await plugin.zipOutput(first, once);
      await plugin.zipOutput(second, once);
      expect(second.changes()).toEqual(first.changes());
    });

    it("accepts a job without archives (lifecycle 1.8)", async () => {
      const { plugin } = await makeSite();
      expect(answerSchema.parse(await plugin.zipOutput(job(), call()))).toMatchObject({ ok: true });
    });
  });
}
