/**
 * The propagator: what the WMS is told and how, what each reply means, and that no job is called killed while a worker of
 * it may be alive.
 */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import type { Call, Reply } from "../../src/agents/agent.ts";
import { propagator } from "../../src/agents/propagator.ts";
import type { JobReply } from "../../src/plugins/contract.ts";
import { fold } from "../../src/projection.ts";
import type { World } from "../../src/world.ts";
import { answered, configured, drive, fetched, start, threw, worldOf } from "./drive.ts";
import { prepared, stored, worker } from "./lives.ts";

const duty = (name: string) => {
  const found = propagator.find((one) => one.name === name);
  if (!found) throw new Error(name);
  return found;
};
const tellJobs = duty("tellJobs");
const ok: JobReply = { StatusCode: 0, command: null };
const kill: JobReply = { StatusCode: 0, command: "tobekilled" };
const now = start + 1000;

/** Tells these jobs; each hears the same reply, or its own. */
function tell(world: World, ids: readonly number[], reply: JobReply | Record<number, JobReply> | Reply = ok) {
  const replyTo = (id: number): JobReply => ("StatusCode" in reply ? (reply as JobReply) : (reply as never)[id]);
  const driven = drive(tellJobs, world, ids, ({ method, args }) => {
    if ("ok" in reply) return reply as Reply;
    const [sent] = (args as { plain: [readonly (number | { job_id: number })[]] }).plain;
    if (method === "checkEventAvailability") throw new Error("not expected");
    return answered(sent.map((one) => replyTo(typeof one === "number" ? one : one.job_id)));
  });
  expect(world.anomalies).toEqual([]);
  return driven;
}

const sent = (calls: readonly Call[]) =>
  calls.map(({ method, args }) => {
    const [list] = (args as { plain: [readonly (number | { job_id: number; job_status: string })[]] }).plain;
    return [method, list.map((one) => (typeof one === "number" ? one : `${one.job_id} ${one.job_status}`))];
  });

const life = (world: World, PandaID: number): string | undefined => world.jobs.get(PandaID)?.state.key;
const running = [...prepared(1), ...worker(5, [1], "running")];
const refusedIn: WindrowEvent = {
  type: "job.preparationRefused",
  PandaID: 1,
  error: { code: 1099, diag: "no" },
  dialog: "no",
};
const finished = [...prepared(1), ...worker(5, [1], "finished"), ...stored(1)];
const stageOutFailed: WindrowEvent[] = [
  ...prepared(1),
  ...worker(5, [1], "finished"),
  { type: "job.transferStarted", PandaID: 1 },
  { type: "job.stageOutFailed", PandaID: 1 },
];
const missed: WindrowEvent[] = [
  ...prepared(1),
  ...worker(5, [1], "submitting"),
  { type: "worker.missed", workerID: 5, error: { code: 1110, diag: "no" }, dialog: "fatal" },
  { type: "job.missed", PandaID: 1, workerID: 5, attempts: 1, error: { code: 1110, diag: "no" } },
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

describe("the kill rule (1.10, C27)", () => {
  const killed: WindrowEvent = {
    type: "job.killed",
    PandaID: 1,
    error: { code: 1144, diag: "This job was killed by panda server" },
  };
  const told: WindrowEvent = { type: "job.told", PandaIDs: [1], command: "tobekilled" };
  const asked: WindrowEvent = { type: "job.killAsked", PandaID: 1 };
  const marked = (...workerIDs: number[]): WindrowEvent => ({
    type: "worker.killMarked",
    workerIDs,
    why: "job 1: tobekilled",
  });

  it.each([
    ["fetched", [fetched(1)]],
    ["preparing", [fetched(1), { type: "job.preparationTriggered", PandaID: 1 }]],
    ["prepared", prepared(1)],
    ["toTransfer", [...prepared(1), ...worker(5, [1], "finished")]],
    ["transferring", [...prepared(1), ...worker(5, [1], "finished"), { type: "job.transferStarted", PandaID: 1 }]],
  ] as [string, WindrowEvent[]][])("kills a job without a living worker: %s", (_name, events) => {
    const world = worldOf([...configured(), ...events]);
    expect(tell(world, [1], kill).events).toEqual([told, killed]);
    expect(life(world, 1)).toBe("killed|owed|unasked");
    expect(tell(world, [1], kill).events).toEqual([{ type: "job.closed", PandaIDs: [1] }]);
  });

  it.each(["made", "fed", "submitting", "held", "submitted", "running"] as const)(
    "marks a worker that is %s, and the job waits however often the WMS says it",
    (until) => {
      const world = worldOf([...configured(), ...prepared(1), ...worker(5, [1], until)]);
      const before = world.jobs.get(1)?.state.life;
      expect(tell(world, [1], kill).events).toEqual([told, marked(5), asked]);
      expect(tell(world, [1], kill).events).toEqual([told]);
      expect(world.jobs.get(1)?.state.life).toBe(before);
      expect(world.workers.get(5)?.state.regions["kill"]).toBe("marked");
    },
  );

  it("waits for a worker that somebody else marked", () => {
    const world = worldOf([...configured(), ...running, { type: "worker.killMarked", workerIDs: [5], why: "monitor" }]);
    expect(tell(world, [1], kill).events).toEqual([told, asked]);
  });

  it("marks only those of several workers that are alive and not marked", () => {
    const many = { mapType: "OneToMany" };
    const world = worldOf([
      ...configured(),
      ...prepared(1),
      ...worker(5, [1], "running", many),
      ...worker(9, [1], "submitted", many),
      ...worker(13, [1], "submitted", many),
      {
        type: "worker.looked",
        queue: "Q",
        workers: [{ workerID: 13, status: "finished", checked: true }],
        unchanged: [],
      },
      { type: "worker.killMarked", workerIDs: [5], why: "monitor" },
    ]);
    expect(tell(world, [1], kill).events).toEqual([told, marked(9), asked]);
  });

  it("kills two jobs of one worker through that worker, marked once", () => {
    const many = { mapType: "ManyToOne" };
    const world = worldOf([...configured(), ...prepared(1), ...prepared(2), ...worker(5, [1, 2], "running", many)]);
    expect(tell(world, [1, 2], kill).events).toEqual([
      { type: "job.told", PandaIDs: [1, 2], command: "tobekilled" },
      marked(5),
      asked,
      { type: "job.killAsked", PandaID: 2 },
    ]);
    expect([life(world, 1), life(world, 2)]).toEqual(["running|told|asked", "running|told|asked"]);
  });

  it("ends a job whose worker was given up before it began, without another command", () => {
    const world = worldOf([...configured(), ...prepared(1), ...worker(5, [1], "fed")]);
    tell(world, [1], kill);
    fold(world, {
      shard: 1,
      seq: 600,
      at: now,
      events: [
        { type: "worker.abandoned", workerIDs: [5], why: "killed" },
        { type: "job.submissionTroubled", PandaID: 1, workerID: 5, why: "killed" },
      ],
    });
    expect(tell(world, [1]).events).toEqual([{ type: "job.told", PandaIDs: [1] }, killed]);
  });

  it("means nothing for a last report", () => {
    for (const events of [finished, missed, [fetched(1), refusedIn]]) {
      const world = worldOf([...configured(), ...events]);
      expect(tell(world, [1], kill).events).toEqual([{ type: "job.closed", PandaIDs: [1] }]);
    }
  });

  it("is the same when it is repeated after a crash", () => {
    const world = worldOf([...configured(), ...running]);
    const first = tell(world, [1], kill).events;
    const again = worldOf([...configured(), ...running]);
    expect(tell(again, [1], kill).events).toEqual(first);
  });
});

describe("events left for a job (1.10, 3a)", () => {
  const es = { params: { eventService: "True" }, jobsetID: 7, taskID: 3 };
  const ask = (world: World, left: Reply, reply = ok) =>
    drive(tellJobs, world, [1], ({ method }) => (method === "updateJobs" ? answered([reply]) : left));

  it("are asked for before it begins, and kept", () => {
    const world = worldOf([...configured(), fetched(1, es)]);
    const { calls, events } = ask(world, answered({ ok: true, data: 10 }));
    expect(calls.map(({ method }) => method)).toEqual(["updateJobs", "checkEventAvailability"]);
    expect(calls[1]?.args).toEqual({ plain: [{ PandaID: 1, jobsetID: 7, taskID: 3 }] });
    expect(events).toEqual([
      { type: "job.told", PandaIDs: [1] },
      { type: "job.eventsRemaining", PandaID: 1, n: 10 },
    ]);
    expect(world.jobs.get(1)?.ctx.nRemainingEvents).toBe(10);
  });

  it("kill it where there are none", () => {
    const world = worldOf([...configured(), fetched(1, es)]);
    ask(world, answered({ ok: true, data: 0 }));
    expect(life(world, 1)).toBe("killed|owed|unasked");
    expect(world.anomalies).toEqual([]);
  });

  it.each([threw("down"), answered({ ok: false, message: "database" })])("say nothing without an answer", (left) => {
    const world = worldOf([...configured(), fetched(1, es)]);
    expect(ask(world, left).events).toEqual([{ type: "job.told", PandaIDs: [1] }]);
  });

  it("are not asked for elsewhere", () => {
    const none = answered({ ok: true, data: 0 });
    const cases: WindrowEvent[][] = [
      [fetched(1)],
      [fetched(1, { ...es, params: { eventService: "NULL" } })],
      [fetched(1, { ...es, jobsetID: null })],
      [...prepared(1, es), ...worker(5, [1], "submitted")],
      [...prepared(1, es), ...worker(5, [1], "running")],
    ];
    for (const events of cases) expect(ask(worldOf([...configured(), ...events]), none).calls).toHaveLength(1);
    const untaken = worldOf([...configured(), fetched(1, es)]);
    expect(ask(untaken, none, { StatusCode: 30 }).calls).toHaveLength(1);
  });
});

describe("workers (3.10)", () => {
  const tellWorkers = duty("tellWorkers");
  const world = () =>
    worldOf([
      ...configured(),
      ...running,
      ...prepared(2),
      ...worker(9, [2], "finished"),
      { type: "worker.untold", workerIDs: [5, 9], why: "before" },
    ]);
  const data = (...taken: boolean[]) => answered({ ok: true, data: taken });

  it("are told in bulk; an ended one that the WMS took is closed", () => {
    const one = world();
    const { calls, events } = drive(tellWorkers, one, [5, 9], () => data(true, true));
    expect(calls).toHaveLength(1);
    expect(calls[0]?.args).toMatchObject({ plain: [[{ workerID: 5 }, { workerID: 9 }]] });
    expect(events).toEqual([
      { type: "worker.closed", workerIDs: [9] },
      { type: "worker.told", workerIDs: [5] },
    ]);
    expect(one.workers.get(9)?.state.regions["report"]).toBe("closed");
    expect(one.anomalies).toEqual([]);
  });

  it.each([
    ["some refused", data(true, false), [{ type: "worker.told", workerIDs: [5] }, 9, "the WMS did not take it"]],
    ["all refused", answered({ ok: false, message: "database" }), [null, [5, 9], "database"]],
    ["no answer", threw("down"), [null, [5, 9], "down"]],
    ["too few answers", data(true), [{ type: "worker.told", workerIDs: [5] }, 9, "the WMS did not take it"]],
  ] as const)("are told again later: %s", (_name, reply, [first, ids, why]) => {
    const one = world();
    const { events } = drive(tellWorkers, one, [5, 9], () => reply as Reply);
    expect(events).toEqual([...(first ? [first] : []), { type: "worker.untold", workerIDs: [ids].flat(), why }]);
    expect(one.workers.get(9)?.ctx.report).toEqual({ at: now, how: "interval" });
    expect(one.workers.get(9)?.state.regions["report"]).not.toBe("closed");
  });

  it("whose status changes are told at once, and nothing is said of the old report", () => {
    const one = world();
    const look = (status: "running" | "idle" | "submitted"): WindrowEvent => ({
      type: "worker.looked",
      queue: "Q",
      workers: [{ workerID: 5, status, checked: true }],
      unchanged: [],
    });
    const see = (status: "running" | "idle" | "submitted") =>
      fold(one, { shard: 1, seq: 500, at: now, events: [look(status)] });
    see("running");
    expect(one.workers.get(5)?.ctx.report.how).toBe("interval");
    const { events } = drive(tellWorkers, one, [5], () => {
      see("idle");
      see("submitted");
      return data(true);
    });
    expect(events).toEqual([]);
    expect(one.workers.get(5)?.ctx.report).toEqual({ at: now, how: "now" });
  });
});

describe("worker counts", () => {
  const tellStats = duty("tellWorkerStats");
  const counts = { running: 1, submitted: 0, finished: 0, to_submit: 0 };
  const fine = () => answered({ ok: true, data: null });

  it("are told of a queue and remembered", () => {
    const world = worldOf([...configured(), ...running]);
    const { calls } = drive(tellStats, world, ["Q"], fine);
    expect(calls.map(({ args }) => args)).toEqual([{ plain: ["Q", { ANY: {}, managed: { SCORE: counts } }] }]);
    expect(world.queues.get("Q")?.ctx).toMatchObject({ stats: { at: now, how: "interval" }, statsAsked: false });
  });

  it("of nothing are not told", () => {
    const world = worldOf(configured());
    expect(drive(tellStats, world, ["Q"], fine).calls).toEqual([]);
    expect(world.queues.get("Q")?.ctx.stats).toEqual({ at: now, how: "interval" });
  });

  it("that the WMS asked for are told of the site first, and again until it took them", () => {
    const world = worldOf([
      ...configured({ Q: { siteName: "S" } }),
      ...running,
      { type: "queue.statsAsked", queue: "Q" },
    ]);
    expect(drive(tellStats, world, ["Q"], () => threw("down")).events).toEqual([
      { type: "queue.statsUntold", queue: "Q", why: "down" },
    ]);
    const { calls } = drive(tellStats, world, ["Q"], fine);
    expect(calls.map(({ args }) => args)).toEqual([
      { plain: ["S", { ANY: { ANY: counts } }] },
      { plain: ["Q", { ANY: {}, managed: { SCORE: counts } }] },
    ]);
    expect(world.queues.get("Q")?.ctx.statsAsked).toBe(false);
    expect(world.anomalies).toEqual([]);
  });
});
