/**
 * What every log must do, and what a journal over it must do. Each maker of a log calls this with a way to open the
 * same store again; a maker that differs names the case it skips and why.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LogHalted, LogRefused, ShardLost } from "../../src/log/faults.ts";
import type { Log } from "../../src/log/log.ts";
import { encode, maxRecordBytes } from "../../src/log/record.ts";
import { replay } from "../../src/log/replay.ts";
import { Chain, journalOn, noted, numbers, parseNoted, readAll, recordOf } from "./fixtures.ts";
import { restoreCases } from "./restoreCases.ts";

/** One store with four shards. */
export interface LogStore {
  /** Opens it; only one log is open at a time. */
  open(): Promise<Log>;
  /** Closes what is open, and removes the store. */
  dispose(): Promise<void>;
}

export function logSuite(name: string, makeLog: () => Promise<LogStore>): void {
  describe(`${name} as a log`, () => {
    let store: LogStore;
    let log: Log;
    beforeEach(async () => {
      store = await makeLog();
      log = await store.open();
    });
    afterEach(() => store.dispose());

    const reopen = async () => {
      await log.close();
      log = await store.open();
    };

    portCases(() => log, reopen);
    journalCases(() => log, reopen);
    largeCases(() => log, reopen);
    restoreCases(() => log, reopen);
    fencingCases(() => log, reopen);
    haltCases(() => log, reopen);
  });
}

/** Closes the log and opens it again. */
export type Reopen = () => Promise<void>;

function portCases(log: () => Log, reopen: Reopen): void {
  it("gives back the bytes in the order of the appends, per shard, also after reopening", async () => {
    const chain = new Chain();
    const stored = Array.from({ length: 50 }, (_, n) => chain.next({ cause: `grün ${n}`, events: [noted(n)] }));
    const other = encode(recordOf({ seq: 1, prev: chain.hash, shard: 3 }));
    await Promise.all([...stored.map((record) => log().append(0, record)), log().append(3, other)]);
    for (const round of ["open", "reopened"]) {
      if (round === "reopened") await reopen();
      expect((await readAll(log(), 0)).map(({ hash }) => hash)).toEqual(stored.map(({ hash }) => hash));
      expect((await readAll(log(), 0)).map(({ bytes }) => Buffer.from(bytes).toString())).toEqual(
        stored.map(({ bytes }) => Buffer.from(bytes).toString()),
      );
      expect((await readAll(log(), 3)).map(({ hash }) => hash)).toEqual([other.hash]);
      expect(await readAll(log(), 1)).toEqual([]);
      expect(await Promise.all([0, 1, 3].map((shard) => log().tip(shard)))).toEqual([50, 0, 1]);
    }
    expect((await readAll(log(), 0, 48)).map(({ hash }) => hash)).toEqual(stored.slice(48).map(({ hash }) => hash));
  });

  it("reads many records in batches", async () => {
    const chain = new Chain();
    const stored = Array.from({ length: 2500 }, () => chain.next());
    await Promise.all(stored.map((record) => log().append(1, record)));
    expect((await readAll(log(), 1)).map(({ hash }) => hash)).toEqual(stored.map(({ hash }) => hash));
  });

  it("delivers to followers in order, before the append resolves, until they end it", async () => {
    const chain = new Chain();
    const seen: [number, number, string][] = [];
    const end = log().follow((shard, offset, record) => seen.push([shard, offset, record.hash]));
    const [first, second, third] = [chain.next(), chain.next(), chain.next()];
    await Promise.all([log().append(2, first), log().append(2, second)]);
    expect(seen).toEqual([
      [2, 0, first.hash],
      [2, 1, second.hash],
    ]);
    end();
    await log().append(2, third);
    expect(seen.length).toBe(2);
    expect(await log().tip(2)).toBe(3);
  });

  it("refuses a record above the bound, and a shard that it does not have", async () => {
    const large = { bytes: new Uint8Array(maxRecordBytes + 1), hash: "x" };
    await expect(log().append(0, large)).rejects.toThrow(LogRefused);
    await expect(log().append(4, new Chain().next())).rejects.toThrow(/shard 4/);
    await expect(log().tip(4)).rejects.toThrow(/shard 4/);
    expect(await log().tip(0)).toBe(0);
  });

  it("refuses everything after it was closed", async () => {
    const closed = log();
    await reopen();
    await expect(closed.append(0, new Chain().next())).rejects.toThrow(/closed/);
  });
}

function journalCases(log: () => Log, reopen: Reopen): void {
  it("claims every shard, and folds decisions in the order they were made", async () => {
    const { journal, folded } = await journalOn(log());
    // A log has an order within shards only.
    const claims = new Set(folded.map(({ kind, shard, term, seq }) => `${kind} ${shard} ${term} ${seq}`));
    expect(claims).toEqual(new Set([0, 1, 2, 3].map((shard) => `claim ${shard} 1 1`)));
    const decided = Array.from({ length: 200 }, (_, n) =>
      journal.decide({ shard: n % 4, cause: `call ${n}`, events: [noted(n)], inputs: { inbox: n } }),
    );
    const records = await Promise.all(decided);
    expect(records.map(({ shard, seq, cause }) => [shard, seq, cause])).toEqual(
      records.map((_, n) => [n % 4, Math.floor(n / 4) + 2, `call ${n}`]),
    );
    expect(numbers(folded, 1)).toEqual(Array.from({ length: 50 }, (_, n) => 4 * n + 1));
    expect(records[7]?.inputs).toEqual({ inbox: 7 });
    expect(journal.counts()).toMatchObject({ records: 204, discarded: 0 });
    expect(journal.cursor(0)).toEqual({ seq: 51, hash: records[196]?.hash, term: 1 });
  });

  it("continues the chain with a higher term after a restart, and folds the same again", async () => {
    const first = await journalOn(log(), { now: () => 5000 });
    await Promise.all([1, 2, 3].map((n) => first.journal.decide({ shard: 2, cause: "c", events: [noted(n)] })));
    await first.journal.resign();
    await reopen();
    const second = await journalOn(log(), { owner: "a:2", now: () => 4000 });
    const old = second.folded.filter(({ term }) => term === 1);
    expect(old).toEqual(first.folded.toSorted((a, b) => a.shard - b.shard || a.seq - b.seq));
    const record = await second.journal.decide({ shard: 2, cause: "c", events: [noted(4)] });
    expect([record.seq, record.term, record.owner]).toEqual([7, 2, "a:2"]);
    // The clock went back between the two: time in the log does not.
    expect(record.at).toBe(5000);
    expect(numbers(second.folded, 2)).toEqual([1, 2, 3, 4]);
  });

  it("continues after an end without resignation", async () => {
    const first = await journalOn(log());
    await first.journal.decide({ shard: 0, cause: "c", events: [noted(1)] });
    first.journal.detach();
    await reopen();
    const second = await journalOn(log(), { owner: "a:2" });
    await second.journal.decide({ shard: 0, cause: "c", events: [noted(2)] });
    expect(numbers(second.folded, 0)).toEqual([1, 2]);
  });
}

function largeCases(log: () => Log, reopen: Reopen): void {
  it("writes a large decision as parts, cut between events, and reads it back so", async () => {
    const { journal, folded } = await journalOn(log());
    const text = "ü".repeat(50_000);
    const events = Array.from({ length: 12 }, (_, n) => ({ ...noted(n), text }));
    const [last, after] = await Promise.all([
      journal.decide({ shard: 1, cause: "poll", events }),
      journal.decide({ shard: 1, cause: "next", events: [noted(99)] }),
    ]);
    const parts = folded.filter(({ cause }) => cause === "poll");
    expect(parts.map(({ part }) => part)).toEqual([1, 2, 3].map((i) => ({ i, n: 3 })));
    expect(parts.flatMap((part) => part.events)).toEqual(events);
    expect(last).toBe(parts[2]);
    expect(after.seq).toBe(last.seq + 1);
    for (const { bytes } of await readAll(log(), 1)) expect(bytes.length).toBeLessThanOrEqual(maxRecordBytes);
    await reopen();
    const again: unknown[] = [];
    await replay(log(), { parseEvents: parseNoted, fold: (record) => again.push(...record.events) });
    expect(again).toEqual([...events, noted(99)]);
  });

  it("refuses a single event above the bound by name, and writes nothing", async () => {
    const { journal } = await journalOn(log());
    const events = [noted(1), { ...noted(2), text: "x".repeat(maxRecordBytes) }];
    const decided = journal.decide({ shard: 1, cause: "poll q", events });
    await expect(decided).rejects.toThrow(/event 1 \(noted\) of decision poll q/);
    await journal.decide({ shard: 1, cause: "c", events: [noted(3)] });
    expect(await log().tip(1)).toBe(2);
  });
}

function fencingCases(log: () => Log, reopen: Reopen): void {
  it("lets a higher claim take the shard: the old owner hears of it, its late records are discarded", async () => {
    const lost: string[] = [];
    const old = await journalOn(log(), {
      owner: "old:1",
      onLost: (shard, why) => lost.push(`${shard} ${why.message}`),
    });
    await old.journal.decide({ shard: 0, cause: "c", events: [noted(1)] });
    const opening = journalOn(log(), { owner: "new:1", claim: [0] });
    // The old owner reads of the claim with everybody else.
    await new Promise<void>((resolve) => {
      const end = log().follow((shard) => {
        if (shard !== 0) return;
        end();
        resolve();
      });
    });
    const young = await opening;
    await expect(old.journal.decide({ shard: 0, cause: "c", events: [noted(2)] })).rejects.toThrow(ShardLost);
    await young.journal.decide({ shard: 0, cause: "c", events: [noted(3)] });
    expect(old.journal.owns(0)).toBe(false);
    expect(lost).toEqual(["0 shard 0 is not ours: new:1 claimed it with term 2"]);
    expect(old.journal.owns(1)).toBe(true);
    expect(young.journal.owns(1)).toBe(false);
    await expect(young.journal.decide({ shard: 1, cause: "c", events: [] })).rejects.toThrow(ShardLost);
    // Both have read the same: the old owner goes on following.
    expect(numbers(old.folded, 0)).toEqual([1, 3]);
    expect(numbers(young.folded, 0)).toEqual([1, 3]);
    expect(old.journal.cursor(0)).toEqual(young.journal.cursor(0));
  });

  it("refuses what was in flight when another claim came first, and neither reader folds it", async () => {
    const old = await journalOn(log(), { owner: "old:1" });
    const { seq, hash, term } = old.journal.cursor(0);
    const claim = encode(recordOf({ kind: "claim", seq: seq + 1, prev: hash, term: term + 1, owner: "new:1" }));
    const claimed = log().append(0, claim);
    const decided = [1, 2].map((n) => old.journal.decide({ shard: 0, cause: "c", events: [noted(n)] }));
    const outcomes = await Promise.allSettled(decided);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await claimed;
    await log().append(0, encode(recordOf({ seq: seq + 2, prev: claim.hash, term: term + 1, owner: "new:1" })));
    expect(numbers(old.folded, 0)).toEqual([]);
    expect(old.journal.counts().discarded).toBe(2);
    expect(old.journal.cursor(0)).toMatchObject({ seq: seq + 2, term: term + 1 });
    // Taken again, it gets a yet higher term.
    await old.journal.claim(0);
    expect(old.journal.cursor(0)).toMatchObject({ seq: seq + 3, term: term + 2 });
    await reopen();
    const { counts } = await replay(log(), { parseEvents: parseNoted, fold: () => undefined });
    expect(counts.discarded).toBe(2);
  });

  it("drops duplicates and late appends, also at the next start", async () => {
    const first = await journalOn(log());
    for (const n of [1, 2, 3]) await first.journal.decide({ shard: 0, cause: "c", events: [noted(n)] });
    const [, doubled] = await readAll(log(), 0);
    await log().append(0, doubled!);
    await first.journal.decide({ shard: 0, cause: "c", events: [noted(4)] });
    expect(numbers(first.folded)).toEqual([1, 2, 3, 4]);
    await first.journal.resign();
    await reopen();
    const second = await journalOn(log(), { owner: "a:2" });
    await log().append(0, doubled!);
    await second.journal.decide({ shard: 0, cause: "c", events: [noted(5)] });
    expect(numbers(second.folded)).toEqual([1, 2, 3, 4, 5]);
    expect(second.journal.counts().discarded).toBe(2);
  });

  it("claims again when records overtook the claim", async () => {
    const old = await journalOn(log(), { owner: "old:1" });
    const opening = journalOn(log(), { owner: "new:1", claim: [0] });
    const racing: Promise<unknown>[] = [];
    for (let n = 0; n < 5; n += 1) {
      racing.push(old.journal.decide({ shard: 0, cause: "c", events: [noted(n)] }).catch((error: unknown) => error));
      await Promise.resolve();
    }
    const young = await opening;
    await Promise.all(racing);
    expect(young.journal.owns(0)).toBe(true);
    expect(numbers(young.folded)).toEqual(numbers(old.folded));
  });
}

function haltCases(log: () => Log, reopen: Reopen): void {
  const cases: readonly (readonly [string, (chain: Chain) => { bytes: Uint8Array; hash: string }, RegExp])[] = [
    ["a gap", (chain) => chain.peek({ seq: chain.seq + 2 }), /gap/],
    ["another history", (chain) => chain.peek({ prev: "f".repeat(64) }), /truncated or rewritten/],
    ["foreign bytes", (chain) => ({ ...chain.peek(), bytes: Buffer.from("not this") }), /wrong hash/],
    ["an unknown event", (chain) => chain.peek({ events: [{ type: "unheard" }] }), /unheard/],
    ["a term that nobody claimed", (chain) => chain.peek({ term: chain.term + 1 }), /nobody claimed/],
  ];
  it.each(cases)("halts at %s, and says where", async (_name, bad, why) => {
    const chain = new Chain();
    for (const record of [chain.claim(), chain.next({ events: [noted(1)] })]) await log().append(0, record);
    await log().append(0, bad(chain));
    await reopen();
    const opened = journalOn(log());
    await expect(opened).rejects.toThrow(LogHalted);
    await expect(opened).rejects.toThrow(why);
    await expect(opened).rejects.toThrow(/shard 0 halted at offset 2/);
  });

  it("halts only the shard of a bad record while it runs", async () => {
    const lost: Error[] = [];
    const { journal } = await journalOn(log(), { onLost: (_shard, why) => lost.push(why) });
    const { seq, hash, term } = journal.cursor(0);
    await log().append(0, encode(recordOf({ seq: seq + 5, prev: hash, term, owner: "a:1" })));
    await expect(journal.decide({ shard: 0, cause: "c", events: [] })).rejects.toThrow(/gap/);
    expect(lost[0]).toBeInstanceOf(LogHalted);
    expect((await journal.decide({ shard: 1, cause: "c", events: [] })).seq).toBe(2);
  });
}
