/**
 * Crash windows of the submitter (lifecycle 7.2): however a submission is interrupted, each worker is created once in
 * the batch system, and no job runs twice.
 */
import { describe, expect, it } from "vitest";
import { answered, threw } from "../agents/drive.ts";
import { dictionary, Site, type SiteOptions } from "./site.ts";

const created = (site: Site) => [...site.batch.values()].map(({ times }) => times);
const workerIDs = (site: Site) => [...site.engine.world.workers.keys()];

/** Jobs that are ready for a worker. */
async function prepared(options: SiteOptions, ...PandaIDs: number[]): Promise<Site> {
  const site = await Site.open({ jobs: PandaIDs.map((id) => dictionary(id)), ...options });
  await site.cycle("jobFetcher", "preparator", "preparator");
  return site;
}

/** The next process waits until the call can no longer take effect, and recovers. */
async function recovered(site: Site): Promise<void> {
  site.later(61);
  await site.cycle("recoverer", "submitter");
}

describe("a submission that was interrupted", () => {
  it.each(["setupAccessPoints", "feedJobs"] as const)("in %s goes on with the same worker (C7)", async (method) => {
    const site = await prepared({}, 1);
    await site.dieAfter("submitter", method);
    const before = workerIDs(site);
    await site.cycle("submitter");
    expect([workerIDs(site), created(site), site.life(1)]).toEqual([before, [1], "submitted"]);
  });

  it("in submitWorkers is asked after by key, and what exists is adopted (C8)", async () => {
    const site = await prepared({}, 1, 2);
    await site.dieAfter("submitter", "submitWorkers");
    expect(site.workers()).toEqual(["submitting", "submitting"]);
    site.later(30);
    await site.cycle("recoverer", "submitter");
    expect(site.made("find")).toEqual([]);
    await recovered(site);
    expect([created(site), site.workers()]).toEqual([
      [1, 1],
      ["submitted", "submitted"],
    ]);
    expect([site.life(1), site.life(2), site.made("submitWorkers").length]).toEqual(["submitted", "submitted", 1]);
  });

  it("before its effect is done again with the same worker (C8)", async () => {
    const site = await prepared({}, 1);
    site.answers.set("submitWorkers", () => answered([{ ok: true, dialog: "" }]));
    await site.dieAfter("submitter", "submitWorkers");
    site.answers.delete("submitWorkers");
    const before = workerIDs(site);
    await recovered(site);
    expect([workerIDs(site), created(site), site.life(1)]).toEqual([before, [1], "submitted"]);
  });

  it("is held where the plug-in cannot be asked, unless the queue says resubmit (C8)", async () => {
    const held = await prepared({ without: ["find"] }, 1);
    await held.dieAfter("submitter", "submitWorkers");
    await recovered(held);
    expect([created(held), held.workers(), held.life(1)]).toEqual([[1], ["held"], "submitting"]);

    const again = await prepared({ without: ["find"], queue: { windrow: { shard: 1, onUnknown: "resubmit" } } }, 1);
    await again.dieAfter("submitter", "submitWorkers");
    await recovered(again);
    again.later(601);
    await again.cycle("submitter");
    expect([created(again), again.life(1)]).toEqual([[1, 1], "submitted"]);
  });

  it("by an exception after a part of the batch keeps that part and submits the rest (C9)", async () => {
    const site = await prepared({}, 1, 2);
    site.answers.set("submitWorkers", ({ args }) => {
      if ("workers" in args) site.create(args.workers[0]?.data.key ?? "");
      return threw("connection lost");
    });
    await site.cycle("submitter");
    site.answers.delete("submitWorkers");
    await recovered(site);
    expect([created(site), site.workers()]).toEqual([
      [1, 1],
      ["submitted", "submitted"],
    ]);
    expect([site.life(1), site.life(2)]).toEqual(["submitted", "submitted"]);
  });

  it("that takes longer than lockInterval is nobody else's meanwhile (C10)", async () => {
    const site = await prepared({}, 1);
    await site.hangAfter("submitter", "submitWorkers");
    site.later(3600);
    await site.cycle("submitter", "recoverer");
    expect([created(site), site.made("submitWorkers").length]).toEqual([[1], 1]);
  });

  it("because the log cannot be written releases nothing: the next process asks (C11)", async () => {
    const site = await prepared({}, 1);
    site.answers.set("submitWorkers", ({ args }) => {
      site.broken = true;
      return answered("workers" in args ? args.workers.map(({ data }) => site.create(data.key)) : []);
    });
    await expect(site.engine.cycle("submitter")).rejects.toThrow("no space left");
    site.answers.delete("submitWorkers");
    await site.restart();
    expect([site.workers(), site.life(1)]).toEqual([["submitting"], "submitting"]);
    await recovered(site);
    expect([created(site), site.workers(), site.life(1)]).toEqual([[1], ["submitted"], "submitted"]);
  });

  it("does not submit a commanded number again (C12)", async () => {
    const pull = { queue: { mapType: "NoJob", runMode: "slave" } };
    const site = await Site.open(pull);
    await site.record({
      type: "queue.workersOrdered",
      queue: "Q",
      orders: [{ jobType: "managed", resourceType: "SCORE", n: 1 }],
      command_id: 1,
    });
    // The first plan sees the order, the second makes workers of it.
    await site.cycle("submitter");
    expect(site.workers()).toEqual([]);
    site.later(61);
    await site.dieAfter("submitter", "submitWorkers");
    await recovered(site);
    expect(site.engine.world.queues.get("Q")?.ctx.ordered).toEqual({ "managed/SCORE": 0 });
    site.later(61);
    await site.cycle("submitter");
    expect(created(site)).toEqual([1]);
  });
});

describe("around a submission", () => {
  it("a job that is killed while its worker is being made is not submitted (C14)", async () => {
    const site = await prepared({}, 1);
    await site.dieAfter("submitter", "feedJobs");
    site.answers.set("updateJobs", () => answered([{ StatusCode: 0, command: "tobekilled" }]));
    await site.cycle("propagator", "submitter");
    expect([created(site), site.workers(), site.life(1)]).toEqual([[], [], "killed"]);
  });

  it("nothing is left locked by a crash right after it: the job grows by checkInterval (C15)", async () => {
    const site = await prepared(
      { queue: { mapType: "OneToMany" }, traits: { nWorkersPerJob: 2, maxWorkersPerJobPerCycle: 1 } },
      1,
    );
    await site.cycle("submitter");
    await site.restart();
    site.later(61);
    await site.cycle("submitter");
    expect(created(site)).toEqual([1, 1]);
  });
});
