/**
 * Benchmarks `kafka-append` and `kafka-restore`: what a log on Kafka costs over Kafka. Appending is measured against
 * the same stored bytes sent by the same client library's producer, in batches of as many bytes, one in flight a shard;
 * restoring against JSON.parse and SHA-256 of the same bytes in memory.
 */
import { randomUUID } from "node:crypto";
import { Kafka } from "kafkajs";
import { parseEvents } from "../../events/events.ts";
import { copyLog } from "../../src/log/copy.ts";
import { openJournal } from "../../src/log/journal.ts";
import { openKafkaLog } from "../../src/log/kafkaLog.ts";
import type { Log } from "../../src/log/log.ts";
import type { StoredRecord } from "../../src/log/record.ts";
import { replay } from "../../src/log/replay.ts";
import { openSqliteLogReadOnly } from "../../src/log/sqlite.ts";
import { fold } from "../../src/projection.ts";
import { World } from "../../src/world.ts";
import { findBroker } from "../broker/find.ts";
import { decideAll, eventOf } from "./append.ts";
import { compare, type Figure, inTemporary } from "./figure.ts";
import { liveThrough } from "./lifecycle.ts";
import { bare, storedBytes } from "./replay.ts";

const shards = 4;
const records = 4000;
const eventsPerRecord = 100;
const batchBytes = 1 << 20;

/** Runs `work` with a broker, or says why there is none. */
function withBroker(work: (brokers: string, dir: string) => Promise<Figure>): Promise<Figure | string> {
  return inTemporary(async (dir) => {
    const { answer, stop } = await findBroker(dir);
    try {
      return "none" in answer ? answer.none : await work(answer.brokers, dir);
    } finally {
      await stop();
    }
  });
}

const fresh = (brokers: string): string => `kafka://${brokers}/bench-${randomUUID()}?replication=1`;

async function readShard(log: Log, shard: number): Promise<StoredRecord[]> {
  const all: StoredRecord[] = [];
  for await (const batch of log.read(shard)) all.push(...batch);
  return all;
}

/** Decides all records with a bounded number in flight; each is read back before it counts. */
async function throughJournal(brokers: string, decisions: readonly (readonly unknown[])[]) {
  const log = await openKafkaLog(fresh(brokers), { shards });
  const options = { log, owner: "bench:1", now: Date.now, parseEvents: (events: readonly unknown[]) => events };
  const journal = await openJournal<unknown>({ ...options, fold: () => undefined });
  const perSecond = await decideAll(journal, decisions, shards);
  const stored = await Promise.all(Array.from({ length: shards }, (_, shard) => readShard(log, shard)));
  await journal.resign();
  return { perSecond, stored };
}

/** Sends the same bytes with the library's producer; nothing is read back. */
async function throughProducer(brokers: string, stored: readonly (readonly StoredRecord[])[]): Promise<number> {
  const topic = `bench-${randomUUID()}`;
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

/** From the topic to the World. */
async function restore(address: string): Promise<{ perSecond: number }> {
  const log = await openKafkaLog(address, { readOnly: true });
  const world = new World();
  const started = performance.now();
  const { counts } = await replay(log, { parseEvents, fold: (record) => fold(world, record) });
  const perSecond = (counts.records / (performance.now() - started)) * 1000;
  await log.close();
  if (world.anomalyCount > 0) throw new Error(`the lives are not ordinary: ${JSON.stringify(world.anomalies[0])}`);
  return { perSecond };
}

/** A whole start without a snapshot, from the log of so many whole lives. */
export function benchKafkaRestore(jobs = 10_000): Promise<Figure | string> {
  return withBroker((brokers) =>
    inTemporary(async (dir) => {
      await liveThrough(dir, jobs);
      const stored = await storedBytes(dir);
      const address = fresh(brokers);
      const from = await openSqliteLogReadOnly(dir);
      const to = await openKafkaLog(address, { shards: from.shards });
      await copyLog(from, to);
      await Promise.all([from.close(), to.close()]);
      await restore(address);
      bare(stored);
      const figure = await compare(
        () => restore(address),
        () => bare(stored),
      );
      return { name: "kafka-restore", unit: "records/s", limit: 0.5, ...figure };
    }),
  );
}
