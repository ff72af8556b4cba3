/**
 * Types of the two inner modules of kafkajs 2.2.4 that src/log/kafka.ts uses. The library's public consumer reads
 * through a group only; its cluster and broker classes fetch by offset, which is all that a log needs. The version is
 * pinned exactly, so these never move.
 */

declare module "kafkajs/src/cluster/index.js" {
  interface PartitionMetadata {
    readonly partitionId: number;
    readonly leader: number;
    readonly replicas: readonly number[];
  }

  interface FetchedMessage {
    readonly offset: string;
    readonly value: Buffer | null;
    readonly headers: Readonly<Record<string, Buffer | readonly Buffer[]>>;
    readonly isControlRecord?: boolean;
  }

  interface Broker {
    fetch(request: {
      isolationLevel: number;
      maxWaitTime: number;
      minBytes: number;
      maxBytes: number;
      topics: {
        topic: string;
        partitions: { partition: number; fetchOffset: string; maxBytes: number }[];
      }[];
    }): Promise<{ responses: { partitions: { partition: number; messages: FetchedMessage[] }[] }[] }>;
    produce(request: {
      acks: number;
      timeout: number;
      topicData: {
        topic: string;
        partitions: {
          partition: number;
          firstSequence: number;
          messages: readonly {
            readonly key: Buffer | null;
            readonly value: Buffer;
            readonly headers: Readonly<Record<string, Buffer>>;
          }[];
        }[];
      }[];
    }): Promise<{ topics: { partitions: { partition: number; baseOffset: string }[] }[] }>;
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
