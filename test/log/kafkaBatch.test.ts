/** Record batches as kafkajs writes them, read by the log's own reader and by kafkajs: both find the same. */
import fc from "fast-check";
import Decoder from "kafkajs/src/protocol/decoder.js";
import encodeRecord from "kafkajs/src/protocol/recordBatch/record/v0/index.js";
import { RecordBatch } from "kafkajs/src/protocol/recordBatch/v0/index.js";
import decodeMessages from "kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js";
import { describe, expect, it } from "vitest";
import { fetchedOfBatches } from "../../src/log/kafkaBatch.ts";
import { fetchedOf } from "../../src/log/kafkaMessage.ts";

interface Message {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer | Buffer[]>>;
  readonly timestampDelta: number;
}

/** A batch with its first message at the offset. */
async function batchOf(firstOffset: number, messages: readonly Message[], compression = 0): Promise<Buffer> {
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
const message: fc.Arbitrary<Message> = fc.record({
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers: fc.dictionary(
    fc.constantFrom("hash", "has", "hashes", "other"),
    fc.stringMatching(/^[0-9a-f]{0,64}$/).map((text) => Buffer.from(text)),
  ),
  timestampDelta: fc.constantFrom(0, 1, 5_000_000_000),
});
const hashed = (text: string): Message => ({
  key: null,
  value: Buffer.from(text),
  headers: { hash: Buffer.from(`hash of ${text}`) },
  timestampDelta: 0,
});

describe("a fetch", () => {
  it("gives what kafkajs finds, from any offset on, also where the end is cut off", async () => {
    const batches = fc.array(fc.array(message, { minLength: 1, maxLength: 5 }), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(batches, fc.nat(2 ** 40), fc.nat(25), fc.nat(200), async (all, first, from, cut) => {
        const parts: Buffer[] = [];
        let offset = first;
        for (const messages of all) {
          parts.push(await batchOf(offset, messages));
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
    expect(fetchedOfBatches(0, await batchOf(7, [twice]), 7)?.records[0]?.record.hash).toBe("xy");
  });

  it("leaves the end of a transaction out, and goes on behind it", async () => {
    const marker = await batchOf(8, [hashed("marker")]);
    marker.writeInt16BE(0x20, 21);
    const sent = Buffer.concat([await batchOf(7, [hashed("a")]), marker, await batchOf(9, [hashed("b")])]);
    const fetched = fetchedOfBatches(0, sent, 0);
    expect(fetched?.records.map(({ offset }) => offset)).toEqual([7, 9]);
    expect(fetchedOfBatches(0, marker, 8)).toEqual({ partition: 0, records: [], next: 9 });
  });

  it("goes on behind a batch of which no message is left", async () => {
    const empty = await batchOf(7, []);
    empty.writeInt32BE(4, 23);
    expect(fetchedOfBatches(0, empty, 7)).toEqual({ partition: 0, records: [], next: 12 });
  });

  it("leaves compressed batches and those of older brokers to the library", async () => {
    expect(fetchedOfBatches(0, await batchOf(0, [hashed("a")], 1), 0)).toBeUndefined();
    const old = await batchOf(0, [hashed("a")]);
    old.writeInt8(1, 16);
    expect(fetchedOfBatches(0, old, 0)).toBeUndefined();
  });
});
