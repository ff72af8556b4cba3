/**
 * The broker of a benchmark on Kafka: found or started as for the tests (test/broker/find.ts), and ended with the
 * benchmark. It must never outlive it.
 */
import { randomUUID } from "node:crypto";
import { findBroker } from "../broker/find.ts";
import { type Figure, inTemporary } from "./figure.ts";

/** Runs `work` with a broker, or says why there is none. */
export function withBroker(work: (brokers: string, dir: string) => Promise<Figure>): Promise<Figure | string> {
  return inTemporary(async (dir) => {
    const { answer, stop } = await findBroker(dir);
    try {
      return "none" in answer ? answer.none : await work(answer.brokers, dir);
    } finally {
      await stop();
    }
  });
}

/** A prefix that nobody else has. */
export const freshPrefix = (): string => `bench-${randomUUID()}`;

/** The address of a log that nobody else has. */
export const addressOf = (brokers: string, prefix = freshPrefix()): string =>
  `kafka://${brokers}/${prefix}?replication=1`;
