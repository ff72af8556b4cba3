/**
 * What a real broker makes of requests with the log's own batches: each message is there, and what it refuses is said.
 */
import { expect, it } from "vitest";
import type { Message } from "../../src/log/kafka/client.ts";
import { connectKafka } from "../../src/log/kafka/connect.ts";
import { produceTo } from "../../src/log/kafka/produce.ts";
import { noSecurity, parseKafkaAddress } from "../../src/log/kafka/settings.ts";
import { type Broker, freshAddress, theBroker } from "../broker/answer.ts";

const answer = await theBroker();
const needs = "none" in answer ? ` (needs a broker: ${answer.none})` : "";
const broker = answer as Broker;

const messageOf = (length: number): Message => {
  return { key: "k", value: Buffer.alloc(length, length), headers: { hash: `${length}` } };
};

it.skipIf(needs !== "")(`a broker takes what fits, and names its refusal of what does not${needs}`, async () => {
  const { brokers, prefix } = parseKafkaAddress(freshAddress(broker));
  const writer = connectKafka({ brokers, topic: `${prefix}.t`, security: noSecurity, requestMs: 5000 });
  try {
    await writer.create({ partitions: 2, replication: 1, config: { "max.message.bytes": "1000" } });
    const taken: number[] = [];
    const take = (partition: number) => void taken.push(partition);
    await writer.write(new Map([0, 1].map((partition) => [partition, [messageOf(1), messageOf(2)]])), take);
    expect(taken.splice(0).toSorted()).toEqual([0, 1]);
    const both = new Map([0, 1].map((partition) => [partition, [messageOf(partition === 0 ? 3 : 2000)]]));
    await expect(writer.write(both, take)).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE", retriable: false });
    // The other partition's part of the same request was taken all the same, and that is told.
    expect(taken).toEqual([0]);
    expect(await writer.ends([0, 1])).toEqual(
      new Map([
        [0, { start: 0, end: 3 }],
        [1, { start: 0, end: 2 }],
      ]),
    );
    const offset = await writer.produce(1, [{ bytes: Buffer.from("x"), hash: "of x" }]);
    expect(offset).toBe(2);
    const { records } = await writer.read({ partition: 1, offset: 0 });
    expect(records.map(({ record }) => [record.bytes.length, record.hash])).toEqual([
      [1, "1"],
      [2, "2"],
      [1, "of x"],
    ]);
  } finally {
    writer.close();
  }
});

it("a request asks for the acknowledgement of all copies, and gives the broker less time than itself", async () => {
  const sent: Buffer[] = [];
  const send = async ({ request }: { request: unknown }) => {
    sent.push((await (request as { encode(): Promise<{ buffer: Buffer }> }).encode()).buffer);
    return undefined as never;
  };
  const producing = { topic: "t", batches: new Map([[0, [messageOf(1)]]]), requestMs: 5000 };
  await produceTo({ connectionPool: { send } }, producing, () => undefined);
  // No transaction (a string that is null), acks, time-out: a cluster of one broker takes any number for all copies.
  const [bytes = Buffer.alloc(8)] = sent;
  expect([bytes.readInt16BE(0), bytes.readInt16BE(2), bytes.readInt32BE(4)]).toEqual([-1, -1, 4000]);
});
