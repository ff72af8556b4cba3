/**
 * Kafka's record batches (version 2), as they are produced and as they come in the answer to a fetch. The client
 * library makes a dozen objects of each message, which costs more than the JSON in it does; here messages are written
 * straight into the bytes of their batch, and a record that is read is a piece of the answer and its hash. What is
 * written must never differ from what the library writes. Nothing is guessed: of a batch that is compressed, or older
 * than Kafka 0.11, nothing is made.
 */

import type { StoredRecord } from "../record.ts";
import type { Fetched, Message } from "./client.ts";
import { crc32c } from "./crc32c.ts";
import { hashHeader } from "./message.ts";

/** Where the fields of a batch are. */
const lengthAt = 8;
const lengthEnd = 12;
const magicAt = 16;
const crcAt = 17;
const attributesAt = 21;
const lastDeltaAt = 23;
const firstTimeAt = 27;
const lastTimeAt = 35;
const producerAt = 43;
const countAt = 57;
const recordsAt = 61;

const currentMagic = 2;
const compression = 0x07;
const control = 0x20;
const noProducer = -1n;

/** Messages as one batch of that time: not compressed, of no transaction, of nobody who numbers what he sends. */
export function batchOf(messages: readonly Message[], at: number): Buffer {
  const sizes = messages.map(bodyOf);
  const records = sizes.reduce((sum, size) => sum + numberSize(size) + size, 0);
  const bytes = Buffer.alloc(recordsAt + records);
  bytes.writeInt32BE(bytes.length - lengthEnd, lengthAt);
  bytes[magicAt] = currentMagic;
  bytes.writeInt32BE(messages.length - 1, lastDeltaAt);
  bytes.writeBigInt64BE(BigInt(at), firstTimeAt);
  bytes.writeBigInt64BE(BigInt(at), lastTimeAt);
  bytes.writeBigInt64BE(noProducer, producerAt);
  bytes.writeInt32BE(messages.length, countAt);
  const writer = new Writer(bytes, recordsAt);
  for (const [delta, message] of messages.entries()) writer.record(sizes[delta] ?? 0, delta, message);
  bytes.writeUInt32BE(crc32c(bytes, attributesAt, bytes.length), crcAt);
  return bytes;
}

/** Bytes of a record behind its length. */
function bodyOf({ key, value, headers }: Message, delta: number): number {
  let count = 0;
  let size = 2 + numberSize(delta) + (key === null ? 1 : textSize(key)) + numberSize(value.length) + value.length;
  for (const name in headers) {
    count += 1;
    size += textSize(name) + textSize(headers[name] ?? "");
  }
  return size + numberSize(count);
}

function textSize(text: string): number {
  const size = Buffer.byteLength(text);
  return numberSize(size) + size;
}

/** Bytes of a number as `Writer` writes it: six bits in the first, for one is the sign, and seven in each other. */
function numberSize(number: number): number {
  let size = 1;
  for (let rest = number >>> 6; rest > 0; rest >>>= 7) size += 1;
  return size;
}

class Writer {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  record(size: number, delta: number, { key, value, headers }: Message): void {
    this.#number(size);
    this.#at += 2; // no attributes, and no time beside the batch's
    this.#number(delta);
    if (key === null) this.#number(-1);
    else this.#text(key);
    this.#number(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
    this.#number(Object.keys(headers).length);
    for (const name in headers) {
      this.#text(name);
      this.#text(headers[name] ?? "");
    }
  }

  #text(text: string): void {
    const size = Buffer.byteLength(text);
    this.#number(size);
    this.#bytes.write(text, this.#at);
    this.#at += size;
  }

  /** A varint in zigzag. */
  #number(number: number): void {
    let rest = ((number << 1) ^ (number >> 31)) >>> 0;
    for (; rest >= 0x80; rest >>>= 7) this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
    this.#bytes[this.#at++] = rest;
  }
}

/**
 * Records from the offset on, up to a batch of another kind: a broker gives whole batches, so older ones may come
 * first, and the last may be cut off. Undefined where the first is of another kind.
 */
export function fetchedOfBatches(partition: number, bytes: Buffer, from: number): Fetched | undefined {
  const records: { offset: number; record: StoredRecord }[] = [];
  const reader = new Reader(bytes);
  let next = from;
  for (let at = 0; at + recordsAt <= bytes.length; ) {
    const end = at + lengthEnd + bytes.readInt32BE(at + lengthAt);
    if (end > bytes.length) break;
    const attributes = bytes.readInt16BE(at + attributesAt);
    if (bytes[at + magicAt] !== currentMagic || (attributes & compression) !== 0) {
      if (next === from) return undefined;
      break;
    }
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
