/**
 * Snapshots where every instance gets at them: the topic `<prefix>.snapshots`, so that a machine on which no instance
 * ran yet need not fold the whole journal. Partition 0 has a snapshot file in pieces, partition 1 a word behind each
 * that says where it lies. A snapshot is a shortcut and never a truth (snapshot.ts judges it): whatever is missing or
 * torn here is as if it had never been written.
 */
import { z } from "zod";
import { hashOf } from "../hash.ts";
import type { SharedSnapshots, SnapshotFile } from "../snapshot.ts";
import { type KafkaClient, KafkaTrouble } from "./client.ts";
import { connectKafka } from "./connect.ts";
import { saidIn } from "./message.ts";
import type { KafkaPlace } from "./settings.ts";
import { openBeside } from "./topic.ts";
import { insist, refusalOf } from "./trouble.ts";

/** Where a snapshot lies in the topic. */
const wordSchema = z.object({
  /** Name of the file, which grows with the log. */
  name: z.string(),
  /** Offsets of its pieces. */
  offsets: z.array(z.int().nonnegative()).min(1),
  /** SHA-256 of the whole. */
  hash: z.string(),
});

const pieces = 0;
const words = 1;
const pieceBytes = 512 << 10;
const giveUpMs = 10_000;
/** Older ones go where a broker wants the room; the newest three are what anybody would look for. */
const config = {
  "cleanup.policy": "delete",
  "retention.ms": "-1",
  "retention.bytes": String(1 << 30),
  "segment.bytes": String(128 << 20),
};

/** The topic, opened. Every question may throw KafkaTrouble. */
export interface KafkaSnapshots extends SharedSnapshots {
  close(): void;
}

/** Opens the topic beside the journal, making it if needed. @throws LogRefused */
export async function openKafkaSnapshots(place: KafkaPlace): Promise<KafkaSnapshots> {
  const client = await openBeside(place, "snapshots", { partitions: 2, config });
  // The same bytes again after a trouble are another piece, to which no word points.
  const send = (partition: number, bytes: Uint8Array): Promise<number> =>
    insist(() => client.produce(partition, [{ bytes, hash: hashOf(bytes) }]), giveUpMs);
  return {
    async put({ name, packed }) {
      const offsets: number[] = [];
      for (let at = 0; at < packed.length; at += pieceBytes) {
        offsets.push(await send(pieces, packed.subarray(at, at + pieceBytes)));
      }
      const word = wordSchema.parse({ name, offsets, hash: hashOf(packed) });
      await send(words, Buffer.from(JSON.stringify(word)));
    },
    async newest() {
      const word = await lastWord(client);
      return word === undefined ? undefined : { name: word.name, get: () => collect(client, word) };
    },
    close: () => client.close(),
  };
}

/**
 * The newest snapshot, for who only reads; without a file where it is not whole. Never makes the topic.
 * @throws LogRefused
 */
export async function newestKafkaSnapshot({
  address: { brokers, prefix },
  security,
}: KafkaPlace): Promise<{ readonly name: string; readonly file: SnapshotFile | undefined } | undefined> {
  const topic = `${prefix}.snapshots`;
  const client = connectKafka({ brokers, topic, security, requestMs: 5000 });
  try {
    if ((await insist(() => client.describe(), giveUpMs)) === undefined) return undefined;
    const word = await lastWord(client);
    return word && { name: word.name, file: await collect(client, word) };
  } catch (error) {
    throw error instanceof KafkaTrouble ? refusalOf(error, topic, brokers) : error;
  } finally {
    client.close();
  }
}

type Word = z.output<typeof wordSchema>;

/** The newest word that can be read. */
async function lastWord(client: KafkaClient): Promise<Word | undefined> {
  const ends = await insist(() => client.ends([words]), giveUpMs);
  const { start, end } = ends.get(words) ?? { start: 0, end: 0 };
  let last: Word | undefined;
  for (let offset = start; offset < end; ) {
    const { records, next } = await insist(() => client.read({ partition: words, offset }), giveUpMs);
    for (const { record } of records) last = saidIn(wordSchema, record) ?? last;
    if (next === offset) break;
    offset = next;
  }
  return last;
}

/** The pieces together; undefined where one of them is gone or not what it was. */
async function collect(client: KafkaClient, { name, offsets, hash }: Word): Promise<SnapshotFile | undefined> {
  const ends = await insist(() => client.ends([pieces]), giveUpMs);
  const wanted = new Set(offsets);
  const [from = 0, to = -1] = [Math.min(...offsets), Math.max(...offsets)];
  if (from < (ends.get(pieces)?.start ?? 0)) return undefined;
  const found: Uint8Array[] = [];
  for (let offset = from; offset <= to; ) {
    const { records, next } = await insist(() => client.read({ partition: pieces, offset }), giveUpMs);
    for (const one of records) if (wanted.has(one.offset)) found.push(one.record.bytes);
    if (next === offset) break;
    offset = next;
  }
  const packed = Buffer.concat(found);
  return hashOf(packed) === hash ? { name, packed } : undefined;
}
