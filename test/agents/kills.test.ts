/**
 * The sweeper kills marked workers until they have ended, whatever its plug-in says.
 */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import type { Reply } from "../../src/agents/agent.ts";
import { answered, configured, drive, threw, worldOf } from "./drive.ts";
import { prepared, worker } from "./lives.ts";
import { bulk, due, duty, idsOf, later, made, no, now, yes } from "./sweeping.ts";

const single = { traits: { methods: ["killWorker", "sweepWorker"] } };

const mark = (...workerIDs: number[]): WindrowEvent => ({ type: "worker.killMarked", workerIDs, why: "test" });
const two = [
  ...configured(),
  ...prepared(1),
  ...worker(5, [1], "running"),
  ...prepared(2),
  ...worker(9, [2], "submitted"),
];

describe("kills (3.9)", () => {
  const killWorkers = duty("killWorkers");

  it("go to the plug-in in one call a queue, and again after checkInterval until the worker has ended", () => {
    const world = worldOf([...two, mark(5, 9)]);
    expect(due(world, "killWorkers", 5)).toBe(Number.NEGATIVE_INFINITY);
    const { calls, events } = drive(killWorkers, world, [5, 9], () => answered([yes, yes]), bulk);
    expect(made(calls)).toEqual([["sweeper", "killWorkers", [5, 9]]]);
    expect(events).toEqual([{ type: "worker.killSent", workerIDs: [5, 9] }]);
    expect(due(world, "killWorkers", 5)).toBe(now + 180_001);
    const over = worldOf([
      ...two,
      mark(5),
      {
        type: "worker.looked",
        queue: "Q",
        workers: [{ workerID: 5, status: "cancelled", checked: true }],
        unchanged: [],
      },
    ]);
    expect(due(over, "killWorkers", 5)).toBeUndefined();
    expect(drive(killWorkers, over, [5], () => answered([yes]), bulk).calls).toEqual([]);
    expect(world.anomalies).toEqual([]);
  });

  it("are split by queue and bounded", () => {
    const world = worldOf([
      ...configured({ Q: {}, R: {} }, { sweeper: { maxWorkers: 3 } }),
      ...worker(5, [], "running"),
      ...worker(9, [], "running", { queue: "R" }),
      ...worker(13, [], "running"),
    ]);
    expect(killWorkers.limit(world)).toBe(3);
    expect(killWorkers.batches?.(world, [5, 9, 13])).toEqual([[5, 13], [9]]);
  });

  it("go one by one where the plug-in has no other way", () => {
    const world = worldOf([...two, mark(5, 9)]);
    const { calls, events } = drive(
      killWorkers,
      world,
      [5, 9],
      (call) => answered(idsOf(call)[0] === 5 ? yes : no),
      single,
    );
    expect(made(calls)).toEqual([
      ["sweeper", "killWorker", [5]],
      ["sweeper", "killWorker", [9]],
    ]);
    expect(events).toEqual([
      { type: "worker.killSent", workerIDs: [5] },
      { type: "worker.killTroubled", workerIDs: [9], why: "fatal" },
    ]);
  });

  it.each([
    ["threw", threw("down"), "down"],
    ["said nothing", answered([]), "the plug-in said nothing of this worker"],
    ["said later", answered([later]), "later"],
    ["said false without a word", answered([{ ok: false, dialog: "" }]), "it said false"],
  ] as const)("are tried again where the plug-in %s", (_name, reply, why) => {
    const world = worldOf([...two, mark(5)]);
    const { events } = drive(killWorkers, world, [5], () => reply as Reply, bulk);
    expect(events).toEqual([{ type: "worker.killTroubled", workerIDs: [5], why }]);
    expect(due(world, "killWorkers", 5)).toBe(now + 180_001);
    expect(world.anomalies).toEqual([]);
  });

  it("are not repeated for a worker that turned out missed (D21)", () => {
    const world = worldOf([
      ...configured(),
      ...prepared(1),
      ...worker(5, [1], "submitting"),
      mark(5),
      { type: "worker.missed", workerID: 5, error: { code: 1110, diag: "no" }, dialog: "fatal" },
    ]);
    expect(world.workers.get(5)?.state.key).toBe("missed|owed|spent");
    expect(due(world, "killWorkers", 5)).toBeUndefined();
  });
});
