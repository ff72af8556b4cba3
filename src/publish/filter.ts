/**
 * What of the stream a subscriber wants: by type and by queue. It must never change the order or the positions.
 */
import { typePrefix } from "./messages.ts";

export interface Filter {
  /** Names of steps with `*` for any part: `worker.*`, `job.fetched`; absent: all. */
  readonly types?: readonly string[];
  /** Names of queues; absent: all, and then also what is of no queue. */
  readonly queues?: readonly string[];
}

/** Whether a step of that name in that queue is wanted. */
export type Wants = (type: string, queue: string | null) => boolean;

const escaped = (text: string): string => text.replace(/[\\^$.+?()[\]{}|]/g, "\\$&");

/** The filter as a function; `windrow.` before a type may be left out. */
export function wanting({ types = [], queues = [] }: Filter): Wants {
  const bare = types.map((type) => (type.startsWith(typePrefix) ? type.slice(typePrefix.length) : type));
  const patterns = bare.map((type) => new RegExp(`^${type.split("*").map(escaped).join(".*")}$`));
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
