/**
 * Benchmark `kafka-append`: what the journal costs over Kafka. It is measured against the same stored bytes sent by the
 * same client library's producer, in batches of as many bytes, one in flight a shard.
 */
import { Kafka } from "kafkajs";
import { openJournal } from "../../src/log/journal.ts";
import { openKafkaLog } from "../../src/log/kafka/kafkaLog.ts";
import type { Log } from "../../src/log/log.ts";
import type { StoredRecord } from "../../src/log/record.ts";
import { decideAll, eventOf } from "./append.ts";
import { addressOf, freshPrefix, withBroker } from "./broker.ts";
import { compare, type Figure } from "./figure.ts";

const shards = 4;
const records = 4000;
const eventsPerRecord = 100;
const batchBytes = 1 << 20;

async function readShard(log: Log, shard: number): Promise<StoredRecord[]> {
  const all: StoredRecord[] = [];
  for await (const batch of log.read(shard)) all.push(...batch);
  return all;
}

/** Decides all records with a bounded number in flight; each is read back before it counts. */
async function throughJournal(brokers: string, decisions: readonly (readonly unknown[])[]) {
  const log = await openKafkaLog(addressOf(brokers), { shards });
  const options = { log, owner: "bench:1", now: Date.now, parseEvents: (events: readonly unknown[]) => events };
  const journal = await openJournal<unknown>({ ...options, fold: () => undefined });
  const perSecond = await decideAll(journal, decisions, shards);
  const stored = await Promise.all(Array.from({ length: shards }, (_, shard) => readShard(log, shard)));
  await journal.resign();
  return { perSecond, stored };
}

/** Sends the same bytes with the library's producer; nothing is read back. */
async function throughProducer(brokers: string, stored: readonly (readonly StoredRecord[])[]): Promise<number> {
  const topic = freshPrefix();
  const kafka = new Kafka({ brokers: brokers.split(","), logLevel: 0 });
  const admin = kafka.admin();
  await admin.connect();
  const configEntries = [{ name: "max.message.bytes", value: String(2 << 20) }];
  await admin.createTopics({ topics: [{ topic, numPartitions: shards, replicationFactor: 1, configEntries }] });
  await admin.disconnect();
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const sendAll = async (partition: number, all: readonly StoredRecord[]) => {
    for (let from = 0; from < all.length; ) {
      let [to, bytes] = [from, 0];
      while (to < all.length && (to === from || bytes + (all[to]?.bytes.length ?? 0) < batchBytes)) {
        bytes += all[to]?.bytes.length ?? 0;
        to += 1;
      }
      const messages = all.slice(from, to).map(({ bytes: value, hash }) => {
        return { partition, value: Buffer.from(value.buffer, value.byteOffset, value.length), headers: { hash } };
      });
      await producer.send({ topic, acks: -1, messages });
      from = to;
    }
  };
  const started = performance.now();
  await Promise.all(stored.map((all, partition) => sendAll(partition, all)));
  const perSecond = (stored.flat().length / (performance.now() - started)) * 1000;
  await producer.disconnect();
  return perSecond;
}

/** Durable records of 100 events, read back. */
export function benchKafkaAppend(): Promise<Figure | string> {
  return withBroker(async (brokers) => {
    const different = Array.from({ length: 50 }, (_, n) =>
      Array.from({ length: eventsPerRecord }, (_, i) => eventOf(n * eventsPerRecord + i)),
    );
    const decisions = Array.from({ length: records }, (_, n) => different[n % different.length] ?? []);
    // Unmeasured, so that neither side pays for the first compilation, here and in the broker.
    const { stored } = await throughJournal(brokers, decisions.slice(0, 500));
    await throughProducer(brokers, stored);
    const { value, ratio } = await compare(
      () => throughJournal(brokers, decisions),
      (ours) => throughProducer(brokers, ours.stored),
    );
    return { name: "kafka-append", value, unit: "records/s", limit: 0.6, ratio };
  });
}
