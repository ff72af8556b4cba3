/**
 * What the thread that reads a shard from far back gives is what the client would give: the same records, the same
 * troubles; what it read is marked, and a record that is not what its hash says is left to whoever judges it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import type { Fetched, KafkaClient } from "../../src/log/kafka/client.ts";
import { connectKafka, type KafkaOptions } from "../../src/log/kafka/connect.ts";
import { openKafkaLog } from "../../src/log/kafka/kafkaLog.ts";
import { ReadingThread } from "../../src/log/kafka/readingThread.ts";
import { noSecurity, parseKafkaAddress } from "../../src/log/kafka/settings.ts";
import { journalOf } from "../../src/log/kafka/topic.ts";
import { decode, type StoredRecord } from "../../src/log/record.ts";
import { type Broker, freshAddress, theBroker } from "../broker/answer.ts";
import { Chain } from "./fixtures.ts";

const answer = await theBroker();
const needs = "none" in answer ? ` (needs a broker: ${answer.none})` : "";
const broker = answer as Broker;
const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

/** More than are read without the thread, of more bytes than one portion has, with letters of two and four bytes. */
function longChain(records = 6000): StoredRecord[] {
  const chain = new Chain();
  const claim = chain.next({ kind: "claim", term: 1 });
  return [claim, ...Array.from({ length: records }, (_, n) => chain.next({ cause: `ä𝄞${"x".repeat(600)}${n}` }))];
}

/** A journal with these records, and a way to it. */
async function journalWith(records: readonly StoredRecord[]) {
  const address = freshAddress(broker);
  const { brokers, prefix } = parseKafkaAddress(address);
  const options: KafkaOptions = { brokers, topic: journalOf(prefix), security: noSecurity, requestMs: 5000 };
  const log = await openKafkaLog(address, { shards: 1 });
  const client = connectKafka(options);
  const thread = new ReadingThread(options, client);
  open.push(log, client, thread);
  for (let from = 0; from < records.length; from += 1000) await client.produce(0, records.slice(from, from + 1000));
  return { log, client, thread };
}

async function up(thread: ReadingThread): Promise<void> {
  await thread.read({ partition: 0, offset: 0 });
  while (!thread.isUp) await sleep(10);
}

/** All portions of the partition, one after the other. */
async function portions(reader: Pick<KafkaClient, "read">, end: number): Promise<Fetched[]> {
  const all: Fetched[] = [];
  for (let offset = 0; offset < end; ) {
    const fetched = await reader.read({ partition: 0, offset });
    all.push(fetched);
    offset = fetched.next;
  }
  return all;
}

const plain = (fetched: readonly Fetched[]) =>
  fetched.map(({ records, ...others }) => ({
    ...others,
    records: records.map(({ offset, record: { bytes, hash } }) => ({
      offset,
      hash,
      text: Buffer.from(bytes).toString(),
    })),
  }));

it.skipIf(needs !== "")(`the thread reads what the client reads, and says that it has read it${needs}`, async () => {
  const records = longChain();
  const { client, thread, log } = await journalWith(records);
  await up(thread);
  const [there, here] = [await portions(thread, records.length), await portions(client, records.length)];
  expect(there.length).toBeGreaterThan(1);
  expect(plain(there)).toEqual(plain(here));
  for (const { record } of there.flatMap((portion) => portion.records)) {
    expect(record.text).toBe(Buffer.from(record.bytes).toString());
  }
  expect(here.flatMap((portion) => portion.records).some(({ record }) => record.text !== undefined)).toBe(false);

  const read: StoredRecord[] = [];
  for await (const batch of log.read(0)) read.push(...batch);
  expect(read.map(({ hash }) => hash)).toEqual(records.map(({ hash }) => hash));
  expect(read.every((record) => decode(record).ok)).toBe(true);
});

it.skipIf(needs !== "")(`a record that has another hash is found, whoever reads it${needs}`, async () => {
  const records = longChain();
  const wrong = 4000;
  records[wrong] = { ...records[wrong]!, hash: "0".repeat(64) };
  const { thread } = await journalWith(records);
  await up(thread);
  const read = (await portions(thread, records.length)).flatMap((portion) => portion.records);
  const bad = read.filter(({ record }) => !decode(record).ok);
  expect(bad.map(({ offset }) => offset)).toEqual([wrong]);
});

it.skipIf(needs !== "")(`trouble is the client's trouble, and a closed thread answers nobody${needs}`, async () => {
  const { client, thread } = await journalWith(longChain(1));
  await up(thread);
  const nowhere = { partition: 0, offset: 1000 };
  const refusal = await client.read(nowhere).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ name: "KafkaTrouble", code: "OFFSET_OUT_OF_RANGE" });
  await expect(thread.read(nowhere)).rejects.toEqual(refusal);
  const asked = thread.read({ partition: 0, offset: 0 });
  thread.close();
  await expect(asked).rejects.toMatchObject({ code: "closed" });
  expect(thread.isUp).toBe(false);
});
