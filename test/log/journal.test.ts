/** What a journal does when the parts around it fail: the log, the fold, the events. */
import { expect, it } from "vitest";
import { LogFault } from "../../src/log/faults.ts";
import type { Log } from "../../src/log/log.ts";
import { memoryStore, openMemoryLog } from "../../src/log/memory.ts";
import { splitEvents } from "../../src/log/split.ts";
import { journalOn, noted, numbers, recordOf } from "./fixtures.ts";

/** A log that fails with the nth append, before or after writing. */
function failing(inner: Log, nth: number, written: boolean): Log {
  let appends = 0;
  return {
    shards: inner.shards,
    tip: (shard) => inner.tip(shard),
    read: (shard, from) => inner.read(shard, from),
    follow: (deliver) => inner.follow(deliver),
    close: () => inner.close(),
    async append(shard, record) {
      appends += 1;
      if (appends > nth) throw new LogFault("stopped", "refused after a fault");
      if (appends < nth || written) await inner.append(shard, record);
      if (appends === nth) throw new LogFault("10", "disk I/O error");
    },
  };
}

it.each([true, false])(
  "refuses everything after a failed append (written: %s), and a restart knows",
  async (written) => {
    const store = memoryStore(1);
    const lost: string[] = [];
    const log = failing(openMemoryLog(store), 3, written);
    const { journal } = await journalOn(log, { onLost: (shard, why) => lost.push(`${shard} ${why.message}`) });
    const decided = [1, 2, 3].map((n) => journal.decide({ shard: 0, cause: "c", events: [noted(n)] }));
    const outcomes = await Promise.allSettled(decided);
    // What came back from the log counts even if the answer to the append was lost.
    expect(outcomes[0]?.status).toBe("fulfilled");
    expect(outcomes[2]?.status).toBe("rejected");
    await expect(journal.decide({ shard: 0, cause: "c", events: [noted(4)] })).rejects.toThrow(LogFault);
    expect(lost.length).toBe(1);
    const again = await journalOn(openMemoryLog(store), { owner: "a:2" });
    expect(numbers(again.folded)).toEqual(written ? [1, 2] : [1]);
  },
);

it("stops at a fold that throws: the decision is refused with the bug, and nothing more is decided", async () => {
  const fold = (record: { readonly cause: string }) => {
    if (record.cause === "bad") throw new Error("a bug in the fold");
  };
  const { journal } = await journalOn(openMemoryLog(memoryStore(1)), { fold });
  await journal.decide({ shard: 0, cause: "good", events: [] });
  await expect(journal.decide({ shard: 0, cause: "bad", events: [] })).rejects.toThrow("a bug in the fold");
  await expect(journal.decide({ shard: 0, cause: "good", events: [] })).rejects.toThrow("a bug in the fold");
});

it("finds events that JSON would change, where it is asked to", async () => {
  const { journal } = await journalOn(openMemoryLog(memoryStore(1)));
  const odd = { type: "noted", n: Number.NaN } as const;
  expect(() => journal.decide({ shard: 0, cause: "c", events: [odd] })).toThrow(/not what their JSON reads as/);
});

it("splits at event boundaries so that every part fits, and loses nothing", () => {
  const record = recordOf({ seq: 1, prev: "0".repeat(64), cause: "poll" });
  const events = Array.from({ length: 300 }, (_, n) => ({ ...noted(n), text: "é".repeat((n * 37) % 400) }));
  const groups = splitEvents(record, events, 4096);
  expect(groups.flat()).toEqual(events);
  expect(groups.length).toBeGreaterThan(10);
  for (const group of groups) {
    const part = { i: groups.length, n: groups.length };
    expect(Buffer.byteLength(JSON.stringify({ ...record, part, events: group }))).toBeLessThanOrEqual(4096);
  }
});
