/**
 * The union of all events, with the only parse and upcast. A log record whose events do not pass here halts its shard;
 * a record that Windrow writes passes here first, so what is written can be read.
 */
import { z } from "zod";
import { callEvents } from "./call.ts";
import { fileGroupEvents } from "./fileGroup.ts";
import { type Fits, fitsOf } from "./fits.ts";
import { jobEvents } from "./job.ts";
import { instanceEvents, queueEvents } from "./queue.ts";
import { workerEvents } from "./worker.ts";

const eventSchema = z.discriminatedUnion("type", [
  ...jobEvents,
  ...fileGroupEvents,
  ...workerEvents,
  ...queueEvents,
  ...instanceEvents,
  ...callEvents,
]);

/** Anything that can have happened. */
export type WindrowEvent = z.output<typeof eventSchema>;
/** The event with this name. */
export type EventOf<T extends WindrowEvent["type"]> = Extract<WindrowEvent, { type: T }>;

/** Names of all events, in the order of their files. */
export const eventTypes: readonly WindrowEvent["type"][] = eventSchema.options.map((option) => option.shape.type.value);

interface Named {
  readonly name: WindrowEvent["type"];
  readonly schema: z.ZodType<WindrowEvent>;
  readonly fits: Fits;
}

/** The schema of each event by its name: looked up, not searched for, because a start reads millions of them. */
const schemas: ReadonlyMap<unknown, Named> = new Map(
  eventSchema.options.map((option) => {
    const name = option.shape.type.value;
    return [name, { name, schema: option, fits: fitsOf(option) }];
  }),
);

/** Old shapes to today's: the one place where a changed event is translated. No event has changed its shape yet. */
function upcast(stored: unknown): unknown {
  return stored;
}

/**
 * Events from a log record, which are not the caller's any more: each gets the one string that its name has here, since
 * a dozen look-ups by name follow, and that of a string with itself is the fastest.
 * @throws Error naming the event's place and what is wrong, for an unknown name or shape.
 */
export function parseEvents(stored: readonly unknown[]): readonly WindrowEvent[] {
  return stored.map((event, index) => {
    const shape = upcast(event);
    const named = typeof shape === "object" && shape !== null && "type" in shape ? schemas.get(shape.type) : undefined;
    if (named?.fits(shape)) {
      (shape as { type: unknown }).type = named.name;
      return shape as WindrowEvent;
    }
    const parsed = (named?.schema ?? eventSchema).safeParse(shape);
    if (parsed.success) return parsed.data;
    const name = typeof event === "object" && event !== null && "type" in event ? String(event.type) : "no event";
    throw new Error(`event ${index} (${name}): ${z.prettifyError(parsed.error)}`);
  });
}
