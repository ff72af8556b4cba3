/**
 * Brings a configuration into the World: which events say what is new in it, and in which shard each family of queues
 * lives (design 3). Pure. It must never join two families that have shards of their own: their histories are apart.
 */
import type { WindrowEvent } from "../events/events.ts";
import type { InstanceConfig, QueueConfig } from "./config/schema.ts";
import { redact } from "./config/secrets.ts";
import type { World } from "./world.ts";

/** A configuration as read from the files; it holds secrets, which do not get into events. */
export interface Configuration {
  readonly instance: InstanceConfig;
  readonly queues: readonly QueueConfig[];
}

/** Events of one shard. */
export interface Decided {
  readonly shard: number;
  readonly events: readonly WindrowEvent[];
}

/** Two queues that belong together have shards of their own, or an operator's shard is taken or out of range. */
export class PlacementRefused extends Error {
  override readonly name = "PlacementRefused";
}

/** What has to be recorded for the configuration to be in force; nothing where the World has it already. */
export function configuring(world: World, { instance, queues }: Configuration): readonly Decided[] {
  const control: WindrowEvent[] = [];
  const config = redact(instance);
  if (!same(world.instance.config, config)) {
    control.push({ type: "instance.configured", harvesterID: instance.master.harvester_id, config });
  }
  const placed = place(world, queues, instance.windrow.shards);
  for (const [queue, shard] of placed) {
    if (!world.placements.has(queue)) control.push({ type: "instance.queuePlaced", queue, shard });
  }
  const decided: Decided[] = control.length > 0 ? [{ shard: 0, events: control }] : [];
  for (const queue of queues) {
    const known = world.queues.get(queue.queueName);
    const config = redact(queue);
    if (known?.state.life === "active" && same(known.ctx.config, config)) continue;
    const event: WindrowEvent = { type: "queue.configured", queue: queue.queueName, config };
    decided.push({ shard: placed.get(queue.queueName) ?? 0, events: [event] });
  }
  const names = new Set(queues.map(({ queueName }) => queueName));
  for (const [queue, { state }] of world.queues) {
    if (state.life !== "active" || names.has(queue)) continue;
    decided.push({ shard: world.shardOf(queue), events: [{ type: "queue.retired", queue }] });
  }
  return decided;
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Queues that a site or an endpoint joins, as lists. */
function families(queues: readonly QueueConfig[]): readonly (readonly QueueConfig[])[] {
  const familyOf = new Map<string, QueueConfig[]>();
  for (const queue of queues) {
    const keys = [`site ${queue.siteName}`];
    if (queue.ddmEndpointIn !== null) keys.push(`endpoint ${queue.ddmEndpointIn}`);
    const joined = [...new Set(keys.flatMap((key) => familyOf.get(key) ?? []))];
    const family = [...joined, queue];
    for (const member of family) {
      familyOf.set(`site ${member.siteName}`, family);
      if (member.ddmEndpointIn !== null) familyOf.set(`endpoint ${member.ddmEndpointIn}`, family);
    }
  }
  return [...new Set(familyOf.values())];
}

function place(world: World, queues: readonly QueueConfig[], shards: number): ReadonlyMap<string, number> {
  const placed = new Map<string, number>();
  const used = new Map<number, number>();
  for (const shard of world.placements.values()) used.set(shard, (used.get(shard) ?? 0) + 1);
  for (const family of families(queues)) {
    const shard = shardOf(world, family, shards, used);
    const fresh = family.filter(({ queueName }) => !world.placements.has(queueName));
    used.set(shard, (used.get(shard) ?? 0) + fresh.length);
    for (const { queueName } of family) placed.set(queueName, shard);
  }
  return placed;
}

function shardOf(
  world: World,
  family: readonly QueueConfig[],
  shards: number,
  used: ReadonlyMap<number, number>,
): number {
  const names = family.map(({ queueName }) => queueName).join(", ");
  const known = new Set(family.flatMap(({ queueName }) => world.placements.get(queueName) ?? []));
  const asked = new Set(family.flatMap(({ windrow }) => windrow.shard ?? []));
  if (known.size > 1) {
    throw new PlacementRefused(
      `queues ${names} would share a site or an input endpoint, but their histories are in shards ${[...known].join(" and ")}: ` +
        "give them names of their own, or keep siteName and ddmEndpointIn as they were",
    );
  }
  const [shard = emptiest(shards, used)] = [...known, ...asked];
  if (asked.size > 1 || (asked.size === 1 && !asked.has(shard))) {
    throw new PlacementRefused(
      `queues ${names} belong to shard ${shard}, the configuration asks for ${[...asked].join(" and ")}: ` +
        "a family has one shard for good; correct windrow.shard",
    );
  }
  if (shard >= shards) {
    throw new PlacementRefused(`queues ${names} ask for shard ${shard}, the log has ${shards}: choose a smaller one`);
  }
  return shard;
}

/** The shard with fewest queues; the control shard only where there is no other. */
function emptiest(shards: number, used: ReadonlyMap<number, number>): number {
  let best = shards > 1 ? 1 : 0;
  for (let shard = best; shard < shards; shard += 1) {
    if ((used.get(shard) ?? 0) < (used.get(best) ?? 0)) best = shard;
  }
  return best;
}
