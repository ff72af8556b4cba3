/**
 * One record of the log: a decision of a shard's owner, and its bytes (design 3). The hash is taken over the bytes that
 * are stored and never over a re-serialisation, or a change of JSON writer would break every chain. The field names are
 * a STORAGE FORMAT: never rename one; another meaning needs another `fmt`. Events are opaque here.
 */
import { z } from "zod";
import { fitsOf } from "../../events/fits.ts";
import { hashOf } from "./hash.ts";
import { textOf } from "./packed.ts";

/** Upper bound of a record's stored bytes, the same in every log because Kafka's messages have one. */
export const maxRecordBytes = 512 * 1024;

/** `prev` of the first record of a shard. */
export const noHash = "0".repeat(64);

const position = z.int().nonnegative();
/** In hex. It is compared with what the log has, so its letters need no check of their own. */
const sha256 = z.string().length(64);

const recordSchema = z.strictObject({
  fmt: z.literal(1),
  kind: z.enum(["decision", "claim", "resign"]),
  shard: position,
  /** Counts owners of the shard; the first claim has 1. */
  term: z.int().positive(),
  /** Counts admitted records of the shard, across terms, from 1. */
  seq: z.int().positive(),
  /** Hash of the previous admitted record. */
  prev: sha256,
  /** Instance name and boot number. */
  owner: z.string().min(1),
  /** Epoch ms; never below that of the previous record. */
  at: z.number(),
  /** Call key or inbox position. */
  cause: z.string(),
  /** Which part of a decision that needed several records; absent for a whole one. `i` counts from 1. */
  part: z.strictObject({ i: z.int().positive(), n: z.int().positive() }).optional(),
  /** Positions that the decision read elsewhere: shard number or stream name to position. */
  inputs: z.record(z.string(), position),
  events: z.array(z.unknown()),
});

const fits = fitsOf(recordSchema);

type Parsed = z.output<typeof recordSchema>;
/** A record as written; `events` are JSON values that only the caller understands. */
export type LogRecord = Readonly<Omit<Parsed, "events" | "inputs">> & {
  readonly inputs: Readonly<Record<string, number>>;
  readonly events: readonly unknown[];
};
export type RecordKind = LogRecord["kind"];

/**
 * What a log keeps of a record: the JSON text as UTF-8, and SHA-256 of exactly these bytes in lower-case hex beside it.
 */
export interface StoredRecord {
  readonly bytes: Uint8Array;
  readonly hash: string;
  /** The bytes as text, from the thread that read them and found that they have the hash. */
  readonly text?: string;
}

/** A record whose bytes and hash agree and whose envelope is known, or why it is not. */
export type Decoded =
  | { readonly ok: true; readonly record: LogRecord; readonly hash: string }
  | { readonly ok: false; readonly why: string; readonly hash: string };

/** Where encoded records lie back to back: one allocation a mebibyte instead of one a record. */
const roomBytes = 1 << 20;
let room = Buffer.allocUnsafeSlow(roomBytes);
let used = 0;

function bytesOf(text: string): Uint8Array {
  const length = Buffer.byteLength(text);
  if (length > roomBytes / 2) return Buffer.from(text);
  if (used + length > roomBytes) {
    room = Buffer.allocUnsafeSlow(roomBytes);
    used = 0;
  }
  const from = used;
  used += room.write(text, from);
  return room.subarray(from, used);
}

/** The bytes to store, with their hash. The caller sees to `maxRecordBytes` (split.ts). */
export function encode(record: LogRecord): StoredRecord {
  const bytes = bytesOf(JSON.stringify(record));
  return { bytes, hash: hashOf(bytes) };
}

/** Reads stored bytes. Never throws: a record that cannot be read is an answer, which halts its shard (admit.ts). */
export function decode({ bytes, hash: storedHash, text }: StoredRecord): Decoded {
  const actual = text === undefined ? hashOf(bytes) : storedHash;
  if (actual !== storedHash) {
    return {
      ok: false,
      hash: storedHash,
      why: `wrong hash: the stored bytes have ${actual}, the log says ${storedHash}`,
    };
  }
  let json: unknown;
  try {
    json = JSON.parse(text ?? textOf(bytes));
  } catch (error) {
    return { ok: false, hash: actual, why: `not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
  if (fits(json)) return { ok: true, record: json as LogRecord, hash: actual };
  if (typeof json === "object" && json !== null && "fmt" in json && json.fmt !== 1) {
    return {
      ok: false,
      hash: actual,
      why: `unknown record format ${JSON.stringify(json.fmt)}: a newer Windrow wrote it`,
    };
  }
  const parsed = recordSchema.safeParse(json);
  if (!parsed.success) return { ok: false, hash: actual, why: `not a record: ${z.prettifyError(parsed.error)}` };
  return { ok: true, record: parsed.data as LogRecord, hash: actual };
}
