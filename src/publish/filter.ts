/**
 * What of the stream a subscriber wants: by type and by queue. It must never change the order or the positions. What
 * nothing can ever pass must be refused in words: a mistyped name would be waited for in vain.
 */
import type { World } from "../world.ts";
import { publicKinds, publicSteps, typePrefix } from "./messages.ts";

export interface Filter {
  /** Names of steps with `*` for any part: `worker.*`, `job.fetched`; absent: all. */
  readonly types?: readonly string[];
  /** Names of queues; absent: all, and then also what is of no queue. */
  readonly queues?: readonly string[];
}

/** Whether a step of that name in that queue is wanted. */
export type Wants = (type: string, queue: string | null) => boolean;

/** A filter that cannot be used, and what to do instead. */
export class FilterRefused extends Error {
  override readonly name = "FilterRefused";
}

/** @throws FilterRefused for a type that is no step's, with those that there are. */
export function requireTypes({ types = [] }: Filter): void {
  for (const type of types) {
    const pattern = patternOf(type);
    if (publicSteps.some((step) => pattern.test(step))) continue;
    const kind = publicKinds.find((one) => bare(type).startsWith(`${one}.`));
    const known = kind
      ? publicSteps.filter((step) => step.startsWith(`${kind}.`))
      : publicKinds.map((one) => `${one}.*`);
    throw new FilterRefused(`no step is called ${JSON.stringify(type.slice(0, 60))}. There are ${known.join(", ")}`);
  }
}

/** What a subscriber is told of queues that nobody has configured; undefined: all are known. */
export function unknownQueues({ queues = [] }: Filter, { queues: known }: World): string | undefined {
  const unknown = queues.filter((name) => !known.has(name)).map((name) => JSON.stringify(name));
  if (unknown.length === 0) return undefined;
  return `no queue is called ${unknown.join(" or ")} yet; \`windrow status\` says which there are`;
}

/** The type without `windrow.`, which may be left out. */
const bare = (type: string): string => (type.startsWith(typePrefix) ? type.slice(typePrefix.length) : type);
const escaped = (text: string): string => text.replace(/[\\^$.+?()[\]{}|]/g, "\\$&");

/** `**` is `*`: as two, each would try every place of the other. */
const patternOf = (type: string): RegExp => new RegExp(`^${bare(type).split(/\*+/).map(escaped).join(".*")}$`);

/** The filter as a function. */
export function wanting({ types = [], queues = [] }: Filter): Wants {
  const patterns = types.map(patternOf);
  const known = new Map<string, boolean>();
  const isType = (type: string): boolean => {
    let answer = known.get(type);
    if (answer === undefined) {
      answer = patterns.length === 0 || patterns.some((pattern) => pattern.test(type));
      known.set(type, answer);
    }
    return answer;
  };
  const isQueue = (queue: string | null): boolean => queues.length === 0 || (queue !== null && queues.includes(queue));
  return (type, queue) => isType(type) && isQueue(queue);
}
