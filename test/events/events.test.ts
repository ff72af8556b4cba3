/**
 * What holds for every event: its name is a fact in the past, it passes its own schema and JSON, and somebody follows
 * it.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { eventTypes, parseEvents } from "../../events/events.ts";
import { lookSteps } from "../../machines/workerEvolution.ts";
import { foldInstance } from "../../src/instance.ts";
import { fold, tableOf } from "../../src/projection.ts";
import { type Kind, World } from "../../src/world.ts";
import { eventsOf } from "./arbitrary.ts";

const kinds: readonly Kind[] = ["job", "worker", "fileGroup", "queue", "call"];

/** Steps that the projection makes of other events: machines know them, and no event has their name. */
const made: Readonly<Record<string, string>> = {
  "fileGroup.released": "the job has ended",
  "fileGroup.deletable": "the job is closed",
  "fileGroup.forgotten": "its job leaves the World",
  "fileGroup.settled": "follows from the group's counts",
  "worker.submitting": "the intent to submit (call.intended)",
  "worker.submittedRunning": "worker.submitted with running",
  "queue.orderFilled": "a worker was submitted or missed while the queue has an order",
  "worker.unchanged": "worker.looked, list of unchanged",
  ...Object.fromEntries(Object.values(lookSteps).map((step) => [step, "worker.looked, by status"])),
};

/** Events that no machine knows by their name, and who follows them instead. */
const elsewhere: Readonly<Record<string, string>> = {
  "worker.looked": "one step a worker, named by its status",
};

describe("every event", () => {
  it("is known to schema and arbitrary alike", () => {
    expect([...eventsOf.keys()].sort()).toEqual([...eventTypes].sort());
    expect(new Set(eventTypes).size).toBe(eventTypes.length);
  });

  it.each(eventTypes)("%s passes its schema, and JSON gives it back", (type) => {
    fc.assert(
      fc.property(eventsOf.get(type)!, (event) => {
        expect(parseEvents([event])).toEqual([event]);
        expect(parseEvents(JSON.parse(JSON.stringify([event])))).toEqual([event]);
      }),
      { numRuns: 20 },
    );
  });

  it.each(eventTypes)("%s refuses a field that it does not have", (type) => {
    const [event] = fc.sample(eventsOf.get(type)!, { numRuns: 1, seed: 1 });
    expect(() => parseEvents([{ ...event, surplus: 1 }])).toThrow(`event 0 (${type})`);
  });

  it.each(eventTypes)("%s is named by its entity and a fact", (type) => {
    expect(type).toMatch(/^(job|fileGroup|worker|queue|instance|call)\.[a-z][A-Za-z]+$/);
    expect(type).not.toMatch(/updated|changed|set$|saved/i);
  });

  it.each(eventTypes)("%s is followed by a machine or the instance", (type) => {
    const machines = kinds.filter((kind) => tableOf(kind).eventTypes().includes(type));
    if (type.startsWith("instance.")) {
      expect(machines).toEqual([]);
      return expect(followsInstance(type)).toBe(true);
    }
    expect(machines).toEqual(type in elsewhere ? [] : [type.split(".")[0]]);
  });

  it("is all that machines know, apart from steps made of them", () => {
    const known = kinds.flatMap((kind) => tableOf(kind).eventTypes());
    const names = new Set<string>(eventTypes);
    expect(known.filter((type) => !names.has(type)).sort()).toEqual(Object.keys(made).sort());
  });
});

/** Whether some event of this name changes the instance's part of a World that has everything it may refer to. */
function followsInstance(type: string): boolean {
  return fc.sample(eventsOf.get(type)!, { numRuns: 20, seed: 1 }).some((event) => {
    const world = new World();
    const ids = event.type === "instance.commandsAcknowledged" ? [...event.ids] : [];
    if ("command_id" in event && event.command_id !== undefined) ids.push(event.command_id);
    for (const id of ids) {
      world.instance.toAcknowledge.add(id);
      const command = { command_id: id, command: "c", receiver: "r", params: null, ack: true };
      foldInstance(world, { type: "instance.commandsReceived", commands: [command] }, { shard: 0, at: 1 });
    }
    world.dialogs.set(0, { count: 1, waiting: [], dropped: 0, look: { at: null, how: "now" } });
    const parts = (): unknown => structuredClone([world.instance, world.placements, world.dialogs, world.published]);
    const before = parts();
    fold(world, { shard: 0, seq: 1, at: 2, events: [event] });
    expect(world.anomalies).toEqual([]);
    try {
      expect(parts()).toEqual(before);
      return false;
    } catch {
      return true;
    }
  });
}

describe("parseEvents", () => {
  it("names place, event and reason of what it refuses", () => {
    expect(() => parseEvents([{ type: "instance.beat" }, { type: "job.vanished", PandaID: 1 }])).toThrow(
      /^event 1 \(job\.vanished\): /,
    );
    expect(() => parseEvents([null])).toThrow("event 0 (no event)");
    expect(() => parseEvents([{ type: "job.prepared", PandaID: "1" }])).toThrow(/PandaID/);
  });
});
