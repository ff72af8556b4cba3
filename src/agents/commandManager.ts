/**
 * CommandManager: registers the instance, says that it lives, and takes commands of the WMS (lifecycle 5). The WMS
 * hands each command out once, so it is in the log before anybody acts; it is acknowledged only when its effect is in
 * the log too, and forgotten only when the WMS took the acknowledgement.
 */
import type { WindrowEvent } from "../../events/events.ts";
import type { WmsAnswer, WmsCommand } from "../plugins/contract.ts";
import type { World } from "../world.ts";
import { call, closing, create, creationWindowMs, type Duty, type Run, record } from "./agent.ts";
import { asking, control, wmsAnswer } from "./asking.ts";
import { receiverOf } from "./commands.ts";
import { obeying } from "./obeying.ts";

/** Bulks asked for in one run: more wait until the next, so that a server that never ends does not hold the run. */
const maxBulks = 50;
/** At most 50 characters at the server; the test compares it with package.json. */
const softwareVersion = "windrow 0.1.0";

const once = () => 1;

const register: Duty = {
  name: "register",
  limit: once,
  run: function* run(world, { now }): Run {
    const commands = commandsWanted(world);
    const data = { startTime: now, sw_version: softwareVersion, ...(commands.length > 0 ? { commands } : {}) };
    const wanted = asking("isAlive", "start", now, [data]);
    const said = wmsAnswer<null>(yield* call(wanted));
    const event: WindrowEvent = said.ok
      ? { type: "instance.registered" }
      : { type: "instance.beatFailed", why: said.message };
    yield* record(control, wanted.key, [event]);
  },
};

/** The commands that the WMS may give for queues that it sizes: one a site, one a queue. */
function commandsWanted(world: World): readonly Readonly<Record<string, string>>[] {
  const sites = new Set<string>();
  return [...world.queues.values()].flatMap(({ ctx, state }) => {
    const { runMode, siteName, resourceType } = world.queueConfig(ctx.queue);
    if (state.life !== "active" || runMode !== "slave") return [];
    const of = (command: string) => ({ command, computingSite: siteName, resourceType });
    const stats = sites.has(siteName) ? [] : [of("REPORT_WORKER_STATS")];
    sites.add(siteName);
    return [...stats, of("SET_N_WORKERS_JOBTYPE")];
  });
}

const beat: Duty = {
  name: "beat",
  limit: once,
  run: function* run(_world, { now }): Run {
    const wanted = asking("isAlive", "beat", now, [{}]);
    const said = wmsAnswer<null>(yield* call(wanted));
    yield* record(control, wanted.key, [
      said.ok ? { type: "instance.beat" } : { type: "instance.beatFailed", why: said.message },
    ]);
  },
};

const getCommands: Duty = {
  name: "getCommands",
  limit: once,
  run: function* run(world, { now }): Run {
    const n = world.settings.commandmanager.commands_bulk_size;
    for (let bulk = 0; bulk < maxBulks; bulk++) {
      const wanted = { ...asking("getCommands", bulk, now, [n]), notAfterAt: now + creationWindowMs };
      const reply = yield* create(world, wanted, {});
      // What a lost answer held is lost: nothing gives those commands again (panda-api 7).
      const ended = closing(wanted.key, reply, "lost");
      const said = wmsAnswer<readonly WmsCommand[]>(reply);
      yield* record(control, wanted.key, [received(world, said), ...ended]);
      if (!said.ok || said.data.length < n) return;
    }
  },
};

/** Characters of JSON. */
const maxParams = 200_000;

/** What came, without those that are here already and those that nobody obeys. */
function received(world: World, said: WmsAnswer<readonly WmsCommand[]>): WindrowEvent {
  if (!said.ok) return { type: "instance.commandsTroubled", why: said.message };
  if (said.data.length === 0) return { type: "instance.commandsAsked" };
  const { commands: pending, toAcknowledge } = world.instance;
  const seen = new Set([...pending.keys(), ...toAcknowledge]);
  const commands: Extract<WindrowEvent, { type: "instance.commandsReceived" }>["commands"] = [];
  const dropped: string[] = [];
  for (const { command_id, command, params, ack_requested } of said.data) {
    const receiver = receiverOf(command);
    if (receiver === null) dropped.push(command);
    // Nobody lists so many workers in one command; a record could not hold it.
    else if (JSON.stringify(params ?? null).length > maxParams)
      dropped.push(`${command}: its parameters are too large`);
    else if (!seen.has(command_id))
      commands.push({ command_id, command, receiver, params: params ?? null, ack: ack_requested === 1 });
    if (receiver !== null) seen.add(command_id);
  }
  return { type: "instance.commandsReceived", commands, ...(dropped.length > 0 ? { dropped } : {}) };
}

const ackCommands: Duty = {
  name: "ackCommands",
  limit: once,
  run: function* run(world, { now }): Run {
    const ids = [...world.instance.toAcknowledge];
    if (ids.length === 0) return;
    const wanted = asking("ackCommands", ids[0] ?? 0, now, [ids]);
    const said = wmsAnswer<null>(yield* call(wanted));
    yield* record(control, wanted.key, [
      said.ok
        ? { type: "instance.commandsAcknowledged", ids }
        : { type: "instance.acknowledgementTroubled", why: said.message },
    ]);
  },
};

/** What was done before is acknowledged before what is new is taken, as in the original. */
export const commandManager: readonly Duty[] = [register, beat, ackCommands, getCommands, obeying("obey")];
