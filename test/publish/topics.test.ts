/**
 * The public topics on a real broker: what is read there is what docs/asyncapi.yaml says and what the CloudEvents SDK
 * understands, complete and in order; and topics that do not fit are refused in words.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Ajv } from "ajv";
import formats from "ajv-formats";
import { Kafka as Binding } from "cloudevents";
import { ConfigResourceTypes, Kafka, logLevel } from "kafkajs";
import { describe, expect, it, vi } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { copyLog } from "../../src/log/copy.ts";
import type { TopicState } from "../../src/log/kafka/client.ts";
import { connectKafka } from "../../src/log/kafka/connect.ts";
import { openKafkaLog } from "../../src/log/kafka/kafkaLog.ts";
import { noSecurity, parseKafkaAddress } from "../../src/log/kafka/settings.ts";
import type { Log } from "../../src/log/log.ts";
import type { PlacedLog } from "../../src/log/open.ts";
import { maxRecordBytes } from "../../src/log/record.ts";
import { Feed } from "../../src/publish/feed.ts";
import { topics } from "../../src/publish/messages.ts";
import { placeOf } from "../../src/publish/position.ts";
import { Publisher, publisherOf } from "../../src/publish/publisher.ts";
import { publicTopics, type Topics, topicsOn } from "../../src/publish/topics.ts";
import { fetched } from "../agents/drive.ts";
import { type Broker, freshAddress, theBroker } from "../broker/answer.ts";
import { configure, type Instance, instanceOn, live, quiet } from "./instance.ts";
import { judgePublished, type Message, readPublished } from "./published.ts";

const answer = await theBroker();
const needs = "none" in answer ? ` (needs a broker: ${answer.none})` : "";
const broker = answer as Broker;

const openLog = (address: string): Promise<Log> => openKafkaLog(address, { shards: 4 });
const topicsOf = (address: string): Topics =>
  publicTopics({ address: parseKafkaAddress(address), security: noSecurity }, 4);

/** An instance that leads every shard of the log at the address and publishes. */
async function publishing(address: string, options: { readonly noteMs?: number } = {}): Promise<Instance> {
  const made = await instanceOn(await openLog(address), topicsOf(address), options);
  made.publisher.start();
  return made;
}

async function administer<T>(act: (admin: ReturnType<Kafka["admin"]>) => Promise<T>): Promise<T> {
  const admin = new Kafka({ brokers: broker.brokers.split(","), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return await act(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Gives a topic another setting. */
const alter = (topic: string, name: string, value: string) =>
  administer((admin) => {
    const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: [{ name, value }] }];
    return admin.alterConfigs({ validateOnly: false, resources });
  });

const kindOf = (message: Message): string => message.key.split("/")[0] ?? "";

async function expectTruth(messages: readonly Message[], prefix: string): Promise<void> {
  const page = z.looseObject({ components: z.looseObject({ schemas: z.record(z.string(), z.looseObject({})) }) });
  const text = await readFile(join(import.meta.dirname, "../../docs/asyncapi.yaml"), "utf8");
  const { schemas } = page.parse(parse(text)).components;
  const ajv = new Ajv({ strict: false, allErrors: true });
  formats.default(ajv);
  for (const [kind, topic] of Object.entries(topics)) {
    const [isData, isHeaders] = ["Data", "Headers"].map((what) => ajv.compile(schemas[`${kind}${what}`] ?? false));
    const of = messages.filter((message) => kindOf(message) === kind);
    expect(of.length).toBeGreaterThan(10);
    for (const message of of) {
      const { key, value, headers, partition } = message;
      expect([message.topic, key]).toEqual([`${prefix}.${topic}`, headers["ce_subject"]]);
      expect(partition).toBe(placeOf(headers["ce_id"] ?? "").shard);
      expect(isHeaders?.(headers), JSON.stringify(isHeaders?.errors)).toBe(true);
      expect(isData?.(JSON.parse(value)), JSON.stringify(isData?.errors)).toBe(true);
      const sent = { headers, body: value, key, value };
      const read = Binding.toEvent<unknown>(sent);
      expect(read).toMatchObject({ id: headers["ce_id"], subject: key, source: "/windrow/H", data: JSON.parse(value) });
    }
  }
}

describe.skipIf(needs !== "")(`public topics${needs}`, { timeout: 60_000 }, () => {
  it("have every step as the contract says it, and nothing again after a restart in order", async () => {
    const address = freshAddress(broker);
    const { prefix } = parseKafkaAddress(address);
    const one = await publishing(address, { noteMs: 100 });
    await configure(one);
    await live(one, [1, 2, 3, 4]);
    await quiet(one);
    await one.publisher.finish();
    await one.journal.resign();
    const messages = await readPublished(address);
    await expectTruth(messages, prefix);
    expect((await judgePublished(address)).copies).toBe(0);

    const two = await publishing(address);
    await two.publisher.finish();
    await two.journal.resign();
    expect(await readPublished(address)).toHaveLength(messages.length);
    expect([one.said, two.said]).toEqual([[], []]);
    const made = await administer((admin) => admin.fetchTopicMetadata({ topics: [`${prefix}.workers`] }));
    expect(made.topics[0]?.partitions).toHaveLength(4);
  });

  it("have every step after the log was copied to another prefix, and after they were made anew", async () => {
    const [from, to] = [freshAddress(broker), freshAddress(broker)];
    const one = await publishing(from);
    await configure(one);
    await live(one, [1, 2, 3, 4]);
    await quiet(one);
    await one.publisher.finish();
    await one.journal.resign();
    const { steps } = await judgePublished(from);
    const [source, target] = [await openKafkaLog(from, { readOnly: true }), await openLog(to)];
    await copyLog(source, target);
    await Promise.all([source.close(), target.close()]);

    const names = Object.values(topics).map((name) => `${parseKafkaAddress(from).prefix}.${name}`);
    await administer((admin) => admin.deleteTopics({ topics: names }));
    for (const address of [from, to]) {
      const again = await publishing(address);
      await vi.waitFor(() => expect(again.said).toEqual([expect.stringMatching(/have nothing of shards 1, 2: /)]));
      await again.publisher.finish();
      await again.journal.resign();
      expect(await judgePublished(address)).toEqual({ steps, copies: 0 });
    }
  });

  it("have every step after publishers that ended at any moment", async () => {
    const address = freshAddress(broker);
    const first = await publishing(address, { noteMs: 60_000 });
    await configure(first);
    let last = first;
    for (const jobs of [[1, 2], [3, 4], [5, 6], []]) {
      if (last !== first) await live(last, jobs);
      else await live(first, jobs, "running");
      await last.publisher.close(); // as a crash: what is under way is cut, and nothing is noted
      await last.journal.resign();
      last = await publishing(address, { noteMs: 60_000 });
    }
    await last.publisher.finish();
    await last.journal.resign();
    expect((await judgePublished(address)).steps).toBeGreaterThan(100);
    expect(last.said).toEqual([]);
  });

  it("take the largest event that a journal has, with Kafka's usual limit", async () => {
    const address = freshAddress(broker);
    const { prefix } = parseKafkaAddress(address);
    const plan = Object.values(topics).map((name) => ({ topic: `${prefix}.${name}`, numPartitions: 4 }));
    await administer((admin) => admin.createTopics({ topics: plan, waitForLeaders: true }));
    const one = await publishing(address);
    await configure(one);
    await live(one, [1], "running");
    const large = (n: number, length: number) => fetched(n, { queue: "A", params: { jobPars: "x".repeat(length) } });
    const room = maxRecordBytes - JSON.stringify(large(3, 0)).length - 500;
    for (let n = 3; n < 13; n += 2) await one.decide(1, [large(n, room)]);
    await expect(one.decide(1, [large(13, room + 500)])).rejects.toThrow("a record takes");
    await quiet(one);
    await one.publisher.finish();
    await one.journal.resign();
    expect((await judgePublished(address)).copies).toBe(0);
    const sizes = (await readPublished(address)).map(({ value }) => Buffer.byteLength(value));
    expect(Math.max(...sizes)).toBeGreaterThan(maxRecordBytes - 4096);
    expect(one.said).toEqual([]);
  });

  it("are left alone where the operator wants none, and where the log is not on Kafka", async () => {
    const log = await openLog(freshAddress(broker));
    const { world, journal } = await instanceOn(log, topicsOf(freshAddress(broker)));
    const feed = new Feed({ world: () => world, cursors: () => journal.cursors() });
    const parts = { source: { log, feed }, engine: { world, journal }, logger: { info: () => {}, warn: () => {} } };
    const kafka = { address: parseKafkaAddress(freshAddress(broker)), security: noSecurity };
    const placed = (where: object) => ({ ...log, shards: 4, dir: "none", ...where }) as PlacedLog;
    expect(publisherOf(placed({ kafka }), { publishTopics: true }, parts)).toBeInstanceOf(Publisher);
    expect(publisherOf(placed({ kafka }), { publishTopics: false }, parts)).toBeUndefined();
    expect(publisherOf(placed({}), { publishTopics: true }, parts)).toBeUndefined();
    await journal.resign();
  });

  it("are refused with what to do where they do not fit, and written as soon as they do", async () => {
    const address = freshAddress(broker);
    const { prefix } = parseKafkaAddress(address);
    const topic = `${prefix}.jobs`;
    await administer((admin) => admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true }));
    const one = await publishing(address);
    await vi.waitFor(() => expect(one.said).toHaveLength(1), { timeout: 20_000 });
    await configure(one);
    await live(one, [1, 2], "running");
    expect(one.said).toEqual([
      expect.stringMatching(/jobs has 2 partitions, and the journal has 4\. kafka-topics\.sh .* --partitions 4$/),
    ]);
    await administer((admin) => admin.createPartitions({ topicPartitions: [{ topic, count: 4 }] }));
    await quiet(one);
    await live(one, [3]);
    await one.publisher.finish();
    await one.journal.resign();
    expect(one.said.slice(1)).toEqual(["the public topics are written again"]);
    expect((await judgePublished(address)).copies).toBe(0);
  });

  it("are refused where Kafka would keep one step of each entity, until it does not", async () => {
    const address = freshAddress(broker);
    const { prefix } = parseKafkaAddress(address);
    const topic = `${prefix}.jobs`;
    const configEntries = [{ name: "cleanup.policy", value: "compact,delete" }];
    const plan = { topic, numPartitions: 4, configEntries };
    await administer((admin) => admin.createTopics({ topics: [plan], waitForLeaders: true }));
    const one = await publishing(address);
    await vi.waitFor(() => expect(one.said).toHaveLength(1), { timeout: 20_000 });
    await configure(one);
    await live(one, [1], "running");
    const why =
      /jobs: cleanup\.policy is compact,delete, it must be delete\. kafka-configs\.sh .*cleanup\.policy=delete$/;
    expect(one.said).toEqual([expect.stringMatching(why)]);
    await alter(topic, "cleanup.policy", "delete");
    await quiet(one);
    await one.publisher.finish();
    await one.journal.resign();
    expect(one.said.slice(1)).toEqual(["the public topics are written again"]);
    expect((await judgePublished(address)).copies).toBe(0);
  });

  it("that are less safe than the journal are warned of, once", async () => {
    const address = freshAddress(broker);
    const { prefix } = parseKafkaAddress(address);
    await topicsOf(address).open((text) => expect.unreachable(text));
    await alter(`${prefix}.workers`, "min.insync.replicas", "2");
    const [made, said] = [topicsOf(address), [] as string[]];
    for (let i = 0; i < 2; i++) await made.open((text) => said.push(text));
    made.close();
    const words = [
      expect.stringMatching(/workers: min\.insync\.replicas is 2, so nothing could be written\. .*replicas=1$/),
    ];
    expect(said).toEqual(words);
    const one = await publishing(address);
    await vi.waitFor(() => expect(one.said).toEqual(words), { timeout: 20_000 });
    await one.publisher.close();
    await one.journal.resign();
  });

  const safe = { replicas: [3, 3, 3, 3], insync: "2" };
  it.each([
    [safe, []],
    [{ ...safe, insync: "3" }, []],
    [
      { ...safe, insync: "1" },
      [/jobs: min\.insync\.replicas is 1, so acknowledged steps could be lost\. .*replicas=2$/],
    ],
    [
      { replicas: [3, 1, 3, 3], insync: "1" },
      [/jobs: a partition is on 1 of 3 brokers\. Add replicas with kafka-reas/],
    ],
  ])("with %j are as safe as they can be, or it is said", async ({ replicas, insync }, words) => {
    const state: TopicState = { replicas, config: new Map([["min.insync.replicas", insync]]) };
    const at = parseKafkaAddress("kafka://127.0.0.1:1/p");
    const made = topicsOn(
      (kind) => ({
        ...connectKafka({ brokers: at.brokers, topic: topics[kind], security: noSecurity, requestMs: 1000 }),
        describe: async () => (kind === "job" ? state : { ...state, replicas: safe.replicas, config: new Map() }),
      }),
      at,
      4,
    );
    const said: string[] = [];
    await made.open((text) => said.push(text));
    made.close();
    expect(said).toEqual(words.map((why) => expect.stringMatching(why)));
  });
});
