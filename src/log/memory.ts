/**
 * The log in memory: for tests, simulation and the demo. It keeps to the same contract as the durable ones (delivery
 * comes after the call has returned, in order), but nothing outlives its store. Stored bytes are shared: nobody may
 * change them.
 */
import { LogFault, LogRefused } from "./faults.ts";
import type { Deliver, Log } from "./log.ts";
import { maxRecordBytes, type StoredRecord } from "./record.ts";

/** What outlives a closed memory log: the records of each shard, and who follows them. */
export interface MemoryStore {
  readonly shards: readonly StoredRecord[][];
  readonly followers: Set<Deliver>;
}

/** An empty store. Several logs may be opened on it, as several instances on one broker. */
export function memoryStore(shards = 32): MemoryStore {
  return { shards: Array.from({ length: shards }, () => []), followers: new Set() };
}

const batchRecords = 1000;

/** Opens a log on the store. */
export function openMemoryLog(store: MemoryStore): Log {
  const own = new Set<Deliver>();
  let open = true;

  function shardOf(shard: number): StoredRecord[] {
    if (!open) throw new LogFault("closed", "the log in memory is closed");
    const records = store.shards[shard];
    if (records === undefined) throw new LogRefused("shards", `no shard ${shard}: the log has ${store.shards.length}`);
    return records;
  }

  return {
    shards: store.shards.length,
    tip: async (shard) => shardOf(shard).length,
    async *read(shard, fromOffset = 0) {
      const records = shardOf(shard);
      const until = records.length;
      for (let from = fromOffset; from < until; from += batchRecords) {
        yield records.slice(from, Math.min(from + batchRecords, until));
      }
    },
    async append(shard, record) {
      const records = shardOf(shard);
      if (record.bytes.length > maxRecordBytes)
        throw new LogRefused("tooLarge", `a record of ${record.bytes.length} bytes`);
      const offset = records.push(record) - 1;
      await undefined; // no log delivers before its append call has returned
      for (const deliver of store.followers) deliver(shard, offset, record);
    },
    follow(deliver) {
      own.add(deliver);
      store.followers.add(deliver);
      return () => {
        own.delete(deliver);
        store.followers.delete(deliver);
      };
    },
    async close() {
      open = false;
      for (const deliver of own) store.followers.delete(deliver);
    },
  };
}
