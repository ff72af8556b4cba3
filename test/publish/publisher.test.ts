/**
 * The publisher over topics in memory: whatever fails, ends or changes hands, every step arrives, the first copies in
 * the order of the log, and what need not be sent or read again is not.
 */
import { describe, expect, it, vi } from "vitest";
import { KafkaTrouble } from "../../src/log/kafka/client.ts";
import { type MemoryStore, memoryStore, openMemoryLog } from "../../src/log/memory.ts";
import { placeOf } from "../../src/publish/position.ts";
import { adviceOn } from "../../src/publish/topics.ts";
import { fetched } from "../agents/drive.ts";
import { configure, instanceOn, live, quiet, Shelf } from "./instance.ts";
import { seenOf } from "./published.ts";
import { allOf } from "./writing.ts";

/** What subscribers see is what the log has. */
async function judge(store: MemoryStore, { events }: Shelf): Promise<void> {
  const wanted = (await allOf({ log: openMemoryLog(store) })).map(({ event }) => event);
  expect(wanted.length).toBeGreaterThan(20);
  expect(seenOf(events.map(({ subject, id }) => ({ subject, id })))).toEqual(seenOf(wanted));
}

const tipsOf = ({ shards }: MemoryStore): readonly number[] => shards.map((records) => records.length);
const copiesIn = ({ events }: Shelf): number => events.length - new Set(events.map(({ id }) => id)).size;

/** An instance that has published two lives. */
async function published() {
  const [store, shelf] = [memoryStore(4), new Shelf()];
  const one = await instanceOn(openMemoryLog(store), shelf);
  one.publisher.start();
  await configure(one);
  await live(one, [1, 2]);
  await quiet(one);
  return { store, shelf, one };
}

describe("a publisher", () => {
  it("sends every step once, and notes how far it came in the shards that had any", async () => {
    const [store, shelf] = [memoryStore(4), new Shelf()];
    const one = await instanceOn(openMemoryLog(store), shelf);
    one.publisher.start();
    await configure(one);
    await live(one, [1, 2, 3]);
    await quiet(one);
    await judge(store, shelf);
    expect(copiesIn(shelf)).toBe(0);
    expect([...one.world.published.keys()].toSorted()).toEqual([1, 2]);
    const tips = tipsOf(store);
    await one.publisher.finish();
    expect([tipsOf(store), one.said]).toEqual([tips, []]);
  });

  it("sends the rest at its end, and starts again without sending, writing or reading anything", async () => {
    const [store, shelf] = [memoryStore(4), new Shelf()];
    const one = await instanceOn(openMemoryLog(store), shelf, { noteMs: 60_000 });
    one.publisher.start();
    await configure(one);
    await live(one, [1, 2]);
    await one.publisher.finish();
    expect([1, 2].map((shard) => one.world.isUnpublished(shard))).toEqual([false, false]);
    await judge(store, shelf);
    one.journal.detach();

    const sent = shelf.events.length;
    const two = await instanceOn(openMemoryLog(store), shelf);
    const tips = tipsOf(store);
    two.publisher.start();
    await vi.waitFor(() => expect(shelf.opened).toBe(2));
    await two.publisher.finish();
    expect([shelf.events.length, tipsOf(store), two.readings(), two.said]).toEqual([sent, tips, 0, []]);
  });

  it("goes on after a crash where the notes stand, or at the beginning", async () => {
    const [store, shelf] = [memoryStore(4), new Shelf()];
    const begun = await instanceOn(openMemoryLog(store), shelf);
    await configure(begun);
    await live(begun, [1, 2], "running");
    begun.journal.detach();
    const copies: number[] = [];
    const read: boolean[] = [];
    for (const [round, noteMs] of [60_000, 1, 60_000, 1].entries()) {
      const one = await instanceOn(openMemoryLog(store), shelf, { noteMs });
      one.publisher.start();
      const before = shelf.events.length;
      await live(one, [11 + 2 * round, 12 + 2 * round]);
      if (noteMs === 1) await quiet(one);
      else await vi.waitFor(() => expect(shelf.events.length).toBeGreaterThan(before + 40), { interval: 1 });
      read.push(one.readings() > 0);
      one.journal.detach();
      await one.publisher.close();
      copies.push(copiesIn(shelf));
    }
    await judge(store, shelf);
    // Read and sent again is what was not noted: all of it by the second, nothing by the third.
    const [first, second, third, fourth] = copies;
    expect(read).toEqual([true, true, false, true]);
    expect([first, third]).toEqual([0, second]);
    expect(second).toBeGreaterThan(40);
    expect(fourth).toBeGreaterThan(third ?? 0);
  });

  it("sends everything to other topics than its notes speak of, also if it crashes in the middle", async () => {
    const [store, old, made] = [memoryStore(4), new Shelf(), new Shelf()];
    const first = await instanceOn(openMemoryLog(store), old);
    first.publisher.start();
    await configure(first);
    await live(first, [1, 2, 3]);
    await quiet(first);
    await first.publisher.finish();
    first.journal.detach();

    const second = await instanceOn(openMemoryLog(store), made, { noteMs: 60_000 });
    made.failAfter = 30;
    second.publisher.start();
    await vi.waitFor(() => expect(second.said).toHaveLength(2));
    second.journal.detach();
    await second.publisher.close();
    expect(second.said).toEqual([
      "the public topics have nothing of shards 1, 2: every step of them is sent again",
      expect.stringMatching(/the broker went away$/),
    ]);

    made.failAfter = Number.POSITIVE_INFINITY;
    const third = await instanceOn(openMemoryLog(store), made);
    third.publisher.start();
    await quiet(third);
    await third.publisher.finish();
    await judge(store, made);
  });

  it("sends everything again where topics are made anew while it runs", async () => {
    const { store, shelf, one } = await published();
    shelf.failAfter = 0;
    shelf.events.length = 0;
    await one.decide(1, [fetched(3, { queue: "A" })]);
    await vi.waitFor(() => expect(one.said).toHaveLength(1));
    shelf.failAfter = Number.POSITIVE_INFINITY;
    await vi.waitFor(() => expect(one.said).toContain("the public topics are written again"), { timeout: 5000 });
    await quiet(one);
    await one.publisher.finish();
    await judge(store, shelf);
  });

  it("sends again what failed where nothing more happens", async () => {
    const { store, shelf, one } = await published();
    const send = vi.spyOn(shelf, "send");
    shelf.isMute = true;
    await one.decide(1, [fetched(3, { queue: "A" })]);
    await vi.waitFor(() => expect(send).toHaveBeenCalledOnce());
    shelf.isMute = false;
    shelf.close(); // what is under way fails
    await quiet(one);
    await judge(store, shelf);
    await one.publisher.finish();
    expect(one.said.length).toBe(2);
  });

  it("says once that topics fail, sends again what may not be there, and says once that they work", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const [store, shelf] = [memoryStore(4), new Shelf()];
      const one = await instanceOn(openMemoryLog(store), shelf);
      one.publisher.start();
      await configure(one);
      shelf.failAfter = 17;
      await live(one, [1, 2]);
      for (let round = 0; round < 3; round += 1) {
        shelf.failAfter = 5;
        await vi.advanceTimersByTimeAsync(10_000);
      }
      await live(one, [3, 4]);
      shelf.failAfter = Number.POSITIVE_INFINITY;
      await vi.advanceTimersByTimeAsync(60_000);
      await one.publisher.finish();
      expect(one.said).toEqual([
        "the public topics are not written, trying again: the broker went away",
        "the public topics are written again",
      ]);
      await judge(store, shelf);
      expect(copiesIn(shelf)).toBeGreaterThan(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("does not hold up the end of a daemon where the topics do not answer", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const [store, shelf] = [memoryStore(4), new Shelf()];
      const one = await instanceOn(openMemoryLog(store), shelf);
      one.publisher.start();
      await configure(one);
      shelf.isMute = true;
      await live(one, [1, 2]);
      const finished = one.publisher.finish();
      await vi.advanceTimersByTimeAsync(6_000);
      await finished;
      expect(shelf.events).toEqual([]);
      expect(one.world.published.size).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it("hands shards over: the next one sends what the last had not noted, and no step is left out", async () => {
    const [store, shelf] = [memoryStore(4), new Shelf()];
    const a = await instanceOn(openMemoryLog(store), shelf);
    const b = await instanceOn(openMemoryLog(store), shelf, { claim: [], noteMs: 60_000 });
    a.publisher.start();
    b.publisher.start();
    await configure(a);
    await live(a, [1, 2], "submitted");
    await b.journal.claim(1);
    await Promise.all([live(b, [3, 5]), live(a, [4, 6])]);
    await a.journal.claim(1);
    await live(a, [7, 9], "running");
    await b.journal.claim(1);
    await live(b, [11]);
    await b.publisher.finish();
    await a.publisher.finish();
    await judge(store, shelf);
    expect([a.said, b.said]).toEqual([[], []]);
    a.journal.detach();
    b.journal.detach();
  });

  it("sends what a shard has that it wins, although nothing more happens there", async () => {
    const [store, shelf] = [memoryStore(4), new Shelf()];
    const a = await instanceOn(openMemoryLog(store), shelf);
    const b = await instanceOn(openMemoryLog(store), shelf, { claim: [] });
    b.publisher.start();
    await configure(a);
    await live(a, [1, 2]);
    a.journal.detach();
    await b.journal.claim(1);
    await quiet(b);
    expect(shelf.events.length).toBeGreaterThan(20);
    expect(shelf.events.every(({ id }) => placeOf(id).shard === 1)).toBe(true);
    await b.journal.claim(2);
    await quiet(b);
    await judge(store, shelf);
    expect(b.readings()).toBe(0); // its feed has them
    await b.publisher.finish();
    b.journal.detach();
  });
});

it("says what an operator does about topics", () => {
  const advice = (code: string) => adviceOn(new KafkaTrouble(code, "not so", false));
  expect(advice("TOPIC_AUTHORIZATION_FAILED")).toMatch(/^not so \(TOPIC_AUTH.*The user needs .*publishTopics = False/);
  expect(advice("MESSAGE_TOO_LARGE")).toMatch(/max\.message\.bytes=2097152/);
  expect(advice("ECONNREFUSED")).toBe("not so (ECONNREFUSED)");
  expect(adviceOn(new Error("boom"))).toBe("boom");
});
