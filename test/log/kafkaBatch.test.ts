/**
 * Record batches: those that kafkajs writes are read by the log's own reader as by kafkajs, and those that the log
 * writes are what kafkajs writes, byte for byte.
 */
import fc from "fast-check";
import Decoder from "kafkajs/src/protocol/decoder.js";
import crc32cOfLibrary from "kafkajs/src/protocol/recordBatch/crc32C/index.js";
import encodeRecord from "kafkajs/src/protocol/recordBatch/record/v0/index.js";
import { RecordBatch } from "kafkajs/src/protocol/recordBatch/v0/index.js";
import decodeMessages from "kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js";
import { describe, expect, it } from "vitest";
import { batchOf, fetchedOfBatches } from "../../src/log/kafka/batch.ts";
import type { Message } from "../../src/log/kafka/client.ts";
import { crc32c } from "../../src/log/kafka/crc32c.ts";
import { fetchedOf } from "../../src/log/kafka/message.ts";

interface Stored {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer | Buffer[]>>;
  readonly timestampDelta: number;
}

/** A batch with its first message at the offset. */
async function byKafkajs(firstOffset: number, messages: readonly Stored[], compression = 0): Promise<Buffer> {
  const records = messages.map((message, offsetDelta) => encodeRecord({ ...message, offsetDelta }));
  const lastOffsetDelta = Math.max(messages.length - 1, 0);
  return (await RecordBatch({ firstOffset, lastOffsetDelta, records, compression })).buffer;
}

/** What kafkajs itself finds. */
async function byLibrary(bytes: Buffer, from: number) {
  const size = Buffer.alloc(4);
  size.writeInt32BE(bytes.length);
  return fetchedOf(3, await decodeMessages(new Decoder(Buffer.concat([size, bytes]))), from);
}

/** Bytes alone count, not whether they came as a Buffer. */
const plain = (fetched: ReturnType<typeof fetchedOfBatches>) =>
  fetched && {
    ...fetched,
    records: fetched.records.map(({ offset, record: { bytes, hash } }) => ({ offset, hash, bytes: [...bytes] })),
  };

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const stored: fc.Arbitrary<Stored> = fc.record({
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers: fc.dictionary(
    fc.constantFrom("hash", "has", "hashes", "other"),
    fc.stringMatching(/^[0-9a-f]{0,64}$/).map((text) => Buffer.from(text)),
  ),
  timestampDelta: fc.constantFrom(0, 1, 5_000_000_000),
});
const hashed = (text: string): Stored => ({
  key: null,
  value: Buffer.from(text),
  headers: { hash: Buffer.from(`hash of ${text}`) },
  timestampDelta: 0,
});

describe("a fetch", () => {
  it("gives what kafkajs finds, from any offset on, also where the end is cut off", async () => {
    const batches = fc.array(fc.array(stored, { minLength: 1, maxLength: 5 }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(batches, fc.nat(2 ** 40), fc.nat(25), fc.nat(200), async (all, first, from, cut) => {
        const parts: Buffer[] = [];
        let offset = first;
        for (const messages of all) {
          parts.push(await byKafkajs(offset, messages));
          offset += messages.length;
        }
        const whole = Buffer.concat(parts);
        // kafkajs throws for an answer that ends within its first header, which no broker sends.
        const sent = whole.subarray(0, Math.max(whole.length - cut, Math.min(whole.length, 61)));
        const fetched = fetchedOfBatches(3, sent, first + from);
        expect(plain(fetched)).toEqual(plain(await byLibrary(sent, first + from)));
      }),
    );
  });

  it("makes one text of several hashes, which is the hash of nothing", async () => {
    const twice = { ...hashed("a"), headers: { hash: [Buffer.from("x"), Buffer.from("y")] } };
    expect(fetchedOfBatches(0, await byKafkajs(7, [twice]), 7)?.records[0]?.record.hash).toBe("xy");
  });

  it("leaves the end of a transaction out, and goes on behind it", async () => {
    const marker = await byKafkajs(8, [hashed("marker")]);
    marker.writeInt16BE(0x20, 21);
    const sent = Buffer.concat([await byKafkajs(7, [hashed("a")]), marker, await byKafkajs(9, [hashed("b")])]);
    const fetched = fetchedOfBatches(0, sent, 0);
    expect(fetched?.records.map(({ offset }) => offset)).toEqual([7, 9]);
    expect(fetchedOfBatches(0, marker, 8)).toEqual({ partition: 0, records: [], next: 9 });
  });

  it("goes on behind a batch of which no message is left", async () => {
    const empty = await byKafkajs(7, []);
    empty.writeInt32BE(4, 23);
    expect(fetchedOfBatches(0, empty, 7)).toEqual({ partition: 0, records: [], next: 12 });
  });

  it("leaves compressed batches and those of older brokers to the library", async () => {
    expect(fetchedOfBatches(0, await byKafkajs(0, [hashed("a")], 1), 0)).toBeUndefined();
    const old = await byKafkajs(0, [hashed("a")]);
    old.writeInt8(1, 16);
    expect(fetchedOfBatches(0, old, 0)).toBeUndefined();
  });
});

/** A batch as kafkajs writes it when it produces, at a time. */
async function asKafkajs(messages: readonly Message[], at: number): Promise<Buffer> {
  const records = messages.map(({ key, value, headers }, offsetDelta) =>
    encodeRecord({
      key: key === null ? null : Buffer.from(key),
      value: Buffer.from(value),
      headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)])),
      offsetDelta,
    }),
  );
  const times = { firstTimestamp: at, maxTimestamp: at };
  return (await RecordBatch({ ...times, lastOffsetDelta: messages.length - 1, records })).buffer;
}

const at = 1_764_000_000_000;
const text = fc.oneof(fc.string({ maxLength: 80 }), fc.string({ maxLength: 80, unit: "grapheme" }));
const message: fc.Arbitrary<Message> = fc.record({
  key: fc.option(text),
  value: fc.oneof(
    bytes,
    fc.constantFrom(63, 64, 8191, 8192).map((length) => new Uint8Array(length).fill(7)),
  ),
  headers: fc.dictionary(fc.oneof(fc.constant("hash"), text), text),
});

describe("a batch that is produced", () => {
  it("is what kafkajs makes of the same messages", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 5 }), async (messages) => {
        expect(batchOf(messages, at).equals(await asKafkajs(messages, at))).toBe(true);
      }),
    );
  });

  it("is so with many messages", async () => {
    const { key, headers } = { key: "job/1", headers: { ce_id: "1/2/3/4", "content-type": "application/json" } };
    const many = Array.from({ length: 20_000 }, (_, n) => ({ key, value: Buffer.from(`${n}`), headers }));
    expect(batchOf(many, at).equals(await asKafkajs(many, at))).toBe(true);
  });

  it("comes back as it was", () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 5 }), fc.nat(2 ** 40), (messages, first) => {
        const sent = batchOf(messages, at);
        sent.writeBigInt64BE(BigInt(first));
        const records = messages.map(({ value, headers }, n) => {
          return { offset: first + n, bytes: [...value], hash: Buffer.from(headers["hash"] ?? "").toString("latin1") };
        });
        expect(plain(fetchedOfBatches(3, sent, first))).toEqual({
          partition: 3,
          records,
          next: first + messages.length,
        });
      }),
    );
  });
});

describe("CRC-32C", () => {
  it("is what the standard says, and kafkajs, of any part", () => {
    expect(crc32c(Buffer.from("123456789"), 0, 9)).toBe(0xe3069283);
    fc.assert(
      fc.property(bytes, fc.nat(300), fc.nat(300), (all, one, other) => {
        const [from, to] = [Math.min(one, other, all.length), Math.min(Math.max(one, other), all.length)];
        expect(crc32c(all, from, to)).toBe(crc32cOfLibrary(all.subarray(from, to)));
      }),
    );
  });
});
