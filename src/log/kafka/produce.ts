/**
 * One produce through kafkajs, with batches that batch.ts wrote. The library sends and waits, and makes errors of
 * what the broker answers. Version 3 of the request is the one that brokers from 0.11 to 4.x understand. It must never
 * send anything twice, nor be content with fewer than all replicas that are in sync.
 */
/// <reference path="./kafkajs.d.ts" />
import type { Broker } from "kafkajs/src/cluster/index.js";
import Encoder from "kafkajs/src/protocol/encoder.js";
import requests from "kafkajs/src/protocol/requests/produce/index.js";
import { batchOf } from "./batch.ts";
import type { Message } from "./client.ts";

/** What is sent to one broker. */
export interface Producing {
  readonly topic: string;
  /** Messages by partition. */
  readonly batches: Iterable<readonly [partition: number, messages: readonly Message[]]>;
  /** How long the answer may take. */
  readonly requestMs: number;
}

/** Told of each partition that has its messages, and the offset of the first, also where others are refused. */
export type Acknowledge = (partition: number, offset: number) => void;

const acks = -1;
/** Kafka's code for no error. */
const none = 0;
const protocol = requests.protocol({ version: 3 });

/** Resolves when all are acknowledged. @throws what the library throws */
export async function produceTo(
  broker: Broker,
  { topic, batches, requestMs }: Producing,
  acknowledge: Acknowledge,
): Promise<void> {
  // The broker gives up first, so that one that still lives says so itself.
  const timeout = Math.ceil(requestMs * 0.8);
  const { request, response } = protocol({ acks, timeout, topicData: [] });
  const now = Date.now();
  const portions = Array.from(batches, ([partition, messages]) => ({ partition, bytes: batchOf(messages, now) }));
  const encode = async () => {
    const size = portions.reduce((sum, { bytes }) => sum + 8 + bytes.length, 64 + topic.length);
    const encoder = new Encoder(size).writeString(null).writeInt16(acks).writeInt32(timeout);
    encoder.writeInt32(1).writeString(topic).writeInt32(portions.length);
    for (const { partition, bytes } of portions) encoder.writeInt32(partition).writeBytes(bytes);
    return encoder;
  };
  const { decode } = response;
  const parse: typeof response.parse = async (answer) => {
    const parts = answer.topics.flatMap(({ partitions }) => partitions);
    for (const { partition, errorCode, baseOffset } of parts)
      if (errorCode === none) acknowledge(partition, Number(baseOffset));
    return response.parse(answer); // throws the first error
  };
  await broker.connectionPool.send({
    request: { ...request, encode },
    response: { decode, parse },
    requestTimeout: requestMs,
  });
}
