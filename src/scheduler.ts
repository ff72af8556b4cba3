/**
 * Which duties are due: the rules (rules.ts), kept as queues that follow the World. An entity is placed anew whenever
 * it makes a step, and a turn touches only what is due, so its cost does not grow with what merely exists. Pure: the
 * present instant is an argument. It must never act, and never hand the same entity out twice while somebody works on
 * it.
 */
import TinyQueue from "tinyqueue";
import type { Transition } from "./projection.ts";
import { instanceID, type Place, type Rule, rules } from "./rules.ts";
import type { Call, FileGroup, Kind, Worker, World } from "./world.ts";

type Id = number | string;

interface Entry {
  readonly id: Id;
  readonly place: Place;
  /** Placed anew, taken or no longer concerned: to be passed over. */
  gone: boolean;
}

const byDueAt = (a: Entry, b: Entry): number => a.place.dueAt - b.place.dueAt;
function byOrder(a: Entry, b: Entry): number {
  const [a0, a1, a2] = a.place.order;
  const [b0, b1, b2] = b.place.order;
  return a0 - b0 || a1 - b1 || a2 - b2;
}

/** The entities of one rule: those that wait for their time, and by partition those whose time has come. */
class Line {
  readonly rule: Rule;
  /** Entities that somebody works on under this rule's lock; shared by the rules that have it. */
  readonly locked: Set<Id>;
  readonly #entries = new Map<Id, Entry>();
  #waiting = new TinyQueue<Entry>([], byDueAt);
  readonly #ready = new Map<string, TinyQueue<Entry>>();

  constructor(rule: Rule, locked: Set<Id>) {
    this.rule = rule;
    this.locked = locked;
  }

  /** Gives the entity its place, or none. */
  put(id: Id, place: Place | null): void {
    const known = this.#entries.get(id);
    if (known) {
      if (place && samePlace(known.place, place)) return;
      known.gone = true;
      this.#entries.delete(id);
    }
    if (!place) return;
    const entry: Entry = { id, place, gone: false };
    this.#entries.set(id, entry);
    if (place.dueAt === Number.NEGATIVE_INFINITY) return this.#ripe(entry);
    this.#waiting.push(entry);
    this.#waiting = swept(this.#waiting, byDueAt, this.#entries.size);
  }

  /** First due entity of the partition that nobody works on, taken out; undefined where none is due. */
  next(now: number, partition: string): Id | undefined {
    this.#ripen(now);
    const ready = this.#ready.get(partition);
    for (let entry = ready?.pop(); entry; entry = ready?.pop()) if (this.#remove(entry)) return entry.id;
    return undefined;
  }

  /** When the next entity becomes due that is not due at `now` and that nobody works on; null where none waits. */
  nextAt(now: number): number | null {
    this.#ripen(now);
    for (let entry = this.#waiting.peek(); entry; entry = this.#waiting.peek()) {
      if (!entry.gone && !this.locked.has(entry.id)) return entry.place.dueAt;
      this.#waiting.pop();
      this.#remove(entry);
    }
    return null;
  }

  /**
   * Takes an entry out. False where it was gone, or somebody works on its entity under another rule of the same lock:
   * that one is placed again when the work has ended.
   */
  #remove(entry: Entry): boolean {
    if (entry.gone) return false;
    entry.gone = true;
    this.#entries.delete(entry.id);
    return !this.locked.has(entry.id);
  }

  #ripen(now: number): void {
    for (let entry = this.#waiting.peek(); entry && entry.place.dueAt <= now; entry = this.#waiting.peek()) {
      this.#waiting.pop();
      if (!entry.gone) this.#ripe(entry);
    }
  }

  #ripe(entry: Entry): void {
    const { partition } = entry.place;
    const ready = this.#ready.get(partition) ?? new TinyQueue<Entry>([], byOrder);
    ready.push(entry);
    this.#ready.set(partition, swept(ready, byOrder, this.#entries.size));
  }
}

/** Entries that are gone stay until it is their turn; when they are most of all, they are cleared away. */
function swept(queue: TinyQueue<Entry>, compare: typeof byOrder, alive: number): TinyQueue<Entry> {
  if (queue.length < 1000 || queue.length < 3 * alive) return queue;
  return new TinyQueue(
    queue.data.filter((entry) => !entry.gone),
    compare,
  );
}

const samePlace = (a: Place, b: Place): boolean =>
  a.dueAt === b.dueAt &&
  a.order[0] === b.order[0] &&
  a.order[1] === b.order[1] &&
  a.order[2] === b.order[2] &&
  a.partition === b.partition;

/** What was handed out, to be given back when the work on it has ended. */
export interface Taken {
  readonly rule: string;
  readonly id: Id;
}

export class Scheduler {
  readonly #world: World;
  readonly #lines = new Map<string, Line>();
  readonly #byKind = new Map<Kind | "instance", Line[]>();
  /** Entities that made steps since their places were last made: however many steps, they are placed once. */
  readonly #touched = new Map<Kind | "instance", Set<Id>>();

  /** `ruleSet`: other rules than the usual ones, for tests. */
  constructor(world: World, ruleSet: readonly Rule[] = rules) {
    this.#world = world;
    const locks = new Map<string, Set<Id>>();
    for (const rule of ruleSet) {
      const lock = `${rule.kind}:${rule.lock}`;
      const locked = locks.get(lock) ?? new Set();
      locks.set(lock, locked);
      const line = new Line(rule, locked);
      this.#lines.set(rule.name, line);
      this.#byKind.set(rule.kind, [...(this.#byKind.get(rule.kind) ?? []), line]);
    }
  }

  /** Places every entity: at start, and after a change of the instance's configuration. */
  placeAll(): void {
    const { queues, jobs, workers, calls } = this.#world;
    const all: readonly (readonly [Kind, Iterable<Id>])[] = [
      ["queue", queues.keys()],
      ["job", jobs.keys()],
      ["worker", workers.keys()],
      ["call", calls.keys()],
    ];
    for (const [kind, ids] of all) for (const id of ids) this.#place(kind, id);
    this.placeInstance();
  }

  /** An entity made a step: it is placed anew before the next take, with those whose rules look at it. */
  touch({ kind, id, entity }: Pick<Transition, "kind" | "id" | "entity">): void {
    if (kind === "fileGroup" || kind === "call") {
      const { PandaID } = (entity as FileGroup | Call).ctx;
      if (PandaID !== null) this.#touch("job", PandaID);
    }
    if (kind !== "fileGroup") this.#touch(kind, id);
    if (kind === "worker") this.#touchJobsOf((entity as Worker).ctx);
  }

  #touch(kind: Kind | "instance", id: Id): void {
    const ids = this.#touched.get(kind);
    if (ids) ids.add(id);
    else this.#touched.set(kind, new Set([id]));
  }

  #placeTouched(): void {
    for (const [kind, ids] of this.#touched) {
      for (const id of ids) this.#place(kind, id);
      ids.clear();
    }
  }

  placeInstance(): void {
    this.#touch("instance", instanceID);
  }

  /** Queues may be planned when lists are known: they are placed when the control shard says something. */
  placeQueues(): void {
    for (const queue of this.#world.queues.keys()) this.#touch("queue", queue);
  }

  /** Takes due entities of a rule, first ones first, at most `n`; they are nobody else's until `release`. */
  take(ruleName: string, now: number, n: number, partition = ""): Id[] {
    this.#placeTouched();
    const line = this.#line(ruleName);
    const ids: Id[] = [];
    while (ids.length < n) {
      const id = line.next(now, partition);
      if (id === undefined) break;
      line.locked.add(id);
      ids.push(id);
    }
    return ids;
  }

  /** Gives entities back; they are placed by what the World says of them now. */
  release(taken: readonly Taken[]): void {
    for (const { rule, id } of taken) {
      const line = this.#line(rule);
      line.locked.delete(id);
      this.#touch(line.rule.kind, id);
    }
  }

  /**
   * Earliest instant (epoch ms) after `now` at which something becomes due; null: nothing waits. What is due and not
   * taken, because of some limit, is no reason to look again: whatever makes room for it is.
   */
  nextAt(now: number): number | null {
    this.#placeTouched();
    let next: number | null = null;
    for (const line of this.#lines.values()) {
      const at = line.nextAt(now);
      if (at !== null && (next === null || at < next)) next = at;
    }
    return next;
  }

  #line(name: string): Line {
    const line = this.#lines.get(name);
    if (!line) throw new Error(`no rule ${name}`);
    return line;
  }

  #place(kind: Kind | "instance", id: Id): void {
    const entity = this.#led(kind, id) ? this.#entity(kind, id) : undefined;
    for (const line of this.#byKind.get(kind) ?? []) {
      const free = entity !== undefined && !line.locked.has(id);
      line.put(id, free ? line.rule.place(this.#world, entity as never, id as never) : null);
    }
  }

  /**
   * What another instance leads is nobody's duty here. Commands concern every shard: their rules see to it themselves.
   */
  #led(kind: Kind | "instance", id: Id): boolean {
    if (kind === "instance") return true;
    const queue = this.#queueOf(kind, id);
    return queue !== undefined && this.#world.owns(queue === "" ? 0 : (this.#world.placements.get(queue) ?? 0));
  }

  /** "" for a call of the instance as a whole. */
  #queueOf(kind: Kind, id: Id): string | undefined {
    const { jobs, workers, calls } = this.#world;
    switch (kind) {
      case "job":
        return jobs.get(id as number)?.ctx.queue;
      case "worker":
        return workers.get(id as number)?.ctx.queue;
      case "call":
        return calls.get(id as string)?.ctx.queue;
      default:
        return id as string;
    }
  }

  #entity(kind: Kind | "instance", id: Id): unknown {
    const { queues, jobs, workers, fileGroups, calls, instance } = this.#world;
    switch (kind) {
      case "job":
        return jobs.get(id as number);
      case "worker":
        return workers.get(id as number);
      case "queue":
        return queues.get(id as string);
      case "fileGroup":
        return fileGroups.get(id as string);
      case "call":
        return calls.get(id as string);
      case "instance":
        return instance;
    }
  }

  /** A job with many workers may have another one when one of them has ended. */
  #touchJobsOf({ mapType, pandaIDs }: Worker["ctx"]): void {
    if (mapType !== "OneToMany") return;
    for (const PandaID of pandaIDs) this.#touch("job", PandaID);
  }
}
