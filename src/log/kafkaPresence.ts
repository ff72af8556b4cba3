/**
 * Where instances that share a Kafka log hear of each other: the topic `<prefix>.instances`, one partition, short
 * retention. Nothing depends on it but how evenly shards are shared; who leads is decided in the journal alone.
 */
import { z } from "zod";
import { connectKafka } from "./kafka.ts";
import { type KafkaSecurity, noSecurity, parseKafkaAddress } from "./kafkaSettings.ts";
import { hashOf } from "./record.ts";

const wordSchema = z.object({ name: z.string(), here: z.boolean() });
/** One message of the topic. */
export type Word = z.output<typeof wordSchema>;

/** The topic, opened at its end. */
export interface KafkaPresence {
  say(word: Word): Promise<void>;
  heard(): Promise<readonly Word[]>;
  close(): Promise<void>;
}

/** Opens the topic beside the journal, making it if needed. @throws KafkaTrouble */
export async function openKafkaPresence(address: string, security: KafkaSecurity = noSecurity): Promise<KafkaPresence> {
  const { brokers, prefix, replication } = parseKafkaAddress(address);
  const client = connectKafka({ brokers, topic: `${prefix}.instances`, security, requestMs: 5000 });
  if ((await client.describe()) === undefined) {
    const config = { "retention.ms": "3600000", "cleanup.policy": "delete" };
    await client.create({ partitions: 1, replication, config });
  }
  let offset = await firstOffset(client);
  return {
    async say(word) {
      const bytes = Buffer.from(JSON.stringify(wordSchema.parse(word)));
      await client.produce(0, [{ bytes, hash: hashOf(bytes) }]);
    },
    async heard() {
      const words: Word[] = [];
      for (;;) {
        const { records, next } = await client.read({ partition: 0, offset });
        for (const { record } of records) {
          const word = wordSchema.safeParse(JSON.parse(Buffer.from(record.bytes).toString()));
          if (word.success) words.push(word.data);
        }
        if (next === offset) return words;
        offset = next;
      }
    },
    close: async () => client.close(),
  };
}

/** A topic that was just made has no leader for a moment. */
async function firstOffset(client: ReturnType<typeof connectKafka>): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const ends = await client.ends([0]);
      return ends.get(0)?.end ?? 0;
    } catch (error) {
      if (attempt === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  }
}
