/**
 * Brings the steps of the shards that this instance leads to the public topics, in their order, and notes in each shard
 * how far it came: whoever leads it next goes on there, and sends at most some again. It must never note a place before
 * everything up to it is acknowledged, never leave a step of a shard out between two that it sends, and never stop or
 * slow the engine: what goes wrong is said once and tried again.
 */
import type { Logger } from "pino";
import type { WindrowEvent } from "../../events/events.ts";
import type { InstanceConfig } from "../config/schema.ts";
import type { Journal } from "../log/journal.ts";
import type { PlacedLog } from "../log/open.ts";
import { rest } from "../log/rest.ts";
import { isAfter, type Point } from "../steps.ts";
import type { World } from "../world.ts";
import type { Feed } from "./feed.ts";
import type { PublicEvent } from "./messages.ts";
import { placeOf } from "./position.ts";
import { EventStream, type Source } from "./stream.ts";
import { adviceOn, publicTopics, type Topics } from "./topics.ts";

export interface Publishing {
  /** The log that the engine writes, with its feed. */
  readonly source: Source & { readonly feed: Feed };
  readonly topics: Topics;
  readonly engine: { readonly world: World; readonly journal: Pick<Journal<WindrowEvent>, "owns" | "decide"> };
  readonly logger: Pick<Logger, "info" | "warn">;
  /** Least time between two notes of a shard, in ms. */
  readonly noteMs?: number;
}

/** A note costs a record, and saves as much sending after a crash. */
const usualNoteMs = 5000;
/** How often is looked for shards that were won and have steps which nobody has sent. */
const lookMs = 1000;
/** Events that are sent together at most. */
const roundEvents = 10_000;
const firstPauseMs = 500;
const longestPauseMs = 30_000;
/** How long the end of a daemon waits for the topics. */
const finishMs = 5000;
/** Before every step of a shard. */
const beginning: Point = { seq: 0, index: 0, step: 0 };

export class Publisher {
  readonly #publishing: Publishing;
  /** Everything up to these places is acknowledged. It stays true whoever led the shard meanwhile. */
  readonly #sent = new Map<number, Point>();
  readonly #ending = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #isOpen = false;
  #isTroubled = false;
  #noting: Promise<unknown> | undefined;

  constructor(publishing: Publishing) {
    this.#publishing = publishing;
  }

  /** Publishes from now on. */
  start(): void {
    // Before the topics are open: what the engine does meanwhile need not be read from the log.
    this.#publishing.source.feed.start();
    this.#running = this.#run();
  }

  /** After the engine has ended: sends and notes what is left, if that does not take long. */
  async finish(): Promise<void> {
    const { topics, logger } = this.#publishing;
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort();
      topics.close();
    }, finishMs);
    this.#ending.abort();
    await this.#running;
    try {
      if (this.#isOpen) await this.#stream(late.signal, false);
    } catch (error) {
      logger.warn(`the public topics do not have all yet, the next start goes on: ${adviceOn(error)}`);
    }
    await this.#noting;
    await this.#note();
    clearTimeout(timer);
    topics.close();
  }

  /** Ends at once. */
  async close(): Promise<void> {
    this.#ending.abort();
    this.#publishing.topics.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { topics, logger } = this.#publishing;
    const { signal } = this.#ending;
    for (let pause = firstPauseMs; !signal.aborted; ) {
      try {
        if (!this.#isOpen) await topics.open((text) => logger.warn(text));
        this.#isOpen = true;
        await this.#stream(signal, true);
      } catch (error) {
        this.#isOpen = false;
        if (signal.aborted) return;
        if (!this.#isTroubled) {
          logger.warn(`the public topics are not written, trying again: ${adviceOn(error)}`);
          pause = firstPauseMs;
        }
        this.#isTroubled = true;
        await rest(pause, signal);
        pause = Math.min(2 * pause, longestPauseMs);
      }
    }
  }

  /** One stream, until shards are won that it does not have, or the reader is too slow for the feed: then another. */
  async #stream(signal: AbortSignal, follow: boolean): Promise<void> {
    const { source, topics, engine } = this.#publishing;
    source.feed.start();
    // Those that are lost leave for good: what they get meanwhile is sent by others, or by the next stream.
    const led = new Set(this.#led());
    await this.#beginAnew(led);
    const again = new AbortController();
    const look = setInterval(() => {
      if (this.#led().some((shard) => !led.has(shard))) again.abort();
    }, lookMs);
    const from = { kind: "position", points: this.#placesOf(led) } as const;
    const stream = new EventStream(source, { from, follow, signal: AbortSignal.any([signal, again.signal]) });
    const send = async (round: readonly PublicEvent[]): Promise<void> => {
      for (const shard of led) if (!engine.journal.owns(shard)) led.delete(shard);
      const own = round.filter(({ id }) => led.has(placeOf(id).shard));
      if (own.length > 0) await topics.send(own);
      this.#acknowledged(own);
    };
    try {
      await inRounds(stream.events(), send);
    } finally {
      clearInterval(look);
      again.abort();
    }
  }

  #led(): number[] {
    const { source, engine } = this.#publishing;
    return Array.from({ length: source.log.shards }, (_, shard) => shard).filter((shard) => engine.journal.owns(shard));
  }

  /**
   * Topics that never had anything of a shard are not those that its note speaks of: the log was copied, or they were
   * made anew. They get all of it. That is noted first, or the old note would count again when they have some.
   */
  async #beginAnew(led: ReadonlySet<number>): Promise<void> {
    const { topics, engine, logger } = this.#publishing;
    const known = [...led].filter((shard) => (this.#placeOf(shard)?.seq ?? 0) > 0);
    if (known.length === 0) return;
    const empty = await topics.empty(known);
    if (empty.length === 0) return;
    logger.info(`the public topics have nothing of shards ${empty.join(", ")}: every step of them is sent again`);
    for (const shard of empty) this.#sent.delete(shard);
    const noted = empty.filter((shard) => engine.world.published.has(shard));
    await this.#noteAll(noted.map((shard) => [shard, beginning]));
  }

  /** Where to begin: the shards that are led where they stand in the topics, and those of others behind everything. */
  #placesOf(led: ReadonlySet<number>): ReadonlyMap<number, Point> {
    const { source, engine } = this.#publishing;
    const places = source.feed.now();
    for (const shard of led) {
      const [last, place] = [engine.world.lastSteps.get(shard), this.#placeOf(shard)];
      if (last === undefined || !isAfter(last, place)) continue;
      if (place) places.set(shard, place);
      else places.delete(shard);
    }
    return places;
  }

  /** Up to where the topics have a shard; undefined: nothing of it is known to be there. */
  #placeOf(shard: number): Point | undefined {
    const [noted, sent] = [this.#publishing.engine.world.published.get(shard), this.#sent.get(shard)];
    return sent && isAfter(sent, noted) ? sent : noted;
  }

  #acknowledged(events: readonly PublicEvent[]): void {
    if (events.length === 0) return;
    for (const { id } of events) {
      const { shard, point } = placeOf(id);
      this.#sent.set(shard, point);
    }
    if (this.#isTroubled) this.#publishing.logger.info("the public topics are written again");
    this.#isTroubled = false;
    this.#noteSoon();
  }

  /** Notes a little later, and again as long as something is new. */
  #noteSoon(): void {
    const { noteMs = usualNoteMs } = this.#publishing;
    const { signal } = this.#ending;
    this.#noting ??= rest(noteMs, signal).then(async () => {
      if (!signal.aborted) await this.#note();
      this.#noting = undefined;
      if (!signal.aborted && this.#news().length > 0) this.#noteSoon();
    });
  }

  /** Places that the topics have reached and nobody has noted, in the shards that are led still. */
  #news(): (readonly [shard: number, point: Point])[] {
    const { journal, world } = this.#publishing.engine;
    return [...this.#sent].filter(
      ([shard, point]) => journal.owns(shard) && isAfter(point, world.published.get(shard)),
    );
  }

  #note(): Promise<void> {
    return this.#noteAll(this.#news());
  }

  async #noteAll(places: readonly (readonly [shard: number, point: Point])[]): Promise<void> {
    const { journal } = this.#publishing.engine;
    // Who has lost a shard notes nothing; any other failure of the log ends the engine, which says so itself.
    await Promise.allSettled(
      places.map(([shard, point]) =>
        journal.decide({ shard, cause: "published", events: [{ type: "instance.published", ...point }] }),
      ),
    );
  }
}

/** The publisher of a daemon; none where its log is not on Kafka, or the operator wants none. */
export function publisherOf(
  { kafka, shards }: PlacedLog,
  { publishTopics }: Pick<InstanceConfig["windrow"], "publishTopics">,
  { source, ...parts }: Omit<Publishing, "topics">,
): Publisher | undefined {
  if (!kafka || !publishTopics) return undefined;
  const { log, snapshot, feed } = source;
  // It waits for no turn among those who read the log: a slow subscriber could hold it for ever.
  const own = { log, feed, ...(snapshot ? { snapshot } : {}) };
  return new Publisher({ ...parts, source: own, topics: publicTopics(kafka, shards) });
}

/** Sends one round after the other: what has come, or was read, while the last was under way. */
async function inRounds(
  events: AsyncGenerator<PublicEvent>,
  send: (round: readonly PublicEvent[]) => Promise<void>,
): Promise<void> {
  let sending = Promise.resolve();
  try {
    let next = events.next();
    for (let isOver = false; !isOver; ) {
      const round: PublicEvent[] = [];
      let sent: Promise<undefined> | undefined;
      while (round.length < roundEvents) {
        // Also where nothing more comes, it must be heard that sending failed.
        const result = await Promise.race(sent ? [next, sent] : [next, sending.then(() => next)]);
        if (result === undefined) break;
        isOver = result.done === true;
        if (result.done) break;
        round.push(result.value);
        sent ??= sending.then(() => new Promise((resolve) => setImmediate(resolve, undefined)));
        next = events.next();
        next.catch(() => undefined); // it is awaited in its turn, or not any more
      }
      await sending;
      if (round.length > 0) sending = send(round);
      sending.catch(() => undefined); // it is awaited before the next
    }
  } finally {
    // Nothing may be under way when another stream begins.
    await sending;
  }
}
