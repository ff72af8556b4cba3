/**
 * An even share of the shards among the instances that are there: each says so every two seconds, and all who hear the
 * same come to the same share. It is a hint (design 3): whoever is wrong about it claims in vain or waits a little.
 */
import { chanceOf } from "../agents/chance.ts";
import { evenShare, type Placement } from "./ownership.ts";

/** What an instance says of itself. */
export interface Word {
  readonly name: string;
  /** false: it goes. */
  readonly here: boolean;
}

/** Where instances hear of each other. */
export interface Presence {
  say(word: Word): Promise<void>;
  /** What was said since the last call, by everybody. */
  heard(): Promise<readonly Word[]>;
  close(): Promise<void>;
}

/** Milliseconds. */
const beat = 2000;
/** Silence after which an instance does not count any more. */
const silence = 5 * beat;
/** A new instance listens before it wants anything, and one that was deaf before it wants another share. */
const listening = 2 * beat;

export interface Placing {
  readonly presence: Presence;
  readonly name: string;
  readonly shards: number;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
  /** Told when the others cannot be heard, and when they can again. */
  readonly notice: (text: string) => void;
}

export class EvenPlacement implements Placement {
  readonly #placing: Placing;
  /** When it began to listen. */
  #listeningSince: number;
  readonly #heardAt = new Map<string, number>();
  readonly #stop = new AbortController();
  #deaf = false;
  #wanted: ReadonlySet<number> = new Set();

  constructor(placing: Placing) {
    this.#placing = placing;
    this.#listeningSince = placing.monotonic();
  }

  wanted(): ReadonlySet<number> {
    return this.#wanted;
  }

  /** Says and hears until it is closed. */
  async keep(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.round();
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, beat);
        signal.addEventListener("abort", () => resolve(clearTimeout(timer)), { once: true });
      });
    }
  }

  /** One beat: says, hears, and shares anew. Without an answer, and for a while after that, the share stays. */
  async round(): Promise<void> {
    const { presence, name, shards, monotonic, notice } = this.#placing;
    try {
      await presence.say({ name, here: true });
      const now = monotonic();
      for (const word of await presence.heard()) {
        if (word.here) this.#heardAt.set(word.name, now);
        else this.#heardAt.delete(word.name);
      }
      for (const [other, at] of this.#heardAt) if (now - at > silence) this.#heardAt.delete(other);
      if (this.#deaf) {
        notice("the other instances are heard again");
        this.#listeningSince = now;
      }
      this.#deaf = false;
      if (now - this.#listeningSince < listening) return;
      const names = [...new Set([...this.#heardAt.keys(), name])].toSorted();
      const share = evenShare(names, shards, chanceOf);
      this.#wanted = new Set([...share].flatMap(([shard, owner]) => (owner === name ? [shard] : [])));
    } catch (error) {
      if (!this.#deaf) notice(`the other instances are not heard: ${error instanceof Error ? error.message : error}`);
      this.#deaf = true;
    }
  }

  async close(): Promise<void> {
    const { presence, name } = this.#placing;
    this.#stop.abort();
    await presence.say({ name, here: false }).catch(() => undefined);
    await presence.close();
  }
}
