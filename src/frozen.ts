/**
 * The World as plain JSON and back, for snapshots: equal Worlds give equal JSON text. It must never hold what a fold
 * would not give again.
 */
import type { Look } from "../machines/look.ts";
import { kinds } from "./projection.ts";
import type { Point } from "./steps.ts";
import { tally } from "./tallies.ts";
import type { Anomaly, DialogBox, Entity, Instance, Kind, MissedBatch, PendingCommand, World } from "./world.ts";

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
  readonly lists: readonly (readonly [
    string,
    { readonly at: number; readonly data: unknown; readonly queues?: number },
  ])[];
  readonly listLooks: readonly (readonly [string, Look])[];
  readonly commands: readonly (readonly [number, PendingCommand])[];
  readonly toAcknowledge: readonly number[];
  readonly placements: readonly (readonly [string, number])[];
  readonly workerIDs: readonly (readonly [number, number])[];
  readonly lastSteps: readonly (readonly [number, Point])[];
  readonly published: readonly (readonly [number, Point])[];
  readonly dialogs: readonly (readonly [number, DialogBox])[];
  readonly missedWorkers: readonly (readonly [string, readonly MissedBatch[]])[];
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
    workerIDs: [...world.workerIDs],
    lastSteps: [...world.lastSteps],
    published: [...world.published],
    dialogs: [...world.dialogs],
    missedWorkers: [...world.missedWorkers],
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
    workerIDs: sorted(frozen.workerIDs),
    lastSteps: sorted(frozen.lastSteps),
    published: sorted(frozen.published),
    dialogs: sorted(frozen.dialogs),
    missedWorkers: sorted(frozen.missedWorkers),
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
      const entity: Entity<unknown> = {
        state: kind.table.stateOf(row.state),
        ctx: row.ctx,
        steps: row.steps,
        tally: null,
        life: null,
      };
      kind.map(world).set(id, entity);
      tally(world, kindName, entity, null);
    }
  }
  Object.assign(world.instance, saved.instance, {
    lists: new Map(saved.lists),
    listLooks: new Map(saved.listLooks),
    commands: new Map(saved.commands),
    toAcknowledge: new Set(saved.toAcknowledge),
  });
  for (const [queue, shard] of saved.placements) world.placements.set(queue, shard);
  for (const [shard, id] of saved.workerIDs) world.workerIDs.set(shard, id);
  for (const [shard, last] of saved.lastSteps) world.lastSteps.set(shard, last);
  for (const [shard, noted] of saved.published) world.published.set(shard, noted);
  for (const [shard, box] of saved.dialogs) world.dialogs.set(shard, box);
  for (const [queue, batches] of saved.missedWorkers) world.missedWorkers.set(queue, batches);
  world.anomalies.push(...saved.anomalies);
  world.anomalyCount = saved.anomalyCount;
}
