/**
 * The stream of public events over a log: from a position, a time, the beginning or now, to the tip, and on from there.
 * Each event is given once, in the order of its shard, and the position behind it begins exactly with the next one. It
 * must never hold more in memory than a World, a few batches, and one record's events.
 */
import { setImmediate as turn } from "node:timers/promises";
import { type Frozen, thaw } from "../frozen.ts";
import type { Log } from "../log/log.ts";
import type { Snapshot } from "../log/snapshot.ts";
import { fold } from "../projection.ts";
import { isAfter, type Point } from "../steps.ts";
import { World } from "../world.ts";
import { Announcer, cloudEventOf, type Told } from "./cloudEvent.ts";
import type { Feed } from "./feed.ts";
import { type Filter, unknownQueues, type Wants, wanting } from "./filter.ts";
import { type From, requireReached, tooNew } from "./from.ts";
import type { PublicEvent } from "./messages.ts";
import { encodePosition, placeOf, wholeRecord } from "./position.ts";
import { type ReadRecord, Records } from "./records.ts";
import type { Turns } from "./turns.ts";

/** What streams are read from. */
export interface Source {
  readonly log: Log;
  /** Gives the newest usable snapshot of the log that `against` does not mind. */
  readonly snapshot?: (against: (snapshot: Snapshot) => string | undefined) => Promise<Snapshot | undefined>;
  /** Of the engine that writes the log: a stream that has read the log goes over to it, and needs no World any more. */
  readonly feed?: Feed;
  /** Bounds how many read the log at the same time. */
  readonly turns?: Turns;
}

export interface StreamOptions {
  readonly from: From;
  readonly filter?: Filter;
  /** Go on at the tip until the signal aborts; otherwise the stream ends there. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
  /** Told, once the log is read, of queues that are wanted and not known. */
  readonly notice?: (text: string) => void;
}

/** One event, and the position that begins with the next. */
export interface Published {
  readonly event: PublicEvent;
  readonly position: string;
}

/** @throws PositionRefused where a running engine knows at once that its log has not come so far. */
export function requireSound({ log, feed }: Source, from: From): void {
  const places = feed?.now();
  if (places) requireReached(from, log.shards, (shard) => places.get(shard)?.seq ?? 0);
}

/** Records after which others get their turn while the log is read. */
const recordsATurn = 200;

export class EventStream implements AsyncIterable<Published> {
  readonly #source: Source;
  readonly #options: StreamOptions;
  readonly #wants: Wants;
  #points = new Map<number, Point>();
  #behind = false;
  /** The log was read to its tip, and nothing more is wanted. */
  #over = false;
  /** The places are such that what follows them is what is wanted. */
  #begun: boolean;

  constructor(source: Source, options: StreamOptions) {
    this.#source = source;
    this.#options = options;
    this.#wants = wanting(options.filter ?? {});
    if (options.from.kind === "position") this.#points = new Map(options.from.points);
    this.#begun = options.from.kind === "position";
  }

  /**
   * Behind all that was given and all that was passed over; undefined as long as only the options say where it begins.
   */
  get position(): string | undefined {
    return this.#begun ? encodePosition(this.#points) : undefined;
  }

  /** After the end: the reader was too slow for the feed and has to come again from `position`. */
  get behind(): boolean {
    return this.#behind;
  }

  /** @throws PositionRefused; LogHalted, LogFault of the log */
  async *[Symbol.asyncIterator](): AsyncGenerator<Published> {
    for await (const event of this.events()) yield { event, position: encodePosition(this.#points) };
  }

  /** The same for those who need no positions. */
  async *events(): AsyncGenerator<PublicEvent> {
    const { feed, turns } = this.#source;
    const { from, signal } = this.#options;
    feed?.start();
    if (feed && from.kind === "now") this.#points = feed.now();
    requireSound(this.#source, from);
    if (!feed?.covers(this.#points) || from.kind === "time") {
      const leave = await turns?.take(signal);
      try {
        yield* this.#fromLog();
      } finally {
        leave?.();
      }
    }
    if (feed && !signal.aborted && !this.#over) yield* this.#fromFeed(feed);
  }

  async *#fromFeed(feed: Feed): AsyncGenerator<PublicEvent> {
    this.#begun = true;
    const events = feed.after(this.#points, this.#wants, this.#options);
    const { from } = this.#options;
    try {
      for (;;) {
        const { done, value } = await events.next();
        if (done) {
          this.#behind = value === "behind";
          return;
        }
        if (from.kind === "time" && Date.parse(value.time) < from.at) continue;
        yield value;
      }
    } finally {
      await events.return("done");
    }
  }

  async *#fromLog(): AsyncGenerator<PublicEvent> {
    const { log, feed } = this.#source;
    const { from, follow, signal, filter = {}, notice } = this.#options;
    const tip = new Tip(log, signal);
    try {
      const { world, announcer, records } = await this.#begin();
      let isOld = from.kind === "now";
      let read = 0;
      for (let isFirst = true; ; isFirst = false) {
        feed?.start();
        for await (const record of records.toTip(tip.take())) {
          const told = this.#fold(world, announcer, record, isOld);
          for (const one of told) {
            yield this.#published(one);
            if (signal.aborted) return;
          }
          this.#pass(record.shard, wholeRecord(record.seq));
          read += 1;
          if (read % recordsATurn === 0) await turn();
          if (signal.aborted) return;
        }
        for (let shard = 0; shard < log.shards; shard++) this.#pass(shard, wholeRecord(records.seqOf(shard)));
        requireReached(from, log.shards, (shard) => records.seqOf(shard));
        const unknown = isFirst ? unknownQueues(filter, world) : undefined;
        if (unknown) notice?.(unknown);
        isOld = false;
        this.#begun = true;
        this.#over = !follow;
        if (!follow || feed?.covers(this.#points)) return;
        if (!feed) await tip.moved();
        if (signal.aborted) return;
      }
    } finally {
      tip.stop();
    }
  }

  /** The World as it was before the first event that is wanted. */
  async #begin(): Promise<{ world: World; announcer: Announcer; records: Records }> {
    const { from } = this.#options;
    const world = new World();
    const snapshot = await this.#source.snapshot?.(({ state }) => tooNew(from, state as Frozen));
    if (snapshot) thaw(snapshot.state as Frozen, world);
    return { world, announcer: new Announcer(world), records: new Records(this.#source.log, snapshot?.cursors) };
  }

  /** Folds a record, and gives its steps that are new and wanted. */
  #fold(world: World, announcer: Announcer, record: ReadRecord, isOld: boolean): readonly Told[] {
    const { from } = this.#options;
    const wanted: Told[] = [];
    const passed = this.#points.get(record.shard);
    const isBefore = isOld || (from.kind === "time" && record.at < from.at);
    fold(world, record, (transition) => {
      const told = announcer.take(transition);
      if (!told || isBefore || !this.#wants(transition.step.type, told.queue)) return;
      if (isAfter(placeOf(transition.position).point, passed)) wanted.push(told);
    });
    return wanted;
  }

  #published(told: Told): PublicEvent {
    const event = cloudEventOf(told);
    const { shard, point } = placeOf(event.id);
    this.#pass(shard, point);
    this.#begun = true;
    return event;
  }

  /** A place is only ever moved forward. */
  #pass(shard: number, point: Point): void {
    if (point.seq > 0 && isAfter(point, this.#points.get(shard))) this.#points.set(shard, point);
  }
}

/** Which shards of a log have moved since they were last looked at; at first, all. */
class Tip {
  readonly #signal: AbortSignal;
  #moved: Set<number>;
  #wake: () => void = () => undefined;
  readonly stop: () => void;

  constructor(log: Log, signal: AbortSignal) {
    this.#signal = signal;
    this.#moved = new Set(Array.from({ length: log.shards }, (_, shard) => shard));
    const unfollow = log.follow((shard) => {
      this.#moved.add(shard);
      this.#wake();
    });
    const onAbort = (): void => this.#wake();
    signal.addEventListener("abort", onAbort, { once: true });
    this.stop = () => {
      unfollow();
      signal.removeEventListener("abort", onAbort);
    };
  }

  /** Call before reading: what comes afterwards counts as movement. */
  take(): ReadonlySet<number> {
    const moved = this.#moved;
    this.#moved = new Set();
    return moved;
  }

  /** Resolves when something came since `take`, or the signal aborts. */
  async moved(): Promise<void> {
    if (this.#moved.size > 0 || this.#signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }
}
