/**
 * Obeys commands that are in the log: effect first, then the word that it is done (lifecycle 5). It must never wait for
 * anything outside: what a command wants of the WMS or of a plug-in becomes a debt that another duty pays.
 */
import { type Duty, quiet, type Run, record } from "./agent.ts";
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
      const { command_id, receiver } = command;
      if ((receiver === "sweeper") !== (name === "obeyKills")) continue;
      const cause = `command:${command_id}`;
      // Each effect is made of the World as the commands before it left it; a worker may have gone meanwhile.
      const { complaint, ...first } = effectOf(world, command);
      for (const shard of new Set(first.events.map(({ queue }) => world.shardOf(queue)))) {
        yield* quiet({
          workers: first.events.flatMap(({ event }) => ("workerIDs" in event ? (event.workerIDs ?? []) : [])),
        });
        const its = effectOf(world, command).events.filter(({ queue }) => world.shardOf(queue) === shard);
        yield* record(
          shard,
          cause,
          its.map(({ event }) => event),
        );
      }
      // Only now: a crash before this repeats the effect, which does nothing more.
      yield* record(control, cause, [
        { type: "instance.commandDone", command_id, ...(complaint === undefined ? {} : { complaint }) },
      ]);
    }
  },
});
