/**
 * Calls of the WMS by agents: how they are made and how their answers are read. It must never decide what an answer
 * means.
 */
import type { WmsAnswer } from "../plugins/contract.ts";
import type { Call, Reply } from "./agent.ts";

/** The control shard: it keeps what concerns the instance as a whole. */
export const control = 0;

/** Splits a list into pieces of at most `n`. */
export function chunks<T>(list: readonly T[], n: number): T[][] {
  const size = Math.max(1, n);
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size));
}

/** A call of the WMS. `of` and `now` make its key. */
export const asking = (method: Call["method"], of: number | string, now: number, plain: readonly unknown[]): Call => ({
  method,
  plugin: "communicator",
  queue: null,
  key: `${method}:${of}:${now}`,
  args: { plain },
});

/** What the WMS said; trouble counts as a refusal with its reason. */
export function wmsAnswer<T>(reply: Reply): WmsAnswer<T> {
  return reply.ok ? (reply.value as WmsAnswer<T>) : { ok: false, message: reply.why };
}
