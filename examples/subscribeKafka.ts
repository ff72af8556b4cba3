/**
 * Prints every step of workers from the public topics: node examples/subscribeKafka.ts 127.0.0.1:9092 windrow
 * Arguments: brokers, prefix, topic (`workers`), consumer group, and where a new group begins (`now`, or `start`).
 * A group goes on where it stopped; members of one share the partitions. What comes twice is dropped.
 */
import { Kafka, logLevel } from "kafkajs";

const [brokers = "127.0.0.1:9092", prefix = "windrow", topic = "workers", groupId = "example", from = "now"] =
  process.argv.slice(2);
/** Id of the last step by entity. Keep it with what is done with the events: after a restart some are read again. */
const last = new Map<string, number[]>();

/** Ids are positions, shard/seq/index/step: they are compared number by number. */
function isAbove(id: readonly number[], seen: readonly number[] = []): boolean {
  const i = id.findIndex((number, place) => number !== seen[place]);
  return i !== -1 && (id[i] ?? 0) > (seen[i] ?? -1);
}

const kafka = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.ERROR });
const consumer = kafka.consumer({ groupId, allowAutoTopicCreation: false });
const end = () => void consumer.disconnect().finally(() => process.exit());
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, end);
consumer.on("consumer.crash", ({ payload }) => payload.restart || process.exit(1));
await consumer.connect();
await consumer.subscribe({ topic: `${prefix}.${topic}`, fromBeginning: from === "start" });
await consumer.run({
  // The library commits a message's offset after this has resolved.
  eachMessage: async ({ message: { headers, value } }) => {
    const [id, subject, type] = ["ce_id", "ce_subject", "ce_type"].map((name) => String(headers?.[name]));
    const place = String(id).split("/").map(Number);
    if (!isAbove(place, last.get(String(subject)))) return;
    last.set(String(subject), place);
    const { before, after } = JSON.parse(String(value));
    console.log(id, subject, type, before?.life ?? "nothing", "->", after.life);
  },
});
