/** The part of the log's suite about starts from a snapshot: what it holds is not folded again, whatever is read. */
import { expect, it } from "vitest";
import type { Log } from "../../src/log/log.ts";
import { journalOn, noted, numbers } from "./fixtures.ts";
import type { Reopen } from "./suite.ts";

export function restoreCases(log: () => Log, reopen: Reopen): void {
  it("does not fold again what a snapshot holds, but verifies it", async () => {
    const first = await journalOn(log());
    for (const n of [1, 2, 3]) await first.journal.decide({ shard: 0, cause: "c", events: [noted(n)] });
    const restoredFrom = first.journal.cursors();
    await first.journal.decide({ shard: 0, cause: "c", events: [noted(4)] });
    first.journal.detach();
    await reopen();
    const second = await journalOn(log(), { owner: "a:2", restoredFrom });
    expect(numbers(second.folded)).toEqual([4]);
    second.journal.detach();
    await reopen();
    const wrong = { 0: { seq: 3, hash: "0".repeat(64), term: 1 } };
    await expect(journalOn(log(), { restoredFrom: wrong })).rejects.toThrow(/snapshot stands at seq 3 of shard 0/);
    const ahead = { 3: { seq: 30, hash: "0".repeat(64), term: 1 } };
    await expect(journalOn(log(), { restoredFrom: ahead })).rejects.toThrow(/the log ends at 2/);
  });

  it("reads only what is behind a snapshot where that is asked for, and goes on as if it had read all", async () => {
    const first = await journalOn(log());
    for (const n of [1, 2, 3]) await first.journal.decide({ shard: 0, cause: "c", events: [noted(n)] });
    const restoredFrom = first.journal.cursors();
    for (const n of [4, 5]) await first.journal.decide({ shard: 0, cause: "c", events: [noted(n)] });
    first.journal.detach();
    await reopen();
    const read: number[] = [];
    const tail: Log = {
      shards: log().shards,
      tip: (shard) => log().tip(shard),
      append: (shard, record) => log().append(shard, record),
      follow: (deliver) => log().follow(deliver),
      close: () => log().close(),
      read: (shard, from = 0) => {
        if (shard === 0) read.push(from);
        return log().read(shard, from);
      },
    };
    const second = await journalOn(tail, { owner: "a:2", restoredFrom, onlyTail: true });
    expect(read).toEqual([3]);
    expect(numbers(second.folded)).toEqual([4, 5]);
    expect(second.journal.cursor(0)).toMatchObject({ seq: 7, term: 2 });
    await second.journal.decide({ shard: 0, cause: "c", events: [noted(6)] });
    second.journal.detach();
    await reopen();
    const whole = await journalOn(log(), { owner: "a:3" });
    expect(numbers(whole.folded)).toEqual([1, 2, 3, 4, 5, 6]);
    whole.journal.detach();
    await reopen();
    const wrong = { 0: { seq: 3, hash: "0".repeat(64), term: 1 } };
    await expect(journalOn(log(), { restoredFrom: wrong, onlyTail: true })).rejects.toThrow(/snapshot stands at seq 3/);
  });
}
