/**
 * A log in memory that ends with a chosen record: what is appended after it is lost, as in a crash. It keeps to the
 * contract of every log until then.
 */
import { type MemoryStore, openMemoryLog } from "../../src/log/memory.ts";
import type { CrashableLog } from "../simulation/delayedLog.ts";

export interface CutLog extends CrashableLog {
  /** Records that became durable. */
  readonly records: () => number;
  /** Whether the end was reached. */
  readonly isCut: () => boolean;
}

/**
 * `heard`: the last record is read back, and what follows from it happens outside before the next one is lost; else the
 * process is gone before it knows that the record is durable.
 */
export function openCutLog(store: MemoryStore, last: number, heard: boolean): CutLog {
  const inner = openMemoryLog(store);
  const detachments: (() => void)[] = [];
  let records = 0;
  let cut = false;
  return {
    shards: inner.shards,
    tip: (shard) => inner.tip(shard),
    read: (shard, from) => inner.read(shard, from),
    append(shard, record) {
      if (cut || records >= last) {
        cut = true;
        return new Promise(() => undefined);
      }
      records += 1;
      cut = !heard && records === last;
      return inner.append(shard, record);
    },
    follow(deliver) {
      const detach = inner.follow((shard, offset, record) => {
        if (!cut) deliver(shard, offset, record);
      });
      detachments.push(detach);
      return detach;
    },
    close: () => inner.close(),
    async crash() {
      cut = true;
      for (const detach of detachments) detach();
    },
    records: () => records,
    isCut: () => cut,
  };
}
