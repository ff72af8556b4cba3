/**
 * Late binding and refill (lifecycle 3.8), which the original means and cannot do (D3, D4): workers are submitted
 * without jobs, and a payload that asks gets some.
 */
import { describe, expect, it } from "vitest";
import { answered, threw } from "../agents/drive.ts";
import { dictionary, Site, type SiteOptions } from "./site.ts";

const late = { useJobLateBinding: true };
const oneAtATime = { nQueueLimitWorker: 1 };
const statusOf = (site: Site, n = 0) => site.batch.get(site.worker(n).ctx.key)!;

/** Jobs that are fetched and prepared, and a worker submitted for each as far as the queue allows. */
async function submitted(
  queue: Record<string, unknown>,
  PandaIDs: readonly number[],
  options: SiteOptions = {},
): Promise<Site> {
  const site = await Site.open({ queue, jobs: PandaIDs.map((id) => dictionary(id)), ...options });
  await site.cycle("jobFetcher", "preparator", "preparator", "submitter");
  return site;
}

/** The payload of a worker runs and asks for jobs, and the monitor sees it. */
async function asks(site: Site, n: number, jobsRequested: number): Promise<void> {
  statusOf(site, n).status = "running";
  site.reports.set(site.worker(n).ctx.workerID, { jobsRequested });
  site.later(301);
  await site.cycle("monitor");
}

/** The next plan binds and feeds. */
async function bind(site: Site): Promise<void> {
  site.later(61);
  site.answers.set("feedJobs", ({ args }) => {
    // The request is answered by removing it.
    if ("worker" in args) site.reports.delete(args.worker.data.workerID);
    return answered({ ok: true, dialog: "" });
  });
  await site.cycle("submitter");
}

describe("late binding (D3)", () => {
  it("submits a worker without job; the job waits, and gets no second one", async () => {
    const site = await submitted(late, [1]);
    expect(site.worker().ctx).toMatchObject({ hasJob: false, toFeed: [] });
    expect([site.workers(), site.life(1)]).toEqual([["submitted"], "queued"]);
    expect(site.made("feedJobs")).toEqual([]);
    site.later(601);
    await site.cycle("submitter");
    expect(site.workers()).toEqual(["submitted"]);
  });

  it("binds a job when the payload asks, feeds it, and the job runs", async () => {
    const site = await submitted(late, [1]);
    await asks(site, 0, 1);
    expect(site.workers()).toEqual(["ready"]);
    await bind(site);
    expect([site.workers(), site.life(1)]).toEqual([["running"], "submitted"]);
    expect(site.worker().ctx).toMatchObject({ hasJob: true, pandaIDs: [1], toFeed: [] });
    expect(site.made("feedJobs")).toHaveLength(1);
    site.later(301);
    await site.cycle("monitor");
    expect(site.life(1)).toBe("running");
    expect(site.made("submitWorkers")).toHaveLength(1);
  });

  it("stays as it is while the payload starts without asking", async () => {
    const site = await submitted(late, [1]);
    statusOf(site).status = "running";
    site.later(301);
    await site.cycle("monitor");
    expect([site.workers(), site.life(1)]).toEqual([["submitted"], "queued"]);
  });

  it("leaves room in the queue for the next job once a worker runs", async () => {
    const site = await submitted({ ...late, ...oneAtATime }, [1, 2]);
    await asks(site, 0, 1);
    await bind(site);
    expect([site.life(1), site.life(2)]).toEqual(["submitted", "queued"]);
    expect(site.workers()).toEqual(["running", "submitted"]);
  });

  it("feeds what was bound when the process died in between, and only that", async () => {
    const site = await submitted(late, [1]);
    await asks(site, 0, 1);
    site.later(61);
    await site.dieAfter("submitter", "feedJobs");
    expect([site.workers(), site.life(1)]).toEqual([["ready"], "submitting"]);
    await bind(site);
    expect([site.workers(), site.life(1)]).toEqual([["running"], "submitted"]);
    expect(site.worker().ctx.pandaIDs).toEqual([1]);
  });

  it("feeds the same job again after trouble, since the payload may have it, and offers it to no other", async () => {
    const site = await submitted(late, [1, 2]);
    await asks(site, 0, 1);
    await asks(site, 1, 1);
    site.answers.set("feedJobs", () => threw("disk full"));
    site.later(61);
    await site.cycle("submitter");
    expect([site.worker(0).ctx.toFeed, site.worker(1).ctx.toFeed]).toEqual([[1], [2]]);
    site.later(601);
    await bind(site);
    expect([site.worker(0).ctx.pandaIDs, site.worker(1).ctx.pandaIDs]).toEqual([[1], [2]]);
  });

  it("gives the job back when the worker ends before it asked, or before it was fed", async () => {
    const early = await submitted(late, [1]);
    statusOf(early).status = "failed";
    for (let look = 0; look < 3; look += 1) {
      early.later(3700);
      await early.cycle("monitor");
    }
    expect([early.workers(), early.life(1)]).toEqual([["failed"], "prepared"]);
    early.later(601);
    await early.cycle("submitter");
    expect([early.workers(), early.life(1)]).toEqual([["failed", "submitted"], "queued"]);

    const unfed = await submitted(late, [1]);
    await asks(unfed, 0, 1);
    unfed.answers.set("feedJobs", () => threw("disk full"));
    unfed.later(61);
    await unfed.cycle("submitter");
    statusOf(unfed).status = "failed";
    for (let look = 0; look < 3; look += 1) {
      unfed.later(3700);
      await unfed.cycle("monitor");
    }
    await unfed.cycle("submitter");
    expect([unfed.workers(), unfed.life(1)]).toEqual([["failed"], "prepared"]);
  });

  it("is not fed while the monitor looks, so that a request is answered once", async () => {
    const site = await submitted(late, [1]);
    await asks(site, 0, 1);
    const report = Promise.withResolvers<ReturnType<typeof answered>>();
    site.answers.set("read", () => report.promise);
    site.later(301);
    const look = site.cycle("monitor");
    await bind(site);
    expect([site.worker().ctx.toFeed, site.made("feedJobs").length]).toEqual([[1], 0]);
    report.resolve(answered({ jobsRequested: 1 }));
    await look;
    await site.cycle("submitter");
    expect([site.workers(), site.worker().ctx.pandaIDs, site.made("feedJobs").length]).toEqual([["running"], [1], 1]);
  });

  it("kills a waiting job at once, since no worker has it", async () => {
    const site = await submitted(late, [1]);
    site.answers.set("updateJobs", () => answered([{ StatusCode: 0, command: "tobekilled" }]));
    await site.cycle("propagator");
    expect([site.life(1), site.worker().state.regions["kill"]]).toEqual(["killed", "unmarked"]);
  });
});

describe("refill (D4)", () => {
  /** A worker that runs job 1 and asks for more, while others wait. */
  async function refilling(n: number, ...others: number[]): Promise<Site> {
    const site = await submitted(oneAtATime, [1, ...others]);
    await asks(site, 0, n);
    expect([site.life(1), site.worker().ctx.nJobsToRefill]).toEqual(["running", n]);
    return site;
  }

  it("gives a running worker that asks another job", async () => {
    const site = await refilling(1, 2);
    await bind(site);
    expect(site.worker().ctx).toMatchObject({ pandaIDs: [1, 2], toFeed: [], nJobsToRefill: 0 });
    expect(site.life(2)).toBe("submitted");
    const fed = site.made("feedJobs").at(-1)?.args;
    expect(fed && "worker" in fed && fed.worker.jobs?.map(({ data }) => data.PandaID)).toEqual([2]);
    site.later(301);
    await site.cycle("monitor");
    expect([site.life(1), site.life(2)]).toEqual(["running", "running"]);
  });

  it("gives no more than it asked for, and a request is answered once", async () => {
    const site = await refilling(1, 2, 3);
    await bind(site);
    expect(site.worker().ctx.pandaIDs).toEqual([1, 2]);
    site.later(301);
    await site.cycle("monitor");
    site.later(61);
    await site.cycle("submitter");
    expect(site.worker().ctx.pandaIDs).toEqual([1, 2]);
  });

  it("gives one job where several go to a worker and one was asked for; the other stays free", async () => {
    const queue = { ...oneAtATime, mapType: "ManyToOne" };
    const site = await submitted(queue, [1, 2, 3, 4], { traits: { nJobsPerWorker: 2 } });
    expect(site.worker().ctx.pandaIDs).toEqual([1, 2]);
    await asks(site, 0, 1);
    await bind(site);
    expect([site.worker().ctx.pandaIDs, site.life(3), site.life(4)]).toEqual([[1, 2, 3], "submitted", "prepared"]);
  });

  it("gives nothing to a worker that is to be killed", async () => {
    const site = await refilling(1, 2);
    await site.record({ type: "worker.killMarked", workerIDs: [site.worker().ctx.workerID], why: "test" });
    await bind(site);
    expect(site.worker().ctx.pandaIDs).toEqual([1]);
  });
});
