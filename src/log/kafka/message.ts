/**
 * A record as a message of the journal: the value is its stored bytes, the header `hash` their SHA-256 in hex. A
 * STORAGE FORMAT: it must never change without another topic. Keys and timestamps mean nothing.
 */
import type { z } from "zod";
import type { StoredRecord } from "../record.ts";
import type { Fetched, Message } from "./client.ts";

export const hashHeader = "hash";

/** The message of a record. */
export function messageOf({ bytes, hash }: StoredRecord): Message {
  return { key: null, value: bytes, headers: { [hashHeader]: hash } };
}

/** A message as it was read. */
interface ReadMessage {
  readonly offset: string;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, Buffer | readonly Buffer[]>>;
  /** Marks the end of somebody's transaction. */
  readonly isControlRecord?: boolean;
}

/** Records from the offset on: a broker gives whole batches, so older ones may come first. */
export function fetchedOf(partition: number, messages: readonly ReadMessage[], from: number): Fetched {
  const records: { offset: number; record: StoredRecord }[] = [];
  let next = from;
  for (const { offset: text, value, headers, isControlRecord } of messages) {
    const offset = Number(text);
    if (offset < from) continue;
    next = offset + 1;
    if (isControlRecord) continue;
    const hash = headers[hashHeader];
    // A message of somebody else has no hash: it stays in its place, and admit() halts there.
    records.push({ offset, record: { bytes: value ?? new Uint8Array(), hash: hash?.toString() ?? "" } });
  }
  return { partition, records, next };
}

/** What a message of another topic than the journal says in JSON; undefined where it is somebody else's. */
export function saidIn<T>(schema: z.ZodType<T>, { bytes }: StoredRecord): T | undefined {
  try {
    return schema.safeParse(JSON.parse(Buffer.from(bytes).toString())).data;
  } catch {
    return undefined; // no JSON at all
  }
}
