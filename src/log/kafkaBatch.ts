/**
 * Kafka's record batches (version 2) as they come in the answer to a fetch. The client library makes a dozen objects of
 * each message, which costs a start more than reading JSON does; here a record is a piece of the answer and its hash.
 * It must never guess: of a batch that is compressed, or older than Kafka 0.11, it makes nothing.
 */
import type { Fetched } from "./kafkaClient.ts";
import { hashHeader } from "./kafkaMessage.ts";
import type { StoredRecord } from "./record.ts";

/** Where the fields of a batch are. */
const lengthAt = 8;
const lengthEnd = 12;
const magicAt = 16;
const attributesAt = 21;
const lastDeltaAt = 23;
const countAt = 57;
const recordsAt = 61;

const currentMagic = 2;
const compression = 0x07;
const control = 0x20;

/**
 * Records from the offset on: a broker gives whole batches, so older ones may come first, and the last may be cut off.
 * Undefined where a batch is of another kind.
 */
export function fetchedOfBatches(partition: number, bytes: Buffer, from: number): Fetched | undefined {
  const records: { offset: number; record: StoredRecord }[] = [];
  const reader = new Reader(bytes);
  let next = from;
  for (let at = 0; at + recordsAt <= bytes.length; ) {
    const end = at + lengthEnd + bytes.readInt32BE(at + lengthAt);
    if (end > bytes.length) break;
    const attributes = bytes.readInt16BE(at + attributesAt);
    if (bytes[at + magicAt] !== currentMagic || (attributes & compression) !== 0) return undefined;
    const base = Number(bytes.readBigInt64BE(at));
    if ((attributes & control) === 0) {
      reader.at = at + recordsAt;
      for (let left = bytes.readInt32BE(at + countAt); left > 0; left -= 1) {
        const { delta, record } = reader.record();
        if (base + delta >= from) records.push({ offset: base + delta, record });
      }
    }
    // Behind the whole batch, also where its last messages are not kept any more.
    next = Math.max(next, base + bytes.readInt32BE(at + lastDeltaAt) + 1);
    at = end;
  }
  return { partition, records, next };
}

class Reader {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** The next record of a batch, and its offset from the batch's. */
  record(): { delta: number; record: StoredRecord } {
    const end = this.#number() + this.at;
    this.at += 1; // attributes, of which there are none
    this.#number(); // time, which means nothing
    const delta = this.#number();
    this.#piece(); // key
    const bytes = this.#piece();
    // A message of somebody else has no hash, or more than one: it stays in its place, and admit() halts there.
    let hash = "";
    for (let left = this.#number(); left > 0; left -= 1) {
      const isHash = this.#text() === hashHeader;
      const value = this.#text();
      if (isHash) hash += value;
    }
    this.at = end;
    return { delta, record: { bytes, hash } };
  }

  #text(): string {
    const length = this.#number();
    if (length <= 0) return "";
    this.at += length;
    return this.#bytes.toString("latin1", this.at - length, this.at);
  }

  #piece(): Uint8Array {
    const length = this.#number();
    if (length <= 0) return none;
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }

  /** A varint in zigzag; of one with more than 32 bits only these. */
  #number(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#bytes[this.at++] ?? 0;
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
  }
}

const none = new Uint8Array();
