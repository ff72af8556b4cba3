/**
 * Who leads which partition, as the brokers last said, and where partitions end. It must never name a leader where
 * there is none.
 */
import { type Ends, KafkaTrouble } from "./client.ts";

/** What the client library knows of a cluster. */
interface Cluster {
  findTopicPartitionMetadata(topic: string): readonly { readonly partitionId: number; readonly leader: number }[];
  fetchTopicsOffset(
    topics: { topic: string; partitions: { partition: number }[]; fromBeginning: boolean }[],
  ): Promise<{ partitions: { partition: number; offset: string }[] }[]>;
}

/** Partitions by leader; one that has none now is left out. */
export function leadersOf(cluster: Cluster, topic: string): ReadonlyMap<number, readonly number[]> {
  const led = cluster.findTopicPartitionMetadata(topic).filter(({ leader }) => leader >= 0);
  const byLeader = Map.groupBy(led, ({ leader }) => leader);
  return new Map([...byLeader].map(([leader, of]) => [leader, of.map(({ partitionId }) => partitionId)]));
}

/** @throws KafkaTrouble where it has none now */
export function leaderOf(cluster: Cluster, topic: string, partition: number): number {
  const found = cluster.findTopicPartitionMetadata(topic).find(({ partitionId }) => partitionId === partition);
  if (found !== undefined && found.leader >= 0) return found.leader;
  throw new KafkaTrouble("LEADER_NOT_AVAILABLE", `partition ${partition} of ${topic} has no leader now`, true);
}

/** Both ends of each partition. @throws KafkaTrouble where its leader does not say */
export async function endsOf(cluster: Cluster, topic: string, partitions: readonly number[]) {
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
