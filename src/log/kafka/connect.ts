/**
 * Kafka through kafkajs 2.2.4, which only this file, fetch.ts and produce.ts import. The library is used as little as
 * can be: its connections and its requests, and none of its producer, consumer, groups, transactions or retries, which
 * lose records silently or come to dead ends (reliability 1.2). After a failure the connections are thrown away rather
 * than mended. It must never send a batch twice by itself, nor answer from what it merely remembers.
 */
/// <reference path="./kafkajs.d.ts" />
import { connect as connectPlain, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { type ISocketFactory, Kafka, type KafkaConfig, type SASLOptions } from "kafkajs";
import Cluster from "kafkajs/src/cluster/index.js";
import RequestQueue from "kafkajs/src/network/requestQueue/index.js";
import {
  type KafkaClient,
  type KafkaRemover,
  KafkaTrouble,
  type KafkaWriter,
  type Position,
  type TopicPlan,
} from "./client.ts";
import { fetchFrom } from "./fetch.ts";
import { endsOf, leaderOf, leadersOf } from "./leaders.ts";
import { messageOf } from "./message.ts";
import { type Acknowledge, type Producing, produceTo } from "./produce.ts";
import { sayingRights } from "./rights.ts";
import type { KafkaSecurity, Sasl } from "./settings.ts";
import { noToken, tokenOf } from "./token.ts";
import { isAnswer, troubleOf } from "./trouble.ts";

/** Plain data: a thread is given it. */
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

/** Connections to brokers, made at the first use and again after a failure. */
class Line {
  readonly #options: KafkaOptions;
  #joined: Joined | undefined;
  #closed = false;

  constructor(options: KafkaOptions) {
    this.#options = options;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** @throws KafkaTrouble */
  async use<T>(act: (cluster: Cluster) => Promise<T>): Promise<T> {
    if (this.#closed) throw closed();
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
      if (isAnswer(error) || error instanceof KafkaTrouble) joined.stale = true;
      else this.#drop(joined);
      throw trouble;
    }
  }

  /** Asks anew who leads what before anything else. */
  doubt(): void {
    if (this.#joined !== undefined) this.#joined.stale = true;
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
      brokers: inTurn(brokers),
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

/** Another broker first each time: one that takes connections and never answers must not be asked for ever. */
function inTurn(brokers: readonly string[]): string[] {
  joins += 1;
  const first = joins % brokers.length;
  return [...brokers.slice(first), ...brokers.slice(0, first)];
}
let joins = 0;

const closed = () => new KafkaTrouble("closed", "the connection to Kafka is closed", false);

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
  const kafka = new Kafka({ ...config, brokers: inTurn(brokers), logLevel: 0, logCreator: () => () => undefined });
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
  const { source } = sasl;
  // Asked before each authentication, so that another is given when the old one is about to end.
  return { mechanism: "oauthbearer", oauthBearerProvider: async () => ({ value: await tokenOf(source) }) };
}

/** A client for one topic. It connects at the first call. */
export function connectKafka(options: KafkaOptions): KafkaClient & KafkaWriter & KafkaRemover {
  const { topic } = options;
  const known = new Line(options);
  // To each leader its own, so that one that does not answer holds up only what it leads. A long poll holds up what
  // comes after it on its connection, so polling has connections of its own.
  const [asking, polling] = [new Map<number, Line>(), new Map<number, Line>()];

  /** Asks a leader. If it fails, another broker may lead meanwhile. */
  async function to<T>(lines: Map<number, Line>, leader: number, act: (cluster: Cluster) => Promise<T>): Promise<T> {
    if (known.isClosed) throw closed();
    const line = lines.get(leader) ?? new Line(options);
    lines.set(leader, line);
    try {
      return await line.use(act);
    } catch (error) {
      known.doubt();
      throw error;
    }
  }

  const leaderOfOne = (partition: number) => known.use(async (cluster) => leaderOf(cluster, topic, partition));

  async function fetch(cluster: Cluster, leader: number, positions: readonly Position[], waitMs: number) {
    const broker = await cluster.findBroker({ nodeId: leader });
    return fetchFrom(broker, { topic, positions, waitMs, requestMs: options.requestMs });
  }

  const produce = (leader: number, batches: Producing["batches"], acknowledge: Acknowledge) =>
    to(asking, leader, async (cluster) => {
      const broker = await cluster.findBroker({ nodeId: leader });
      await produceTo(broker, { topic, batches, requestMs: options.requestMs }, acknowledge);
    });

  return sayingRights(topic, {
    ...administration(options),
    leaders: () => {
      known.doubt();
      return known.use(async (cluster) => leadersOf(cluster, topic));
    },
    ends: (partitions) => known.use((cluster) => endsOf(cluster, topic, partitions)),
    async produce(partition, records) {
      const leader = await leaderOfOne(partition);
      let first = Number.NaN;
      await produce(leader, [[partition, records.map(messageOf)]], (_, offset) => {
        first = offset;
      });
      return first;
    },
    async write(batches, acknowledge) {
      const byLeader = await known.use(async (cluster) =>
        Map.groupBy(batches, ([partition]) => leaderOf(cluster, topic, partition)),
      );
      const ends = await Promise.allSettled(Array.from(byLeader, ([leader, of]) => produce(leader, of, acknowledge)));
      for (const end of ends) if (end.status === "rejected") throw end.reason;
    },
    poll: (leader, positions, waitMs) => to(polling, leader, (cluster) => fetch(cluster, leader, positions, waitMs)),
    async read(position) {
      const leader = await leaderOfOne(position.partition);
      const [fetched] = await to(asking, leader, (cluster) => fetch(cluster, leader, [position], 0));
      return fetched ?? { partition: position.partition, records: [], next: position.offset };
    },
    close() {
      for (const line of [known, ...asking.values(), ...polling.values()]) line.close();
    },
  });
}

/** What is done once, at the opening: each call has connections of its own and leaves none. */
function administration(options: KafkaOptions): Pick<KafkaClient, "describe" | "create" | "brokers"> & KafkaRemover {
  const { topic, brokers } = options;
  /** Asks until one answers, at most as often as there are brokers. */
  async function administer<T>(act: (admin: ReturnType<Kafka["admin"]>) => Promise<T>): Promise<T> {
    for (let left = brokers.length - 1; ; left -= 1) {
      const sockets = new Set<Socket>();
      const admin = kafkaOf(options, sockets).kafka.admin();
      try {
        await admin.connect();
        return await act(admin);
      } catch (error) {
        const trouble = troubleOf(error);
        const isSaid = isAnswer(error) || trouble.code === noToken; // another broker would say the same
        if (left === 0 || isSaid || !trouble.retriable) throw trouble;
      } finally {
        cut(sockets);
      }
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
    remove: () => administer((admin) => admin.deleteTopics({ topics: [topic], timeout: options.requestMs })),
    brokers: () => administer(async (admin) => (await admin.describeCluster()).brokers.length),
  };
}
