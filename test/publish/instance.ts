/**
 * Instances with a publisher: World, journal and feed as in a daemon, over one log, and topics in memory that fail when
 * a test says so.
 */
import { expect, vi } from "vitest";
import { parseEvents, type WindrowEvent } from "../../events/events.ts";
import { type Journal, openJournal } from "../../src/log/journal.ts";
import type { Log } from "../../src/log/log.ts";
import { fold } from "../../src/projection.ts";
import { Feed } from "../../src/publish/feed.ts";
import type { PublicEvent } from "../../src/publish/messages.ts";
import { placeOf } from "../../src/publish/position.ts";
import { Publisher } from "../../src/publish/publisher.ts";
import type { Topics } from "../../src/publish/topics.ts";
import { World } from "../../src/world.ts";
import { configured, start } from "../agents/drive.ts";
import { type Chapter, chapters } from "../projection/story.ts";
import { chapterOf } from "./writing.ts";

/**
 * Topics in memory, where `failAfter` more messages arrive before the broker goes away; where it is mute, no answer
 * comes.
 */
export class Shelf implements Topics {
  readonly events: PublicEvent[] = [];
  readonly #closed = Promise.withResolvers<never>();
  failAfter = Number.POSITIVE_INFINITY;
  isMute = false;
  opened = 0;

  async open(): Promise<void> {
    this.opened += 1;
  }

  async empty(shards: readonly number[]): Promise<readonly number[]> {
    const has = new Set(this.events.map(({ id }) => placeOf(id).shard));
    return shards.filter((shard) => !has.has(shard));
  }

  async send(events: readonly PublicEvent[]): Promise<void> {
    if (this.isMute) return this.#closed.promise;
    const some = events.slice(0, this.failAfter);
    this.failAfter -= some.length;
    this.events.push(...some);
    await Promise.resolve();
    if (some.length < events.length) throw new Error("the broker went away");
  }

  close(): void {
    this.#closed.promise.catch(() => undefined);
    this.#closed.reject(new Error("the connection is closed"));
  }
}

/** The clock of all instances of a test. */
const clock = { now: start };

export interface Instance {
  readonly world: World;
  readonly journal: Journal<WindrowEvent>;
  readonly publisher: Publisher;
  /** What the operator was told. */
  readonly said: readonly string[];
  /** How often a shard was read from the log for the publisher. */
  readonly readings: () => number;
  decide(shard: number, events: readonly WindrowEvent[]): Promise<void>;
}

/** An instance on the log that leads these shards (all, if they are not given). Its publisher is not started. */
export async function instanceOn(
  log: Log,
  topics: Topics,
  { claim, noteMs = 1 }: { readonly claim?: readonly number[]; readonly noteMs?: number } = {},
): Promise<Instance> {
  const world = new World();
  let readings = 0;
  const counted: Log = {
    ...{ shards: log.shards, tip: (shard) => log.tip(shard), close: () => log.close() },
    ...{ append: (shard, record) => log.append(shard, record), follow: (deliver) => log.follow(deliver) },
    read: (shard, from) => {
      readings += 1;
      return log.read(shard, from);
    },
  };
  clock.now += 1000;
  const feed: Feed = new Feed({ world: () => world, cursors: () => journal.cursors() });
  const journal: Journal<WindrowEvent> = await openJournal<WindrowEvent>({
    log,
    owner: `i:${clock.now}`,
    now: () => clock.now,
    parseEvents,
    ...(claim ? { claim } : {}),
    fold: (record) => fold(world, record, (transition) => feed.push(transition)),
  });
  const said: string[] = [];
  const say = (text: unknown): void => void said.push(String(text));
  const logger = { info: say, warn: say };
  const publisher = new Publisher({
    source: { log: counted, feed },
    topics,
    engine: { world, journal },
    logger,
    noteMs,
  });
  return {
    ...{ world, journal, publisher, said, readings: () => readings },
    async decide(shard, events) {
      clock.now += 1000;
      await journal.decide({ shard, cause: "test", events });
    },
  };
}

export const configure = ({ decide }: Instance): Promise<void> => decide(0, configured({ A: {}, B: {} }));

/** Jobs live, odd ones in shard 1 and even ones in shard 2. */
export async function live({ decide }: Instance, jobs: readonly number[], until: Chapter = "forgotten"): Promise<void> {
  for (const chapter of chapters.slice(0, chapters.indexOf(until) + 1))
    for (const n of jobs) await decide(n % 2 === 1 ? 1 : 2, chapterOf(chapter, n, n % 2 === 1 ? "A" : "B"));
}

/** Waits until it is noted that the topics have everything. */
export const quiet = ({ world, journal }: Instance): Promise<void> =>
  vi.waitFor(
    () => {
      const unpublished = [...world.lastSteps.keys()].filter((shard) => world.isUnpublished(shard));
      expect(unpublished.filter((shard) => journal.owns(shard))).toEqual([]);
    },
    { interval: 5, timeout: 10_000 },
  );
