/**
 * The public messages as zod schemas: what subscribers may rely on. docs/asyncapi.yaml is made from them. They are an
 * INTERFACE: programs that Windrow does not know read them. A field may be added; a change of meaning needs another
 * `schemaVersion`.
 */
import { z } from "zod";
import { isPublic, tableOf } from "../projection.ts";

/** Version of `data`. */
export const schemaVersion = 1;

/** Kinds of entity of which subscribers hear, with the last part of their topic. */
export const topics = { job: "jobs", fileGroup: "file-groups", worker: "workers" } as const;
export type PublicKind = keyof typeof topics;
export const publicKinds = ["job", "fileGroup", "worker"] as const satisfies readonly PublicKind[];

/** What every type begins with; the name of the step follows. */
export const typePrefix = "windrow.";

/** Names of the steps of a kind that are published. */
const stepsOf = (kind: PublicKind): readonly string[] =>
  tableOf(kind)
    .eventTypes()
    .filter((type) => isPublic(kind, type));

/** Names of the first region of a machine: the one people speak of. */
const livesOf = (kind: PublicKind): string[] => {
  const { states } = tableOf(kind).machine;
  return Object.keys(states["life"]?.states ?? states);
};

/** Names of all steps that are published: `job.fetched`. */
export const publicSteps: readonly string[] = publicKinds.flatMap(stepsOf);

const state = z.string().describe("Active states of the machine's regions, joined by |: running|owed|unasked");
const status = (of: string) => z.string().describe(`Harvester's status of the ${of}`);

/** How an entity stands. */
const jobState = z.strictObject({
  state,
  life: z.enum(livesOf("job")).describe("State of the first region"),
  status: status("job"),
  subStatus: z.string().describe("Harvester's subStatus of the job"),
});
const workerState = z.strictObject({
  state,
  life: z.enum(livesOf("worker")).describe("State of the first region"),
  status: status("worker"),
});
const fileGroupState = z.strictObject({ state, life: z.enum(livesOf("fileGroup")).describe("State of the machine") });

const queue = z.string().nullable().describe("Queue of the entity; null for a file group of several jobs");
const says = z.record(z.string(), z.unknown()).describe("What the event says beyond its name and subject");
const before = "State before the step; null for the first one";
const version = z.literal(schemaVersion).describe("Version of data");

/** `data` of the messages, by kind. */
export const dataSchemas = {
  job: z.strictObject({
    schemaVersion: version,
    kind: z.literal("job"),
    id: z.int().nonnegative().describe("PandaID"),
    queue,
    before: jobState.nullable().describe(before),
    after: jobState,
    says,
  }),
  fileGroup: z.strictObject({
    schemaVersion: version,
    kind: z.literal("fileGroup"),
    id: z.string().describe("<PandaID>/in, /aux or /out, or the name that a plug-in gave"),
    queue,
    before: fileGroupState.nullable().describe(before),
    after: fileGroupState,
    says,
  }),
  worker: z.strictObject({
    schemaVersion: version,
    kind: z.literal("worker"),
    id: z.int().nonnegative().describe("workerID"),
    queue,
    before: workerState.nullable().describe(before),
    after: workerState,
    says,
  }),
} as const;

const attributes = <K extends PublicKind>(kind: K) => ({
  specversion: z.literal("1.0"),
  id: z
    .string()
    .regex(/^\d+\/\d+\/\d+\/\d+$/)
    .describe("Position of the step: shard/seq/index/step. It grows for each entity; drop what is not above the last"),
  source: z.string().describe("/windrow/<harvester_id>"),
  type: z.enum(stepsOf(kind).map((step) => typePrefix + step)).describe("windrow.<name of the step>"),
  subject: z.string().describe(`${kind}/<id>; the key of the message in Kafka`),
  time: z.iso.datetime().describe("Instant of the record"),
  datacontenttype: z.literal("application/json"),
});

/** Attributes of the CloudEvent, by kind. */
export const attributeSchemas = {
  job: z.strictObject(attributes("job")),
  fileGroup: z.strictObject(attributes("fileGroup")),
  worker: z.strictObject(attributes("worker")),
} as const;

const cloudEvent = <K extends PublicKind>(kind: K) => z.strictObject({ ...attributes(kind), data: dataSchemas[kind] });

/** Whole CloudEvents in structured mode, by kind. */
export const eventSchemas = {
  job: cloudEvent("job"),
  fileGroup: cloudEvent("fileGroup"),
  worker: cloudEvent("worker"),
} as const;

/** One CloudEvent as subscribers get it. */
export type PublicEvent = {
  readonly [K in PublicKind]: z.output<(typeof eventSchemas)[K]>;
}[PublicKind];

/** Comment, in a stream of server-sent events, that is a sign of life; any other comment is for people. */
export const aliveComment = "alive";
/** Says where a new request goes on. */
export const placeSchema = z.strictObject({ from: z.string().describe("Position to go on from") });
/** Name, in a stream of server-sent events, of: the reader was too slow, or came too late, and has to come again. */
export const behindEvent = "windrow.behind";
/** Name of: the tip was reached, and the reader did not want to follow. */
export const endEvent = "windrow.end";
