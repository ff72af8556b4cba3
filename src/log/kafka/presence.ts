/**
 * Where instances that share a Kafka log hear of each other: the topic `<prefix>.instances`, one partition, short
 * retention. Nothing depends on it but how evenly shards are shared; who leads is decided in the journal alone.
 */
import { z } from "zod";
import { hashOf } from "../hash.ts";
import { KafkaTrouble } from "./client.ts";
import { saidIn } from "./message.ts";
import type { KafkaPlace } from "./settings.ts";
import { openBeside } from "./topic.ts";

const wordSchema = z.object({ name: z.string(), here: z.boolean() });
/** One message of the topic. */
export type Word = z.output<typeof wordSchema>;

/** The topic, opened at its end. */
export interface KafkaPresence {
  say(word: Word): Promise<void>;
  heard(): Promise<readonly Word[]>;
  close(): Promise<void>;
}

/** Opens the topic beside the journal, making it if needed. @throws LogRefused */
export async function openKafkaPresence(place: KafkaPlace): Promise<KafkaPresence> {
  const config = { "retention.ms": "3600000", "cleanup.policy": "delete" };
  const client = await openBeside(place, "instances", { partitions: 1, config });
  const endOf = async (): Promise<number> => (await client.ends([0])).get(0)?.end ?? 0;
  let offset = await endOf();
  return {
    async say(word) {
      const bytes = Buffer.from(JSON.stringify(wordSchema.parse(word)));
      await client.produce(0, [{ bytes, hash: hashOf(bytes) }]);
    },
    async heard() {
      const words: Word[] = [];
      for (;;) {
        const { records, next } = await client.read({ partition: 0, offset }).catch(async (error: unknown) => {
          // What came while this instance stood still is gone already, and means nothing any more.
          if (!(error instanceof KafkaTrouble) || error.code !== "OFFSET_OUT_OF_RANGE") throw error;
          offset = await endOf();
          return { records: [], next: offset };
        });
        for (const { record } of records) {
          const word = saidIn(wordSchema, record);
          if (word) words.push(word);
        }
        if (next === offset) return words;
        offset = next;
      }
    },
    close: async () => client.close(),
  };
}
