/**
 * The public topics on Kafka: `<prefix>.jobs`, `<prefix>.file-groups` and `<prefix>.workers`, one partition a shard of
 * the journal, so that what is in order in a shard is in order there. They are made where they are missing. It must
 * never change a topic that exists, nor call a message sent before all copies of it are acknowledged.
 */
import { LogRefused } from "../log/faults.ts";
import { KafkaTrouble, type KafkaWriter, type Message } from "../log/kafka/client.ts";
import { connectKafka } from "../log/kafka/connect.ts";
import type { KafkaPlace } from "../log/kafka/settings.ts";
import { insyncOf, requireTopic } from "../log/kafka/topic.ts";
import { insist } from "../log/kafka/trouble.ts";
import { kafkaMessageOf } from "./cloudEvent.ts";
import { type PublicEvent, type PublicKind, publicKinds, topics } from "./messages.ts";
import { placeOf } from "./position.ts";

/** Where a publisher sends what happens. */
export interface Topics {
  /** Sees to it that they are as they must be. @throws LogRefused, KafkaTrouble: see `adviceOn` */
  open(): Promise<void>;
  /**
   * Resolves when all are acknowledged. Events of a shard must come in order, and none may be sent meanwhile: their
   * first copies stay in order then. @throws KafkaTrouble: nobody knows which are there
   */
  send(events: readonly PublicEvent[]): Promise<void>;
  /** Ends what is under way. */
  close(): void;
}

/** How long one request may take, and one batch with all its attempts. */
const requestMs = 5000;
const giveUpMs = 15_000;
/**
 * No event more is sent together with others when those of its partition, or all, have so many bytes. With one more,
 * which has no more than a record of the journal (512 KiB), a partition's are still below what a topic must take.
 */
const partitionBytes = 384 << 10;
const sendBytes = 8 << 20;
/** Kafka's usual limit is 12 bytes more. */
const leastMessageBytes = 1 << 20;
/** What Windrow gives the topics that it makes. */
const usualMessageBytes = 2 << 20;
/** Attributes and framing of a message, beside its subject. */
const frameBytes = 512;

/** The topics beside a journal with so many shards. They connect at the first call. */
export function publicTopics({ address, security }: KafkaPlace, shards: number): Topics {
  const { brokers, prefix, replication } = address;
  const nameOf = (kind: PublicKind): string => `${prefix}.${topics[kind]}`;
  const writers = new Map<PublicKind, KafkaWriter>(
    publicKinds.map((kind) => [kind, connectKafka({ brokers, topic: nameOf(kind), security, requestMs })]),
  );
  const plan = {
    partitions: shards,
    replication,
    // How long they are kept is the cluster's word.
    config: {
      "cleanup.policy": "delete",
      "min.insync.replicas": String(insyncOf(replication)),
      "max.message.bytes": String(usualMessageBytes),
    },
  };

  let isClosed = false;
  async function open(kind: PublicKind, writer: KafkaWriter): Promise<void> {
    const topic = nameOf(kind);
    // What another instance has just made is not known to every broker for a moment.
    const { replicas, config } = await insist(async () => {
      if (isClosed) throw new KafkaTrouble("closed", "the connection to Kafka is closed", false);
      return requireTopic(writer, topic, plan, giveUpMs);
    }, giveUpMs);
    if (replicas.length < shards) {
      const change = `--alter --topic ${topic} --partitions ${shards}`;
      const why = `${topic} has ${replicas.length} partitions, and the journal has ${shards}`;
      throw new LogRefused("misconfigured", `${why}. kafka-topics.sh --bootstrap-server ${brokers[0]} ${change}`);
    }
    const limit = Number(config.get("max.message.bytes") ?? usualMessageBytes);
    if (limit >= leastMessageBytes) return;
    const change = `--alter --topic ${topic} --add-config max.message.bytes=${leastMessageBytes}`;
    const why = `${topic} takes messages of ${limit} bytes, and the largest have up to ${leastMessageBytes}`;
    throw new LogRefused("misconfigured", `${why}. kafka-configs.sh --bootstrap-server ${brokers[0]} ${change}`);
  }

  return {
    async open() {
      await Promise.all(Array.from(writers, ([kind, writer]) => open(kind, writer)));
    },
    async send(events) {
      for (let from = 0; from < events.length; ) {
        const { batches, count } = batchesOf(events, from, prefix);
        from += count;
        // All end before anything is said: what still runs must not come in between what is sent next.
        const sent = await Promise.allSettled(
          Array.from(batches, ([kind, of]) => insist(async () => writers.get(kind)?.write(of), giveUpMs)),
        );
        for (const outcome of sent) if (outcome.status === "rejected") throw outcome.reason;
      }
    },
    close() {
      isClosed = true;
      for (const writer of writers.values()) writer.close();
    },
  };
}

/** Messages by partition. */
type Batches = ReadonlyMap<number, readonly Message[]>;

/** The next events, as many as are sent together. */
function batchesOf(
  events: readonly PublicEvent[],
  from: number,
  prefix: string,
): { readonly batches: ReadonlyMap<PublicKind, Batches>; readonly count: number } {
  const batches = new Map<PublicKind, Map<number, Message[]>>();
  const sizes = new Map<Message[], number>();
  let [count, bytes] = [0, 0];
  for (const event of events.slice(from)) {
    const { kind } = event.data;
    const ofKind = batches.get(kind) ?? new Map<number, Message[]>();
    batches.set(kind, ofKind);
    const { shard } = placeOf(event.id);
    const ofShard = ofKind.get(shard) ?? [];
    const size = sizes.get(ofShard) ?? 0;
    if (size >= partitionBytes || bytes >= sendBytes) break;
    ofKind.set(shard, ofShard);
    const { key, value: text, headers } = kafkaMessageOf(event, prefix);
    const value = Buffer.from(text);
    ofShard.push({ key, value, headers });
    const taken = value.length + 2 * key.length + frameBytes;
    sizes.set(ofShard, size + taken);
    bytes += taken;
    count += 1;
  }
  return { batches, count };
}

/** What went wrong with topics, and what an operator does about it. */
export function adviceOn(error: unknown): string {
  if (!(error instanceof KafkaTrouble)) return error instanceof Error ? error.message : String(error);
  const { code, message } = error;
  const why = `${message} (${code})`;
  if (/AUTHORIZATION/.test(code)) {
    const needed = "Describe, DescribeConfigs and Write on them, and Create on the cluster where they are missing";
    return `${why}. The user needs ${needed}; or put publishTopics = False into section [windrow]`;
  }
  if (code === "MESSAGE_TOO_LARGE") return `${why}. Give them max.message.bytes=${usualMessageBytes}`;
  return why;
}
