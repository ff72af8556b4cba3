/**
 * Writes docs/asyncapi.yaml, the contract of the public events, from the zod schemas in src/publish/messages.ts.
 * `npm run asyncapi` writes it, `npm run asyncapi -- --check` says whether it is up to date. It must never describe
 * anything that is not in a schema.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { stringify } from "yaml";
import { z } from "zod";
import {
  attributeSchemas,
  behindEvent,
  dataSchemas,
  endEvent,
  eventSchemas,
  type PublicKind,
  placeSchema,
  publicKinds,
  topics,
} from "../src/publish/messages.ts";

const titles: Readonly<Record<PublicKind, string>> = { job: "job", fileGroup: "file group", worker: "worker" };

/** A schema as JSON Schema, which AsyncAPI takes as it is. */
function jsonSchema(schema: z.ZodType): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(schema, {
    target: "draft-7",
    // The pattern of zod for a date and time is longer than what it says.
    override: ({ jsonSchema: made }) => {
      if (made.format === "date-time") delete made.pattern;
    },
  });
  return rest;
}

/** Headers of a message in binary mode. */
function headersOf(kind: PublicKind): Record<string, unknown> {
  const { properties, required, ...rest } = jsonSchema(attributeSchemas[kind]);
  const header = (name: string): string => (name === "datacontenttype" ? "content-type" : `ce_${name}`);
  return {
    ...rest,
    properties: Object.fromEntries(Object.entries(properties as object).map(([name, one]) => [header(name), one])),
    required: (required as string[]).map(header),
  };
}

const ref = (path: string) => ({ $ref: `#/${path}` });
const schemaName = (kind: PublicKind, what: "Data" | "Event" | "Headers") => `${kind}${what}`;

/** The messages of each kind: binary for a topic, structured for server-sent events. */
function messages(): Record<string, unknown> {
  const ofTopics = publicKinds.map((kind) => [
    `${kind}Step`,
    {
      title: `A step of a ${titles[kind]}`,
      summary: "A CloudEvent in binary mode: attributes are headers, the value is its data.",
      contentType: "application/json",
      headers: ref(`components/schemas/${schemaName(kind, "Headers")}`),
      payload: ref(`components/schemas/${schemaName(kind, "Data")}`),
      bindings: { kafka: { key: { type: "string", description: `${kind}/<id>: subject of the event` } } },
    },
  ]);
  const ofStream = publicKinds.map((kind) => [
    `${kind}StepSent`,
    {
      title: `A step of a ${titles[kind]}`,
      summary: "`data:` is a CloudEvent in structured mode, `id:` the stream position behind it.",
      contentType: "application/cloudevents+json",
      payload: ref(`components/schemas/${schemaName(kind, "Event")}`),
    },
  ]);
  const place = (name: string, title: string, summary: string) => ({
    name,
    title,
    summary: `\`event: ${name}\`: ${summary}`,
    contentType: "application/json",
    payload: ref("components/schemas/place"),
  });
  const behind = place(
    behindEvent,
    "Come again",
    "the reader was too slow and has to come again; the connection ends.",
  );
  const end = place(endEvent, "The end", "the tip was reached, and the reader did not want to follow.");
  return { ...Object.fromEntries([...ofTopics, ...ofStream]), behind, end };
}

function channels(): Record<string, unknown> {
  const prefix = { description: "PREFIX of kafka://HOST:PORT/PREFIX", default: "windrow" };
  const ofTopics = publicKinds.map((kind) => [
    topics[kind],
    {
      address: `{prefix}.${topics[kind]}`,
      title: `Steps of every ${titles[kind]}`,
      servers: [ref("servers/kafka")],
      parameters: { prefix },
      messages: { [`${kind}Step`]: ref(`components/messages/${kind}Step`) },
    },
  ]);
  const sent = [...publicKinds.map((kind) => `${kind}StepSent`), "behind", "end"];
  const stream = {
    address: "/api/v1/events",
    title: "All steps as server-sent events",
    servers: [ref("servers/daemon"), ref("servers/socket")],
    messages: Object.fromEntries(sent.map((name) => [name, ref(`components/messages/${name}`)])),
  };
  return { ...Object.fromEntries(ofTopics), events: stream };
}

/** What a subscriber may ask of the stream. */
const query = {
  type: "object",
  properties: {
    type: { type: "string", description: "Names of steps, separated by commas, `*` for any part: worker.*" },
    queue: { type: "string", description: "Names of queues, separated by commas" },
    from: { type: "string", description: "A stream position, a time as in ISO 8601, `start` or `now` (the default)" },
    follow: { type: "string", enum: ["true", "false"], description: "false: end at the tip" },
  },
};

function operations(): Record<string, unknown> {
  const ofTopics = publicKinds.map((kind) => [
    `publish${kind[0]?.toUpperCase()}${kind.slice(1)}Steps`,
    {
      action: "send",
      channel: ref(`channels/${topics[kind]}`),
      summary: `Windrow says each step of a ${titles[kind]}.`,
    },
  ]);
  const stream = {
    action: "send",
    channel: ref("channels/events"),
    summary: "Windrow says each step that the subscriber asked for. `Last-Event-ID` goes before `from`.",
    bindings: { http: { method: "GET", query } },
  };
  return { ...Object.fromEntries(ofTopics), streamSteps: stream };
}

const description = `Every step of every job, file group and worker as a CloudEvent 1.0.

Delivery is at least once, and the first copies are in order for each subject: a consumer that drops every id which is
not above the last one it saw of that subject sees each step once. Ids are compared number by number
(shard/seq/index/step). Fields may be added; a change of meaning has another schemaVersion.
`;

const schemas = (): Record<string, unknown> => ({
  ...Object.fromEntries(
    publicKinds.flatMap((kind) => [
      [schemaName(kind, "Data"), jsonSchema(dataSchemas[kind])],
      [schemaName(kind, "Headers"), headersOf(kind)],
      [schemaName(kind, "Event"), jsonSchema(eventSchemas[kind])],
    ]),
  ),
  place: jsonSchema(placeSchema),
});

/** The whole of docs/asyncapi.yaml. */
export function asyncapiPage(): string {
  const document = {
    asyncapi: "3.0.0",
    info: { title: "Windrow", version: "1.0.0", description, license: { name: "Apache-2.0" } },
    defaultContentType: "application/json",
    servers: {
      kafka: {
        host: "{broker}",
        protocol: "kafka",
        description:
          "HOST:PORT of kafka://HOST:PORT/PREFIX. Where the journal is, unless publishTopics = False in [windrow]",
        variables: { broker: { default: "localhost:9092" } },
      },
      daemon: {
        host: "{address}",
        protocol: "http",
        description: "webHost:webPort in section [windrow], or `windrow run --web`",
        variables: { address: { default: "127.0.0.1:25088" } },
      },
      socket: { host: "localhost", protocol: "http", description: "The unix socket windrow.sock beside the log" },
    },
    channels: channels(),
    operations: operations(),
    components: { messages: messages(), schemas: schemas() },
  };
  const head = "# Made from src/publish/messages.ts by `npm run asyncapi`; do not edit it.\n";
  return head + stringify(document, { lineWidth: 118, blockQuote: "literal", aliasDuplicateObjects: false });
}

/** Writes the page, or compares it. Gives the exit code. */
function run(path: string | URL, isCheck: boolean): number {
  const page = asyncapiPage();
  if (!isCheck) {
    writeFileSync(path, page);
    return 0;
  }
  if (existsSync(path) && readFileSync(path, "utf8") === page) return 0;
  console.error("docs/asyncapi.yaml is not what the schemas say: run `npm run asyncapi` and commit the result");
  return 1;
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    options: { check: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  process.exitCode = run(positionals[0] ?? new URL("asyncapi.yaml", import.meta.url), values.check);
}
