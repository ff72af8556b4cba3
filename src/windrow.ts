/**
 * The loop. It asks the scheduler what is due, starts the duties of the agents, gives them what they ask for, and turns
 * again when something has been recorded or time has come. It decides nothing, and nothing is remembered here that the
 * log does not say: what runs in a duty is lost with the process, and due again in the next.
 */
import { setTimeout as pause } from "node:timers/promises";
import { parseEvents, type WindrowEvent } from "../events/events.ts";
import type { Ask, Duty, Run } from "./agents/agent.ts";
import { type AgentName, agents } from "./agents/roster.ts";
import type { Plugins } from "./calls.ts";
import type { Configuration, Decided } from "./configure.ts";
import { type Frozen, thaw } from "./frozen.ts";
import { InFlight, nobody } from "./inFlight.ts";
import { ShardLost } from "./log/faults.ts";
import { type Journal, openJournal } from "./log/journal.ts";
import type { Log } from "./log/log.ts";
import type { Snapshot } from "./log/snapshot.ts";
import { type Folded, fold, type Transition } from "./projection.ts";
import { Scheduler, type Taken } from "./scheduler.ts";
import { Leadership } from "./windrow/leadership.ts";
import { World } from "./world.ts";

/** After these a queue may be planned for that could not be before. */
const listEvents: ReadonlySet<string> = new Set([
  ...["instance.workerIDsSeen", "instance.listRead", "instance.listContinued", "instance.listChecked"],
  "instance.listUnread",
]);

export interface EngineOptions {
  readonly log: Log;
  readonly plugins: Plugins;
  /** Epoch ms. */
  readonly now: () => number;
  /** Instance name and boot number: two starts never share it. */
  readonly owner: string;
  readonly config: Configuration;
  /** Where to begin folding; the whole log where it is missing. */
  readonly snapshot?: Snapshot & { readonly state: Frozen };
  /** Read only what is behind the snapshot. */
  readonly onlyTail?: boolean;
  /** Shards to lead from the start; all where it is missing. Others are followed, and may be led later. */
  readonly lead?: readonly number[];
  /** Milliseconds of a clock that never goes back, for the silence of other instances. */
  readonly monotonic?: () => number;
  /** Compare every record with what its bytes read as. */
  readonly verifyEvents?: boolean;
  /** Told of every step that an entity makes from now on. */
  readonly watch?: (transition: Transition) => void;
  /** Told of a shard that was led and is not any more, without having been given up with a record. */
  readonly onLost?: (shard: number, why: Error) => void;
  /** Told of every record after it was folded, replayed ones included. */
  readonly onRecord?: (record: Folded) => void;
}

/**
 * Opens the journal, restores the World, and brings the configuration into it. @throws as `openJournal`,
 * PlacementRefused
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const world = new World();
  const scheduler = new Scheduler(world);
  let live = false;
  const { snapshot } = options;
  if (snapshot) thaw(snapshot.state, world);
  let engine: Engine | undefined;
  const watch = (transition: Transition): void => {
    scheduler.touch(transition);
    options.watch?.(transition);
  };
  const journal = await openJournal<WindrowEvent>({
    ...options,
    ...(options.lead ? { claim: [] } : {}),
    parseEvents,
    onLost: (shard, why) => {
      options.onLost?.(shard, why);
      engine?.lost(why);
    },
    ...(snapshot ? { restoredFrom: snapshot.cursors } : {}),
    fold: (record) => {
      fold(world, record, live ? watch : undefined);
      if (live) scheduler.placeInstance();
      if (live && record.events.some(({ type }) => type === "instance.queuePlaced")) engine?.replaced();
      if (live && record.events.some(({ type }) => listEvents.has(type))) scheduler.placeQueues();
      options.onRecord?.(record);
    },
  });
  engine = new Engine(world, scheduler, journal, options);
  for (const shard of options.lead ?? []) await journal.claim(shard);
  await engine.begin(options.config);
  live = true;
  scheduler.placeAll();
  return engine;
}

export class Engine {
  readonly world: World;
  readonly journal: Journal<WindrowEvent>;
  readonly #scheduler: Scheduler;
  readonly #plugins: Plugins;
  readonly #now: () => number;
  /** Entities at work, by duty: with the duty's limit they bound what runs at once. */
  readonly #atWork = new Map<string, number>();
  readonly #runs = new Set<Promise<void>>();
  readonly #leadership: Leadership;
  readonly #inFlight = new InFlight();
  /** Runs that wait until a decision on its way is read back. Bounded by the runs. */
  readonly #waiting: (() => void)[] = [];
  /** Worker numbers given away in this process, by shard; the log knows those that were used. */
  readonly #numbers = new Map<number, number>();
  #failure: Error | undefined;
  #wake: () => void = () => undefined;

  constructor(world: World, scheduler: Scheduler, journal: Journal<WindrowEvent>, options: EngineOptions) {
    this.world = world;
    this.journal = journal;
    this.#scheduler = scheduler;
    this.#plugins = options.plugins;
    this.#now = options.now;
    this.#leadership = new Leadership(world, journal, options.config, () => this.#changed());
  }

  /**
   * Turns until `stop`, then lets what runs come to its end. @throws what a duty or the log threw: reopen and verify.
   */
  async run(stop: AbortSignal): Promise<void> {
    stop.addEventListener("abort", () => this.#wake(), { once: true });
    while (!stop.aborted && !this.#failure) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const now = this.#now();
      for (const name of Object.keys(agents) as AgentName[]) for (const duty of agents[name]) this.#start(duty, now);
      const at = this.#scheduler.nextAt(now);
      const timer = at === null ? undefined : setTimeout(this.#wake, Math.min(Math.max(at - this.#now(), 1), 60_000));
      await woken;
      clearTimeout(timer);
      // What was committed together is answered together.
      await new Promise(setImmediate);
    }
    await this.idle();
    if (this.#failure) throw this.#failure;
  }

  /** One cycle of one agent, to its end: each of its duties once, in order. */
  async cycle(name: AgentName): Promise<void> {
    for (const duty of agents[name]) await Promise.all(this.#start(duty, this.#now()));
    if (this.#failure) throw this.#failure;
  }

  /** Resolves when nothing runs. */
  async idle(): Promise<void> {
    while (this.#runs.size > 0) await Promise.all(this.#runs);
  }

  /** The configuration, and what an earlier leader left open, before anything is started. @throws PlacementRefused */
  async begin(config: Configuration): Promise<void> {
    await this.#leadership.configure(config);
    await this.#leadership.orphan();
  }

  /** Another configuration. @throws PlacementRefused, and then the old one stays. */
  configure(config: Configuration): Promise<readonly Decided[]> {
    return this.#leadership.configure(config);
  }

  /** Leads a shard. @throws ShardLost where another was faster or the log takes nothing; all else ends the instance. */
  lead(shard: number): Promise<void> {
    return this.#leadership.lead(shard).catch((error: unknown) => {
      this.lost(error instanceof Error ? error : new Error(String(error)));
      throw error;
    });
  }

  /** Starts nothing more in a shard, waits for what runs (at most so long), and gives it up with a record. */
  leave(shard: number, waitMs: number): Promise<void> {
    return this.#leadership.leave(shard, Promise.race([this.idle(), pause(waitMs, undefined, { ref: false })]));
  }

  /** A shard is not led here any more, or its log failed, which ends this instance. */
  lost(why: Error): void {
    if (!(why instanceof ShardLost)) this.#failure ??= why;
    this.#changed();
  }

  /** Queues were placed; what follows comes after the record that says so. */
  replaced(): void {
    queueMicrotask(() => this.#leadership.replaced());
  }

  #changed(): void {
    this.#scheduler.placeAll();
    this.#wake();
  }

  /** Starts the runs of a duty for what is due, as far as its limit allows. */
  #start(duty: Duty, now: number): Promise<void>[] {
    // A new log has no configuration until the instance that leads its first shard has recorded one.
    const limit = this.world.instance.config ? duty.limit(this.world) : 0;
    const room = limit - (this.#atWork.get(duty.name) ?? 0);
    const ids = room > 0 ? this.#takeQuiet(duty.name, now, room) : [];
    if (ids.length === 0) return [];
    const batches = duty.batches?.(this.world, ids) ?? ids.map((id) => [id]);
    return batches.map((batch) => this.#track(duty, batch, duty.run(this.world, { ids: batch, now })));
  }

  #track(duty: Duty, ids: readonly (number | string)[], run: Run): Promise<void> {
    const taken: Taken[] = ids.map((id) => ({ rule: duty.name, id }));
    this.#count(duty.name, ids.length);
    const done = this.#perform(run, taken, this.#leadership.epoch)
      .catch((error: unknown) => {
        // The shard has another leader: what this run wanted is his to do, and its call an orphan that he asks after.
        if (error instanceof ShardLost) return;
        this.#failure ??= error instanceof Error ? error : new Error(String(error));
      })
      .finally(() => {
        this.#count(duty.name, -ids.length);
        this.#runs.delete(done);
        this.#scheduler.release(taken);
        this.#wake();
      });
    this.#runs.add(done);
    return done;
  }

  #count(duty: string, by: number): void {
    this.#atWork.set(duty, (this.#atWork.get(duty) ?? 0) + by);
  }

  /** Entities of which the World says all that was decided; the others are placed again when it does. */
  #takeQuiet(rule: string, now: number, n: number, partition?: string): (number | string)[] {
    const ids = this.#scheduler.take(rule, now, n, partition);
    const busy = ids.filter((id) => this.#inFlight.touches(this.world, [{ rule, id }]));
    if (busy.length === 0) return ids;
    this.#scheduler.release(busy.map((id) => ({ rule, id })));
    return ids.filter((id) => !busy.includes(id));
  }

  /**
   * Turns a run. It goes on only while no decision about its entities is on its way: what it reads of them in the World
   * and what it records without another question in between are one.
   */
  async #perform(run: Run, taken: Taken[], epoch: number): Promise<void> {
    for (let step = run.next(undefined); !step.done; ) {
      const ask = step.value;
      const given = await this.#give(ask, taken, epoch);
      const others = ask.ask === "quiet" ? ask.concerned : nobody;
      while (this.#inFlight.touches(this.world, taken) || this.#inFlight.names(others)) await this.#readBack();
      step = run.next(given);
    }
  }

  /** Resolves when the next decision was read back. */
  #readBack(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async #decide(shard: number, cause: string, events: readonly WindrowEvent[]): Promise<void> {
    this.#inFlight.add(events);
    try {
      await this.journal.decide({ shard, cause, events });
    } finally {
      this.#inFlight.remove(events);
      for (const go of this.#waiting.splice(0)) go();
      this.#wake();
    }
  }

  async #give(ask: Ask, taken: Taken[], epoch: number): Promise<unknown> {
    switch (ask.ask) {
      case "call":
        return this.#plugins.invoke(ask.call);
      case "calls":
        return Promise.all(ask.calls.map((call) => this.#plugins.invoke(call)));
      case "record":
        this.#leadership.require(ask.shard, epoch);
        return this.#decide(ask.shard, ask.cause, ask.events);
      case "traits":
        return this.#plugins.traits(ask.queue, ask.plugin);
      case "reserve":
        return this.#reserve(ask.shard, ask.n);
      case "quiet":
        return undefined;
      case "take": {
        const ids = this.#takeQuiet(ask.rule, this.#now(), ask.n, ask.partition);
        taken.push(...ids.map((id) => ({ rule: ask.rule, id })));
        return ids;
      }
    }
  }

  #reserve(shard: number, n: number): readonly number[] {
    const { shards } = this.world.settings.windrow;
    const seen = this.world.instance.lists.get("maxWorkerID")?.data;
    const known = Math.max(typeof seen === "number" ? seen : 0, this.world.workerIDs.get(shard) ?? 0);
    const last = Math.max(Math.floor(known / shards), this.#numbers.get(shard) ?? 0);
    this.#numbers.set(shard, last + n);
    return Array.from({ length: n }, (_, i) => (last + 1 + i) * shards + shard);
  }
}
