/**
 * The calls that a queue may make at once. One sick site must never stall another, so each queue has a gate of its own.
 */

/** Lets at most `size` in at once; the others wait in the order they came. Bounded by the runs in flight. */
export class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(size: number) {
    this.#free = size;
  }

  async enter(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free += 1;
  }
}
