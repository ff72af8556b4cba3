/**
 * What the Kafka log needs of a client library: seven calls on one topic. Correctness rests on admit.ts and on
 * shard.ts, so any library will do; src/log/kafka/connect.ts fulfils this with kafkajs, and another can replace that
 * file. A call is one attempt: nothing behind this port may repeat a produce by itself.
 */
import type { StoredRecord } from "../record.ts";

/** Where reading of a partition goes on. */
export interface Position {
  readonly partition: number;
  readonly offset: number;
}

/** What one fetch gave of a partition. Control records are left out, so offsets may skip. */
export interface Fetched {
  readonly partition: number;
  readonly records: readonly { readonly offset: number; readonly record: StoredRecord }[];
  /** Where to go on: behind the last record, or behind what was left out. */
  readonly next: number;
  /** Why nothing can be read from the offset that was asked for on, now or later. */
  readonly unreadable?: string;
}

/** Offsets of the oldest record that is kept, and of the next one to be written. */
export interface Ends {
  readonly start: number;
  readonly end: number;
}

/** A topic as the cluster has it. */
export interface TopicState {
  /** Replicas of each partition, by its number. */
  readonly replicas: readonly number[];
  readonly config: ReadonlyMap<string, string>;
}

/** How a topic is to be made. */
export interface TopicPlan {
  readonly partitions: number;
  readonly replication: number;
  readonly config: Readonly<Record<string, string>>;
}

/** A message as it is written. */
export interface Message {
  readonly key: string | null;
  readonly value: Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
}

export interface KafkaClient {
  /** The topic, or undefined where there is none. Never makes it. */
  describe(): Promise<TopicState | undefined>;
  /** Makes the topic; no trouble if somebody else just did. */
  create(plan: TopicPlan): Promise<void>;
  /** Number of brokers that the cluster has now. */
  brokers(): Promise<number>;
  /** Partitions by the broker that leads them. */
  leaders(): Promise<ReadonlyMap<number, readonly number[]>>;
  /** Both ends of each partition asked for, as its leader knows them. */
  ends(partitions: readonly number[]): Promise<ReadonlyMap<number, Ends>>;
  /** Writes a batch with acks -1. Gives the offset of its first record. A rejection says nothing about the outcome. */
  produce(partition: number, records: readonly StoredRecord[]): Promise<number>;
  /** Waits up to `waitMs` for records of partitions that this broker leads. */
  poll(leader: number, positions: readonly Position[], waitMs: number): Promise<readonly Fetched[]>;
  /** The next records of one partition, without waiting for more. */
  read(position: Position): Promise<Fetched>;
  /** Cuts every connection at once: what is under way fails. */
  close(): void;
}

/** What writes to topics that are no log. */
export interface KafkaWriter extends Pick<KafkaClient, "describe" | "create" | "brokers" | "ends" | "close"> {
  /**
   * Writes messages, by partition, with acks -1, each broker's in one request. It ends when all of these have, and
   * tells of each partition that is acknowledged. A rejection says nothing about the others.
   */
  write(batches: ReadonlyMap<number, readonly Message[]>, acknowledge: (partition: number) => void): Promise<void>;
}

/** What takes a topic away. */
export interface KafkaRemover {
  /** Deletes the topic. */
  remove(): Promise<void>;
}

/** A call to Kafka that did not succeed. */
export class KafkaTrouble extends Error {
  override readonly name = "KafkaTrouble";
  /** Kafka's name of the error (NOT_ENOUGH_REPLICAS), the system's (ECONNREFUSED), or the library's. */
  readonly code: string;
  /** Whether the same call may succeed later. */
  readonly retriable: boolean;
  constructor(code: string, message: string, retriable: boolean) {
    super(message);
    this.code = code;
    this.retriable = retriable;
  }
}
