/**
 * One fetch through kafkajs, with the batches of the answer read by batch.ts. The library asks and waits; its own
 * reading of messages is only for batches that batch.ts leaves. Version 4 of the request is the one that brokers
 * from 0.11 to 4.x understand. It must never take part of an answer for the whole.
 */
/// <reference path="./kafkajs.d.ts" />
import type { Broker } from "kafkajs/src/cluster/index.js";
import Decoder from "kafkajs/src/protocol/decoder.js";
import requests from "kafkajs/src/protocol/requests/fetch/index.js";
import decodeMessages from "kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js";
import { fetchedOfBatches } from "./batch.ts";
import type { Fetched, Position } from "./client.ts";
import { fetchedOf } from "./message.ts";

/** What is asked of one broker. */
export interface Fetching {
  readonly topic: string;
  readonly positions: readonly Position[];
  /** How long the broker may wait for records. */
  readonly waitMs: number;
  /** How long the answer may take beyond that. */
  readonly requestMs: number;
}

/** Bytes of one fetch, and of one partition in it. */
const fetchBytes = 8 << 20;
const partitionBytes = 2 << 20;
const readUncommitted = 0;
const protocol = requests.protocol({ version: 4 });

/** Fetches from a broker. A partition without records may be left out. @throws what the library throws */
export async function fetchFrom(broker: Broker, fetching: Fetching): Promise<readonly Fetched[]> {
  const { topic, positions, waitMs, requestMs } = fetching;
  const partitions = positions.map(({ partition, offset }) => {
    return { partition, fetchOffset: String(offset), maxBytes: partitionBytes };
  });
  const { request, response } = protocol({
    isolationLevel: readUncommitted,
    maxWaitTime: waitMs,
    minBytes: 1,
    maxBytes: fetchBytes,
    topics: [{ topic, partitions: inTurn(partitions) }],
  });
  const { responses } = await broker.connectionPool.send({
    request,
    response: { decode: async (bytes: Buffer) => answerOf(bytes), parse: response.parse },
    requestTimeout: waitMs + requestMs,
  });
  const from = new Map(positions.map(({ partition, offset }) => [partition, offset]));
  const portions = responses.flatMap((one) => one.partitions);
  return Promise.all(portions.map((portion) => fetchedOfPortion(topic, portion, from.get(portion.partition) ?? 0)));
}

/** A broker fills its answer in the order of the question, so another partition comes first each time. */
function inTurn<T>(partitions: readonly T[]): readonly T[] {
  turn += 1;
  const first = turn % Math.max(partitions.length, 1);
  return [...partitions.slice(first), ...partitions.slice(0, first)];
}
let turn = 0;

/** What the answer says of one partition. */
interface Portion {
  readonly partition: number;
  readonly errorCode: number;
  /** Its record batches, behind their length. */
  readonly sized: Buffer;
}

/** Answer (version 4) to its portions, without a look into the batches. */
function answerOf(bytes: Buffer): { responses: { topicName: string; partitions: Portion[] }[] } {
  const decoder = new Decoder(bytes);
  decoder.readInt32(); // throttle time, which the broker has waited already
  const responses = decoder.readArray(() => {
    const topicName = decoder.readString() ?? "";
    return { topicName, partitions: decoder.readArray(() => portionOf(decoder)) };
  });
  return { responses };
}

function portionOf(decoder: Decoder): Portion {
  const partition = decoder.readInt32();
  const errorCode = decoder.readInt16();
  decoder.forward(16); // high watermark, last stable offset
  decoder.readArray(() => decoder.forward(16)); // aborted transactions
  const from = decoder.offset;
  decoder.forward(Math.max(decoder.readInt32(), 0));
  return { partition, errorCode, sized: decoder.buffer.subarray(from, decoder.offset) };
}

async function fetchedOfPortion(topic: string, { partition, sized }: Portion, from: number): Promise<Fetched> {
  const read = fetchedOfBatches(partition, sized.subarray(4), from);
  if (read !== undefined) return read;
  try {
    return fetchedOf(partition, await decodeMessages(new Decoder(sized)), from);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const batch = `partition ${partition} of ${topic} has a batch at offset ${from} that cannot be read (${why})`;
    const command = `kafka-configs.sh --alter --topic ${topic} --add-config compression.type=producer`;
    const advice = `If the topic compresses, end that (${command}), and restore it from a backup`;
    return { partition, records: [], next: from, unreadable: `${batch}: somebody else wrote it. ${advice}` };
  }
}
