/**
 * The propagator: whether and how the WMS is told of a job, and what each reply means.
 */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import type { Call } from "../../src/agents/agent.ts";
import { fold } from "../../src/projection.ts";
import { answered, configured, drive, fetched, threw, worldOf } from "./drive.ts";
import { prepared, stored, worker } from "./lives.ts";
import { finished, kill, life, missed, now, ok, refusedIn, running, tell, tellJobs } from "./telling.ts";

const sent = (calls: readonly Call[]) =>
  calls.map(({ method, args }) => {
    const [list] = (args as { plain: [readonly (number | { job_id: number; job_status: string })[]] }).plain;
    return [method, list.map((one) => (typeof one === "number" ? one : `${one.job_id} ${one.job_status}`))];
  });

const stageOutFailed: WindrowEvent[] = [
  ...prepared(1),
  ...worker(5, [1], "finished"),
  { type: "job.transferStarted", PandaID: 1 },
  { type: "job.stageOutFailed", PandaID: 1 },
];

describe("how the WMS hears of a job (1.10)", () => {
  const truePilot = { truePilot: true, noHeartbeat: ["running", "transferring", "finished", "failed"] };
  const only = (...noHeartbeat: string[]) => ({ noHeartbeat });
  type Case = readonly [string, Record<string, unknown>, readonly WindrowEvent[], string | null, string];
  const cases: readonly Case[] = [
    ["starting", {}, prepared(1), "updateJobs", "prepared|told|unasked"],
    ["running", {}, running, "updateJobs", "running|told|unasked"],
    ["finished", {}, finished, "updateJobs", "done|closed|unasked"],
    ["truePilot, starting", truePilot, prepared(1), "updateJobs", "prepared|told|unasked"],
    ["truePilot, running", truePilot, running, "checkJobs", "running|told|unasked"],
    ["truePilot, ended", truePilot, [...prepared(1), ...worker(5, [1], "finished")], null, "toTransfer|told|unasked"],
    ["truePilot, finished", truePilot, finished, null, "done|closed|unasked"],
    ["truePilot, stage-in failed (D19)", truePilot, [fetched(1), refusedIn], "updateJobs", "done|closed|unasked"],
    ["truePilot, stage-out failed (D19)", truePilot, stageOutFailed, "updateJobs", "done|closed|unasked"],
    ["truePilot, missed", truePilot, missed, "updateJobs", "done|closed|unasked"],
    ["only failed, stage-in failed", only("failed"), [fetched(1), refusedIn], null, "done|closed|unasked"],
    ["only starting", only("starting"), prepared(1), null, "prepared|told|unasked"],
    ["only missed, missed", only("missed"), missed, "updateJobs", "done|closed|unasked"],
    [
      "only cancelled, killed",
      only("cancelled"),
      [fetched(1), { type: "job.killed", PandaID: 1, error: { code: 1144, diag: "k" } }],
      null,
      "done|closed|unasked",
    ],
  ];
  it.each(cases)("%s", (_name, queue, events, method, after) => {
    const world = worldOf([...configured({ Q: queue }), ...events]);
    const { calls, events: said } = tell(world, [1]);
    expect(calls.map((one) => one.method)).toEqual(method === null ? [] : [method]);
    expect(life(world, 1)).toBe(after);
    expect(said.some((one) => "suppressed" in one)).toBe(method === null);
  });

  it("asks and tells in one run, one record a shard", () => {
    const world = worldOf([
      ...configured({ Q: {}, R: truePilot, S: only("starting") }),
      { type: "instance.queuePlaced", queue: "R", shard: 2 },
      ...running,
      ...prepared(2, { queue: "R" }),
      ...worker(6, [2], "running", { queue: "R" }),
      fetched(3, { queue: "S" }),
      fetched(4),
    ]);
    const { calls, records } = tell(world, [1, 2, 3, 4]);
    expect(sent(calls)).toEqual([
      ["updateJobs", ["1 running", "4 starting"]],
      ["checkJobs", [2]],
    ]);
    expect(calls.map(({ queue, plugin }) => [queue, plugin])).toEqual([
      [null, "communicator"],
      [null, "communicator"],
    ]);
    expect(records.map(({ shard, events }) => [shard, events])).toEqual([
      [
        1,
        [
          { type: "job.told", PandaIDs: [1, 4] },
          { type: "job.told", PandaIDs: [3], suppressed: true },
        ],
      ],
      [2, [{ type: "job.told", PandaIDs: [2] }]],
    ]);
  });

  it("takes as many jobs as configured, in bulks", () => {
    const world = worldOf(configured({ Q: {} }, { propagator: { maxJobs: 7, nJobsInBulk: 2 } }));
    expect(tellJobs.limit(world)).toBe(7);
    expect(tellJobs.batches?.(world, [1, 2, 3])).toEqual([[1, 2], [3]]);
  });
});

describe("replies", () => {
  const two = [...configured(), fetched(1), ...prepared(2)];
  it.each([
    [{ StatusCode: 30, ErrorDiag: "Database error" }, "StatusCode 30: Database error"],
    [{ StatusCode: 30, command: "tobekilled" }, "StatusCode 30"],
    [{ StatusCode: 999, ErrorDiag: "no entry" }, "no entry"],
  ])("of one job that is not taken concern that job alone: %j", (bad, why) => {
    const world = worldOf(two);
    expect(tell(world, [1, 2], { 1: bad, 2: ok }).events).toEqual([
      { type: "job.told", PandaIDs: [2] },
      { type: "job.untold", PandaIDs: [1], why },
    ]);
    expect(world.jobs.get(1)?.ctx.report).toEqual({ at: now, how: "trouble" });
    expect(world.jobs.get(2)?.ctx.report).toEqual({ at: now, how: "interval" });
  });

  it("that are missing or never came are no answer", () => {
    expect(tell(worldOf(two), [1, 2], threw("no connection")).events).toEqual([
      { type: "job.untold", PandaIDs: [1, 2], why: "no connection" },
    ]);
    expect(tell(worldOf(two), [1, 2], answered([ok])).events).toEqual([
      { type: "job.told", PandaIDs: [1] },
      { type: "job.untold", PandaIDs: [2], why: "the WMS gave no reply for this job" },
    ]);
  });

  it("keep a command that is no kill and change nothing by it", () => {
    const world = worldOf(two);
    expect(tell(world, [1], { StatusCode: 0, command: "debug" }).events).toEqual([
      { type: "job.told", PandaIDs: [1], command: "debug" },
    ]);
    expect(life(world, 1)).toBe("fetched|told|unasked");
  });

  it("to a last report that was not taken leave it owed until it is", () => {
    const world = worldOf([...configured(), ...finished]);
    tell(world, [1], { StatusCode: 999 });
    expect(life(world, 1)).toBe("staged|troubled|unasked");
    expect(tell(world, [1]).events).toEqual([{ type: "job.closed", PandaIDs: [1] }]);
  });

  it("say nothing of a state that came while the WMS was asked", () => {
    const world = worldOf([...configured(), ...running]);
    const driven = drive(tellJobs, world, [1], () => {
      fold(world, {
        shard: 1,
        seq: 500,
        at: now,
        events: [
          { type: "job.ended", PandaIDs: [1], verdict: "finished" },
          { type: "job.reportOwed", PandaIDs: [1] },
        ],
      });
      return answered([ok]);
    });
    expect(driven.records).toEqual([]);
    expect(life(world, 1)).toBe("toTransfer|owed|unasked");
    expect(world.jobs.get(1)?.ctx.report.how).toBe("now");
  });

  it("close nothing that reached its end only while the WMS was asked", () => {
    const world = worldOf([...configured(), ...prepared(1), ...worker(5, [1], "finished")]);
    drive(tellJobs, world, [1], () => {
      fold(world, { shard: 1, seq: 500, at: now, events: stored(1) });
      return answered([kill]);
    });
    expect(world.anomalies).toEqual([]);
    expect(life(world, 1)).toBe("staged|owed|unasked");
  });

  it("of a job that was handed out anew meanwhile go to nobody", () => {
    const world = worldOf([...configured(), fetched(1)]);
    const driven = drive(tellJobs, world, [1], () => {
      fold(world, { shard: 1, seq: 500, at: now, events: [{ type: "job.superseded", PandaID: 1 }, fetched(1)] });
      return answered([kill]);
    });
    expect(driven.records).toEqual([]);
    expect(life(world, 1)).toBe("fetched|owed|unasked");
  });
});
