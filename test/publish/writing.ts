/**
 * A log in memory with whole lives of jobs in several shards, written as the engine writes: folded as it is read back,
 * with a feed beside it. Tests read the stream of it.
 */
import { parseEvents, type WindrowEvent } from "../../events/events.ts";
import { type Journal, openJournal } from "../../src/log/journal.ts";
import type { Log } from "../../src/log/log.ts";
import { type MemoryStore, memoryStore, openMemoryLog } from "../../src/log/memory.ts";
import { fold, type Transition } from "../../src/projection.ts";
import { Feed, type RingSize } from "../../src/publish/feed.ts";
import { readFrom } from "../../src/publish/from.ts";
import { EventStream, type Published, type Source, type StreamOptions } from "../../src/publish/stream.ts";
import { World } from "../../src/world.ts";
import { configured, start } from "../agents/drive.ts";
import { type Chapter, chapters, story } from "../projection/story.ts";

/** A chapter of the story as job `n` with worker `n + 1000` lives it in queue `queue`. */
export function chapterOf(chapter: Chapter, n: number, queue: string): readonly WindrowEvent[] {
  const swap = (value: unknown, name = ""): unknown => {
    if (Array.isArray(value)) return value.map((item) => swap(item, name));
    if (typeof value === "object" && value !== null)
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, swap(item, key)]));
    if (/^(PandaIDs?|pandaIDs)$/.test(name)) return n;
    if (/^(workerIDs?)$/.test(name)) return n + 1000;
    if (name === "queue") return queue;
    if (name === "group") return String(value).replace(/^1\//, `${n}/`);
    return name === "key" && value === "s" ? `s${n}` : value;
  };
  return parseEvents((story[chapter] as readonly WindrowEvent[]).map((event) => swap(event)));
}

export interface Writing {
  readonly log: Log;
  readonly journal: Journal<WindrowEvent>;
  readonly world: World;
  readonly feed: Feed;
  /** The log alone, as after a stop. */
  readonly stopped: Source;
  /** Log and feed, as in a daemon. */
  readonly live: Source;
  /** Every transition since the beginning. */
  readonly transitions: readonly Transition[];
  /** One decision in the shard. The clock goes on by a second with each. */
  decide(shard: number, events: readonly WindrowEvent[]): Promise<void>;
}

/** An empty log in memory, and its store. */
export async function writing(size?: RingSize): Promise<Writing & { readonly store: MemoryStore }> {
  const store = memoryStore(4);
  return { store, ...(await writingTo(openMemoryLog(store), size)) };
}

/** Begins an empty log with four shards; queues A and B are in shards 1 and 2. */
export async function writingTo(log: Log, size?: RingSize): Promise<Writing> {
  const world = new World();
  const transitions: Transition[] = [];
  let now = start;
  const feed: Feed = new Feed({ world: () => world, cursors: () => journal.cursors() }, size);
  const journal: Journal<WindrowEvent> = await openJournal<WindrowEvent>({
    log,
    owner: "w:1",
    now: () => now,
    parseEvents,
    fold: (record) =>
      fold(world, record, (transition) => {
        transitions.push(transition);
        feed.push(transition);
      }),
  });
  const decide = async (shard: number, events: readonly WindrowEvent[]): Promise<void> => {
    now += 1000;
    await journal.decide({ shard, cause: "test", events });
  };
  await decide(
    0,
    configured({ A: {}, B: {} }).filter(({ type }) => type.startsWith("instance.")),
  );
  await decide(1, configured({ A: {} }).slice(-1));
  await decide(2, configured({ B: {} }).slice(-1));
  return { log, journal, world, feed, stopped: { log }, live: { log, feed }, transitions, decide };
}

/** Chapters of many jobs, odd ones in A and even ones in B, interleaved: all begin one after the other and go on so. */
export async function write({ decide }: Writing, jobs: readonly number[], until: Chapter = "forgotten"): Promise<void> {
  for (const chapter of chapters.slice(0, chapters.indexOf(until) + 1)) {
    for (const n of jobs) await decide(n % 2 === 1 ? 1 : 2, chapterOf(chapter, n, n % 2 === 1 ? "A" : "B"));
  }
}

export type Reading = Partial<Omit<StreamOptions, "from">> & { readonly from?: string };

export const streamOf = (source: Source, { from = "start", ...options }: Reading = {}): EventStream =>
  new EventStream(source, { from: readFrom(from), follow: false, signal: new AbortController().signal, ...options });

/** All that a stream gives. */
export async function allOf(source: Source, reading: Reading = {}): Promise<Published[]> {
  return Array.fromAsync(streamOf(source, reading));
}

export const idsOf = (published: readonly Published[]): string[] => published.map(({ event }) => event.id);
