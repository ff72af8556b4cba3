/** What plug-ins had trouble with or refused is told to people at the WMS, once each, and never piles up. */
import { describe, expect, it } from "vitest";
import { z } from "zod";
import type { WindrowEvent } from "../../events/events.ts";
import type { Reply } from "../../src/agents/agent.ts";
import { tellDialogs } from "../../src/agents/dialogs.ts";
import { canonical, freeze, thaw } from "../../src/frozen.ts";
import { fold } from "../../src/projection.ts";
import { Scheduler } from "../../src/scheduler.ts";
import { World } from "../../src/world.ts";
import { answered, configured, drive, fetched, start, threw, worldOf } from "./drive.ts";
import { worker } from "./lives.ts";

const minute = 60_000;
let seq = 9000;
const add = (world: World, at: number, ...events: readonly WindrowEvent[]): void =>
  fold(world, { shard: 1, seq: ++seq, at, events });
const fine = (): Reply => answered({ ok: true, data: null });
const troubled = (PandaID: number, why = "no disk"): WindrowEvent => ({
  type: "job.preparationTroubled",
  PandaID,
  why,
});
const refused = (PandaID: number, text = "bad file"): WindrowEvent => ({
  type: "job.preparationRefused",
  PandaID,
  error: { code: 1, diag: text },
  dialog: text,
});

function due(world: World, now: number): boolean {
  const scheduler = new Scheduler(world);
  scheduler.placeAll();
  return scheduler.take("tellDialogs", now, 9).length > 0;
}

const messagesSchema = z.array(z.record(z.string(), z.unknown()));
function tell(world: World, reply: () => Reply = fine, now = start + 1000) {
  const driven = drive(tellDialogs, world, ["instance"], reply, { now });
  const messages = driven.calls.map(({ args }) => messagesSchema.parse("plain" in args ? args.plain[0] : null));
  return { ...driven, messages };
}

/** A World with jobs 1 to 9 and worker 4, in which this was recorded. */
function having(events: readonly WindrowEvent[], cfg: Record<string, unknown> = {}): World {
  const jobs = Array.from({ length: 9 }, (_, i) => fetched(i + 1));
  const world = worldOf([...configured({ Q: {} }, cfg), ...jobs, ...worker(4, [], "running")]);
  add(world, start, ...events);
  expect(world.anomalies).toEqual([]);
  return world;
}

describe("messages", () => {
  it("say which plug-in, about what, when and how bad, under a number of their own", () => {
    const world = having([troubled(3), refused(5)]);
    expect(due(world, start)).toBe(true);
    const { messages, events, records } = tell(world);
    expect(messages).toEqual([
      [
        {
          diagID: 5,
          moduleName: "DummyPreparator",
          identifier: "Q PandaID=3",
          createdAt: start,
          messageLevel: "ERROR",
          diagMessage: "no disk",
        },
        {
          diagID: 9,
          moduleName: "DummyPreparator",
          identifier: "Q PandaID=5",
          createdAt: start,
          messageLevel: "WARNING",
          diagMessage: "bad file",
        },
      ],
    ]);
    expect(events).toEqual([{ type: "instance.dialogsTold", upTo: 2 }]);
    expect(records[0]?.shard).toBe(1);
    expect(due(world, start + 1e9)).toBe(false);
  });

  it.each<[string, WindrowEvent, string, string]>([
    ["a look", { type: "worker.lookTroubled", workerIDs: [4], why: "w" }, "DummyMonitor", "Q workerID=4"],
    ["a kill", { type: "worker.killTroubled", workerIDs: [4], why: "w" }, "DummySweeper", "Q workerID=4"],
    [
      "a report",
      {
        type: "worker.looked",
        queue: "Q",
        workers: [
          { workerID: 4, status: "running", checked: true, complaints: [{ where: "jobReport.json", why: "no JSON" }] },
        ],
        unchanged: [],
      },
      "DummyMessenger",
      "Q workerID=4",
    ],
    [
      "a job that cannot be read",
      { type: "job.refused", PandaID: 99, queue: "Q", attemptNr: 1, why: "w" },
      "communicator",
      "Q PandaID=99",
    ],
    ["a plan", { type: "queue.planTroubled", queue: "Q", why: "w" }, "DummySubmitter", "Q"],
  ])("come of %s", (_what, event, moduleName, identifier) => {
    expect(tell(having([event])).messages[0]).toMatchObject([{ moduleName, identifier }]);
  });

  it("come of workers that could not be made or submitted, unless they were to be killed", () => {
    const made = [
      ...worker(8, [], "fed"),
      ...worker(12, [], "fed"),
      { type: "worker.killMarked", workerIDs: [12], why: "" },
    ];
    const world = having(made as WindrowEvent[]);
    add(world, start, { type: "worker.abandoned", workerIDs: [12], why: "killed before it was submitted" });
    expect(world.dialogs.get(1)?.waiting ?? []).toEqual([]);
    add(world, start, { type: "worker.abandoned", workerIDs: [8], why: "boom" });
    expect(tell(world).messages[0]).toMatchObject([{ identifier: "Q workerID=8", diagMessage: "boom" }]);
  });

  it("that repeat one that waits are counted, whatever job they are about", () => {
    const world = having([1, 2, 3].map((id) => troubled(id)));
    expect(tell(world).messages[0]).toMatchObject([{ identifier: "Q PandaID=1", diagMessage: "no disk (3 times)" }]);
    add(world, start + 2000, troubled(4));
    expect(tell(world, fine, start + 2 * minute).messages[0]).toMatchObject([{ diagID: 9, diagMessage: "no disk" }]);
  });

  it("below minMessageLevel are not told", () => {
    const world = having([refused(5)], { propagator: { minMessageLevel: "ERROR" } });
    expect(due(world, start + 1e9)).toBe(false);
    add(world, start, troubled(3));
    expect(tell(world).messages[0]).toHaveLength(1);
    expect(world.dialogs.get(1)?.waiting).toEqual([]);
  });

  it("go in calls of maxDialogs, a minute apart", () => {
    const world = having(
      [1, 2, 3].map((id) => troubled(id, `why ${id}`)),
      { propagator: { maxDialogs: 2 } },
    );
    expect(tell(world).messages[0]?.map((one) => one["diagID"])).toEqual([5, 9]);
    const next = start + 1000 + minute;
    expect([due(world, next), due(world, next + 1)]).toEqual([false, true]);
    expect(tell(world, fine, next + 1).messages[0]?.map((one) => one["diagID"])).toEqual([13]);
  });

  it("that the WMS did not take are told again with the same numbers after lockInterval, for an hour", () => {
    const world = having([troubled(3)]);
    expect(tell(world, () => threw("down")).events).toEqual([{ type: "instance.dialogsUntold", why: "down" }]);
    const again = start + 1000 + 10 * minute;
    expect([due(world, again), due(world, again + 1)]).toEqual([false, true]);
    expect(tell(world, () => threw("down"), again + 1).messages[0]).toMatchObject([{ diagID: 5 }]);
    const { calls, events } = tell(world, fine, start + 60 * minute + 1);
    expect(calls).toEqual([]);
    expect(events).toEqual([{ type: "instance.dialogsTold", upTo: 1 }]);
    expect(due(world, start + 1e9)).toBe(false);
  });

  it("make room for newer ones, and a snapshot has them", () => {
    const world = having([]);
    for (let i = 0; i < 250; i += 1) add(world, start + i, troubled(3, `trouble ${i} ${"x".repeat(600)}`));
    const box = world.dialogs.get(1);
    expect([box?.waiting.length, box?.dropped, box?.waiting[0]?.n, box?.waiting[0]?.message.length]).toEqual([
      200, 50, 51, 500,
    ]);
    const other = new World();
    thaw(canonical(freeze(world)), other);
    expect(other.dialogs).toEqual(world.dialogs);
  });

  it("are told by the leader of their shard alone", () => {
    const world = having([troubled(3)]);
    world.ownedBy((shard) => shard === 2);
    expect(due(world, start + 1e9)).toBe(false);
    expect(tell(world).calls).toEqual([]);
  });
});
