/**
 * Records as they cross threads: back to back in one buffer, which travels without a copy. A thread that reads them
 * takes their hashes and makes their text, so that the one that folds them need not. It must never give the text of
 * bytes that do not have their hash.
 */
import { hashOf } from "./hash.ts";
import type { StoredRecord } from "./record.ts";

export interface Packed {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly lengths: readonly number[];
  readonly hashes: readonly string[];
  /** The same as text, where the bytes of every record were found to have its hash. */
  readonly read?: { readonly text: string; readonly lengths: readonly number[] };
}

const newRoom = (bytes: number): ArrayBuffer => new ArrayBuffer(bytes);

/** Packs records as they are into a buffer that has room for so many bytes. */
export function pack(records: readonly StoredRecord[], room = newRoom): Packed {
  const lengths = records.map((record) => record.bytes.length);
  const bytes = new Uint8Array(room(lengths.reduce((sum, length) => sum + length, 0)));
  let at = 0;
  for (const record of records) {
    bytes.set(record.bytes, at);
    at += record.bytes.length;
  }
  return { bytes, lengths, hashes: records.map(({ hash }) => hash) };
}

/** Packs records that were read, and reads them. One that is wrong leaves all of them to be looked at again. */
export function packRead(records: readonly StoredRecord[]): Packed {
  const packed = pack(records);
  if (records.some(({ bytes, hash }) => hashOf(bytes) !== hash)) return packed;
  const texts = records.map(({ bytes }) => textOf(bytes));
  return { ...packed, read: { text: texts.join(""), lengths: texts.map((text) => text.length) } };
}

/** The records; their bytes and texts stay where they are. */
export function unpack({ bytes, lengths, hashes, read }: Packed): StoredRecord[] {
  const all = bufferOf(bytes);
  let [at, textAt] = [0, 0];
  return lengths.map((length, index) => {
    at += length;
    const [part, hash] = [all.subarray(at - length, at), hashes[index] ?? ""];
    if (read === undefined) return { bytes: part, hash };
    const from = textAt;
    textAt += read.lengths[index] ?? 0;
    return { bytes: part, hash, text: read.text.slice(from, textAt) };
  });
}

const bufferOf = (bytes: Uint8Array): Buffer =>
  bytes instanceof Buffer ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The text of a record's bytes. */
export const textOf = (bytes: Uint8Array): string => bufferOf(bytes).toString();
