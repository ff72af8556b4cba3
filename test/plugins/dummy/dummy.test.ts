/** The dummy plug-ins: what each answers, and that it stays within the contract. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { methods } from "../../../src/plugins/contract.ts";
import { DummyCommunicator } from "../../../src/plugins/dummy/communicator.ts";
import {
  DummyCredManager,
  DummyExtractor,
  DummyFileSyncer,
  DummyMessenger,
  DummyMonitor,
  DummyPreparator,
  DummyStager,
  DummySubmitter,
  DummySweeper,
  DummyThrottler,
  DummyWorkerMaker,
  DummyZipper,
} from "../../../src/plugins/dummy/dummy.ts";
import { FileSpec } from "../../../src/specs/fileSpec.ts";
import { job, options, tempDir, worker } from "../fixtures.ts";
import { messengerSuite } from "../messengerSuite.ts";
import { preparatorSuite } from "../preparatorSuite.ts";
import { stagerSuite } from "../stagerSuite.ts";
import { workerMakerSuite } from "../workerMakerSuite.ts";
import { zipperSuite } from "../zipperSuite.ts";

const zipJob = () => {
  const made = job({ out: [{ lfn: "panda.a.zip", fileType: "zip_output", isZip: 1, status: "zipping" }] });
  const member = { lfn: "a", fileType: "es_output", PandaID: 101, status: "zipped", attemptNr: 0, fsize: 5 };
  made.outFiles[0]?.associatedFiles.push(new FileSpec(member));
  return made;
};

preparatorSuite("dummy", async () => ({
  plugin: new DummyPreparator(),
  other: new DummyPreparator(),
  job: () => job({ in: [{ lfn: "a" }, { lfn: "b" }] }),
}));
stagerSuite("dummy", async () => ({ plugin: new DummyStager(), job: () => job({ out: [{ lfn: "o" }] }) }));
zipperSuite("dummy zipper", async () => ({ plugin: new DummyZipper(), job: zipJob }));
const zippingStager = new DummyStager();
zipperSuite("dummy stager", async () => ({ plugin: zippingStager, job: zipJob }));
workerMakerSuite("dummy", (given) => new DummyWorkerMaker(given));
messengerSuite("dummy", async () => {
  const jobs = [job()];
  return { plugin: new DummyMessenger(), worker: worker({}, jobs), jobs };
});

describe("dummy batch system", () => {
  it("accepts workers, finds them by key, and does not know others", () => {
    const submitter = new DummySubmitter();
    const [first, second] = [worker({ workerID: 801 }), worker({ workerID: 802 })];
    expect(submitter.submitWorkers([first])).toEqual([true]);
    expect(first.batchID).toMatch(/^dummy-/);
    expect(new DummySubmitter().find([second, first])).toEqual([
      { found: false },
      { found: true, batchID: first.batchID },
    ]);
    expect(new DummySweeper().killWorkers([first, second])).toEqual([true, true]);
    expect(new DummySweeper().sweepWorker(first)).toBe(true);
  });

  it("takes a worker's status from status.txt, finished without one, unknown when it cannot be read", async () => {
    const top = await tempDir();
    await writeFile(join(top, "status.txt"), "running\n");
    const unreadable = await tempDir();
    await mkdir(join(unreadable, "status.txt"));
    const [ok, statuses] = await new DummyMonitor().checkWorkers([
      worker({ accessPoint: top }),
      worker(),
      worker({ accessPoint: unreadable }),
    ]);
    expect(ok).toBe(true);
    expect(statuses.slice(0, 2)).toEqual(["running", "finished"]);
    expect(statuses[2]).toEqual([null, expect.stringContaining("EISDIR")]);
  });
});

describe("other dummies", () => {
  it("answer what the contract wants", () => {
    expect(new DummyThrottler(options()).toBeThrottled()[0]).toBe(false);
    expect(new DummyThrottler(options({ throttle: true })).toBeThrottled()[0]).toBe(true);
    expect(new DummyExtractor().getAuxInputs(job())).toEqual({});
    expect(new DummyCredManager().checkCredential()).toBe(true);
    expect(new DummyFileSyncer().check()).toBe(false);
  });

  it("the communicator hands out each of its jobs once", () => {
    const wms = new DummyCommunicator(
      options({ nJobs: 5, firstPandaID: 100, template: { outFiles: "o.%PANDAID", coreCount: 8 } }),
    );
    const request = {
      siteName: "S",
      nodeName: "n",
      prodSourceLabel: "user",
      computingElement: "c",
      nJobs: 3,
      criteria: null,
    };
    const [first, second, third] = [wms.getJobs(request), wms.getJobs(request), wms.getJobs(request)];
    expect(methods.getJobs.answer.safeParse(first)).toMatchObject({ success: true });
    const ids = [first, second, third].map((answer) =>
      answer.ok ? answer.data.map((each) => (each instanceof Object && "PandaID" in each ? each.PandaID : null)) : [],
    );
    expect(ids).toEqual([[100, 101, 102], [103, 104], []]);
    expect(first).toMatchObject({ data: [{ outFiles: "o.100", coreCount: 8, prodSourceLabel: "user" }, {}, {}] });
    expect(wms.updateJobs([{ job_id: 100, job_status: "running" }])).toEqual([{ StatusCode: 0, command: null }]);
  });
});
