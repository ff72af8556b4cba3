/** What every worker maker is held to (plugins.md 8). */
import { describe, expect, it } from "vitest";
import { methods, type PluginOptions, type WorkerMaker } from "../../src/plugins/contract.ts";
import { job, makeCall, options } from "./fixtures.ts";

export function workerMakerSuite(name: string, make: (options: PluginOptions) => WorkerMaker): void {
  describe(`worker maker ${name}`, () => {
    it("answers a draft or null, as the contract's schema wants it", async () => {
      const maker = make(options());
      for (const jobs of [[], [job()], [job({ PandaID: 1 }), job({ PandaID: 2 })]]) {
        const answer = await maker.makeWorker(jobs, makeCall());
        expect(methods.makeWorker.answer.safeParse(answer)).toMatchObject({ success: true });
      }
      expect(await maker.makeWorker([job()], makeCall())).not.toBeNull();
    });

    it("makes the same worker of the same jobs, and changes no job", async () => {
      const jobs = [job({ PandaID: 1 }), job({ PandaID: 2 })];
      const maker = make(options());
      expect(await maker.makeWorker(jobs, makeCall())).toEqual(await maker.makeWorker(jobs, makeCall()));
      expect(jobs.map((each) => each.changes())).toEqual([{ files: [] }, { files: [] }]);
    });

    it("offers the settings of the configuration, and the original's defaults", async () => {
      const plain = make(options());
      expect(plain).toMatchObject({ nJobsPerWorker: 1, nWorkersPerJob: 1, maxWorkersPerJobInTotal: 10 });
      expect(plain).toMatchObject({ maxWorkersPerJobPerCycle: null, dynamicSizing: false, skipOnFail: false });
      const set = make(options({ nJobsPerWorker: 5, nReadyResources: 3, skipOnFail: true, staticWorkers: 2 }));
      expect(set).toMatchObject({ nJobsPerWorker: 5, skipOnFail: true, staticWorkers: 2 });
      expect(await set.numReadyResources?.(makeCall())).toBe(3);
    });

    it("refuses a setting of a wrong type", () => {
      expect(() => make(options({ nJobsPerWorker: "many" }))).toThrow(/nJobsPerWorker/);
    });
  });
}
