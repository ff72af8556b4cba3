/**
 * The journal topic as Windrow needs it: checked at every start, made where it is missing. It must never change a topic
 * that exists, nor accept one in which Kafka may lose or drop what it acknowledged.
 */
import { LogRefused } from "../faults.ts";
import { maxRecordBytes } from "../record.ts";
import { type KafkaClient, KafkaTrouble, type TopicPlan, type TopicState } from "./client.ts";
import { connectKafka } from "./connect.ts";
import type { KafkaAddress, KafkaPlace } from "./settings.ts";
import { insist, refusalOf } from "./trouble.ts";

export const journalOf = (prefix: string): string => `${prefix}.journal`;

const usualShards = 32;
/** What a message has beside a record's bytes: the hash in its header, and the batch around it. */
export const messageOverhead = 256;
const leastMessageBytes = maxRecordBytes + 4096;

/** Copies that must have a record before it counts: a majority, so that one broker may be down. */
export const insyncOf = (replication: number): number => Math.floor(replication / 2) + 1;

/** What was found fit. */
export interface JournalTopic {
  readonly shards: number;
  /** Bound of one batch. */
  readonly maxBatchBytes: number;
}

interface Opening {
  readonly shards: number | undefined;
  readonly readOnly: boolean;
  /** How long a new topic may take to be known to every broker. */
  readonly giveUpMs: number;
}

/**
 * Looks at the topic, and makes it if `shards` may be written and there is none.
 * @throws LogRefused saying what is wrong and which command puts it right.
 */
export async function openTopic(
  client: KafkaClient,
  address: KafkaAddress,
  { shards, readOnly, giveUpMs }: Opening,
): Promise<JournalTopic> {
  const topic = journalOf(address.prefix);
  const plan = planOf(shards ?? usualShards, address.replication);
  const state = readOnly ? await client.describe() : await requireTopic(client, topic, plan, giveUpMs);
  if (state === undefined) {
    throw new LogRefused("missing", `there is no topic ${topic} on ${address.brokers.join(",")}`);
  }
  const has = state.replicas.length;
  if (shards !== undefined && shards !== has) {
    throw new LogRefused("shards", `${topic} has ${has} partitions, which are fixed; ${shards} were asked for`);
  }
  if (!readOnly) requireSafe(state, address);
  const limit = Number(state.config.get("max.message.bytes") ?? leastMessageBytes);
  return { shards: has, maxBatchBytes: Math.min(limit - 1024, 1 << 20) };
}

/** What a client needs for a topic that may be missing. */
type Making = Pick<KafkaClient, "describe" | "create" | "brokers">;

/**
 * The topic as it is; made as planned where it is missing.
 * @throws LogRefused where the cluster is too small for it, KafkaTrouble
 */
export async function requireTopic(
  client: Making,
  topic: string,
  plan: TopicPlan,
  giveUpMs: number,
): Promise<TopicState> {
  const state = await client.describe();
  if (state !== undefined) return state;
  requireBrokers(topic, plan.replication, await client.brokers());
  await client.create(plan);
  return insist(() => known(client, topic), giveUpMs);
}

/** A topic beside the journal, made as planned where it is missing, with a client for it. @throws LogRefused */
export async function openBeside(
  { address: { brokers, prefix, replication }, security }: KafkaPlace,
  name: string,
  plan: Omit<TopicPlan, "replication">,
): Promise<KafkaClient> {
  const topic = `${prefix}.${name}`;
  const client = connectKafka({ brokers, topic, security, requestMs: 5000 });
  try {
    await requireTopic(client, topic, { ...plan, replication }, besideMs);
    const partitions = Array.from({ length: plan.partitions }, (_, partition) => partition);
    await insist(() => client.ends(partitions), besideMs);
    return client;
  } catch (error) {
    client.close();
    throw error instanceof KafkaTrouble ? refusalOf(error, topic, brokers) : error;
  }
}
const besideMs = 15_000;

/** The topic that was just made. Another broker than the one that made it may be asked, and not have heard of it. */
async function known(client: Making, topic: string): Promise<TopicState> {
  const state = await client.describe();
  if (state !== undefined) return state;
  throw new KafkaTrouble("UNKNOWN_TOPIC_OR_PARTITION", `${topic} was made and is not known yet`, true);
}

function requireBrokers(topic: string, replication: number, brokers: number): void {
  if (brokers >= replication) return;
  throw new LogRefused(
    "misconfigured",
    `${topic} is to be kept on ${replication} brokers, and the cluster has ${brokers}. Start more, or put ` +
      `?replication=${brokers} behind the address if the log may be lost with ${brokers === 1 ? "it" : "them"}`,
  );
}

/** The journal where it is missing. */
function planOf(partitions: number, replication: number): TopicPlan {
  const config = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "min.insync.replicas": String(insyncOf(replication)),
    "unclean.leader.election.enable": "false",
    "max.message.bytes": String(2 << 20),
  };
  return { partitions, replication, config };
}

function requireSafe({ replicas, config }: TopicState, address: KafkaAddress): void {
  const { prefix, replication } = address;
  const topic = journalOf(prefix);
  const refuse = (why: string, what: string): never => {
    throw new LogRefused("misconfigured", `${topic}: ${why}. ${what}`);
  };
  const setting = (name: string): number => Number(config.get(name));
  const alter = (change: string): string =>
    `kafka-configs.sh --bootstrap-server ${address.brokers[0]} --alter --topic ${topic} --add-config ${change}`;
  const fewest = Math.min(...replicas);
  if (fewest < replication) {
    const command = "Add replicas with kafka-reassign-partitions.sh";
    refuse(
      `a partition is on ${fewest} of ${replication} brokers`,
      `${command}, or put ?replication=${fewest} behind it`,
    );
  }
  const insync = setting("min.insync.replicas");
  if (insync < insyncOf(replication) || insync > fewest) {
    const loses = insync > fewest ? "nothing could be written" : "acknowledged records could be lost";
    const least = insyncOf(replication);
    refuse(`min.insync.replicas is ${insync}, so ${loses}`, alter(`min.insync.replicas=${least}`));
  }
  const needs: readonly (readonly [string, string, (value: string) => boolean])[] = [
    ["cleanup.policy", "delete", (value) => value === "delete"],
    ["retention.ms", "-1", (value) => value === "-1"],
    ["retention.bytes", "-1", (value) => value === "-1"],
    ["unclean.leader.election.enable", "false", (value) => value === "false"],
    ["compression.type", "producer", (value) => value === "producer" || value === "uncompressed"],
    ["max.message.bytes", String(2 << 20), (value) => Number(value) >= leastMessageBytes],
  ];
  for (const [name, good, fits] of needs) {
    const value = config.get(name);
    if (value !== undefined && !fits(value))
      refuse(`${name} is ${value}, it must be ${good}`, alter(`${name}=${good}`));
  }
}
