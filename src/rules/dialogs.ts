/**
 * When messages for people at the WMS are due to be told: as soon as one waits that is worth it, but not more often
 * than the propagator of the original works. Pure, part of the rules.
 */
import type { Look } from "../../machines/look.ts";
import type { Dialog, World } from "../world.ts";

const levels = ["DEBUG", "INFO", "WARNING", "ERROR"];

/** Whether the message has at least the level that the configuration asks for. */
export const isWorthTelling = ({ settings }: World, { level }: Dialog): boolean =>
  levels.indexOf(level) >= levels.indexOf(settings.propagator.minMessageLevel);

/** When a shard's messages may be told again (epoch ms; minus infinity: at once). */
export function dialogsDueAt({ settings: { propagator } }: World, { at, how }: Look): number {
  if (at === null || how === "now") return Number.NEGATIVE_INFINITY;
  return at + (how === "interval" ? propagator.sleepTime : propagator.lockInterval) * 1000 + 1;
}

/** The earliest of all shards that are led here; null: nothing waits that is worth telling. */
export function tellDialogsAt(world: World): number | null {
  const dueAts = [...world.dialogs].flatMap(([shard, { waiting, look }]) =>
    world.owns(shard) && waiting.some((dialog) => isWorthTelling(world, dialog)) ? dialogsDueAt(world, look) : [],
  );
  return dueAts.length === 0 ? null : Math.min(...dueAts);
}
