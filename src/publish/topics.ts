/**
 * The public topics on Kafka: `<prefix>.jobs`, `<prefix>.file-groups` and `<prefix>.workers`, one partition a shard of
 * the journal, so that what is in order in a shard is in order there. They are made where they are missing. It must
 * never change a topic that exists, call a message sent before all copies of it are acknowledged, nor send what comes
 * behind one that is not.
 */
import { LogRefused } from "../log/faults.ts";
import { KafkaTrouble, type KafkaWriter, type Message, type TopicState } from "../log/kafka/client.ts";
import { connectKafka } from "../log/kafka/connect.ts";
import { isForbidden } from "../log/kafka/rights.ts";
import type { KafkaAddress, KafkaPlace } from "../log/kafka/settings.ts";
import { insyncOf, requireTopic } from "../log/kafka/topic.ts";
import { insist } from "../log/kafka/trouble.ts";
import { isAfter, type Point } from "../steps.ts";
import { kafkaMessageOf } from "./cloudEvent.ts";
import { type PublicEvent, type PublicKind, publicKinds, topics } from "./messages.ts";
import { placeOf } from "./position.ts";

/** Where a publisher sends what happens. */
export interface Topics {
  /**
   * Sees to it that they are as they must be. `warn` is told once what of them is less safe than the journal.
   * @throws LogRefused, KafkaTrouble: see `adviceOn`
   */
  open(warn: (text: string) => void): Promise<void>;
  /** Those of the shards that no topic ever had anything of: it forgets what they acknowledged. @throws KafkaTrouble */
  empty(shards: readonly number[]): Promise<readonly number[]>;
  /**
   * Resolves when all are acknowledged. Events of a shard must come in order, and none may be sent meanwhile: their
   * first copies stay in order then. Where it fails, all must be sent again before any that come behind them; those
   * whose partition acknowledged them are left out then. @throws KafkaTrouble
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

const topicOf = (prefix: string, kind: PublicKind): string => `${prefix}.${topics[kind]}`;

/** The topics beside a journal with so many shards. They connect at the first call. */
export function publicTopics({ address, security }: KafkaPlace, shards: number): Topics {
  const { brokers, prefix } = address;
  const writerOf = (kind: PublicKind): KafkaWriter =>
    connectKafka({ brokers, topic: topicOf(prefix, kind), security, requestMs });
  return topicsOn(writerOf, address, shards);
}

/** The topics over writers, which they close. */
export function topicsOn(writerOf: (kind: PublicKind) => KafkaWriter, address: KafkaAddress, shards: number): Topics {
  const { prefix, replication } = address;
  const outletOf = (kind: PublicKind): Outlet => ({ writer: writerOf(kind), reached: new Map() });
  const outlets = { job: outletOf("job"), fileGroup: outletOf("fileGroup"), worker: outletOf("worker") };
  const isMissing = ({ id, data: { kind } }: PublicEvent): boolean => {
    const { shard, point } = placeOf(id);
    return isAfter(point, outlets[kind].reached.get(shard));
  };
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
  const warned = new Set<string>();
  async function open(kind: PublicKind, warn: (text: string) => void): Promise<void> {
    const { writer } = outlets[kind];
    const topic = topicOf(prefix, kind);
    // What another instance has just made is not known to every broker for a moment.
    const state = await insist(async () => {
      if (isClosed) throw new KafkaTrouble("closed", "the connection to Kafka is closed", false);
      return requireTopic(writer, topic, plan, giveUpMs);
    }, giveUpMs);
    requireFit(topic, state, address, shards);
    const doubt = doubtOf(topic, state, address);
    if (doubt === undefined || warned.has(topic)) return;
    warned.add(topic);
    warn(doubt);
  }

  return {
    async open(warn) {
      await Promise.all(publicKinds.map((kind) => open(kind, warn)));
    },
    async empty(shards) {
      // Retention moves the start of a partition, and never takes its end back.
      const ask = (kind: PublicKind) => insist(() => outlets[kind].writer.ends(shards), giveUpMs);
      const ends = await Promise.all(publicKinds.map(ask));
      const empty = shards.filter((shard) => ends.every((of) => of.get(shard)?.end === 0));
      for (const { reached } of Object.values(outlets)) for (const shard of empty) reached.delete(shard);
      return empty;
    },
    async send(events) {
      const missing = events.filter(isMissing);
      for (let from = 0; from < missing.length; ) {
        const { batches, count } = batchesOf(missing, from, prefix);
        from += count;
        // All end before anything is said: what still runs must not come in between what is sent next.
        const sent = await Promise.allSettled(Array.from(batches, ([kind, of]) => put(outlets[kind], of)));
        for (const outcome of sent) if (outcome.status === "rejected") throw outcome.reason;
      }
    },
    close() {
      isClosed = true;
      for (const { writer } of Object.values(outlets)) writer.close();
    },
  };
}

const altering = ({ brokers }: KafkaAddress, topic: string, change: string): string =>
  `kafka-configs.sh --bootstrap-server ${brokers[0]} --alter --topic ${topic} --add-config ${change}`;

/** @throws LogRefused where a topic cannot have every step in its place, with what to do. */
function requireFit(topic: string, { replicas, config }: TopicState, address: KafkaAddress, shards: number): void {
  if (replicas.length < shards) {
    const change = `--alter --topic ${topic} --partitions ${shards}`;
    const why = `${topic} has ${replicas.length} partitions, and the journal has ${shards}`;
    throw new LogRefused("misconfigured", `${why}. kafka-topics.sh --bootstrap-server ${address.brokers[0]} ${change}`);
  }
  const policy = config.get("cleanup.policy") ?? "delete";
  if (policy !== "delete") {
    // All steps of an entity have one key: of each but one would be left.
    const why = `${topic}: cleanup.policy is ${policy}, it must be delete`;
    throw new LogRefused("misconfigured", `${why}. ${altering(address, topic, "cleanup.policy=delete")}`);
  }
  const limit = Number(config.get("max.message.bytes") ?? usualMessageBytes);
  if (limit >= leastMessageBytes) return;
  const why = `${topic} takes messages of ${limit} bytes, and the largest have up to ${leastMessageBytes}`;
  const change = `max.message.bytes=${leastMessageBytes}`;
  throw new LogRefused("misconfigured", `${why}. ${altering(address, topic, change)}`);
}

/** Why steps that Kafka acknowledged may be lost, or none be taken, and what to do; the journal is refused for it. */
function doubtOf(topic: string, { replicas, config }: TopicState, address: KafkaAddress): string | undefined {
  const { replication } = address;
  const fewest = Math.min(...replicas);
  if (fewest < replication) {
    const command = "Add replicas with kafka-reassign-partitions.sh";
    return `${topic}: a partition is on ${fewest} of ${replication} brokers. ${command}`;
  }
  const least = insyncOf(replication);
  const insync = Number(config.get("min.insync.replicas") ?? least);
  if (insync >= least && insync <= fewest) return undefined;
  const loses = insync < least ? "acknowledged steps could be lost" : "nothing could be written";
  const change = altering(address, topic, `min.insync.replicas=${least}`);
  return `${topic}: min.insync.replicas is ${insync}, so ${loses}. ${change}`;
}

/** One topic. */
interface Outlet {
  readonly writer: KafkaWriter;
  /** Up to where each partition has acknowledged everything. */
  readonly reached: Map<number, Point>;
}

/** What is sent together of one partition. */
interface Batch {
  readonly messages: Message[];
  bytes: number;
  /** Of the last message. */
  point: Point;
}

/** Writes batches by partition, each until it is acknowledged. @throws KafkaTrouble */
async function put({ writer, reached }: Outlet, batches: ReadonlyMap<number, Batch>): Promise<void> {
  const acknowledge = (partition: number): void => {
    const batch = batches.get(partition);
    if (batch) reached.set(partition, batch.point);
  };
  await insist(() => {
    const left = [...batches].filter(([partition, { point }]) => reached.get(partition) !== point);
    return writer.write(new Map(left.map(([partition, { messages }]) => [partition, messages])), acknowledge);
  }, giveUpMs);
}

/** The next events, as many as are sent together, by topic and partition. */
function batchesOf(
  events: readonly PublicEvent[],
  from: number,
  prefix: string,
): { readonly batches: ReadonlyMap<PublicKind, ReadonlyMap<number, Batch>>; readonly count: number } {
  const batches = new Map<PublicKind, Map<number, Batch>>();
  let [count, bytes] = [0, 0];
  for (const event of events.slice(from)) {
    const { kind } = event.data;
    const ofKind = batches.get(kind) ?? new Map<number, Batch>();
    batches.set(kind, ofKind);
    const { shard, point } = placeOf(event.id);
    const batch: Batch = ofKind.get(shard) ?? { messages: [], bytes: 0, point };
    if (batch.bytes >= partitionBytes || bytes >= sendBytes) break;
    ofKind.set(shard, batch);
    const { key, value: text, headers } = kafkaMessageOf(event, prefix);
    const value = Buffer.from(text);
    const taken = value.length + 2 * key.length + frameBytes;
    batch.messages.push({ key, value, headers });
    batch.bytes += taken;
    batch.point = point;
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
  if (isForbidden(error)) {
    const needed = "Describe, DescribeConfigs and Write on them, and Create where they are missing";
    return `${why}. The user needs ${needed}; or put publishTopics = False into section [windrow]`;
  }
  if (code === "MESSAGE_TOO_LARGE") return `${why}. Give them max.message.bytes=${usualMessageBytes}`;
  return why;
}
