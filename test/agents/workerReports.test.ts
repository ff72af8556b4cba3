/**
 * What the WMS is told of workers, one by one and in numbers, and what each reply means.
 */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import type { Reply } from "../../src/agents/agent.ts";
import { fold } from "../../src/projection.ts";
import { answered, configured, drive, threw, worldOf } from "./drive.ts";
import { prepared, worker } from "./lives.ts";
import { duty, now, running } from "./telling.ts";

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
