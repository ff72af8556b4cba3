/**
 * Kafka through kafkajs 2.2.4, the only file of the log that imports it. The library is used as little as can be: its
 * connections and its encoding, and none of its producer, consumer, groups, transactions or retries, which lose records
 * silently or come to dead ends (reliability 1.2). After a failure the connections are thrown away rather than mended.
 * It must never send a batch twice by itself, nor answer from what it merely remembers.
 */
/// <reference path="./kafkajs.d.ts" />
import { connect as connectPlain, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { type ISocketFactory, Kafka, type KafkaConfig, type SASLOptions } from "kafkajs";
import Cluster from "kafkajs/src/cluster/index.js";
import RequestQueue from "kafkajs/src/network/requestQueue/index.js";
import {
  type Ends,
  type KafkaClient,
  KafkaTrouble,
  type KafkaWriter,
  type Message,
  type Position,
  type TopicPlan,
} from "./kafkaClient.ts";
import { fetchFrom } from "./kafkaFetch.ts";
import { messageOf } from "./kafkaMessage.ts";
import type { KafkaSecurity, Sasl } from "./kafkaSettings.ts";
import { isAnswer, troubleOf } from "./kafkaTrouble.ts";

export interface KafkaOptions {
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly security: KafkaSecurity;
  /** How long one request may take. */
  readonly requestMs: number;
}

const connectMs = 5000;
const readUncommitted = 0;
/** What DescribeConfigs calls a topic; the library's name for it is out of reach of an ES import. */
const topicResource = 2;

// The library arms a timer of 1 ms for ever on each idle connection, which costs 4 % of a core (reliability 1.2, 16).
const schedule = RequestQueue.prototype.scheduleCheckPendingRequests;
RequestQueue.prototype.scheduleCheckPendingRequests = function (this: RequestQueue) {
  if (this.pending.length > 0 || this.throttledUntil > Date.now()) schedule.call(this);
};

interface Joined {
  readonly cluster: Promise<Cluster>;
  readonly sockets: Set<Socket>;
  /** What it knows of topics and leaders may be old. */
  stale: boolean;
}

/** Connections to all brokers, made at the first use and again after a failure. */
class Line {
  readonly #options: KafkaOptions;
  #joined: Joined | undefined;
  #closed = false;

  constructor(options: KafkaOptions) {
    this.#options = options;
  }

  /** @throws KafkaTrouble */
  async use<T>(act: (cluster: Cluster) => Promise<T>): Promise<T> {
    if (this.#closed) throw new KafkaTrouble("closed", "the connection to Kafka is closed", false);
    this.#joined ??= this.#join();
    const joined = this.#joined;
    try {
      const cluster = await joined.cluster;
      if (joined.stale) {
        joined.stale = false;
        await cluster.refreshMetadata();
      }
      return await act(cluster);
    } catch (error) {
      const trouble = troubleOf(error);
      // An answer with an error is an answer: the line is good, what it knows of leaders may be old.
      if (isAnswer(error)) joined.stale = true;
      else this.#drop(joined);
      throw trouble;
    }
  }

  close(): void {
    this.#closed = true;
    if (this.#joined !== undefined) this.#drop(this.#joined);
  }

  #join(): Joined {
    const { brokers, topic, requestMs } = this.#options;
    const sockets = new Set<Socket>();
    const kafka = kafkaOf(this.#options, sockets);
    const cluster = new Cluster({
      ...kafka.config,
      brokers: [...brokers],
      logger: kafka.logger,
      requestTimeout: requestMs,
      enforceRequestTimeout: true,
      allowAutoTopicCreation: false,
      isolationLevel: readUncommitted,
      metadataMaxAge: 300_000,
    });
    const joining = cluster.connect().then(async () => {
      await cluster.addTargetTopic(topic);
      return cluster;
    });
    joining.catch(() => undefined); // everybody who awaits it hears of it
    return { cluster: joining, sockets, stale: false };
  }

  #drop(joined: Joined): void {
    if (this.#joined === joined) this.#joined = undefined;
    cut(joined.sockets);
  }
}

/** Requests that run on them fail at once; the library's own disconnect would wait for them first. */
function cut(sockets: Set<Socket>): void {
  for (const socket of sockets) socket.destroy(new Error("cut by this side"));
}

function kafkaOf({ brokers, security, requestMs }: KafkaOptions, sockets: Set<Socket>) {
  const config = {
    clientId: security.clientId,
    connectionTimeout: connectMs,
    authenticationTimeout: requestMs,
    socketFactory: tracked(sockets),
    // Only to try the next address of the list.
    retry: { retries: brokers.length - 1, initialRetryTime: 20, maxRetryTime: 200 },
    ...(security.tls ? { ssl: { ...security.tls } } : {}),
    ...(security.sasl ? { sasl: saslOf(security.sasl) } : {}),
  } satisfies Partial<KafkaConfig>;
  const kafka = new Kafka({ ...config, brokers: [...brokers], logLevel: 0, logCreator: () => () => undefined });
  return { config, kafka, logger: kafka.logger() };
}

/** Connects as the library does, and remembers the sockets while they live. */
function tracked(sockets: Set<Socket>): ISocketFactory {
  return ({ host, port, ssl, onConnect }) => {
    const named = isIP(host) ? {} : { servername: host };
    const socket = ssl
      ? connectTls({ host, port, ...named, ...ssl }, onConnect)
      : connectPlain({ host, port }, onConnect);
    socket.setKeepAlive(true, 30_000).setNoDelay(true);
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    return socket;
  };
}

function saslOf(sasl: Sasl): SASLOptions {
  if (sasl.mechanism !== "oauthbearer") return sasl;
  const { token } = sasl;
  return { mechanism: "oauthbearer", oauthBearerProvider: async () => ({ value: await token() }) };
}

/** A client for one topic. It connects at the first call. */
export function connectKafka(options: KafkaOptions): KafkaClient & KafkaWriter {
  const { topic } = options;
  // A long poll holds up what comes after it on its connection, so polling has connections of its own.
  const [line, polling] = [new Line(options), new Line(options)];

  async function fetch(cluster: Cluster, leader: number, positions: readonly Position[], waitMs: number) {
    const broker = await cluster.findBroker({ nodeId: leader });
    return fetchFrom(broker, { topic, positions, waitMs, requestMs: options.requestMs });
  }

  /** Gives the offset of the first message of the first batch. */
  async function produce(cluster: Cluster, leader: number, batches: Iterable<readonly [number, readonly Message[]]>) {
    const broker = await cluster.findBroker({ nodeId: leader });
    const partitions = Array.from(batches, ([partition, messages]) => ({ partition, firstSequence: 0, messages }));
    const timeout = Math.ceil(options.requestMs * 0.8);
    const { topics } = await broker.produce({ acks: -1, timeout, topicData: [{ topic, partitions }] });
    return Number(topics[0]?.partitions[0]?.baseOffset);
  }

  return {
    ...administration(options),
    leaders: () => line.use(async (cluster) => leadersOf(cluster, topic)),
    ends: (partitions) => line.use((cluster) => endsOf(cluster, topic, partitions)),
    produce: (partition, records) =>
      line.use((cluster) =>
        produce(cluster, leaderOf(cluster, topic, partition), [[partition, records.map(messageOf)]]),
      ),
    write: (batches) =>
      line.use(async (cluster) => {
        const byLeader = Map.groupBy(batches, ([partition]) => leaderOf(cluster, topic, partition));
        await Promise.all(Array.from(byLeader, ([leader, of]) => produce(cluster, leader, of)));
      }),
    poll: (leader, positions, waitMs) => polling.use((cluster) => fetch(cluster, leader, positions, waitMs)),
    read: (position) =>
      line.use(async (cluster) => {
        const [fetched] = await fetch(cluster, leaderOf(cluster, topic, position.partition), [position], 0);
        return fetched ?? { partition: position.partition, records: [], next: position.offset };
      }),
    close() {
      line.close();
      polling.close();
    },
  };
}

/** What is done once, at the opening: each call has connections of its own and leaves none. */
function administration(options: KafkaOptions): Pick<KafkaClient, "describe" | "create" | "brokers"> {
  const { topic } = options;
  async function administer<T>(act: (admin: ReturnType<Kafka["admin"]>) => Promise<T>): Promise<T> {
    const sockets = new Set<Socket>();
    const admin = kafkaOf(options, sockets).kafka.admin();
    try {
      await admin.connect();
      return await act(admin);
    } catch (error) {
      throw troubleOf(error);
    } finally {
      cut(sockets);
    }
  }
  return {
    describe: () =>
      administer(async (admin) => {
        const known = await admin.fetchTopicMetadata({ topics: [topic] }).catch((error: unknown) => {
          if (troubleOf(error).code === "UNKNOWN_TOPIC_OR_PARTITION") return undefined;
          throw error;
        });
        if (known === undefined) return undefined;
        const partitions = known.topics[0]?.partitions ?? [];
        const { resources } = await admin.describeConfigs({
          includeSynonyms: false,
          resources: [{ type: topicResource, name: topic }],
        });
        const entries = resources[0]?.configEntries ?? [];
        const ordered = partitions.toSorted((a, b) => a.partitionId - b.partitionId);
        return {
          replicas: ordered.map(({ replicas }) => replicas.length),
          config: new Map(entries.map(({ configName, configValue }) => [configName, configValue])),
        };
      }),
    create: ({ partitions, replication, config }: TopicPlan) =>
      administer(async (admin) => {
        const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
        const plan = { topic, numPartitions: partitions, replicationFactor: replication, configEntries };
        await admin.createTopics({ topics: [plan], waitForLeaders: true, timeout: options.requestMs });
      }),
    brokers: () => administer(async (admin) => (await admin.describeCluster()).brokers.length),
  };
}

function leadersOf(cluster: Cluster, topic: string): ReadonlyMap<number, readonly number[]> {
  return Map.groupBy(
    cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId),
    (partition) => leaderOf(cluster, topic, partition),
  );
}

function leaderOf(cluster: Cluster, topic: string, partition: number): number {
  const found = cluster.findTopicPartitionMetadata(topic).find(({ partitionId }) => partitionId === partition);
  if (found !== undefined && found.leader >= 0) return found.leader;
  throw new KafkaTrouble("LEADER_NOT_AVAILABLE", `partition ${partition} of ${topic} has no leader now`, true);
}

async function endsOf(cluster: Cluster, topic: string, partitions: readonly number[]) {
  const ask = async (fromBeginning: boolean) => {
    const asked = [{ topic, partitions: partitions.map((partition) => ({ partition })), fromBeginning }];
    const answers = await cluster.fetchTopicsOffset(asked);
    return new Map(answers.flatMap((answer) => answer.partitions.map((one) => [one.partition, Number(one.offset)])));
  };
  const [starts, ends] = await Promise.all([ask(true), ask(false)]);
  return new Map(
    partitions.map((partition): [number, Ends] => {
      const [start, end] = [starts.get(partition), ends.get(partition)];
      if (start !== undefined && end !== undefined) return [partition, { start, end }];
      throw new KafkaTrouble(
        "LEADER_NOT_AVAILABLE",
        `nobody knows the end of partition ${partition} of ${topic}`,
        true,
      );
    }),
  );
}
