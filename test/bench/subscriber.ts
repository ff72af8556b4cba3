/**
 * Benchmark `subscriber`: a daemon whose workers change again and again, and a consumer of its public topics. Measured
 * is how long a change is on its way, from the return of the monitor that saw it to the subscriber, at no less than 500
 * public events a second.
 */

import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { Kafka } from "kafkajs";
import { topics } from "../../src/publish/messages.ts";
import { addressOf, freshPrefix, withBroker } from "./broker.ts";
import { BenchDaemon, quantile, type Site } from "./daemons.ts";
import { type Figure, median } from "./figure.ts";

/** Milliseconds that are promised for 99 of 100 changes, and the events a second at which they are. */
const promised = 150;
const rate = 500;
const site: Site = { shards: 8, queues: 32, workersPerQueue: 8, monitor: "ChangingMonitor", checkInterval: 2 };
const warmMs = 20_000;
const windowMs = 10_000;
const windows = 3;
const startMs = 120_000;

/** Takes about a minute. */
export function benchSubscriber(): Promise<Figure | string> {
  return withBroker(async (brokers, dir) => {
    const prefix = freshPrefix();
    const daemon = new BenchDaemon(join(dir, "daemon"), addressOf(brokers, prefix), site);
    const consumer = new Kafka({ brokers: brokers.split(","), logLevel: 0 }).consumer({ groupId: freshPrefix() });
    try {
      await made(
        brokers,
        Object.values(topics).map((topic) => `${prefix}.${topic}`),
        daemon,
      );
      let events = 0;
      let delays: number[] = [];
      await consumer.connect();
      await consumer.subscribe({ topics: Object.values(topics).map((topic) => `${prefix}.${topic}`) });
      await consumer.run({
        autoCommit: false,
        eachBatch: async ({ batch }) => {
          const now = Date.now();
          events += batch.messages.length;
          for (const { value } of batch.messages) {
            const { kind, says } = JSON.parse(String(value));
            if (kind === "worker" && says.diag) delays.push(now - Number(says.diag));
          }
        },
      });
      await pause(warmMs);
      const values: number[] = [];
      for (let window = 1; window <= windows; window += 1) {
        const from = { events, at: performance.now() };
        delays = [];
        await pause(windowMs);
        daemon.requireRunning();
        const perSecond = ((events - from.events) / (performance.now() - from.at)) * 1000;
        if (perSecond < rate) throw new Error(`only ${Math.round(perSecond)} events a second`);
        values.push(quantile(delays, 0.99));
      }
      const value = median(values);
      return { name: "subscriber", value, unit: "ms p99", limit: 1, ratio: value / promised, atMost: true };
    } finally {
      await consumer.disconnect();
      await daemon.kill();
    }
  });
}

/** The daemon makes the topics. */
async function made(brokers: string, names: readonly string[], daemon: BenchDaemon): Promise<void> {
  const admin = new Kafka({ brokers: brokers.split(","), logLevel: 0 }).admin();
  await admin.connect();
  try {
    for (const since = Date.now(); ; await pause(200)) {
      daemon.requireRunning();
      const known = await admin.listTopics();
      if (names.every((name) => known.includes(name))) return;
      if (Date.now() - since > startMs) throw new Error(`no public topics within ${startMs / 1000} s`);
    }
  } finally {
    await admin.disconnect();
  }
}
