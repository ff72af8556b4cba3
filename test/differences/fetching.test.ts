/**
 * Crash windows of job fetcher and command manager (lifecycle 7.2): what was asked of the WMS when the process died.
 */
import { describe, expect, it } from "vitest";
import { jobFetcher } from "../../src/agents/jobFetcher.ts";
import { answered, configured, drive, worldOf } from "../agents/drive.ts";
import { prepared, worker } from "../agents/lives.ts";
import { dictionary, Site } from "./site.ts";

describe("jobs", () => {
  it("of an answer that was lost are recorded as lost, and others are asked for (C1)", async () => {
    const site = await Site.open({ jobs: [dictionary(1)] });
    await site.dieAfter("jobFetcher", "getJobs");
    expect([...site.engine.world.calls.values()].map(({ state, ctx }) => [ctx.method, state.life])).toEqual([
      ["getJobs", "unknownOutcome"],
    ]);
    site.later(61);
    await site.cycle("recoverer");
    expect(site.decisions().at(-1)).toEqual(["call.settled"]);
    expect(site.engine.world.calls.size).toBe(0);
    await site.cycle("jobFetcher");
    expect(site.made("getJobs")).toHaveLength(2);
  });

  it("of a recorded answer are all there after a crash (C1)", async () => {
    const site = await Site.open({ jobs: [dictionary(1), dictionary(2)] });
    await site.cycle("jobFetcher");
    await site.restart();
    expect([site.life(1), site.life(2)]).toEqual(["fetched", "fetched"]);
  });

  it("that are handed out again replace their former life in one record (C2)", () => {
    const [fetchJobs] = jobFetcher;
    const world = worldOf([...configured(), ...prepared(1), ...worker(5, [1], "running")]);
    const { records } = drive(fetchJobs!, world, ["Q"], () => answered({ ok: true, data: [dictionary(1)] }));
    expect(records.map(({ events }) => events.map(({ type }) => type))).toEqual([
      ["call.intended"],
      ["queue.jobsFetched", "job.superseded", "job.fetched", "call.returned"],
    ]);
    expect(world.jobs.get(1)?.state.life).toBe("fetched");
    expect(world.anomalies).toEqual([]);
  });
});

describe("commands", () => {
  it("of an answer that was lost are known to be lost, and the next ones are asked for (C36)", async () => {
    const site = await Site.open();
    await site.cycle("commandManager");
    site.later(6);
    await site.dieAfter("commandManager", "getCommands");
    site.later(61);
    await site.cycle("recoverer");
    expect(site.engine.world.calls.size).toBe(0);
    const before = site.made("getCommands").length;
    await site.cycle("commandManager");
    expect(site.made("getCommands")).toHaveLength(before + 1);
  });
});
