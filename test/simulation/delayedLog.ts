/**
 * A log in memory that takes its time, as a disk does: what is appended becomes durable a few milliseconds later, in
 * groups, and is read back then. A crash loses what is not durable yet. It must keep to the contract of every log.
 */
import type { Log } from "../../src/log/log.ts";
import { type MemoryStore, openMemoryLog } from "../../src/log/memory.ts";
import type { StoredRecord } from "../../src/log/record.ts";

export interface CrashableLog extends Log {
  /** From now on nothing becomes durable and nothing is read back; `durable` of what waits still gets there. */
  crash(durable: number): Promise<void>;
}

interface Waiting {
  readonly shard: number;
  readonly record: StoredRecord;
  readonly done: () => void;
}

/** Opens a log on the store whose commits take as long as `delayMs` says. */
export function openDelayedLog(store: MemoryStore, delayMs: () => number): CrashableLog {
  const inner = openMemoryLog(store);
  const waiting: Waiting[] = [];
  const detachments: (() => void)[] = [];
  let dead = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function commit(): Promise<void> {
    timer = undefined;
    const group = waiting.splice(0);
    // All of a group is durable before any of it is read back.
    await Promise.all(group.map(({ shard, record }) => inner.append(shard, record)));
    for (const { done } of group) done();
  }

  return {
    shards: inner.shards,
    tip: (shard) => inner.tip(shard),
    read: (shard, from) => inner.read(shard, from),
    append(shard, record) {
      return new Promise((resolve) => {
        if (dead) return;
        waiting.push({ shard, record, done: resolve });
        timer ??= setTimeout(() => void commit(), delayMs());
      });
    },
    follow(deliver) {
      const detach = inner.follow((shard, offset, record) => {
        if (!dead) deliver(shard, offset, record);
      });
      detachments.push(detach);
      return detach;
    },
    close: () => inner.close(),
    async crash(durable) {
      dead = true;
      clearTimeout(timer);
      for (const { shard, record } of waiting.splice(0).slice(0, durable)) await inner.append(shard, record);
      for (const detach of detachments) detach();
    },
  };
}
