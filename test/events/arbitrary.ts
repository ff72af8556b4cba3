/**
 * Random events that pass their schemas, made from the schemas themselves, so that an event added tomorrow is tried
 * tomorrow. Ids come from a small set: events are to meet the same few entities again and again.
 */
import fc from "fast-check";
import { z } from "zod";
import { callEvents } from "../../events/call.ts";
import type { WindrowEvent } from "../../events/events.ts";
import { dictionary } from "../../events/fields.ts";
import { fileGroupEvents } from "../../events/fileGroup.ts";
import { jobEvents } from "../../events/job.ts";
import { instanceEvents, queueEvents } from "../../events/queue.ts";
import { workerEvents } from "../../events/worker.ts";

const pandaIDs = fc.integer({ min: 1, max: 3 });
const workerIDs = fc.constantFrom(4, 8, 12);
const statuses = fc.constantFrom("to_prepare", "ready", "defined", "transferring", "finished", "failed", "zipping");
const lfns = fc.constantFrom("a", "b", "c");
/** By field name, in whatever event it stands. */
const known: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  PandaID: pandaIDs,
  PandaIDs: fc.uniqueArray(pandaIDs, { minLength: 1 }),
  pandaIDs: fc.uniqueArray(pandaIDs),
  workerID: workerIDs,
  workerIDs: fc.uniqueArray(workerIDs, { minLength: 1 }),
  queue: fc.constantFrom("Q", "R"),
  group: fc.tuple(pandaIDs, fc.constantFrom("in", "aux", "out")).map(([id, direction]) => `${id}/${direction}`),
  key: lfns,
  keys: fc.uniqueArray(lfns),
  lfn: lfns,
  endpoint: fc.constantFrom("EP", "EP2"),
  method: fc.constantFrom("submitWorkers", "triggerPreparation", "getJobs"),
  status: statuses,
  fileType: fc.constantFrom("input", "output", "log"),
  nCore: fc.integer({ min: 1, max: 64 }),
  set: fc.record({ status: statuses, path: lfns, nCore: fc.integer({ min: 1, max: 8 }) }, { requiredKeys: [] }),
  minRamCount: fc.integer({ min: 0, max: 4000 }),
};
const texts = fc.constantFrom("", "x", "why not", "ü\n");
const numbers = fc.integer({ min: 0, max: 1_000_000 });
/** Values that JSON gives back as they were. */
const json = fc.oneof(fc.constant(null), texts, numbers, fc.boolean(), fc.array(numbers, { maxLength: 2 }));

const objectsWith = (values: fc.Arbitrary<unknown>) =>
  fc.dictionary(fc.constantFrom("k", "l", "pilotErrorCode"), values, { maxKeys: 2 });

/** Values of a schema. @throws Error for a kind of schema that no event has used so far: add it here. */
export function valuesOf(schema: z.core.$ZodType, field = ""): fc.Arbitrary<unknown> {
  const given = known[field];
  if (given && !(schema instanceof z.ZodOptional) && !(schema instanceof z.ZodEnum)) return given;
  if (schema instanceof z.ZodObject) return objectsOf(schema.shape);
  if (schema instanceof z.ZodOptional) return fc.option(valuesOf(schema.unwrap(), field), { nil: undefined });
  if (schema instanceof z.ZodNullable) return fc.option(valuesOf(schema.unwrap(), field), { nil: null });
  if (schema instanceof z.ZodArray) return fc.array(valuesOf(schema.element, field), { maxLength: 3 });
  if (schema instanceof z.ZodRecord) return objectsWith(valuesOf(schema.valueType as z.ZodType));
  if (schema === dictionary) return objectsWith(json);
  if (schema instanceof z.ZodUnion) return fc.oneof(...schema.options.map((option) => valuesOf(option)));
  if (schema instanceof z.ZodLiteral) return fc.constantFrom(...schema.values);
  if (schema instanceof z.ZodEnum) return fc.constantFrom(...schema.options);
  if (schema instanceof z.ZodString) return schema.minLength ? fc.constantFrom("x", "y") : texts;
  if (schema instanceof z.ZodNumber) return numbers;
  if (schema instanceof z.ZodBoolean) return fc.boolean();
  if (schema instanceof z.ZodUnknown) return json;
  throw new Error(`no values for ${schema._zod.def.type} (${field})`);
}

function objectsOf(shape: z.core.$ZodShape): fc.Arbitrary<unknown> {
  const fields = Object.entries(shape);
  const record = fc.record(Object.fromEntries(fields.map(([name, schema]) => [name, valuesOf(schema, name)])));
  // A field that is not there is absent: undefined would not survive the log.
  return record.map((made) => Object.fromEntries(Object.entries(made).filter(([, value]) => value !== undefined)));
}

const schemas = [...jobEvents, ...fileGroupEvents, ...workerEvents, ...queueEvents, ...instanceEvents, ...callEvents];

const fileTypes = { in: "input", aux: "aux_input", out: "output" } as const;

/** A job's group is named by its job and direction, its files are of one kind, and only outputs become more (2). */
export function consistent(event: WindrowEvent): WindrowEvent {
  if (event.type !== "fileGroup.opened" && event.type !== "fileGroup.extended") return event;
  const [PandaID, direction] = event.group.split("/") as [string, "in" | "aux" | "out"];
  const isOpening = event.type === "fileGroup.opened";
  const files = event.files.map((file) => ({ ...file, fileType: fileTypes[isOpening ? direction : "out"] }));
  if (isOpening) return { ...event, PandaID: Number(PandaID), direction, files };
  return { ...event, group: `${PandaID}/out`, files };
}

/** Event name -> random events of this name. */
export const eventsOf: ReadonlyMap<string, fc.Arbitrary<WindrowEvent>> = new Map(
  schemas.map((schema) => [
    schema.shape.type.value,
    valuesOf(schema).map((event) => consistent(event as WindrowEvent)),
  ]),
);
