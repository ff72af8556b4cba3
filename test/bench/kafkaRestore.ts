/**
 * Benchmark `kafka-restore`: a whole start without a snapshot, from one shard of more than 200,000 records of whole
 * lives in its topic to the World, against the client library's own consumer that reads the same topic and parses each
 * value. The consumer's clock begins with its first fetch, so that joining its group does not count.
 */
import { Kafka } from "kafkajs";
import { copyLog } from "../../src/log/copy.ts";
import { openKafkaLog } from "../../src/log/kafka/kafkaLog.ts";
import { journalOf } from "../../src/log/kafka/topic.ts";
import { openSqliteLog, openSqliteLogReadOnly } from "../../src/log/sqlite.ts";
import { addressOf, freshPrefix, withBroker } from "./broker.ts";
import { compare, type Figure } from "./figure.ts";
import { liveOn } from "./lifecycle.ts";
import { restore } from "./replay.ts";

/** The records of the log through the library's consumer, each value parsed; records a second. */
async function consume(brokers: string, topic: string, records: number): Promise<number> {
  const kafka = new Kafka({ brokers: brokers.split(","), logLevel: 0 });
  const consumer = kafka.consumer({ groupId: freshPrefix() });
  const all = Promise.withResolvers<number>();
  let started = 0;
  let read = 0;
  consumer.on("consumer.fetch_start", () => {
    started ||= performance.now();
  });
  // After a passing trouble (a coordinator that is loading) it begins again by itself.
  consumer.on("consumer.crash", ({ payload }) => payload.restart || all.reject(payload.error));
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      for (const { value } of batch.messages) JSON.parse(String(value));
      read += batch.messages.length;
      if (read >= records) all.resolve(performance.now());
    },
  });
  const ended = await all.promise;
  await consumer.disconnect();
  return (read / (ended - started)) * 1000;
}

/** The log of so many whole lives. */
export function benchKafkaRestore(jobs = 34_000): Promise<Figure | string> {
  return withBroker(async (brokers, dir) => {
    await liveOn(await openSqliteLog(dir, { shards: 1 }), jobs);
    const prefix = freshPrefix();
    const address = addressOf(brokers, prefix);
    const from = await openSqliteLogReadOnly(dir);
    const to = await openKafkaLog(address, { shards: from.shards });
    await copyLog(from, to);
    await Promise.all([from.close(), to.close()]);
    const raw = ({ records }: { records: number }) => consume(brokers, journalOf(prefix), records);
    // Unmeasured, so that neither side pays for the first compilation, here and in the broker.
    const ours = async () => restore(await openKafkaLog(address, { readOnly: true }));
    const { records } = await ours();
    if (records < 200_000) throw new Error(`${records} records are too few`);
    await raw({ records });
    const figure = await compare(ours, raw);
    return { name: "kafka-restore", unit: "records/s", limit: 0.5, ...figure };
  });
}
