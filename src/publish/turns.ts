/**
 * Who may read an old part of the log at the same time. Each such reader needs a World of its own, so their number
 * bounds the memory that subscribers can cost.
 */
export class Turns {
  #free: number;
  /** As many as there are subscribers. */
  readonly #waiting = new Set<() => void>();

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** Waits for a turn, and gives what ends it; undefined where the signal aborts first. */
  async take(signal: AbortSignal): Promise<(() => void) | undefined> {
    while (this.#free === 0 && !signal.aborted) await this.#more(signal);
    if (signal.aborted) {
      this.#wakeNext(); // it may have been woken for nothing
      return undefined;
    }
    this.#free -= 1;
    let over = false;
    return () => {
      if (over) return;
      over = true;
      this.#free += 1;
      this.#wakeNext();
    };
  }

  #wakeNext(): void {
    if (this.#free === 0) return;
    for (const wake of this.#waiting) return wake();
  }

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
}
