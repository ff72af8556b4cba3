/**
 * Benchmark `kafka-lifecycle`: whole lives with plug-ins that answer at once, of eight queues in as many shards of a
 * log on Kafka, led by one instance.
 */
import { openKafkaLog } from "../../src/log/kafkaLog.ts";
import { addressOf, withBroker } from "./broker.ts";
import type { Figure } from "./figure.ts";
import { liveOn } from "./lifecycle.ts";

/** Jobs a second that are promised. */
const promised = 500;
const shards = 8;

/** 10,000 whole lives. */
export function benchKafkaLifecycle(jobs = 10_000): Promise<Figure | string> {
  return withBroker(async (brokers) => {
    const { perSecond } = await liveOn(await openKafkaLog(addressOf(brokers), { shards }), jobs, shards);
    return { name: "kafka-lifecycle", value: perSecond, unit: "jobs/s", limit: 1, ratio: perSecond / promised };
  });
}
