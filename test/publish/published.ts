/**
 * What public topics have, judged by the log: every step of every entity is there, and the first copies of each are in
 * the order of the log. Copies may follow at any time.
 */
import { randomUUID } from "node:crypto";
import { type IHeaders, Kafka, logLevel } from "kafkajs";
import { expect } from "vitest";
import { parseKafkaAddress } from "../../src/log/kafka/settings.ts";
import { openLogToRead } from "../../src/log/open.ts";
import type { PublicEvent } from "../../src/publish/messages.ts";
import { topics } from "../../src/publish/messages.ts";
import { placeOf } from "../../src/publish/position.ts";
import { EventStream } from "../../src/publish/stream.ts";
import { isAfter } from "../../src/steps.ts";

/** One message of a public topic. */
export interface Message {
  readonly topic: string;
  readonly partition: number;
  readonly key: string;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What a subscriber must know of a message to drop copies. */
export interface Copy {
  readonly subject: string;
  readonly id: string;
}

export const copyOf = ({ headers }: Message): Copy => ({
  subject: headers["ce_subject"] ?? "",
  id: headers["ce_id"] ?? "",
});

/** Ids of each subject as a subscriber sees them that drops what is not above the last one. */
export function seenOf(copies: readonly Copy[]): ReadonlyMap<string, readonly string[]> {
  const seen = new Map<string, string[]>();
  for (const { subject, id } of copies) {
    const ids = seen.get(subject) ?? [];
    seen.set(subject, ids);
    const last = ids.at(-1);
    if (last === undefined || isAfter(placeOf(id).point, placeOf(last).point)) ids.push(id);
  }
  return seen;
}

/** All messages of the public topics beside the log, each partition in its order. */
export async function readPublished(address: string): Promise<readonly Message[]> {
  const { brokers, prefix } = parseKafkaAddress(address);
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
  const names = Object.values(topics).map((name) => `${prefix}.${name}`);
  const admin = kafka.admin();
  const consumer = kafka.consumer({ groupId: `judge-${randomUUID()}` });
  const missing = new Map<string, number>();
  const messages: Message[] = [];
  const text = (headers: IHeaders | undefined): Record<string, string> =>
    Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, String(value)]));
  try {
    await admin.connect();
    for (const topic of names)
      for (const { partition, high } of await admin.fetchTopicOffsets(topic))
        if (high !== "0") missing.set(`${topic}/${partition}`, Number(high));
    if (missing.size === 0) return [];
    await consumer.connect();
    await consumer.subscribe({ topics: names, fromBeginning: true });
    const { promise, resolve } = Promise.withResolvers<void>();
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ topic, partition, message: { key, value, headers, offset } }) => {
        messages.push({ topic, partition, key: String(key), value: String(value), headers: text(headers) });
        const end = missing.get(`${topic}/${partition}`);
        if (end !== undefined && Number(offset) + 1 >= end) missing.delete(`${topic}/${partition}`);
        if (missing.size === 0) resolve();
      },
    });
    await promise;
    return messages;
  } finally {
    await consumer.disconnect();
    await admin.disconnect();
  }
}

/** Every public event of the log, in its order. */
export async function eventsOfLog(address: string): Promise<readonly PublicEvent[]> {
  const log = await openLogToRead(address);
  try {
    const { signal } = new AbortController();
    const published = await Array.fromAsync(
      new EventStream({ log }, { from: { kind: "start" }, follow: false, signal }),
    );
    return published.map(({ event }) => event);
  } finally {
    await log.close();
  }
}

/** What was found good. */
export interface Judgement {
  readonly steps: number;
  /** Messages beyond one a step. */
  readonly copies: number;
}

/** Expects the topics beside the log to have every step of it, first copies in order. */
export async function judgePublished(address: string): Promise<Judgement> {
  const [events, messages] = [await eventsOfLog(address), await readPublished(address)];
  const wanted = seenOf(events);
  const seen = seenOf(messages.map(copyOf));
  for (const [subject, ids] of wanted) expect([subject, seen.get(subject) ?? []]).toEqual([subject, ids]);
  expect([...seen.keys()].filter((subject) => !wanted.has(subject))).toEqual([]);
  return { steps: events.length, copies: messages.length - events.length };
}
