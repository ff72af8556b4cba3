/**
 * Tells people at the WMS what plug-ins had trouble with or refused: messages of at least [propagator] minMessageLevel,
 * at most maxDialogs a call (specs 6, lifecycle C30). A message keeps its number until the WMS took it, and the server
 * replaces one of the same number, so that sending twice shows it once. It must never tell what is an hour old.
 */
import type { WindrowEvent } from "../../events/events.ts";
import type { DialogMessage } from "../plugins/contract.ts";
import { dialogsDueAt, isWorthTelling } from "../rules/dialogs.ts";
import type { Dialog, World } from "../world.ts";
import { call, type Duty, type Run, record } from "./agent.ts";
import { asking, wmsAnswer } from "./asking.ts";

/** As the original, which throws older ones away. */
const maxAgeMs = 3_600_000;

export const tellDialogs: Duty = {
  name: "tellDialogs",
  limit: () => 1,
  run: function* tell(world, { now }): Run {
    const { maxDialogs } = world.settings.propagator;
    const messages: DialogMessage[] = [];
    /** shard -> number of the last message that is settled with this call. */
    const upTo = new Map<number, number>();
    for (const [shard, { waiting, look }] of [...world.dialogs].toSorted(([a], [b]) => a - b)) {
      if (!world.owns(shard) || waiting.length === 0 || dialogsDueAt(world, look) > now) continue;
      for (const dialog of waiting) {
        const wanted = isWorthTelling(world, dialog) && now - dialog.at <= maxAgeMs;
        if (wanted && messages.length >= maxDialogs) break;
        if (wanted) messages.push(messageOf(world, shard, dialog));
        upTo.set(shard, dialog.n);
      }
    }
    if (upTo.size === 0) return;
    const wanted = asking("sendDialogMessages", "dialogs", now, [messages]);
    const said = messages.length > 0 ? wmsAnswer<null>(yield* call(wanted)) : { ok: true as const, data: null };
    for (const [shard, n] of upTo) {
      const event: WindrowEvent = said.ok
        ? { type: "instance.dialogsTold", upTo: n }
        : { type: "instance.dialogsUntold", why: said.message };
      yield* record(shard, wanted.key, [event]);
    }
  },
};

/** Numbers are the shard's own, so that they are the same whoever tells the message. */
function messageOf(world: World, shard: number, dialog: Dialog): DialogMessage {
  const { n, at, identifier, level, message, times } = dialog;
  const counted = times > 1 ? ` (${times} times)` : "";
  return {
    diagID: n * world.settings.windrow.shards + shard,
    moduleName: moduleOf(world, dialog),
    identifier,
    createdAt: at,
    messageLevel: level,
    diagMessage: message.slice(0, 500 - counted.length) + counted,
  };
}

/** The plug-in's class, where its queue is still configured. */
function moduleOf(world: World, { plugin, queue }: Dialog): string {
  if (!world.queues.has(queue)) return plugin;
  const section: unknown = Reflect.get(world.queueConfig(queue).plugins, plugin);
  const name = typeof section === "object" && section !== null && "name" in section ? section.name : null;
  return typeof name === "string" ? name : plugin;
}
