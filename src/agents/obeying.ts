/**
 * Obeys commands that are in the log: effect first, then the word that it is done (lifecycle 5). It must never wait for
 * anything outside: what a command wants of the WMS or of a plug-in becomes a debt that another duty pays.
 *
 * Where several instances lead the shards that a command concerns, the leader of the control shard directs it to them,
 * each leader obeys it in its own shards, and the last word is again that of the control shard's leader.
 */
import type { WindrowEvent } from "../../events/events.ts";
import type { PendingCommand, World } from "../world.ts";
import { type Duty, type Part, quiet, type Run, record } from "./agent.ts";
import { control } from "./asking.ts";
import { effectOf } from "./commands.ts";

/**
 * `obeyKills`: commands for the sweeper, which obeys them in its own cycle, so that they meet the workers that were
 * submitted since. `obey`: all others.
 */
export const obeying = (name: "obey" | "obeyKills"): Duty => ({
  name,
  limit: () => 1,
  run: function* run(world): Run {
    for (const command of [...world.instance.commands.values()]) {
      if ((command.receiver === "sweeper") !== (name === "obeyKills")) continue;
      // Each effect is made of the World as the commands before it left it.
      const { shards, complaint } = effects(world, command);
      const alone = command.shards === null && [...shards.keys()].every((shard) => world.owns(shard));
      if (alone) yield* obeyAlone(world, command, shards, complaint);
      else yield* obeyTogether(world, command, shards, complaint);
    }
  },
});

type ByShard = ReadonlyMap<number, WindrowEvent[]>;

function effects(world: World, command: PendingCommand): { shards: ByShard; complaint: string | undefined } {
  const { events, complaint } = effectOf(world, command);
  const shards = new Map<number, WindrowEvent[]>();
  for (const { queue, event } of events) {
    const shard = world.shardOf(queue);
    shards.set(shard, [...(shards.get(shard) ?? []), event]);
  }
  return { shards, complaint };
}

const done = (command_id: number, complaint: string | undefined): WindrowEvent => ({
  type: "instance.commandDone",
  command_id,
  ...(complaint === undefined ? {} : { complaint }),
});

/** The shard's part of the effect, made of a World that shows all decisions about its workers. */
function* effectIn(world: World, command: PendingCommand, shard: number, first: ByShard): Part<WindrowEvent[]> {
  const events = first.get(shard) ?? [];
  yield* quiet({ workers: events.flatMap((event) => ("workerIDs" in event ? (event.workerIDs ?? []) : [])) });
  return effects(world, command).shards.get(shard) ?? [];
}

function* obeyAlone(world: World, command: PendingCommand, shards: ByShard, complaint?: string): Part<void> {
  if (!world.owns(control)) return;
  const { command_id } = command;
  const cause = `command:${command_id}`;
  for (const shard of shards.keys()) yield* record(shard, cause, yield* effectIn(world, command, shard, shards));
  // Only now: a crash before this repeats the effect, which does nothing more.
  yield* record(control, cause, [done(command_id, complaint)]);
}

function* obeyTogether(world: World, command: PendingCommand, shards: ByShard, complaint?: string): Part<void> {
  const { command_id } = command;
  const cause = `command:${command_id}`;
  if (command.shards === null) {
    if (!world.owns(control)) return;
    const concerned = [...shards.keys()].toSorted((a, b) => a - b);
    const said = complaint === undefined ? {} : { complaint };
    yield* record(control, cause, [{ type: "instance.commandDirected", command_id, shards: concerned, ...said }]);
  }
  const now = world.instance.commands.get(command_id);
  for (const shard of now?.shards ?? []) {
    if (now?.obeyed.includes(shard) || !world.owns(shard)) continue;
    const its = yield* effectIn(world, command, shard, shards);
    yield* record(shard, cause, [...its, { type: "instance.commandObeyed", command_id, shard }]);
  }
  const after = world.instance.commands.get(command_id);
  const all = after?.shards?.every((shard) => after.obeyed.includes(shard)) === true;
  if (all && world.owns(control)) yield* record(control, cause, [done(command_id, complaint)]);
}
