/**
 * From records to the World. An event becomes, in a fixed order, one step for each entity it names; a step goes through
 * the entity's machine. The same records give the same World, whatever the batches they are read in. No policy here.
 */
import type { EventOf, WindrowEvent } from "../events/events.ts";
import type { WorkerLook } from "../events/worker.ts";
import { blankCall, callMachine, evolveCall } from "../machines/call.ts";
import { blankFileGroup, evolveFileGroup, fileGroupMachine, openWork } from "../machines/fileGroup.ts";
import { blankJob, evolveJob, jobMachine } from "../machines/job.ts";
import type { Look } from "../machines/look.ts";
import { blankQueue, evolveQueue, queueMachine } from "../machines/queue.ts";
import { type Step, Table } from "../machines/step.ts";
import { blankWorker, evolveWorker, lookSteps, workerMachine } from "../machines/worker.ts";
import { foldInstance } from "./instance.ts";
import { forgetFiles, tally, untally } from "./tallies.ts";
import type { Anomaly, Entity, Instance, Kind, PendingCommand, World } from "./world.ts";

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

type Target = readonly [kind: Kind, id: number | string, type: string, part?: unknown];

/** The inputs of a job that ends before its payload are not needed from then on. */
const endsBeforePayload = new Set([
  "job.refused",
  "job.preparationRefused",
  "job.stageInRefused",
  "job.makingFailed",
  "job.killed",
]);
/** Those of any other job are kept until the WMS knows that it has ended (lifecycle 1.10). */
const tellsEnd = new Set(["job.told", "job.closed"]);

/** Applies one record to the World. */
export function fold(world: World, record: Folded, watch?: Watcher): void {
  // Shards are replayed one after the other: the newest instant counts, whatever the order they are read in.
  world.at = Math.max(world.at, record.at);
  record.events.forEach((event, index) => {
    const stem = `${record.shard}/${record.seq}/${index}`;
    let n = 0;
    let known = false;
    for (const [kind, id, type, part] of targets(world, event)) {
      const step: Step = part === undefined ? { type, event, at: record.at } : { type, event, at: record.at, part };
      const position = `${stem}/${n++}`;
      // What follows for others (files of a job, workers of a call) does so only if the event was expected.
      if (event.type.startsWith(`${kind}.`)) known = apply(world, kind, id, step, position, watch);
      else if (known) apply(world, kind, id, step, position, watch);
      if (type === "worker.submitted" || type === "worker.submittedRunning" || type === "worker.missed")
        fillOrder(world, id, step, `${stem}/${n++}`, watch);
      if (kind === "fileGroup") settle(world, String(id), step, `${stem}/${n++}`, watch);
    }
    if (event.type.startsWith("instance.")) foldInstance(world, event, record.at);
    if (event.type === "worker.made") noteWorkerNumber(world, record.shard, event.workerID);
  });
}

/** The entities that an event names, with the name that the event has for each. */
function* targets(world: World, event: WindrowEvent): Generator<Target> {
  const { type } = event;
  if (type === "worker.submitted" || type === "worker.missed") {
    const running = type === "worker.submitted" && event.running;
    yield ["worker", event.workerID, running ? "worker.submittedRunning" : type];
  } else if (type === "worker.looked") {
    for (const look of event.workers)
      yield ["worker", look.workerID, lookSteps[look.status], look satisfies WorkerLook];
    for (const id of event.unchanged) yield ["worker", id, "worker.unchanged"];
  } else if (type.startsWith("job.")) {
    yield* jobTargets(world, event as EventOf<"job.closed" | "job.fetched">);
  } else if ("workerIDs" in event && event.type !== "call.intended") {
    for (const id of event.workerIDs) yield ["worker", id, type];
  } else if ("workerID" in event) {
    yield ["worker", event.workerID, type];
  } else if ("group" in event) {
    yield ["fileGroup", event.group, type];
  } else if (type.startsWith("call.")) {
    yield* callTargets(event as EventOf<"call.intended" | "call.returned">);
  } else if (type.startsWith("queue.")) {
    yield ["queue", (event as EventOf<"queue.retired">).queue, type];
  }
}

function* jobTargets(world: World, event: EventOf<"job.closed" | "job.fetched">): Generator<Target> {
  const ids = "PandaIDs" in event ? event.PandaIDs : [event.PandaID];
  for (const id of ids) {
    yield ["job", id, event.type];
    const hasEnded = tellsEnd.has(event.type) && (world.jobs.get(id)?.ctx.verdict ?? null) !== null;
    if (endsBeforePayload.has(event.type) || hasEnded) yield* released(world, id);
    const last = event.type === "job.closed" ? "fileGroup.deletable" : null;
    if (last === null) continue;
    for (const direction of ["in", "aux", "out"]) yield ["fileGroup", `${id}/${direction}`, last];
  }
}

function* released(world: World, PandaID: number): Generator<Target> {
  for (const group of [`${PandaID}/in`, `${PandaID}/aux`]) {
    if (world.fileGroups.get(group)?.state.life !== "released") yield ["fileGroup", group, "fileGroup.released"];
  }
}

function* callTargets(event: EventOf<"call.intended" | "call.returned">): Generator<Target> {
  yield ["call", event.key, event.type];
  if (event.type !== "call.intended" || event.method !== "submitWorkers") return;
  for (const id of event.workerIDs ?? []) yield ["worker", id, "worker.submitting"];
}

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
const kinds: Readonly<Record<Kind, AnyKind>> = {
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
function apply(
  world: World,
  kindName: Kind,
  id: number | string,
  step: Step,
  position: string,
  watch?: Watcher,
): boolean {
  const kind = kinds[kindName];
  const map = kind.map(world);
  let entity = map.get(id);
  if (!entity) {
    // Groups that never had a file are not kept, so what would release them names nobody.
    if (kindName === "fileGroup" && step.type !== step.event.type) return false;
    entity = { state: kind.table.initial, ctx: kind.blank(id as never), steps: 0, tally: null };
    if (kind.births.has(step.type)) map.set(id, entity);
  }
  const before = entity.state;
  const after = kind.table.next(before, step.type);
  if (!after) {
    noteAnomaly(world, { position, entity: `${kindName} ${id}`, state: before.key, type: step.type });
    return false;
  }
  untally(world, kindName, entity);
  kind.evolve(entity.ctx, step);
  entity.state = after;
  entity.steps += 1;
  if (after.final) map.delete(id);
  else tally(world, kindName, entity);
  if (kindName === "job" && after.final) forgetFiles(world, id as number);
  watch?.({ kind: kindName, id, position, step, before: before.key, after: after.key, entity });
  return true;
}

/** A group in which nothing waits or moves any more is settled: a step that follows from its counts alone. */
function settle(world: World, id: string, cause: Step, position: string, watch?: Watcher): void {
  const group = world.fileGroups.get(id);
  if (!group || (group.state.life !== "open" && group.state.life !== "moving")) return;
  const { counts } = group.ctx;
  const waiting = (counts["to_prepare"] ?? 0) + (counts["preparing"] ?? 0) + (counts["triggered"] ?? 0);
  if (openWork(counts) !== null || waiting > 0 || counts["pending"]) return;
  apply(world, "fileGroup", id, { type: "fileGroup.settled", event: cause.event, at: cause.at }, position, watch);
}

/** A worker that was submitted, or failed to be, counts against what the WMS ordered of its queue (5, 6.6). */
function fillOrder(world: World, workerID: number | string, cause: Step, position: string, watch?: Watcher): void {
  const queue = world.workers.get(workerID as number)?.ctx.queue;
  const entity = queue === undefined ? undefined : world.queues.get(queue);
  if (!entity || !Object.values(entity.ctx.ordered).some((n) => n > 0)) return;
  const step: Step = { type: "queue.orderFilled", event: cause.event, at: cause.at };
  apply(world, "queue", entity.ctx.queue, step, position, watch);
}

function noteAnomaly(world: World, anomaly: World["anomalies"][number]): void {
  world.anomalyCount += 1;
  // The last hundred are kept for the operator; the log has them all.
  if (world.anomalies.length >= 100) world.anomalies.shift();
  world.anomalies.push(anomaly);
}

function noteWorkerNumber(world: World, shard: number, workerID: number): void {
  const n = Math.floor(workerID / world.settings.windrow.shards);
  world.workerNumbers.set(shard, Math.max(n, world.workerNumbers.get(shard) ?? 0));
}

interface FrozenEntity {
  readonly state: string;
  readonly ctx: unknown;
  readonly steps: number;
}

/** A World as plain JSON. */
export interface Frozen {
  readonly at: number;
  readonly entities: Readonly<Record<Kind, readonly (readonly [number | string, FrozenEntity])[]>>;
  readonly instance: Omit<Instance, "lists" | "listLooks" | "commands" | "toAcknowledge">;
  readonly lists: readonly (readonly [string, { readonly at: number; readonly data: unknown }])[];
  readonly listLooks: readonly (readonly [string, Look])[];
  readonly commands: readonly (readonly [number, PendingCommand])[];
  readonly toAcknowledge: readonly number[];
  readonly placements: readonly (readonly [string, number])[];
  readonly workerNumbers: readonly (readonly [number, number])[];
  readonly anomalies: readonly Anomaly[];
  readonly anomalyCount: number;
}

const kindNames = ["queue", "job", "fileGroup", "worker", "call"] as const satisfies readonly Kind[];

/** The World as plain JSON, for a snapshot: equal Worlds give equal JSON text. */
export function freeze(world: World): Frozen {
  const entities = Object.fromEntries(
    kindNames.map((kind) => [
      kind,
      [...kinds[kind].map(world)].map(([id, { state, ctx, steps }]) => [id, { state: state.key, ctx, steps }] as const),
    ]),
  ) as unknown as Frozen["entities"];
  const { lists, listLooks, commands, toAcknowledge, ...instance } = world.instance;
  return {
    at: world.at,
    entities,
    instance,
    lists: [...lists],
    listLooks: [...listLooks],
    commands: [...commands],
    toAcknowledge: [...toAcknowledge],
    placements: [...world.placements],
    workerNumbers: [...world.workerNumbers],
    anomalies: [...world.anomalies],
    anomalyCount: world.anomalyCount,
  };
}

/** The same with everything in the order of its keys, which is the same whatever order shards were read in. */
export function canonical(frozen: Frozen): Frozen {
  const sorted = <T extends readonly (readonly unknown[])[]>(list: T): T =>
    list.toSorted(([a], [b]) => ((a as number) < (b as number) ? -1 : 1)) as unknown as T;
  const entities = Object.fromEntries(
    kindNames.map((kind) => [kind, sorted(frozen.entities[kind])]),
  ) as unknown as Frozen["entities"];
  return {
    ...frozen,
    entities,
    placements: sorted(frozen.placements),
    workerNumbers: sorted(frozen.workerNumbers),
    anomalies: frozen.anomalies.toSorted((a, b) => (a.position < b.position ? -1 : 1)),
  };
}

/** Fills an empty World from what `freeze` gave. @throws Error where a state is of another machine version. */
export function thaw(frozen: Frozen, world: World): void {
  const saved = structuredClone(frozen);
  world.at = saved.at;
  for (const kindName of kindNames) {
    const kind = kinds[kindName];
    for (const [id, row] of saved.entities[kindName]) {
      const entity = { state: kind.table.stateOf(row.state), ctx: row.ctx, steps: row.steps, tally: null };
      kind.map(world).set(id, entity);
      tally(world, kindName, entity);
    }
  }
  Object.assign(world.instance, saved.instance, {
    lists: new Map(saved.lists),
    listLooks: new Map(saved.listLooks),
    commands: new Map(saved.commands),
    toAcknowledge: new Set(saved.toAcknowledge),
  });
  for (const [queue, shard] of saved.placements) world.placements.set(queue, shard);
  for (const [shard, n] of saved.workerNumbers) world.workerNumbers.set(shard, n);
  world.anomalies.push(...saved.anomalies);
  world.anomalyCount = saved.anomalyCount;
}
