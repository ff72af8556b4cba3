/**
 * A kill by the WMS: no job is called killed while a worker of it may be alive. A job of the event service without
 * events left is killed in the same way.
 */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import type { Reply } from "../../src/agents/agent.ts";
import { fold } from "../../src/projection.ts";
import type { World } from "../../src/world.ts";
import { answered, configured, drive, fetched, threw, worldOf } from "./drive.ts";
import { prepared, worker } from "./lives.ts";
import { finished, kill, life, missed, now, ok, refusedIn, running, tell, tellJobs } from "./telling.ts";

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
