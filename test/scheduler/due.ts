/**
 * What the rules make of a World in which a story has come to some chapter. Rules are asked through the scheduler, as
 * the engine does it.
 */
import { expect } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import { queuedOf, rules } from "../../src/rules.ts";
import { Scheduler } from "../../src/scheduler.ts";
import type { World } from "../../src/world.ts";
import { configured, worldOf } from "../agents/drive.ts";
import { type Chapter, chapters, story } from "../projection/story.ts";

/** Every interval is another number, so that none can stand for another. */
export const cfg = {
  jobfetcher: { lookupTime: 11 },
  submitter: { lookupTime: 21, checkInterval: 22, lockInterval: 23, queueLockInterval: 24 },
  preparator: { checkInterval: 31, triggerInterval: 32, lockInterval: 33 },
  monitor: { checkInterval: 41, lockInterval: 42 },
  stager: { checkInterval: 51, triggerInterval: 52, lockInterval: 53 },
  zipper: { zipInterval: 61, lockInterval: 62, usePostZipping: true },
  propagator: { updateInterval: 71, lockInterval: 72 },
  eventfeeder: { lockInterval: 81 },
  sweeper: { checkInterval: 91, keepFinished: 1, keepFailed: 2, keepCancelled: 3, keepMissed: 4, keepPending: 5 },
  commandmanager: { sleepTime: 101 },
};
export const hour = 3_600_000;
/** An instant at which everything is due that ever will be. */
export const forEver = Number.MAX_SAFE_INTEGER;

/** What has to be known before workers are planned (3.3, config 3.17). */
const lists: readonly WindrowEvent[] = [
  { type: "instance.workerIDsSeen", max: 0 },
  { type: "instance.listRead", list: "panda_queues.json", data: {} },
];

/** A World in which the story has come to the end of a chapter, and more has happened. */
export function worldAt(chapter: Chapter | null, ...events: readonly WindrowEvent[]): World {
  const told = chapter === null ? [] : chapters.slice(0, chapters.indexOf(chapter) + 1);
  const past = told.flatMap((name): readonly WindrowEvent[] => story[name]);
  const world = worldOf([...configured({ Q: {} }, cfg), ...lists, ...past, ...events]);
  expect(world.anomalies).toEqual([]);
  return world;
}

/** What a rule hands out of this World at an instant. */
export function due(world: World, rule: string, now: number): (number | string)[] {
  const scheduler = new Scheduler(world);
  scheduler.placeAll();
  return ["", "Q", queuedOf("Q")].flatMap((partition) => scheduler.take(rule, now, 100, partition));
}

/** Names of the rules that ever hand anything out of this World. */
export const dueRules = (world: World): string[] =>
  rules.map(({ name }) => name).filter((name) => due(world, name, forEver).length > 0);

/** A command of the WMS that waits for this receiver. */
export const command = (receiver: string): WindrowEvent => ({
  type: "instance.commandsReceived",
  commands: [{ command_id: 1, command: "KILL_WORKERS", receiver, params: {}, ack: true }],
});
