/**
 * The newest steps of a running engine, for all who subscribe: made once, kept in a ring of bounded size, read by each
 * from its own place. The engine only ever pushes: a slow reader falls behind the ring's end and is told so, and costs
 * nobody else anything. A daemon to which nobody subscribes pays nothing.
 */
import type { Cursors } from "../log/replay.ts";
import type { Transition } from "../projection.ts";
import { isAfter, type Point } from "../steps.ts";
import type { World } from "../world.ts";
import { Announcer, cloudEventOf } from "./cloudEvent.ts";
import type { Wants } from "./filter.ts";
import type { PublicEvent } from "./messages.ts";
import { type Points, placeOf, wholeRecord } from "./position.ts";

/** What the ring follows: the World of an engine and where its log stands at the same moment. */
export interface Followed {
  readonly world: () => World;
  readonly cursors: () => Cursors;
}

/** Bounds of the ring. */
export interface RingSize {
  readonly events: number;
  /** Characters of JSON. */
  readonly characters: number;
}
const usualSize: RingSize = { events: 20_000, characters: 16 << 20 };

interface Entry {
  readonly shard: number;
  readonly point: Point;
  readonly type: string;
  readonly event: PublicEvent;
  readonly characters: number;
}

/** Where every shard of a journal stands, as points. */
export const pointsOf = (cursors: Cursors): Map<number, Point> =>
  new Map(Object.entries(cursors).map(([shard, { seq }]) => [Number(shard), wholeRecord(seq)]));

export class Feed {
  readonly #followed: Followed;
  readonly #size: RingSize;
  #announcer: Announcer | undefined;
  #ring: Entry[] = [];
  #characters = 0;
  /** Number of the oldest entry of the ring, counted from the first that was ever pushed. */
  #first = 0;
  /** Everything after this is in the ring. */
  #since = new Map<number, Point>();
  #readers = 0;
  readonly #waiting = new Set<() => void>();

  constructor(followed: Followed, size: RingSize = usualSize) {
    this.#followed = followed;
    this.#size = size;
  }

  /** Takes a step that the engine has just made. Must be called for each, in the same turn. */
  push(transition: Transition): void {
    const told = this.#announcer?.take(transition);
    if (!told) return;
    const event = cloudEventOf(told);
    const characters = JSON.stringify(event.data.says).length;
    this.#ring.push({ ...placeOf(event.id), type: transition.step.type, event, characters });
    this.#characters += characters;
    if (this.#ring.length > this.#size.events || this.#characters > this.#size.characters) this.#shorten();
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** Begins to keep steps, unless it does so already. */
  start(): void {
    if (this.#announcer) return;
    const world = this.#followed.world();
    this.#announcer = new Announcer(world);
    // Records without a public step may be missed by all.
    this.#since = new Map(world.lastSteps);
  }

  /** Behind everything that has happened. */
  now(): Map<number, Point> {
    return pointsOf(this.#followed.cursors());
  }

  /** Whether the ring has everything after these points. */
  covers(points: Points): boolean {
    return (
      this.#announcer !== undefined && [...this.#since].every(([shard, since]) => !isAfter(since, points.get(shard)))
    );
  }

  /** Readers at this moment. */
  get readers(): number {
    return this.#readers;
  }

  /**
   * What is wanted after the points, which move along. It ends when `follow` is false and nothing is left, when the
   * signal aborts, and with `behind` when the reader was too slow.
   */
  async *after(
    points: Map<number, Point>,
    wants: Wants,
    { follow, signal }: { readonly follow: boolean; readonly signal: AbortSignal },
  ): AsyncGenerator<PublicEvent, "behind" | "done"> {
    let next = this.#first;
    if (!this.covers(points)) return "behind";
    this.#readers += 1;
    try {
      for (;;) {
        if (next < this.#first) return "behind";
        const entry = this.#ring[next - this.#first];
        if (signal.aborted) return "done";
        if (entry) {
          next += 1;
          if (!isAfter(entry.point, points.get(entry.shard))) continue;
          points.set(entry.shard, entry.point);
          if (wants(entry.type, entry.event.data.queue)) yield entry.event;
          continue;
        }
        // What has no public step is behind as well: a later start from here need not read it.
        for (const [shard, point] of this.now()) points.set(shard, point);
        if (!follow) return "done";
        await this.#more(signal);
      }
    } finally {
      this.#readers -= 1;
    }
  }

  /** Resolves at the next step, or when the signal aborts. */
  #more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener("abort", wake);
        this.#waiting.delete(wake);
        resolve();
      };
      signal.addEventListener("abort", wake, { once: true });
      this.#waiting.add(wake);
    });
  }

  /** Drops the older half; all of it and rests where nobody reads any more. */
  #shorten(): void {
    if (this.#readers === 0) {
      this.#announcer = undefined;
      this.#first += this.#ring.length;
      this.#ring = [];
      this.#characters = 0;
      return;
    }
    const dropped = this.#ring.splice(0, Math.ceil(this.#ring.length / 2));
    this.#first += dropped.length;
    for (const { shard, point, characters } of dropped) {
      this.#since.set(shard, point);
      this.#characters -= characters;
    }
  }
}
