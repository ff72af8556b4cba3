/**
 * The part of the World that concerns the instance as a whole (design 3, control shard): what each event leaves there.
 */
import { expect, it } from "vitest";
import { eventTypes, type WindrowEvent } from "../../events/events.ts";
import { canonical, freeze, thaw } from "../../src/frozen.ts";
import { fold } from "../../src/projection.ts";
import { World } from "../../src/world.ts";
import { configured, fetched, start } from "../agents/drive.ts";
import { workerMade } from "./story.ts";

const command = { command_id: 7, command: "KILL_WORKERS", receiver: "sweeper", params: { a: 1 }, ack: true };
const unacknowledged = { ...command, command_id: 8, ack: false };
const fresh = { done: false, shards: null, obeyed: [] };
const tried = (at: number) => ({ at, how: "interval" });
const troubled = (at: number) => ({ at, how: "trouble" });
const [first] = configured();

/** A story: each event comes a second after the one before it. */
const story: readonly (readonly [event: WindrowEvent, leaves: Record<string, unknown>])[] = [
  [first!, { harvesterID: "H", registered: false, beat: { at: null, how: "now" } }],
  [{ type: "instance.registered" }, { registered: true, beat: tried(start + 1_000) }],
  [
    { type: "instance.beatFailed", why: "w" },
    { registered: true, beat: troubled(start + 2_000) },
  ],
  [{ type: "instance.beat" }, { beat: tried(start + 3_000) }],
  [{ type: "instance.workerIDsSeen", max: 41 }, { lists: new Map([["maxWorkerID", { at: start + 4_000, data: 41 }]]) }],
  [{ type: "instance.listUnread", list: "l", why: "w" }, { listLooks: new Map([["l", troubled(start + 5_000)]]) }],
  [
    { type: "instance.listRead", list: "l", data: [1] },
    {
      listLooks: new Map([["l", tried(start + 6_000)]]),
      lists: new Map<string, unknown>([
        ["maxWorkerID", { at: start + 4_000, data: 41 }],
        ["l", { at: start + 6_000, data: [1] }],
      ]),
    },
  ],
  [{ type: "instance.commandsAsked" }, { commandsLook: tried(start + 7_000), commands: new Map() }],
  [{ type: "instance.commandsTroubled", why: "w" }, { commandsLook: troubled(start + 8_000) }],
  [
    { type: "instance.commandsReceived", commands: [command, unacknowledged] },
    {
      commandsLook: tried(start + 9_000),
      commands: new Map([
        [7, { ...command, ...fresh }],
        [8, { ...unacknowledged, ...fresh }],
      ]),
    },
  ],
  [
    { type: "instance.commandDirected", command_id: 7, shards: [1, 3] },
    {
      commands: new Map([
        [7, { ...command, ...fresh, shards: [1, 3] }],
        [8, { ...unacknowledged, ...fresh }],
      ]),
    },
  ],
  [
    { type: "instance.commandObeyed", command_id: 7, shard: 3 },
    {
      commands: new Map([
        [7, { ...command, ...fresh, shards: [1, 3], obeyed: [3] }],
        [8, { ...unacknowledged, ...fresh }],
      ]),
    },
  ],
  [
    { type: "instance.commandDone", command_id: 7 },
    { commands: new Map([[8, { ...unacknowledged, ...fresh }]]), toAcknowledge: new Set([7]) },
  ],
  [
    { type: "instance.commandDone", command_id: 8 },
    { commands: new Map(), toAcknowledge: new Set([7]) },
  ],
  [
    { type: "instance.acknowledgementTroubled", why: "w" },
    { acknowledgeLook: troubled(start + 14_000), toAcknowledge: new Set([7]) },
  ],
  [
    { type: "instance.commandsAcknowledged", ids: [7] },
    { acknowledgeLook: tried(start + 15_000), toAcknowledge: new Set() },
  ],
  [first!, { registered: false, beat: { at: null, how: "now" } }],
];

it("follows each event of its own", () => {
  const world = new World();
  for (const [i, [event, leaves]] of story.entries()) {
    fold(world, { shard: 0, seq: i + 1, at: start + 1_000 * i, events: [event] });
    expect([event.type, world.instance]).toEqual([event.type, expect.objectContaining(leaves)]);
  }
  expect(world.anomalies).toEqual([]);
});

it("leaves none of its events untold, and places queues for good", () => {
  // Told in test/agents/cacher.test.ts and dialogs.test.ts.
  const ofLists = ["instance.listContinued", "instance.listChecked", "instance.dialogsTold", "instance.dialogsUntold"];
  const below = ["instance.queuePlaced", "instance.published"];
  const told = new Set<string>([...story.map(([event]) => event.type), ...below, ...ofLists]);
  expect(eventTypes.filter((type) => type.startsWith("instance.") && !told.has(type))).toEqual([]);
  const world = new World();
  fold(world, { shard: 0, seq: 1, at: start, events: [{ type: "instance.queuePlaced", queue: "Q", shard: 3 }] });
  expect(world.shardOf("Q")).toBe(3);
});

it("knows of each shard whether the public topics have its steps", () => {
  const world = new World();
  const seqs = [0, 0, 0];
  const record = (shard: number, events: readonly WindrowEvent[]): void => {
    seqs[shard]! += 1;
    fold(world, { shard, seq: seqs[shard]!, at: start, events });
  };
  const unpublished = (): readonly boolean[] => [0, 1, 2].map((shard) => world.isUnpublished(shard));
  record(0, configured({ Q: {} }));
  record(1, [{ type: "worker.looked", queue: "Q", workers: [], unchanged: [4] }]);
  expect(unpublished()).toEqual([false, false, false]);
  record(1, [workerMade(4), workerMade(8)]);
  record(2, [fetched(1)]);
  record(1, [{ type: "worker.looked", queue: "Q", workers: [], unchanged: [4, 8] }]);
  const end = { seq: 2, index: 1, step: 0 };
  expect(world.lastSteps).toEqual(
    new Map([
      [1, end],
      [2, { seq: 1, index: 0, step: 0 }],
    ]),
  );
  expect(unpublished()).toEqual([false, true, true]);
  record(1, [{ type: "instance.published", ...end, index: 0 }]);
  expect(unpublished()).toEqual([false, true, true]);
  record(1, [{ type: "instance.published", ...end }]);
  expect(unpublished()).toEqual([false, false, true]);
  const other = new World();
  thaw(canonical(freeze(world)), other);
  expect(freeze(other)).toEqual(canonical(freeze(world)));
  record(1, [workerMade(12)]);
  expect(unpublished()).toEqual([false, true, true]);
});
