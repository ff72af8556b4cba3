/**
 * From records to the World. An event becomes, in a fixed order, one step for each entity it names; a step goes through
 * the entity's machine. The same records give the same World, whatever the batches they are read in. No policy here.
 */
import type { WindrowEvent } from "../events/events.ts";
import { blankCall, callMachine, evolveCall } from "../machines/call.ts";
import { blankFileGroup, evolveFileGroup, fileGroupMachine, openWork } from "../machines/fileGroup.ts";
import { jobMachine } from "../machines/job.ts";
import { blankJob } from "../machines/jobContext.ts";
import { evolveJob } from "../machines/jobEvolution.ts";
import { blankQueue, evolveQueue, queueMachine } from "../machines/queue.ts";
import { type Step, Table } from "../machines/step.ts";
import { workerMachine } from "../machines/worker.ts";
import { blankWorker } from "../machines/workerContext.ts";
import { evolveWorker } from "../machines/workerEvolution.ts";
import { noteDialogs } from "./dialogs.ts";
import { foldInstance } from "./instance.ts";
import { noteMissed } from "./missed.ts";
import { eachStep, kindOf, type Point } from "./steps.ts";
import { tally } from "./tallies.ts";
import type { Entity, Kind, World } from "./world.ts";

/** What the projection needs of an admitted record. */
export interface Folded {
  readonly shard: number;
  readonly seq: number;
  readonly at: number;
  readonly events: readonly WindrowEvent[];
}

/** One step that an entity made, for those who watch: scheduler, subscribers, audit. */
export interface Transition {
  readonly kind: Kind;
  readonly id: number | string;
  /** `shard/seq/index/step`: the same for ever. */
  readonly position: string;
  readonly step: Step;
  readonly before: string;
  readonly after: string;
  /** As it is after the step; it may have left the World with it. */
  readonly entity: Entity<unknown>;
}
export type Watcher = (transition: Transition) => void;

/** Where in the log a step is; its text is only made for those who ask. */
class Place {
  readonly #record: Folded;
  readonly #index: number;
  #step = 0;

  constructor(record: Folded, index: number) {
    this.#record = record;
    this.#index = index;
  }

  next(): void {
    this.#step += 1;
  }

  point(): Point {
    return { seq: this.#record.seq, index: this.#index, step: this.#step };
  }

  /** `shard/seq/index/step`. */
  text(): string {
    return `${this.#record.shard}/${this.#record.seq}/${this.#index}/${this.#step}`;
  }
}

/** Applies one record to the World. */
export function fold(world: World, record: Folded, watch?: Watcher): void {
  // Shards are replayed one after the other: the newest instant counts, whatever the order they are read in.
  if (record.at > world.at) world.at = record.at;
  let last: Point | undefined;
  record.events.forEach((event, index) => {
    const place = new Place(record, index);
    const { at } = record;
    const about = kindOf(event);
    let known = false;
    noteDialogs(world, record.shard, event, at);
    eachStep(world, event, (kind, id, type, part) => {
      const step: Step = part === undefined ? { type, event, at } : { type, event, at, part };
      // What follows for others (files of a job, workers of a call) does so only if the event was expected.
      const applied = (kind === about || known) && apply(world, kind, id, step, place, watch);
      if (kind === about) known = applied;
      if (applied && isPublic(kind, type)) last = place.point();
      place.next();
      if (kind === "worker" && isMissed.has(type)) noteMissed(world, Number(id));
      if (kind === "worker" && countsAgainstOrder.has(type)) fillOrder(world, id, step, place, watch);
      else if (kind === "fileGroup" && settle(world, String(id), step, place, watch)) {
        last = place.point();
        place.next();
      }
    });
    if (about === "instance") foldInstance(world, event, record);
    if (event.type === "worker.made") noteWorkerID(world, record.shard, event.workerID);
  });
  if (last) world.lastSteps.set(record.shard, last);
}

/**
 * Whether subscribers hear of a step: of jobs, file groups and workers, and not of a look that found nothing new
 * (design 3).
 */
export const isPublic = (kind: Kind, type: string): boolean =>
  kind !== "queue" && kind !== "call" && type !== "worker.unchanged";

const countsAgainstOrder = new Set(["worker.submitted", "worker.submittedRunning", "worker.missed"]);

const isMissed = new Set(["worker.missed", "worker.seenMissed"]);

interface KindOf<C> {
  readonly table: Table;
  readonly blank: (id: never) => C;
  readonly evolve: (ctx: C, step: Step) => void;
  readonly map: (world: World) => Map<number | string, Entity<C>>;
  /** Events that may be the first. */
  readonly births: ReadonlySet<string>;
}

const births = (...types: string[]) => new Set(types);
// biome-ignore lint/suspicious/noExplicitAny: the table is read by kind, each row fits its own context.
type AnyKind = KindOf<any>;
/** What the projection knows of each kind of entity. */
export const kinds: Readonly<Record<Kind, AnyKind>> = {
  job: {
    table: new Table(jobMachine),
    blank: blankJob,
    evolve: evolveJob,
    map: (world) => world.jobs as Map<number | string, Entity<unknown>>,
    births: births("job.fetched", "job.refused"),
  },
  worker: {
    table: new Table(workerMachine),
    blank: blankWorker,
    evolve: evolveWorker,
    map: (world) => world.workers as Map<number | string, Entity<unknown>>,
    births: births("worker.made"),
  },
  fileGroup: {
    table: new Table(fileGroupMachine),
    blank: blankFileGroup,
    evolve: evolveFileGroup,
    map: (world) => world.fileGroups as Map<number | string, Entity<unknown>>,
    births: births("fileGroup.opened", "fileGroup.named"),
  },
  queue: {
    table: new Table(queueMachine),
    blank: blankQueue,
    evolve: evolveQueue,
    map: (world) => world.queues as Map<number | string, Entity<unknown>>,
    births: births("queue.configured"),
  },
  call: {
    table: new Table(callMachine),
    blank: blankCall,
    evolve: evolveCall,
    map: (world) => world.calls as Map<number | string, Entity<unknown>>,
    births: births("call.intended"),
  },
};

/** The transition tables by kind, for matrices, diagrams and snapshots. */
export const tableOf = (kind: Kind): Table => kinds[kind].table;

/** One step of one entity. False: the machine does not know it, which is an anomaly and changes nothing. */
function apply(world: World, kindName: Kind, id: number | string, step: Step, place: Place, watch?: Watcher): boolean {
  const kind = kinds[kindName];
  const map = kind.map(world);
  let entity = map.get(id);
  if (!entity) {
    // Groups that never had a file are not kept, so what would release them names nobody.
    if (kindName === "fileGroup" && step.type !== step.event.type) return false;
    entity = { state: kind.table.initial, ctx: kind.blank(id as never), steps: 0, tally: null, life: null };
    if (kind.births.has(step.type)) map.set(id, entity);
  }
  const before = entity.state;
  const after = kind.table.next(before, step.type);
  if (!after) {
    noteAnomaly(world, { position: place.text(), entity: `${kindName} ${id}`, state: before.key, type: step.type });
    return false;
  }
  kind.evolve(entity.ctx, step);
  entity.state = after;
  entity.steps += 1;
  tally(world, kindName, entity, step.type);
  if (after.final) map.delete(id);
  watch?.({ kind: kindName, id, position: place.text(), step, before: before.key, after: after.key, entity });
  return true;
}

/**
 * A group in which nothing waits or moves any more is settled: a step that follows from its counts alone. Gives whether
 * it was made.
 */
function settle(world: World, id: string, cause: Step, place: Place, watch?: Watcher): boolean {
  const group = world.fileGroups.get(id);
  if (!group || (group.state.life !== "open" && group.state.life !== "moving")) return false;
  const { counts } = group.ctx;
  const waiting = (counts["to_prepare"] ?? 0) + (counts["preparing"] ?? 0) + (counts["triggered"] ?? 0);
  if (openWork(counts) !== null || waiting > 0 || counts["pending"]) return false;
  const step: Step = { type: "fileGroup.settled", event: cause.event, at: cause.at };
  return apply(world, "fileGroup", id, step, place, watch);
}

/** A worker that was submitted, or failed to be, counts against what the WMS ordered of its queue (5, 6.6). */
function fillOrder(world: World, workerID: number | string, cause: Step, place: Place, watch?: Watcher): void {
  const queue = world.workers.get(workerID as number)?.ctx.queue;
  const entity = queue === undefined ? undefined : world.queues.get(queue);
  if (!entity || !Object.values(entity.ctx.ordered).some((n) => n > 0)) return;
  const step: Step = { type: "queue.orderFilled", event: cause.event, at: cause.at };
  apply(world, "queue", entity.ctx.queue, step, place, watch);
  place.next();
}

function noteAnomaly(world: World, anomaly: World["anomalies"][number]): void {
  world.anomalyCount += 1;
  // The last hundred are kept for the operator; the log has them all.
  if (world.anomalies.length >= 100) world.anomalies.shift();
  world.anomalies.push(anomaly);
}

function noteWorkerID(world: World, shard: number, workerID: number): void {
  world.workerIDs.set(shard, Math.max(workerID, world.workerIDs.get(shard) ?? 0));
}
