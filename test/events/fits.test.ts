/**
 * The quick look at a value against zod: it never says yes where zod says no or gives back something else, and it says
 * yes to what is written.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { callEvents } from "../../events/call.ts";
import type { WindrowEvent } from "../../events/events.ts";
import { fileGroupEvents } from "../../events/fileGroup.ts";
import { fitsOf } from "../../events/fits.ts";
import { jobEvents } from "../../events/job.ts";
import { instanceEvents, queueEvents } from "../../events/queue.ts";
import { workerEvents } from "../../events/worker.ts";
import { eventsOf } from "./arbitrary.ts";

const schemas = [...jobEvents, ...fileGroupEvents, ...workerEvents, ...queueEvents, ...instanceEvents, ...callEvents];
const byType = new Map<WindrowEvent["type"], z.ZodType>(schemas.map((schema) => [schema.shape.type.value, schema]));

/** Where another value may be put: every place in a JSON value, and a new key of each object. */
function placesIn(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== "object" || value === null) return [path];
  const inside = Object.entries(value).flatMap(([key, one]) =>
    placesIn(one, [...path, Array.isArray(value) ? Number(key) : key]),
  );
  return [path, ...inside, ...["surplus", "__proto__", "toString"].map((key) => [...path, key])];
}

/** JSON text with another value at the place; JSON, because only its parser can make a key named `__proto__`. */
function withOther(value: unknown, [first, ...rest]: readonly (string | number)[], other: unknown): string {
  if (first === undefined) return JSON.stringify(other);
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const inside = (one: unknown) => (rest.length === 0 ? JSON.stringify(other) : withOther(one, rest, other));
  if (Array.isArray(value))
    return `[${value.map((one, n) => (n === first ? inside(one) : JSON.stringify(one))).join(",")}]`;
  const texts = new Map(Object.entries(value).map(([key, one]) => [key, JSON.stringify(one)]));
  const old = Object.hasOwn(value, first) ? Reflect.get(value, first) : undefined;
  if (other === undefined) texts.delete(String(first));
  else texts.set(String(first), inside(old));
  return `{${[...texts].map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(",")}}`;
}

const others = fc.oneof(
  fc.constantFrom(null, true, "", "x", 0, -1, 1.5, 2 ** 60, [], {}, undefined),
  fc.jsonValue({ maxDepth: 1 }),
);

describe("every event", () => {
  it.each([...byType])("%s fits as zod takes it", (type, schema) => {
    const fits = fitsOf(schema);
    fc.assert(
      fc.property(eventsOf.get(type)!, (event) => {
        expect(fits(JSON.parse(JSON.stringify(event)))).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it.each([...byType])("%s with something changed in it fits only where zod takes it as it is", (type, schema) => {
    const fits = fitsOf(schema);
    fc.assert(
      fc.property(eventsOf.get(type)!, fc.nat(), others, (event, n, other) => {
        const places = placesIn(event);
        const text = withOther(event, places[n % places.length] ?? [], other);
        const value = text === undefined ? undefined : JSON.parse(text);
        if (fits(value)) expect(schema.safeParse(value)).toEqual({ success: true, data: value });
      }),
      { numRuns: 100 },
    );
  });
});

describe("a schema of a kind that no event has", () => {
  it.each([
    ["a default", z.strictObject({ a: z.string().default("x") }), { a: "y" }],
    ["a transformation", z.string().transform(Number), "1"],
    ["a loose object", z.looseObject({ a: z.string() }), { a: "x" }],
    ["an object that drops keys", z.object({ a: z.string() }), { a: "x" }],
    ["a pattern", z.string().regex(/^x/), "x"],
    ["a trimmed text", z.string().trim(), "x"],
    ["a largest number", z.number().max(5), 1],
    ["a longest list", z.array(z.string()).max(5), []],
    ["a refinement", z.strictObject({ a: z.string() }).refine(() => true), { a: "x" }],
    ["keys of a pattern", z.record(z.string().regex(/^x/), z.string()), { x: "x" }],
  ])("%s is left to zod", (_, schema, value) => {
    expect(schema.safeParse(value).success).toBe(true);
    expect(fitsOf(schema)(value)).toBe(false);
  });
});
