/**
 * What comes with leading a shard: its part of the configuration, and the calls that an earlier leader left without an
 * outcome. Whoever leads is decided by the log; this must never act in a shard that somebody else leads.
 */
import type { WindrowEvent } from "../../events/events.ts";
import { type Configuration, configuring, type Decided } from "../configure.ts";
import { ShardLost } from "../log/faults.ts";
import type { Journal } from "../log/journal.ts";
import type { World } from "../world.ts";

export class Leadership {
  readonly #world: World;
  readonly #journal: Journal<WindrowEvent>;
  readonly #changed: () => void;
  /** Shards in which nothing may be started now. */
  readonly #closed = new Set<number>();
  readonly #ledSince = new Map<number, number>();
  #config: Configuration;
  #epoch = 0;

  /** `changed` is called when other entities than before are this instance's. */
  constructor(world: World, journal: Journal<WindrowEvent>, config: Configuration, changed: () => void) {
    this.#world = world;
    this.#journal = journal;
    this.#config = config;
    this.#changed = changed;
    world.ownedBy((shard) => journal.owns(shard) && !this.#closed.has(shard));
  }

  /** Counts the attempts to win a shard; what begins now is of this epoch. */
  get epoch(): number {
    return this.#epoch;
  }

  /**
   * @throws ShardLost where the shard was lost since, even if it was won again: that covers nothing begun before, not
   * even a call of this very process whose answer comes now.
   */
  require(shard: number, epoch: number): void {
    if ((this.#ledSince.get(shard) ?? 0) > epoch) throw new ShardLost(shard, "it was lost meanwhile");
  }

  /** Brings a configuration into force in the shards that are led. @throws PlacementRefused, and the old one stays. */
  async configure(config: Configuration): Promise<readonly Decided[]> {
    const placing = this.#journal.owns(0);
    const decided = configuring(this.#world, config).filter(
      // Where a queue belongs is the word of the control shard's leader: nobody else may guess it.
      ({ shard, events }) =>
        this.#journal.owns(shard) && (placing || events.every((event) => this.#isPlaced(event, shard))),
    );
    this.#config = config;
    for (const { shard, events } of decided) {
      await this.#journal.decide({ shard, cause: "configuration", events }).catch((error: unknown) => {
        if (!(error instanceof ShardLost)) throw error; // who leads it next configures it
      });
    }
    if (decided.length > 0) this.#changed();
    return decided;
  }

  /** Queues were placed by another leader: those in shards of this one get their configuration. */
  replaced(): void {
    if (!this.#journal.owns(0)) this.configure(this.#config).catch(() => undefined); // whoever leads next does it
  }

  #isPlaced(event: WindrowEvent, shard: number): boolean {
    return "queue" in event && event.queue !== undefined && this.#world.placements.get(event.queue) === shard;
  }

  /** Calls that an earlier leader left without an outcome: the recoverer will ask what became of them. */
  async orphan(only?: number): Promise<void> {
    for (const [key, { state, ctx }] of this.#world.calls) {
      const shard = ctx.queue === "" ? 0 : this.#world.shardOf(ctx.queue);
      if (state.life !== "open" || (only !== undefined && shard !== only) || !this.#journal.owns(shard)) continue;
      await this.#journal.decide({ shard, cause: key, events: [{ type: "call.orphaned", key }] });
    }
  }

  /** Claims a shard and makes it this instance's. @throws ShardLost where another instance was faster. */
  async lead(shard: number): Promise<void> {
    this.#closed.add(shard); // nothing is started before what the last leader left open is known as such
    // Before the claim, with which the shard is ours: what was begun before, here too, is the recoverer's business.
    this.#epoch += 1;
    this.#ledSince.set(shard, this.#epoch);
    try {
      await this.#journal.claim(shard);
      await this.orphan(shard);
      await this.configure(this.#config);
    } finally {
      this.#closed.delete(shard);
      this.#changed();
    }
  }

  /** Starts nothing more in a shard, waits for `quiet`, and gives the shard up with a record. */
  async leave(shard: number, quiet: Promise<unknown>): Promise<void> {
    this.#closed.add(shard);
    this.#changed();
    try {
      await quiet;
      await this.#journal.release(shard);
    } finally {
      this.#closed.delete(shard);
    }
  }
}
