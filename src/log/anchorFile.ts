/**
 * The tail anchor of a log: a small file that says how far each shard had come. SQLite drops acknowledged
 * commits without a word after a bit flip in its WAL (reliability 4.1); at start the log must reach its anchor and
 * agree. Two slots are written in turn, so a crash while writing leaves the other. It must never say more than is
 * durable.
 */
import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import { promisify } from "node:util";
import { crc32 } from "node:zlib";

/** Offset and hash of the last record of a shard. */
export interface Tail {
  readonly offset: number;
  readonly hash: string;
}
/** Tails of the shards that have records. */
export type Tails = ReadonlyMap<number, Tail>;

const datasync = promisify(fdatasync);

const magic = 0x57414e31; // "WAN1"
const headBytes = 24;
const entryBytes = 44;

/** Bytes of one slot of a log with so many shards, in whole pages so that a torn write hits one slot only. */
function slotBytesOf(shards: number): number {
  return Math.ceil((headBytes + entryBytes * shards) / 4096) * 4096;
}

/** One slot: magic, CRC-32 of all that follows, counter, number of entries, entries. */
function encodeSlot(counter: number, tails: Tails): Buffer {
  const slot = Buffer.alloc(headBytes + entryBytes * tails.size);
  slot.writeUInt32LE(magic, 0);
  slot.writeBigUInt64LE(BigInt(counter), 8);
  slot.writeUInt32LE(tails.size, 16);
  let at = headBytes;
  for (const [shard, tail] of tails) {
    slot.writeUInt32LE(shard, at);
    slot.writeBigUInt64LE(BigInt(tail.offset), at + 4);
    slot.write(tail.hash, at + 12, "hex");
    at += entryBytes;
  }
  slot.writeUInt32LE(crc32(slot.subarray(8)), 4);
  return slot;
}

function decodeSlot(slot: Buffer): { counter: number; tails: Tails } | undefined {
  if (slot.length < headBytes || slot.readUInt32LE(0) !== magic) return undefined;
  const end = headBytes + entryBytes * slot.readUInt32LE(16);
  if (end > slot.length || crc32(slot.subarray(8, end)) !== slot.readUInt32LE(4)) return undefined;
  const tails = new Map<number, Tail>();
  for (let at = headBytes; at < end; at += entryBytes) {
    const offset = Number(slot.readBigUInt64LE(at + 4));
    tails.set(slot.readUInt32LE(at), { offset, hash: slot.toString("hex", at + 12, at + entryBytes) });
  }
  return { counter: Number(slot.readBigUInt64LE(8)), tails };
}

/** What an anchor file says: the newest good slot, that no slot is good, or that there is no file. */
export type AnchorReading =
  | { readonly state: "good"; readonly tails: Tails }
  | { readonly state: "damaged" }
  | { readonly state: "missing" };

interface Slots {
  readonly counter: number;
  readonly reading: AnchorReading;
}

function readSlots(fd: number, slotBytes: number): Slots {
  const size = fstatSync(fd).size;
  if (size === 0) return { counter: 0, reading: { state: "missing" } };
  const both = Buffer.alloc(2 * slotBytes);
  readSync(fd, both, 0, both.length, 0);
  const good = [both.subarray(0, slotBytes), both.subarray(slotBytes)]
    .map(decodeSlot)
    .filter((slot) => slot !== undefined)
    .sort((a, b) => b.counter - a.counter);
  const newest = good[0];
  if (newest === undefined) return { counter: 0, reading: { state: "damaged" } };
  return { counter: newest.counter, reading: { state: "good", tails: newest.tails } };
}

/** Reads the anchor of a stopped log. */
export function readAnchor(path: string, shards: number): AnchorReading {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return { state: "missing" };
    throw error;
  }
  try {
    return readSlots(fd, slotBytesOf(shards)).reading;
  } finally {
    closeSync(fd);
  }
}

/** An anchor that is being kept. */
export interface Anchor {
  /** What it said when it was opened. */
  readonly found: AnchorReading;
  /** Writes the tails into the older slot and makes them durable. */
  write(tails: Tails): void;
  /** The same without waiting for the disk in this thread; one at a time. */
  writeAside(tails: Tails): Promise<void>;
  close(): void;
}

/** Opens the anchor of a log with so many shards, making the file if needed. */
export function openAnchor(path: string, shards: number): Anchor {
  const slotBytes = slotBytesOf(shards);
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  const { counter: found, reading } = readSlots(fd, slotBytes);
  let counter = found;
  const put = (tails: Tails): void => {
    const slot = encodeSlot(counter + 1, tails);
    writeSync(fd, slot, 0, slot.length, ((counter + 1) % 2) * slotBytes);
    // Both slots exist from the first write on, so that later writes change no size and fdatasync is enough.
    if (counter === 0) ftruncateSync(fd, 2 * slotBytes);
  };
  return {
    found: reading,
    write(tails) {
      put(tails);
      fdatasyncSync(fd);
      counter += 1;
    },
    async writeAside(tails) {
      put(tails);
      await datasync(fd);
      counter += 1;
    },
    close: () => closeSync(fd),
  };
}
