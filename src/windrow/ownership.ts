/**
 * Who leads which shard, where several instances share a log (reliability 2.2). It says when to claim and when to give
 * up; the log alone decides who leads. Wrong claims are safe and only wasteful, so nothing here has to be right for the
 * World to be.
 */
import type { Logger } from "pino";
import { ShardLost } from "../log/faults.ts";
import { rest } from "../log/rest.ts";
import type { Engine } from "../windrow.ts";

/** Which shards this instance should lead: a hint from outside, for an even share. */
export interface Placement {
  wanted(): ReadonlySet<number>;
  close(): Promise<void>;
}

/** Milliseconds. The defaults are those of reliability 2.2. */
export interface Patience {
  /** Between two looks. */
  readonly tick: number;
  /** Silence after which an owner says that it is there. */
  readonly heartbeat: number;
  /** Silence of an owner, heard all the while, after which its shard may be claimed. */
  readonly silence: number;
  /** Time of a stalled event loop after which a shard is given up. */
  readonly stall: number;
  /** How long calls may go on in a shard that is handed over. */
  readonly handOver: number;
}

export const usualPatience: Patience = {
  tick: 1000,
  heartbeat: 10_000,
  silence: 30_000,
  stall: 5000,
  handOver: 20_000,
};

export interface Owning {
  readonly engine: Engine;
  readonly shards: number;
  readonly placement: Placement;
  readonly logger: Logger;
  readonly patience?: Partial<Patience>;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic?: () => number;
}

/** Keeps the shards of one instance. `tick` is called again and again, and never twice at once. */
export class Ownership {
  readonly #owning: Owning;
  readonly #patience: Patience;
  readonly #monotonic: () => number;
  #tickedAt: number;
  readonly #busy = new Set<number>();
  #leaving: Promise<void> | undefined;

  constructor(owning: Owning) {
    this.#owning = owning;
    this.#patience = { ...usualPatience, ...owning.patience };
    this.#monotonic = owning.monotonic ?? (() => performance.now());
    this.#tickedAt = this.#monotonic();
  }

  /**
   * Ticks until `ended`. From `stop` on it takes no shard any more; those that it leads stay its own while calls in
   * them are waited for.
   */
  async keep(stop: AbortSignal, ended: AbortSignal): Promise<void> {
    const either = AbortSignal.any([stop, ended]);
    while (!ended.aborted) {
      if (stop.aborted) void this.stop();
      this.tick();
      await rest(this.#patience.tick, stop.aborted ? ended : either);
    }
    await this.stop();
  }

  /** Wants nothing more, and lets the others know. */
  stop(): Promise<void> {
    this.#leaving ??= this.#owning.placement.close();
    return this.#leaving;
  }

  /** One look at every shard. */
  tick(): void {
    const now = this.#monotonic();
    const late = now - this.#tickedAt - this.#patience.tick;
    this.#tickedAt = now;
    const wanted = this.#owning.placement.wanted();
    const { journal } = this.#owning.engine;
    for (let shard = 0; shard < this.#owning.shards; shard += 1) {
      const isWanted = wanted.has(shard);
      const owns = journal.owns(shard);
      // Whatever is under way in it: another instance may have claimed it meanwhile.
      if (owns && late > this.#patience.stall) {
        journal.abandon(shard, `this process stood still for ${Math.round(late / 1000)} s`);
      } else if (this.#busy.has(shard)) continue;
      else if (owns) this.#keepOne(shard, now, isWanted);
      else if (isWanted && !this.#leaving) this.#seek(shard, now);
    }
  }

  #keepOne(shard: number, now: number, wanted: boolean): void {
    const { engine } = this.#owning;
    const { seenAt, pending } = engine.journal.standing(shard);
    if (!wanted && !this.#leaving) this.#work(shard, "handed over", () => engine.leave(shard, this.#patience.handOver));
    else if (now - seenAt > this.#patience.heartbeat && pending === 0) {
      this.#work(shard, undefined, () => engine.journal.decide({ shard, cause: "heartbeat", events: [] }));
    }
  }

  #seek(shard: number, now: number): void {
    const { engine } = this.#owning;
    const { free, seenAt, hearsSince } = engine.journal.standing(shard);
    if (hearsSince === undefined) return; // a claim would not be taken either
    const silence = now - Math.max(seenAt, hearsSince);
    if (free || silence > this.#patience.silence) this.#work(shard, "led", () => engine.lead(shard));
  }

  #work(shard: number, said: string | undefined, act: () => Promise<unknown>): void {
    const { logger } = this.#owning;
    this.#busy.add(shard);
    act()
      .then(() => said && logger.info({ shard }, said))
      .catch((error: unknown) => {
        // Another instance was faster, or the log takes nothing now. What else fails, fails the engine by itself.
        const why = error instanceof Error ? error.message : String(error);
        if (error instanceof ShardLost) logger.info({ shard }, why);
        else logger.error({ shard }, why);
      })
      .finally(() => this.#busy.delete(shard));
  }
}

/**
 * An even share: every shard goes to the instance that draws highest for it, among those that have not got theirs yet.
 * All instances that see the same list come to the same answer, and few shards move when the list changes.
 */
export function evenShare(
  instances: readonly string[],
  shards: number,
  draw: (text: string) => number,
): Map<number, string> {
  const most = Math.ceil(shards / Math.max(instances.length, 1));
  const load = new Map<string, number>();
  const share = new Map<number, string>();
  for (let shard = 0; shard < shards; shard += 1) {
    const open = instances.filter((name) => (load.get(name) ?? 0) < most);
    const [best] = open.toSorted((a, b) => draw(`${b}/${shard}`) - draw(`${a}/${shard}`));
    if (best === undefined) continue;
    share.set(shard, best);
    load.set(best, (load.get(best) ?? 0) + 1);
  }
  return share;
}
