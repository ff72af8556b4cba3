/**
 * Work that goes on after the call that began it has returned. What is known here is forgotten with the process and
 * does not matter: whoever asks about work that is not known begins it again, and the work recognises what is already
 * done.
 */

/** Queue of one directory: only so many works at a time. */
interface Lane {
  busy: number;
  readonly waiting: (() => void)[];
}

/** How work stands: on its way, or what came of it. */
export type Standing<T> = { readonly running: true } | { readonly running: false; readonly result: T };

const limit = 20_000;

/** Works by key, each once at a time. Results are kept until somebody forgets them; beyond the limit the oldest go. */
export class Background<T> {
  readonly #running = new Map<string, Promise<void>>();
  readonly #results = new Map<string, T>();
  readonly #lanes = new Map<string, Lane>();

  /** What came of the work, where it has ended. */
  result(key: string): T | undefined {
    return this.#running.has(key) ? undefined : this.#results.get(key);
  }

  /** Makes the next `standing` begin the work anew, unless it is on its way. */
  forget(key: string): void {
    if (!this.#running.has(key)) this.#results.delete(key);
  }

  /**
   * How the work stands, waiting for its end up to `waitMs`; begins it where nothing is known of it. `perform` must not
   * throw. Undefined: too many are waiting, nothing was begun.
   */
  async standing(
    key: string,
    lane: { readonly name: string; readonly width: number },
    waitMs: number,
    perform: () => Promise<T>,
  ): Promise<Standing<T> | undefined> {
    if (!this.#running.has(key)) {
      if (this.#results.has(key)) return { running: false, result: this.#results.get(key) as T };
      const own = this.#lanes.get(lane.name) ?? { busy: 0, waiting: [] };
      this.#lanes.set(lane.name, own);
      if (own.waiting.length >= limit) return undefined;
      this.#running.set(key, this.#work(key, own, lane.width, perform));
    }
    await upTo(this.#running.get(key), waitMs);
    const result = this.result(key);
    return result === undefined ? { running: true } : { running: false, result };
  }

  async #work(key: string, lane: Lane, width: number, perform: () => Promise<T>): Promise<void> {
    if (lane.busy >= width) await new Promise<void>((resolve) => lane.waiting.push(resolve));
    else lane.busy += 1;
    try {
      this.#results.set(key, await perform());
      if (this.#results.size > limit) for (const oldest of this.#results.keys().take(1)) this.#results.delete(oldest);
    } finally {
      // The place goes straight to the next one waiting.
      const next = lane.waiting.shift();
      if (next) next();
      else lane.busy -= 1;
      this.#running.delete(key);
    }
  }
}

/** Waits for a promise, but no longer than `waitMs`. */
async function upTo(work: Promise<unknown> | undefined, waitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.min(waitMs, 2 ** 31 - 1));
  });
  await Promise.race([work, patience]).finally(() => clearTimeout(timer));
}
