/**
 * The stream over a log: every step once and in order, from every position exactly the rest, whichever way it is read:
 * from a stopped log, through the feed of a running engine, or over a snapshot.
 */
import { beforeAll, describe, expect, it } from "vitest";
import { freeze } from "../../src/frozen.ts";
import { openMemoryLog } from "../../src/log/memory.ts";
import type { Snapshot } from "../../src/log/snapshot.ts";
import { Feed } from "../../src/publish/feed.ts";
import { eventSchemas } from "../../src/publish/messages.ts";
import { encodePosition, placeOf, wholeRecord } from "../../src/publish/position.ts";
import type { Published, Source } from "../../src/publish/stream.ts";
import { isAfter } from "../../src/steps.ts";
import { start } from "../agents/drive.ts";
import { allOf, chapterOf, idsOf, streamOf, type Writing, write, writing } from "./writing.ts";

let whole: Writing;
let all: Published[];
/** Where the log stood in the middle, with the World of that moment. */
let middle: Snapshot;

beforeAll(async () => {
  whole = await writing();
  whole.feed.start();
  await write(whole, [1, 2, 3], "running");
  middle = { version: "v", cursors: whole.journal.cursors(), state: JSON.parse(JSON.stringify(freeze(whole.world))) };
  await write(whole, [4]);
  for (const chapter of ["wrote", "ended", "sent", "transferring", "stored", "staged", "closed"] as const)
    for (const n of [1, 2, 3]) await whole.decide(n % 2 === 1 ? 1 : 2, chapterOf(chapter, n, n % 2 === 1 ? "A" : "B"));
  all = await allOf(whole.stopped);
});

/** The sources of one log: nothing that a subscriber can see may differ. */
const sources = (): readonly (readonly [string, Source])[] => [
  ["a stopped log", whole.stopped],
  ["a running engine", whole.live],
  ["an engine that was started again", restarted()],
  ["a log with a snapshot", { ...whole.stopped, snapshot: async (against) => (against(middle) ? undefined : middle) }],
];

/** Its feed knows nothing of what was before. */
function restarted(): Source {
  const { world, journal } = whole;
  return { ...whole.stopped, feed: new Feed({ world: () => world, cursors: () => journal.cursors() }) };
}

describe("the stream of a log", () => {
  it("has every step of jobs, file groups and workers once, and the log expected each of them", () => {
    expect(whole.world.anomalies).toEqual([]);
    const wanted = whole.transitions.filter(({ kind }) => kind === "job" || kind === "fileGroup" || kind === "worker");
    expect(wanted.length).toBeGreaterThan(100);
    expect(idsOf(all).toSorted()).toEqual(wanted.map(({ position }) => position).toSorted());
  });

  it("is in the order of each shard, and of time across shards", () => {
    const last = new Map<number, string>();
    let time = "";
    for (const { event } of all) {
      const { shard, point } = placeOf(event.id);
      const before = last.get(shard);
      if (before !== undefined) expect(isAfter(point, placeOf(before).point)).toBe(true);
      last.set(shard, event.id);
      expect(event.time >= time).toBe(true);
      time = event.time;
    }
    expect([...last.keys()].sort()).toEqual([1, 2]);
  });

  it("is what the schemas say, each step beginning where the last one of the entity ended", () => {
    const states = new Map<string, unknown>();
    for (const { event } of all) {
      expect(eventSchemas[event.data.kind].parse(event)).toEqual(event);
      expect(event.data.before).toEqual(states.get(event.subject) ?? null);
      states.set(event.subject, event.data.after);
    }
    expect(states.get("job/4")).toMatchObject({ life: "forgotten" });
    expect(states.get("job/1")).toMatchObject({ life: "done", status: "finished" });
    expect(all.find(({ event }) => event.type === "windrow.worker.submitted")?.event).toMatchObject({
      source: "/windrow/H",
      subject: "worker/1001",
      data: { queue: "A", before: { life: "submitting", status: "pending" }, after: { status: "submitted" } },
    });
    expect(all.every(({ event }) => event.data.queue === (placeOf(event.id).shard === 1 ? "A" : "B"))).toBe(true);
  });

  it("is the same from every source", async () => {
    for (const [name, source] of sources()) {
      const read = await allOf(source);
      expect([name, read.map(({ event }) => event)]).toEqual([name, all.map(({ event }) => event)]);
    }
  });

  it("goes on at every position with exactly the rest, from every source", async () => {
    for (const [name, source] of sources()) {
      for (let i = 0; i < all.length; i++) {
        const rest = await allOf(source, { from: all[i]!.position });
        // A feed gives shards in the order in which they were written; within a shard nothing may move.
        for (const shard of [1, 2]) {
          const of = (read: readonly Published[]) => idsOf(read).filter((id) => placeOf(id).shard === shard);
          expect([name, i, of(rest)]).toEqual([name, i, of(all.slice(i + 1))]);
        }
      }
    }
  });

  it("begins at an instant with what has it or a later one", async () => {
    const at = start + 60_000;
    const wanted = all.filter(({ event }) => Date.parse(event.time) >= at);
    expect(wanted.length).toBeGreaterThan(10);
    expect(wanted.length).toBeLessThan(all.length - 10);
    for (const [name, source] of sources())
      expect([name, idsOf(await allOf(source, { from: new Date(at).toISOString() }))]).toEqual([name, idsOf(wanted)]);
    expect(await allOf(whole.stopped, { from: "now" })).toEqual([]);
  });

  it("gives types and queues that are asked for; positions pass over the others", async () => {
    const filter = { types: ["worker.*", "windrow.job.fetched"], queues: ["B"] };
    const wanted = all.filter(
      ({ event: { type, data } }) => data.queue === "B" && (data.kind === "worker" || type === "windrow.job.fetched"),
    );
    for (const [name, source] of sources()) {
      const read = await allOf(source, { filter });
      expect([name, idsOf(read)]).toEqual([name, idsOf(wanted)]);
      const rest = await allOf(source, { filter, from: read[3]!.position });
      expect([name, idsOf(rest)]).toEqual([name, idsOf(wanted.slice(4))]);
      expect(await allOf(source, { from: await tipOf(source) })).toEqual([]);
    }
  });

  it("refuses a position of another log", async () => {
    for (const [, source] of sources()) {
      const ahead = encodePosition(new Map([[1, wholeRecord(10_000)]]));
      await expect(allOf(source, { from: ahead })).rejects.toThrow(/behind record 10000 of shard 1.*another log/);
      const wide = encodePosition(new Map([[9, wholeRecord(1)]]));
      await expect(allOf(source, { from: wide })).rejects.toThrow(/has 4 shards/);
    }
  });
});

async function tipOf(source: Source): Promise<string> {
  const stream = streamOf(source, { filter: { types: ["none"] } });
  for await (const { event } of stream) throw new Error(event.id);
  return stream.position!;
}

describe("a stream that follows", () => {
  it.each(["stopped", "live"] as const)("gives what comes, until it is aborted (%s)", async (which) => {
    const log = await writing();
    await write(log, [1], "made");
    const stop = new AbortController();
    const read: Published[] = [];
    const reading = (async () => {
      for await (const one of streamOf(log[which], { follow: true, signal: stop.signal })) {
        read.push(one);
        if (one.event.type === "windrow.job.forgotten") stop.abort();
      }
    })();
    for (const chapter of ["fed", "submitting", "submitted", "running", "wrote", "ended", "sent"] as const)
      await log.decide(1, chapterOf(chapter, 1, "A"));
    for (const chapter of ["transferring", "stored", "staged", "closed", "workerClosed", "swept", "forgotten"] as const)
      await log.decide(1, chapterOf(chapter, 1, "A"));
    await reading;
    const expected = await allOf(log.stopped);
    const cut = expected.findIndex(({ event }) => event.type === "windrow.job.forgotten");
    expect(read.map(({ event }) => event)).toEqual(expected.slice(0, cut + 1).map(({ event }) => event));
    expect(log.feed.readers).toBe(0);
    expect(log.store.followers.size).toBe(1); // the journal's own
  });

  it("halts at a record that is damaged, and names the place", async () => {
    const log = await writing();
    await write(log, [1], "made");
    const at = log.store.shards[1]!.length - 1;
    const damaged = { ...log.store, shards: log.store.shards.map((records) => [...records]) };
    damaged.shards[1]![at] = { ...damaged.shards[1]![at]!, bytes: Buffer.from("{}") };
    await expect(allOf({ log: openMemoryLog(damaged) })).rejects.toThrow(
      new RegExp(`shard 1 cannot be read beyond offset ${at}: .*wrong hash`),
    );
  });
});
