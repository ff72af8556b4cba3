/**
 * Benchmark `kafka-lifecycle`: whole lives with plug-ins that answer at once, of eight queues in as many shards of a
 * log on Kafka, led by one instance, which brings every step to the public topics as a daemon does.
 */
import { openKafkaLog } from "../../src/log/kafka/kafkaLog.ts";
import { noSecurity, parseKafkaAddress } from "../../src/log/kafka/settings.ts";
import { publicTopics } from "../../src/publish/topics.ts";
import { addressOf, withBroker } from "./broker.ts";
import type { Figure } from "./figure.ts";
import { liveOn } from "./lifecycle.ts";

/** Jobs a second that are promised. */
const promised = 500;
const shards = 8;

/** 10,000 whole lives. */
export function benchKafkaLifecycle(jobs = 10_000): Promise<Figure | string> {
  return withBroker(async (brokers) => {
    const address = addressOf(brokers);
    const topics = publicTopics({ address: parseKafkaAddress(address), security: noSecurity }, shards);
    const { perSecond } = await liveOn(await openKafkaLog(address, { shards }), jobs, shards, topics);
    return { name: "kafka-lifecycle", value: perSecond, unit: "jobs/s", limit: 1, ratio: perSecond / promised };
  });
}
