/**
 * Commands of the WMS in tests: Worlds that hold some, and the duties that take, obey and acknowledge them.
 */
import { expect } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import type { Call, Reply } from "../../src/agents/agent.ts";
import { commandManager } from "../../src/agents/commandManager.ts";
import { sweeper } from "../../src/agents/sweeper.ts";
import { rules } from "../../src/rules.ts";
import type { World } from "../../src/world.ts";
import { answered, drive, start, threw, worldOf } from "./drive.ts";

const duty = (name: string) => {
  const found = [...commandManager, ...sweeper].find((one) => one.name === name);
  if (!found) throw new Error(name);
  return found;
};
export const now = start + 1000;
const ids = ["instance"];
export const run = (
  name: string,
  world: World,
  answer: (call: Call, n: number) => Reply = () => threw("no call expected"),
) => {
  const driven = drive(duty(name), world, ids, answer);
  expect(world.anomalies).toEqual([]);
  return driven;
};
/** The sweeper obeys its commands, then the others are obeyed. */
export const obey = (world: World) => {
  const [kills, others] = [run("obeyKills", world), run("obey", world)];
  return { events: [...kills.events, ...others.events], records: [...kills.records, ...others.records] };
};
export const fine = () => answered({ ok: true, data: null });
export const dueAt = (world: World, name: string) =>
  rules.find((one) => one.name === name)?.place(world, world.instance as never, "instance" as never)?.dueAt;

export const command = (command_id: number, text: string, params: unknown = null, ack_requested = 1) => ({
  command_id,
  command: text,
  params,
  ack_requested,
});
/** A World that holds these commands, not yet obeyed. */
export const holding = (events: readonly WindrowEvent[], ...commands: ReturnType<typeof command>[]) => {
  const world = worldOf(events);
  run("getCommands", world, () => answered({ ok: true, data: commands }));
  return world;
};

export const marked = (world: World) =>
  [...world.workers.values()].filter(({ state }) => state.regions["kill"] === "marked").map(({ ctx }) => ctx.workerID);
export const complaintOf = (events: readonly WindrowEvent[]) =>
  events.flatMap((event) => (event.type === "instance.commandDone" ? [event.complaint] : []));
