/**
 * The events read by the CloudEvents project's own SDK, structured and from Kafka messages, and brought to topics by a
 * publisher that is stopped at any moment.
 */
import { CloudEvent, Kafka } from "cloudevents";
import { beforeAll, describe, expect, it } from "vitest";
import { type KafkaMessage, kafkaMessageOf } from "../../src/publish/cloudEvent.ts";
import { attributeSchemas, dataSchemas } from "../../src/publish/messages.ts";
import { placeOf } from "../../src/publish/position.ts";
import { type Publisher, publish } from "../../src/publish/publisher.ts";
import type { Published } from "../../src/publish/stream.ts";
import { isAfter } from "../../src/steps.ts";
import { allOf, idsOf, type Writing, write, writing } from "./writing.ts";

let log: Writing;
let all: Published[];

beforeAll(async () => {
  log = await writing();
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

/** Topics in memory; it fails after so many messages, or tells when nothing is left. */
class Topics implements Publisher {
  readonly messages: KafkaMessage[] = [];
  position: string | undefined;
  failAfter = Number.POSITIVE_INFINITY;
  onNote: () => void = () => undefined;

  leads: (shard: number) => boolean = () => true;
  noted = () => this.position;
  async send(messages: readonly KafkaMessage[]): Promise<void> {
    const room = this.failAfter - this.messages.length;
    this.messages.push(...messages.slice(0, Math.max(room, 0)));
    if (room < messages.length) throw new Error("the broker went away");
  }
  async note(position: string): Promise<void> {
    this.position = position;
    this.onNote();
  }
}

describe("publishing", () => {
  it("sends all in order, and some again after failures: dropping what is not above loses no step", async () => {
    const topics = new Topics();
    for (const failAfter of [7, 30, 61]) {
      topics.failAfter = failAfter;
      await expect(publish(log.stopped, topics, "p", new AbortController().signal)).rejects.toThrow("went away");
    }
    topics.failAfter = Number.POSITIVE_INFINITY;
    const stop = new AbortController();
    topics.onNote = () => stop.abort();
    await publish(log.stopped, topics, "p", stop.signal);
    expect(topics.messages.length).toBeGreaterThan(all.length);

    const last = new Map<string, string>();
    const seen = topics.messages.flatMap(({ key, headers }) => {
      const id = headers["ce_id"] ?? "";
      const before = last.get(key);
      if (before !== undefined && !isAfter(placeOf(id).point, placeOf(before).point)) return [];
      last.set(key, id);
      return [id];
    });
    expect(seen).toEqual(idsOf(all));
  });

  it("leaves to others the shards that are theirs", async () => {
    const sent: KafkaMessage[] = [];
    for (const own of [1, 2]) {
      const topics = new Topics();
      const stop = new AbortController();
      topics.leads = (shard) => shard === own;
      topics.onNote = () => stop.abort();
      await publish(log.stopped, topics, "p", stop.signal);
      expect(topics.messages.every(({ headers }) => headers["ce_id"]?.startsWith(`${own}/`))).toBe(true);
      sent.push(...topics.messages);
    }
    expect(sent.map(({ headers }) => headers["ce_id"]).toSorted()).toEqual(idsOf(all).toSorted());
  });

  it("goes on where the noted position stands", async () => {
    const topics = new Topics();
    topics.position = all[20]!.position;
    const stop = new AbortController();
    topics.onNote = () => stop.abort();
    await publish(log.live, topics, "p", stop.signal);
    expect(topics.messages.map(({ headers }) => headers["ce_id"])).toEqual(idsOf(all.slice(21)));
    expect(await allOf(log.live, { from: topics.position })).toEqual([]);
  });
});
