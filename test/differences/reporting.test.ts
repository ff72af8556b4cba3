/**
 * Crash windows of stager and propagator, and of every stop (lifecycle 7.2).
 */
import { describe, expect, it } from "vitest";
import { answered } from "../agents/drive.ts";
import { dictionary, Site, type SiteOptions } from "./site.ts";

const output = { lfn: "1.out", path: "/w/1.out", fsize: 7, type: "output", guid: "g", chksum: "ad:1" };

/** A job that has ended with one output, to be stored. */
async function ended(options: SiteOptions = {}): Promise<Site> {
  const site = await Site.open({ jobs: [dictionary(1)], ...options });
  await site.cycle("jobFetcher", "preparator", "preparator", "submitter");
  const { key, workerID } = site.worker().ctx;
  site.batch.get(key)!.status = "finished";
  site.reports.set(workerID, { files: { 1: [output] } });
  site.answers.set("acknowledgeEventsFiles", () => {
    site.reports.delete(workerID);
    return answered({ ok: true, dialog: "" });
  });
  for (let looks = 0; looks < 3; looks += 1) {
    site.later(3700);
    await site.cycle("monitor");
  }
  expect([site.workers(), site.life(1)]).toEqual([["finished"], "toTransfer"]);
  return site;
}

const statuses = (site: Site) =>
  Object.values(site.engine.world.filesOf(1, "out")?.ctx.files ?? {}).map(({ status }) => status);
const calls = (site: Site) => [...site.engine.world.calls.values()].map(({ state }) => state.life);

describe("the stager", () => {
  it("does not store again what may be on its way: it holds, with an alarm (C22)", async () => {
    const site = await ended();
    await site.dieAfter("stager", "triggerStageOut");
    site.later(3600);
    await site.cycle("recoverer", "stager");
    expect([site.made("triggerStageOut").length, statuses(site), calls(site)]).toEqual([1, ["defined"], ["held"]]);
  });

  it("stores again where the plug-in says that it may (C22)", async () => {
    const site = await ended({ traits: { repeatable: ["triggerStageOut"] } });
    await site.dieAfter("stager", "triggerStageOut");
    site.later(61);
    await site.cycle("recoverer", "stager");
    const keys = site.made("triggerStageOut").map(({ key }) => key);
    expect([keys.length, new Set(keys).size, calls(site)]).toEqual([2, 1, []]);
  });

  it("records files and job together (C23)", async () => {
    const site = await ended();
    await site.cycle("stager");
    expect(site.decisions().at(-1)).toEqual([
      "fileGroup.attempted",
      "fileGroup.triggered",
      "job.stageOutTriggered",
      "job.transferStarted",
      "call.returned",
    ]);
    await site.restart();
    expect([statuses(site), site.life(1)]).toEqual([["finished"], "transferring"]);
  });

  it("does not zip again what may be being zipped, unless the plug-in says that it may (C24)", async () => {
    const queue = { zipPerMB: 0 };
    const held = await ended({ queue });
    expect(statuses(held)).toEqual(["zipped", "zipping"]);
    await held.dieAfter("stager", "zipOutput");
    held.later(61);
    await held.cycle("recoverer", "stager");
    expect([held.made("zipOutput").length, calls(held)]).toEqual([1, ["held"]]);

    const again = await ended({ queue, traits: { repeatable: ["zipOutput"] } });
    await again.dieAfter("stager", "zipOutput");
    again.later(61);
    await again.cycle("recoverer", "stager");
    expect([again.made("zipOutput").length, calls(again)]).toEqual([2, []]);
  });

  it("repeats a check after a crash in it (C25)", async () => {
    const site = await ended();
    await site.cycle("stager");
    await site.dieAfter("stager", "checkStageOutStatus");
    expect(site.life(1)).toBe("transferring");
    await site.cycle("stager");
    expect([site.life(1), site.made("triggerStageOut").length]).toEqual(["staged", 1]);
  });
});

describe("the propagator", () => {
  it("tells the same again at once after a crash (C26)", async () => {
    const site = await Site.open({ jobs: [dictionary(1)] });
    await site.cycle("jobFetcher");
    await site.dieAfter("propagator", "updateJobs");
    await site.cycle("propagator");
    const [first, second, ...others] = site.made("updateJobs").map(({ args }) => args);
    expect(second).toEqual(first);
    expect(others).toEqual([]);
  });

  it("tells of a worker again at once after a crash, without waiting for updateInterval (C28)", async () => {
    const site = await Site.open({ jobs: [dictionary(1)] });
    await site.cycle("jobFetcher", "preparator", "preparator", "submitter");
    await site.dieAfter("propagator", "updateWorkers");
    await site.cycle("propagator");
    const [first, second] = site.made("updateWorkers").map(({ args }) => args);
    expect(second).toEqual(first);
    expect(site.worker().state.regions["report"]).toBe("told");
  });
});

describe("a stop", () => {
  it("lets calls return and records what they said; the next start has nothing to recover (C38)", async () => {
    const site = await Site.open({ jobs: [dictionary(1)] });
    await site.cycle("jobFetcher", "preparator", "preparator", "propagator");
    const stop = new AbortController();
    const answer = Promise.withResolvers<void>();
    site.answers.set("submitWorkers", async ({ args }) => {
      stop.abort();
      await answer.promise;
      return answered("workers" in args ? args.workers.map(({ data }) => site.create(data.key)) : []);
    });
    const run = site.engine.run(stop.signal);
    stop.signal.addEventListener("abort", () => answer.resolve());
    await run;
    expect([site.workers(), site.life(1)]).toEqual([["submitted"], "submitted"]);
    await site.restart();
    expect(site.engine.world.calls.size).toBe(0);
  });

  it("keeps what plug-ins said, in the log: no queue of messages beside it is sent twice or lost (C30)", async () => {
    const site = await Site.open({ jobs: [dictionary(1)] });
    site.answers.set("submitWorkers", () => answered([{ ok: false, dialog: "quota exceeded" }]));
    await site.cycle("jobFetcher", "preparator", "preparator", "submitter");
    await site.restart();
    expect(site.worker().ctx.diag).toBe("quota exceeded");
    expect(site.made("sendDialogMessages")).toEqual([]);
  });
});
