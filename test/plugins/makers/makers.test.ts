/** The worker makers: how large a worker is made for its jobs, and which jobs share one. */
import { describe, expect, it } from "vitest";
import { MultiJobWorkerMaker } from "../../../src/plugins/workerMakers/multiJob.ts";
import { pilotTypeOf, SimpleWorkerMaker } from "../../../src/plugins/workerMakers/simple.ts";
import { job, makeCall, options } from "../fixtures.ts";
import { workerMakerSuite } from "../workerMakerSuite.ts";

workerMakerSuite("simple", (given) => new SimpleWorkerMaker(given));
workerMakerSuite("multi-job", (given) => new MultiJobWorkerMaker(given));

const sized = (PandaID: number, coreCount: unknown, more: Readonly<Record<string, unknown>> = {}) =>
  job({ PandaID, jobParams: { coreCount, minRamCount: 2000, maxDiskCount: 10, maxWalltime: 3600, ...more } });

describe("simple worker maker", () => {
  const maker = new SimpleWorkerMaker(options());

  it("adds up what the jobs want", () => {
    expect(maker.makeWorker([sized(1, 1), sized(2, "8", { ioIntensity: 5 })], makeCall())).toEqual({
      nCore: 9,
      minRamCount: 4000,
      maxDiskCount: 20,
      maxWalltime: 7200,
      pilotType: "PR",
      resourceType: "SCORE",
    });
  });

  it("has at least one core, and the queue's values where the jobs say nothing", () => {
    const pandaQueue = { corecount: 8, maxrss: 16000, maxtime: 86400, maxwdir: 500 };
    const silent = job({ nCore: null, jobParams: { coreCount: 0, minRamCount: "NULL" } });
    expect(maker.makeWorker([silent], makeCall({ pandaQueue }))).toMatchObject({
      nCore: 1,
      minRamCount: 16000,
      maxWalltime: 86400,
      maxDiskCount: 500,
    });
    expect(maker.makeWorker([], makeCall({ pandaQueue }))).toMatchObject({ nCore: 8, resourceType: "MCORE" });
  });

  it("takes only the attributes it is told to take", () => {
    const only = new SimpleWorkerMaker(options({ jobAttributesToUse: ["nCore"] }));
    expect(only.makeWorker([sized(1, 4)], makeCall())).toEqual({ nCore: 4, pilotType: "PR", resourceType: "SCORE" });
  });

  it("sizes a pull worker of a unified queue by its resource type (specs.md 8)", () => {
    const pandaQueue = { capability: "ucore", corecount: 16, maxrss: 48000 };
    const resourceTypes = [{ resource_name: "MCORE", mincore: 2, maxcore: 8, maxrampercore: 2000 }];
    expect(maker.makeWorker([], makeCall({ pandaQueue, resourceTypes, resourceType: "MCORE" }))).toMatchObject({
      nCore: 8,
      minRamCount: 16000,
      resourceType: "MCORE",
    });
  });

  it.each([
    ["managed", "PR"],
    ["rc_test", "RC"],
    ["rc_test2", "RC"],
    ["rc_alrb", "ALRB"],
    ["ptest", "PT"],
  ])("label %s gives pilot type %s", (label, type) => {
    expect(pilotTypeOf(label)).toBe(type);
    expect(maker.makeWorker([job({ prodSourceLabel: label })], makeCall())).toMatchObject({ pilotType: type });
  });
});

describe("multi-job worker maker", () => {
  it("is as wide as its concurrent jobs and as long as its rounds", () => {
    const maker = new MultiJobWorkerMaker(options({ nJobsPerWorker: 5, nConcurrentJobs: 2 }));
    expect(maker.nJobsPerWorker).toBe(5);
    const jobs = [sized(1, 1), sized(2, 4), sized(3, 1, { maxWalltime: 7200 }), sized(4, 2), sized(5, 1)];
    expect(maker.makeWorker(jobs, makeCall())).toMatchObject({
      nCore: 6,
      minRamCount: 4000,
      maxDiskCount: 50,
      maxWalltime: 3 * 7200,
    });
  });

  it("runs all jobs at once by default, and makes nothing of no jobs", () => {
    const maker = new MultiJobWorkerMaker(options());
    expect(maker.makeWorker([sized(1, 1), sized(2, 4)], makeCall())).toMatchObject({ nCore: 5, maxWalltime: 3600 });
    expect(maker.makeWorker([], makeCall())).toBeNull();
  });
});
