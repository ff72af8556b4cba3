/**
 * Types of the inner modules of kafkajs 2.2.4 that src/log/kafka/connect.ts, fetch.ts and produce.ts use. The
 * library's public consumer reads through a group only; its cluster and broker classes fetch by offset, which is all
 * that a log needs. The version is pinned exactly, so these never move.
 */

declare module "kafkajs/src/cluster/index.js" {
  interface PartitionMetadata {
    readonly partitionId: number;
    readonly leader: number;
    readonly replicas: readonly number[];
  }

  export interface Broker {
    readonly connectionPool: {
      send<T>(protocol: {
        request: unknown;
        response: { decode(bytes: Buffer): Promise<T>; parse(answer: T): Promise<T> };
        requestTimeout: number;
      }): Promise<T>;
    };
  }

  export default class Cluster {
    constructor(options: Record<string, unknown>);
    connect(): Promise<void>;
    disconnect(): Promise<void>;
    addTargetTopic(topic: string): Promise<void>;
    refreshMetadata(): Promise<void>;
    findBroker(node: { nodeId: number }): Promise<Broker>;
    getNodeIds(): readonly string[];
    findTopicPartitionMetadata(topic: string): readonly PartitionMetadata[];
    fetchTopicsOffset(
      topics: { topic: string; partitions: { partition: number }[]; fromBeginning: boolean }[],
    ): Promise<{ partitions: { partition: number; offset: string }[] }[]>;
  }
}

declare module "kafkajs/src/network/requestQueue/index.js" {
  export default class RequestQueue {
    readonly pending: readonly unknown[];
    readonly throttledUntil: number;
    scheduleCheckPendingRequests(): void;
  }
}

declare module "kafkajs/src/protocol/decoder.js" {
  export default class Decoder {
    readonly buffer: Buffer;
    readonly offset: number;
    constructor(buffer: Buffer);
    readInt16(): number;
    readInt32(): number;
    readString(): string | null;
    readArray<T>(reader: () => T): T[];
    forward(bytes: number): void;
  }
}

declare module "kafkajs/src/protocol/encoder.js" {
  export default class Encoder {
    readonly buffer: Buffer;
    /** Room for so many bytes at first. */
    constructor(initialSize?: number);
    writeInt16(value: number): this;
    writeInt32(value: number): this;
    writeString(value: string | null): this;
    /** With their length before them. */
    writeBytes(value: Buffer): this;
  }
}

declare module "kafkajs/src/protocol/requests/produce/index.js" {
  interface Question {
    acks: number;
    timeout: number;
    topicData: readonly unknown[];
  }
  interface Answer {
    readonly topics: readonly {
      readonly partitions: readonly { partition: number; errorCode: number; baseOffset: string }[];
    }[];
  }
  interface Definition {
    protocol(of: { version: number }): (question: Question) => {
      readonly request: object;
      /** `parse` gives the answer back, or throws the first error in it. */
      readonly response: { decode(bytes: Buffer): Promise<Answer>; parse(answer: Answer): Promise<Answer> };
    };
  }
  const definition: Definition;
  export default definition;
}

declare module "kafkajs/src/protocol/requests/fetch/index.js" {
  interface Question {
    isolationLevel: number;
    maxWaitTime: number;
    minBytes: number;
    maxBytes: number;
    topics: {
      topic: string;
      partitions: readonly { partition: number; fetchOffset: string; maxBytes: number }[];
    }[];
  }
  interface Definition {
    protocol(of: { version: number }): (question: Question) => {
      readonly request: unknown;
      /** Gives the answer back, or throws the first error in it. */
      readonly response: { parse<T>(answer: T): Promise<T> };
    };
  }
  const definition: Definition;
  export default definition;
}

declare module "kafkajs/src/protocol/requests/fetch/v4/decodeMessages.js" {
  interface FetchedMessage {
    readonly offset: string;
    readonly value: Buffer | null;
    readonly headers: Readonly<Record<string, Buffer | readonly Buffer[]>>;
    readonly isControlRecord?: boolean;
  }

  export default function decodeMessages(decoder: { readonly buffer: Buffer }): Promise<FetchedMessage[]>;
}

declare module "kafkajs/src/protocol/recordBatch/v0/index.js" {
  interface Encoded {
    readonly buffer: Buffer;
  }
  export function RecordBatch(batch: {
    firstOffset?: number;
    firstTimestamp?: number;
    maxTimestamp?: number;
    lastOffsetDelta: number;
    records: readonly unknown[];
    compression?: number;
  }): Promise<Encoded>;
}

declare module "kafkajs/src/protocol/recordBatch/record/v0/index.js" {
  export default function encodeRecord(record: Readonly<Record<string, unknown>>): unknown;
}

declare module "kafkajs/src/protocol/recordBatch/crc32C/index.js" {
  export default function crc32C(bytes: Buffer): number;
}
