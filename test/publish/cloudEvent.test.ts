/** The events read by the CloudEvents project's own SDK, structured and from Kafka messages. */
import { CloudEvent, Kafka } from "cloudevents";
import { beforeAll, describe, expect, it } from "vitest";
import { kafkaMessageOf } from "../../src/publish/cloudEvent.ts";
import { attributeSchemas, dataSchemas } from "../../src/publish/messages.ts";
import type { Published } from "../../src/publish/stream.ts";
import { allOf, write, writing } from "./writing.ts";

let all: Published[];

beforeAll(async () => {
  const log = await writing();
  await write(log, [1, 2, 3]);
  all = await allOf(log.stopped);
});

/** The SDK gives extensions and undefined attributes too. */
const plain = (event: unknown): unknown => JSON.parse(JSON.stringify(event));

describe("the CloudEvents SDK", () => {
  it("takes every event, strictly", () => {
    for (const { event } of all) {
      const read = new CloudEvent<unknown>(event, true);
      expect(read.validate()).toBe(true);
      expect(plain(read)).toEqual(event);
    }
  });

  it("reads every message of a topic as the same event", () => {
    for (const { event } of all) {
      const message = kafkaMessageOf(event, "p");
      const { datacontenttype, data, ...attributes } = event;
      const sent = { headers: message.headers, body: message.value, key: message.key, value: message.value };
      expect(Kafka.isEvent(sent)).toBe(true);
      const read = Kafka.toEvent(sent);
      expect(plain(read)).toMatchObject({ ...attributes, data });
      expect(message.key).toBe(event.subject);
      expect(message.headers["content-type"]).toBe(datacontenttype);
      expect(dataSchemas[data.kind].parse(JSON.parse(message.value))).toEqual(data);
      const headers = Object.entries(message.headers).filter(([name]) => name.startsWith("ce_"));
      const given = Object.fromEntries(headers.map(([name, value]) => [name.slice(3), value]));
      expect(attributeSchemas[data.kind].parse({ ...given, datacontenttype })).toEqual({
        ...attributes,
        datacontenttype,
      });
    }
  });

  it("finds each kind in a topic of its own", () => {
    const topics = new Map(all.map(({ event }) => [event.data.kind, kafkaMessageOf(event, "p").topic]));
    expect(Object.fromEntries(topics)).toEqual({ job: "p.jobs", fileGroup: "p.file-groups", worker: "p.workers" });
  });
});
