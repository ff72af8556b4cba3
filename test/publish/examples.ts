/**
 * The example consumers of the public topics as a user runs them, and what they must print: a line for each step of a
 * worker, once and in order, whatever is there twice.
 */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { promisify } from "node:util";
import { Kafka, logLevel } from "kafkajs";
import { expect, onTestFinished, vi } from "vitest";
import { parseKafkaAddress } from "../../src/log/kafka/settings.ts";
import type { PublicEvent } from "../../src/publish/messages.ts";
import { type Run, start } from "../cli/windrow.ts";
import { copyOf, readPublished, seenOf } from "./published.ts";

/** File and program of each. */
export const examples = [
  ["examples/subscribeKafka.ts", process.execPath],
  ["examples/subscribe_kafka.py", "python3"],
] as const;
export type Example = (typeof examples)[number];

const soon = { timeout: 60_000, interval: 100 };

/** Why the consumer in Python cannot run: its library is fetched from PyPI into this directory. */
export async function preparePython(dir: string): Promise<string> {
  const install = ["-m", "pip", "install", "--quiet", "--no-deps", "--target", dir, "-r", "examples/requirements.txt"];
  try {
    await promisify(execFile)("python3", install, { cwd: join(import.meta.dirname, "../.."), timeout: 120_000 });
    return "";
  } catch (error) {
    return `needs kafka-python: ${String(error).split("\n").slice(0, 2).join(" ")}`;
  }
}

export interface Consuming {
  readonly brokers: string;
  readonly prefix: string;
  readonly group: string;
  /** Where `preparePython` put the library. */
  readonly python: string;
}

/** Starts a consumer from the beginning of the workers' topic. It ends with the test at the latest. */
export function consume(
  [file, program]: Example,
  { brokers, prefix, group, python }: Consuming,
  onEnd: (end: () => Promise<void>) => void = onTestFinished,
): Run {
  return start(program, [file, brokers, prefix, "workers", group, "start"], { PYTHONPATH: python }, onEnd);
}

/** The line that an event is to them. */
export const lineOf = ({ id, subject, type, data: { before, after } }: PublicEvent): string =>
  `${id} ${subject} ${type} ${before?.life ?? "nothing"} -> ${after.life}`;

/** Lines by subject, in order. */
export const bySubject = (lines: readonly string[]) => Object.groupBy(lines, (line) => line.split(" ")[1] ?? "");

/**
 * Requires that late copies are in the workers' topic, and that each consumer, which reads it from its beginning to its
 * end, prints these events once and in order all the same.
 */
export async function requirePrintedOnce(
  address: string,
  workers: readonly PublicEvent[],
  { python, of, onEnd }: { python: string; of: readonly Example[]; onEnd: (end: () => Promise<void>) => void },
): Promise<void> {
  const { brokers, prefix } = parseKafkaAddress(address);
  const topic = `${prefix}.workers`;
  const messages = (await readPublished(address)).filter((message) => message.topic === topic).map(copyOf);
  const seen = [...seenOf(messages).values()].flat();
  expect(messages.length, "no copy of a worker's step came late: nothing is shown").toBeGreaterThan(seen.length);
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    for (const example of of) {
      const group = randomUUID();
      const consumer = consume(example, { brokers: brokers.join(","), prefix, group, python }, onEnd);
      await vi.waitFor(async () => {
        const [committed] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
        const read = new Map(
          committed?.partitions.map(({ partition, offset }) => [partition, Math.max(Number(offset), 0)]),
        );
        const ends = await admin.fetchTopicOffsets(topic);
        expect(read, consumer.errors()).toEqual(new Map(ends.map(({ partition, high }) => [partition, Number(high)])));
      }, soon);
      consumer.kill("SIGTERM");
      expect(await consumer.ended, consumer.errors()).toBe(0);
      expect(bySubject(consumer.lines)).toEqual(bySubject(workers.map(lineOf)));
    }
  } finally {
    await admin.disconnect();
  }
}
