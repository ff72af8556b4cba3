/**
 * The ring between engine and subscribers: bounded, never waited for by the engine, and honest to who is too slow for
 * it. And the turns of those who read the log.
 */
import { describe, expect, it } from "vitest";
import { decodePosition, placeOf } from "../../src/publish/position.ts";
import type { Published } from "../../src/publish/stream.ts";
import { Turns } from "../../src/publish/turns.ts";
import { allOf, chapterOf, idsOf, streamOf, write, writing } from "./writing.ts";

/** Takes the first `n`. */
async function take(events: AsyncIterator<Published>, n: number): Promise<Published[]> {
  const taken: Published[] = [];
  while (taken.length < n) {
    const { done, value } = await events.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}

describe("a slow reader", () => {
  it("stops nobody, is told so, and gets exactly the rest when it comes again", async () => {
    const log = await writing({ events: 40, characters: 1 << 20 });
    const signal = new AbortController().signal;
    const slow = streamOf(log.live, { from: "now", follow: true, signal });
    const events = slow[Symbol.asyncIterator]();
    const first = take(events, 5);
    await write(log, [1, 2, 3], "triggered");
    const seen = await first;
    // It does not come for more, while the engine goes on: far more than the ring holds.
    await write(log, [4, 5, 6]);
    seen.push(...(await take(events, 1_000)));
    expect(slow.behind).toBe(true);
    expect(log.feed.readers).toBe(0);
    const rest = await allOf(log.live, { from: slow.position! });
    expect([...idsOf(seen), ...idsOf(rest)].toSorted()).toEqual(idsOf(await allOf(log.stopped)).toSorted());
  });

  it("is behind also when one event fills the ring", async () => {
    const log = await writing({ events: 40, characters: 10 });
    const slow = streamOf(log.live, { from: "now", follow: true });
    const events = slow[Symbol.asyncIterator]();
    const first = take(events, 1);
    await write(log, [1], "triggered");
    const seen = [...(await first), ...(await take(events, 1_000))];
    expect(slow.behind).toBe(true);
    const rest = await allOf(log.live, { from: slow.position! });
    expect([...idsOf(seen), ...idsOf(rest)]).toEqual(idsOf(await allOf(log.stopped)));
  });
});

describe("the feed", () => {
  it("keeps nothing before somebody subscribes, and rests when nobody reads any more", async () => {
    const log = await writing({ events: 20, characters: 1 << 20 });
    await write(log, [1], "made");
    expect(log.feed.covers(log.feed.now())).toBe(false);
    const stop = new AbortController();
    const events = streamOf(log.live, { from: "now", follow: true, signal: stop.signal })[Symbol.asyncIterator]();
    const one = take(events, 1);
    expect(log.feed.readers).toBe(1);
    await log.decide(1, chapterOf("fed", 1, "A"));
    const position = (await one)[0]!.position;
    stop.abort();
    expect(await take(events, 1)).toEqual([]);
    expect(log.feed.readers).toBe(0);
    // It is kept for who comes back soon ...
    await log.decide(1, chapterOf("submitting", 1, "A"));
    expect(log.feed.covers(log.feed.now())).toBe(true);
    expect((await allOf(log.live, { from: position })).map(({ event }) => event.type)).toEqual([
      "windrow.worker.submitting",
    ]);
    // ... and given up when the ring is full.
    await write(log, [2, 3, 4]);
    expect(log.feed.covers(log.feed.now())).toBe(false);
    const rest = await allOf(log.live, { from: position });
    const all = await allOf(log.stopped);
    expect(idsOf(rest).toSorted()).toEqual(idsOf(await allOf(log.stopped, { from: position })).toSorted());
    expect(rest.length).toBeLessThan(all.length);
  });

  it("covers who has every step, although records without one have followed", async () => {
    const log = await writing();
    await write(log, [1], "made");
    const [last] = (await allOf(log.stopped)).slice(-1);
    await log.decide(1, [{ type: "instance.published", ...placeOf(last!.event.id).point }]);
    await log.decide(2, []);
    log.feed.start();
    expect(log.feed.covers(decodePosition(last!.position))).toBe(true);
    const [before] = (await allOf(log.stopped)).slice(-2);
    expect(log.feed.covers(decodePosition(before!.position))).toBe(false);
  });

  it("says the same live as read off the log later", async () => {
    const log = await writing();
    const events = streamOf(log.live, { from: "now", follow: true })[Symbol.asyncIterator]();
    const first = take(events, 1);
    await write(log, [1, 2, 3, 4]);
    const later = await allOf(log.stopped);
    const live = [...(await first), ...(await take(events, later.length - 1))];
    expect(live.map(({ event }) => JSON.stringify(event))).toEqual(later.map(({ event }) => JSON.stringify(event)));
  });
});

describe("turns", () => {
  it("let so many in, the others in their order, and none that has gone away", async () => {
    const turns = new Turns(1);
    const [a, b, c] = [new AbortController(), new AbortController(), new AbortController()];
    const order: string[] = [];
    const leave = await turns.take(a.signal);
    const second = turns.take(b.signal).then((done) => order.push(done ? "b" : "none for b") && done);
    const third = turns.take(c.signal).then((done) => order.push(done ? "c" : "none for c") && done);
    b.abort();
    expect(await second).toBeUndefined();
    leave?.();
    leave?.();
    expect(await third).toBeTypeOf("function");
    expect(order).toEqual(["none for b", "c"]);
  });
});
