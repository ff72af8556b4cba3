/**
 * Crash windows of monitor and event feeder (lifecycle 7.2): what a worker said once is not lost, and nothing is
 * acknowledged that the log does not hold.
 */
import { describe, expect, it } from "vitest";
import { answered, threw } from "../agents/drive.ts";
import { dictionary, Site, type SiteOptions } from "./site.ts";

const file = (lfn: string) => ({ lfn, path: `/w/${lfn}`, fsize: 7, type: "output", guid: "g", chksum: "ad:1" });

/** A job whose worker runs. */
async function running(options: SiteOptions = {}): Promise<Site> {
  const site = await Site.open({ jobs: [dictionary(1)], ...options });
  await site.cycle("jobFetcher", "preparator", "preparator", "submitter");
  says(site, "running");
  await look(site);
  expect([site.workers(), site.life(1)]).toEqual([["running"], "running"]);
  return site;
}

function says(site: Site, status: string | null): void {
  const known = site.batch.get(site.worker().ctx.key);
  if (known) known.status = status;
}

async function look(site: Site): Promise<void> {
  site.later(3700);
  await site.cycle("monitor");
}

describe("the monitor", () => {
  it("has the end in the log before it goes on, so a batch system may forget it meanwhile (C16)", async () => {
    const site = await running();
    says(site, "failed");
    site.answers.set("checkWorkers", () =>
      answered({ ok: true, workers: [{ status: "failed", diag: "exit code 7" }] }),
    );
    site.later(3700);
    await site.dieAfter("monitor", "postProcessing");
    site.answers.delete("checkWorkers");
    expect(site.worker().ctx).toMatchObject({ endSaid: "failed", diag: "exit code 7" });
    says(site, null);
    await look(site);
    await look(site);
    expect([site.workers(), site.life(1)]).toEqual([["failed"], "toTransfer"]);
    expect(site.engine.world.jobs.get(1)?.ctx.attributes).toMatchObject({
      pilotErrorCode: 1008,
      pilotErrorDiag: "exit code 7",
    });
  });

  it("keeps the end when its post-processing throws (C16)", async () => {
    const site = await running();
    says(site, "finished");
    site.answers.set("postProcessing", () => threw("disk full"));
    await look(site);
    site.answers.delete("postProcessing");
    says(site, null);
    await look(site);
    await look(site);
    expect([site.workers(), site.engine.world.jobs.get(1)?.ctx.verdict]).toEqual([["finished"], "finished"]);
  });

  it("asks again after a crash before the end was recorded (C16)", async () => {
    const site = await running();
    says(site, "finished");
    site.later(3700);
    await site.dieAfter("monitor", "checkWorkers");
    expect(site.worker().ctx.finalStatus).toBeNull();
    await site.cycle("monitor");
    expect(site.worker().ctx.finalStatus).toBe("finished");
  });

  it("post-processes again after a crash in it (C17)", async () => {
    const site = await running();
    says(site, "finished");
    site.later(3700);
    await site.dieAfter("monitor", "postProcessing");
    await site.cycle("monitor");
    expect([site.worker().ctx.postProcessed, site.made("postProcessing").length]).toEqual([true, 2]);
  });

  it("ends worker and job in one record (C18)", async () => {
    const site = await running();
    says(site, "failed");
    await look(site);
    await look(site);
    const ends = site.decisions().filter((types) => types.includes("job.ended"));
    expect(ends).toHaveLength(1);
    expect(ends[0]).toContain("worker.looked");
    expect([site.workers(), site.life(1)]).toEqual([["failed"], "toTransfer"]);
  });

  it("acknowledges no report that the log does not hold (C19)", async () => {
    const site = await running();
    site.reports.set(site.worker().ctx.workerID, { files: { 1: [file("1.out")] } });
    site.later(301);
    site.answers.set("checkWorkers", () => {
      site.broken = true;
      return answered({ ok: true, workers: [{ status: "running", diag: "" }] });
    });
    await expect(site.engine.cycle("monitor")).rejects.toThrow("no space left");
    expect(site.made("acknowledgeEventsFiles")).toEqual([]);
    site.answers.delete("checkWorkers");
    await site.restart();
    await look(site);
    expect(site.made("acknowledgeEventsFiles")).toHaveLength(1);
  });

  it("reads a report again that it could not acknowledge, and it changes nothing (C20)", async () => {
    const site = await running({ jobs: [dictionary(1, { eventService: "True" })] });
    const report = {
      files: { 1: [{ ...file("1.out"), eventRangeID: "7-1-1" }] },
      events: { 1: [{ eventRangeID: "7-1-1", eventStatus: "finished" }] },
    };
    site.reports.set(site.worker().ctx.workerID, report);
    site.later(3700);
    await site.dieAfter("monitor", "acknowledgeEventsFiles");
    const state = () => [
      Object.keys(site.engine.world.filesOf(1, "out")?.ctx.files ?? {}),
      site.engine.world.jobs.get(1)?.ctx.ranges,
    ];
    const before = structuredClone(state());
    expect(before[0]).toEqual(["1.out"]);
    await look(site);
    expect(state()).toEqual(before);
    expect(site.made("acknowledgeEventsFiles")).toHaveLength(2);
  });

  it("knows after a crash whom it has to look at, and when: there is no queue beside the log (C21)", async () => {
    const site = await running();
    const at = site.engine.world.workers.get(site.worker().ctx.workerID)?.ctx.check;
    await site.restart();
    expect(site.worker().ctx.check).toEqual(at);
    const before = site.made("checkWorkers").length;
    site.later(299);
    await site.cycle("monitor");
    expect(site.made("checkWorkers")).toHaveLength(before);
    site.later(2);
    await site.cycle("monitor");
    expect(site.made("checkWorkers")).toHaveLength(before + 1);
  });
});

describe("the event feeder", () => {
  const ranges = { 1: [{ eventRangeID: "7-1-1" }] };
  const fed = (site: Site) => site.made("feedEvents").map(({ args }) => ("worker" in args ? args.plain : []));

  async function asking(): Promise<Site> {
    const site = await running({ jobs: [dictionary(1, { eventService: "True" })] });
    site.answers.set("getEventRanges", () => answered({ ok: true, data: ranges }));
    expect(site.worker().ctx.eventsRequest).toBe(2);
    return site;
  }

  it("has the ranges in the log before the payload gets them (C31)", async () => {
    const site = await asking();
    site.answers.set("feedEvents", () => threw("disk full"));
    await site.cycle("eventFeeder");
    await site.restart();
    expect(site.worker().ctx.eventRanges).toEqual(ranges);
  });

  it("asks for others where an answer was lost, and says so (C31)", async () => {
    const site = await asking();
    await site.dieAfter("eventFeeder", "getEventRanges");
    site.later(61);
    await site.cycle("recoverer");
    expect(site.decisions().at(-1)).toEqual(["call.settled"]);
    await site.cycle("eventFeeder");
    expect([site.made("getEventRanges").length, fed(site)]).toEqual([2, [[ranges]]]);
  });

  it("feeds the same ranges again after a crash, and asks for no others (C32)", async () => {
    const site = await asking();
    await site.dieAfter("eventFeeder", "feedEvents");
    await site.cycle("eventFeeder");
    expect([site.made("getEventRanges").length, fed(site)]).toEqual([1, [[ranges], [ranges]]]);
    expect(site.worker().ctx.eventsRequest).toBe(1);
  });
});
