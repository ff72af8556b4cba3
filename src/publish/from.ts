/**
 * Where a subscriber begins, as people and programs write it. What cannot be read must be refused in words: a mistyped
 * position that began somewhere else would lose events silently.
 */
import { z } from "zod";
import type { Frozen } from "../frozen.ts";
import { isAfter } from "../steps.ts";
import { decodePosition, type Points, PositionRefused } from "./position.ts";

export type From =
  | { readonly kind: "start" }
  /** Only what happens from now on. */
  | { readonly kind: "now" }
  /** Epoch ms: what has this instant or a later one. */
  | { readonly kind: "time"; readonly at: number }
  | { readonly kind: "position"; readonly points: Points };

const zoned = z.iso.datetime({ offset: true, local: true });
const day = z.iso.date();

/** Reads `start`, `now`, a position, or a time as in ISO 8601 (UTC where it names no zone). @throws PositionRefused */
export function readFrom(text: string): From {
  if (text === "start" || text === "now") return { kind: text };
  if (text.startsWith("w1.")) return { kind: "position", points: decodePosition(text) };
  const time = text.replace(" ", "T");
  if (day.safeParse(time).success) return { kind: "time", at: Date.parse(time) };
  if (zoned.safeParse(time).success) {
    const isLocal = !/(Z|[+-]\d\d:?\d\d)$/.test(time);
    return { kind: "time", at: Date.parse(isLocal ? `${time}Z` : time) };
  }
  throw new PositionRefused(
    `${JSON.stringify(text.slice(0, 40))} is neither a stream position nor a time: give what was received as ` +
      "position, a time like 2026-01-31T12:00:00Z, `start` or `now`.",
  );
}

/** Why a World is too new to begin with, for what steps it has and its instant; undefined: it is not. */
export function tooNew(from: From, { lastSteps, at }: Pick<Frozen, "lastSteps" | "at">): string | undefined {
  const why = "it is newer than where the subscriber begins";
  if (from.kind === "start") return why;
  if (from.kind === "time") return at < from.at ? undefined : why;
  if (from.kind === "now") return undefined;
  return lastSteps.some(([shard, last]) => isAfter(last, from.points.get(shard))) ? why : undefined;
}

/** @throws PositionRefused for a position that the log has not reached: it was taken from another log. */
export function requireReached(from: From, shards: number, seqOf: (shard: number) => number): void {
  if (from.kind !== "position") return;
  for (const [shard, { seq }] of from.points) {
    if (shard < shards && seq <= seqOf(shard)) continue;
    const has = shard < shards ? `ends at ${seqOf(shard)}` : `has ${shards} shards`;
    throw new PositionRefused(
      `the position is behind record ${seq} of shard ${shard}, but this log ${has}: it was taken from another log. ` +
        "Begin at `start`, or at a time.",
    );
  }
}
