/**
 * The part of the projection that concerns the instance as a whole: the control shard (design 3). It has no machine,
 * because nothing in it has a life: it is configuration, lists, and a box of commands.
 */
import type { WindrowEvent } from "../events/events.ts";
import { soon, tried, troubled, untried } from "../machines/look.ts";
import type { InstanceConfig } from "./config/schema.ts";
import type { World } from "./world.ts";

/** A list and the piece that follows. */
function together(known: unknown, more: unknown): unknown {
  return Array.isArray(known) && Array.isArray(more)
    ? [...known, ...more]
    : { ...(known as object), ...(more as object) };
}

/** Where an event is: the record that has it. */
interface Told {
  readonly shard: number;
  readonly at: number;
}

/** Applies one event of the instance; most are in the control shard. */
export function foldInstance(world: World, event: WindrowEvent, { shard, at }: Told): void {
  const { instance } = world;
  foldList(world, event, at);
  switch (event.type) {
    case "instance.configured":
      instance.harvesterID = event.harvesterID;
      instance.config = event.config as unknown as InstanceConfig;
      // The WMS hears of a start, and of the commands that the queues of this configuration want.
      instance.registered = false;
      instance.beat = untried();
      // Another configuration may read a list elsewhere.
      for (const list of instance.listLooks.keys()) instance.listLooks.set(list, soon(at));
      return;
    case "instance.queuePlaced":
      world.placements.set(event.queue, event.shard);
      return;
    case "instance.registered":
      instance.registered = true;
      instance.beat = tried(at);
      return;
    case "instance.beat":
      instance.beat = tried(at);
      return;
    case "instance.beatFailed":
      instance.beat = troubled(at);
      return;
    case "instance.commandsReceived":
      instance.commandsLook = tried(at);
      for (const command of event.commands)
        instance.commands.set(command.command_id, { ...command, done: false, shards: null, obeyed: [] });
      return;
    case "instance.commandsAsked":
      instance.commandsLook = tried(at);
      return;
    case "instance.commandDirected": {
      const command = instance.commands.get(event.command_id);
      if (command) instance.commands.set(event.command_id, { ...command, shards: event.shards });
      return;
    }
    case "instance.commandObeyed": {
      // A command that is done already was obeyed by all: a shard is replayed after the control shard.
      const command = instance.commands.get(event.command_id);
      if (!command) return;
      const obeyed = [...new Set([...command.obeyed, event.shard])].toSorted((a, b) => a - b);
      instance.commands.set(event.command_id, { ...command, obeyed });
      return;
    }
    case "instance.commandsTroubled":
      instance.commandsLook = troubled(at);
      return;
    case "instance.commandDone": {
      const command = instance.commands.get(event.command_id);
      instance.commands.delete(event.command_id);
      if (command?.ack) instance.toAcknowledge.add(event.command_id);
      return;
    }
    case "instance.commandsAcknowledged":
      for (const id of event.ids) instance.toAcknowledge.delete(id);
      instance.acknowledgeLook = tried(at);
      return;
    case "instance.acknowledgementTroubled":
      instance.acknowledgeLook = troubled(at);
      return;
    case "instance.published":
      world.published.set(shard, { seq: event.seq, index: event.index, step: event.step });
  }
}

/** Applies an event about a list. */
function foldList({ instance }: World, event: WindrowEvent, at: number): void {
  switch (event.type) {
    case "instance.workerIDsSeen":
      instance.lists.set("maxWorkerID", { at, data: event.max });
      return;
    case "instance.listRead": {
      const { list, data, queues } = event;
      instance.lists.set(list, queues === undefined ? { at, data } : { at, data, queues });
      if (!event.goesOn) instance.listLooks.set(list, tried(at));
      return;
    }
    case "instance.listContinued": {
      const known = instance.lists.get(event.list);
      if (known) instance.lists.set(event.list, { ...known, data: together(known.data, event.data) });
      if (!event.goesOn) instance.listLooks.set(event.list, tried(at));
      return;
    }
    case "instance.listChecked": {
      const known = instance.lists.get(event.list);
      if (known && event.queues !== undefined) instance.lists.set(event.list, { ...known, queues: event.queues });
      instance.listLooks.set(event.list, tried(at));
      return;
    }
    case "instance.listUnread":
      instance.listLooks.set(event.list, troubled(at));
      return;
  }
}
