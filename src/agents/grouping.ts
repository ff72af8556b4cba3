/**
 * Transfer groups that a plug-in makes across jobs (lifecycle 2.5): what Harvester's plug-in DB interface writes at
 * once, as events. Only files of the caller's shard are found: a transfer group lives in one shard. Pure. It walks
 * through the files of the shard, so a plug-in must not change groups in every look.
 */
import type { WindrowEvent } from "../../events/events.ts";
import type { World } from "../world.ts";
import type { GroupChange, Reply } from "./agent.ts";

/** Events of the group changes that came with a reply, one for each file group that has such files. */
export function regrouped(world: World, shard: number, reply: Reply, now: number): WindrowEvent[] {
  const changes = reply.ok ? (reply.groups ?? []) : [];
  if (changes.length === 0) return [];
  const events: WindrowEvent[] = [];
  for (const [group, { ctx }] of world.fileGroups) {
    if (shardOf(world, ctx.PandaID) !== shard) continue;
    const patches = Object.entries(ctx.files).flatMap(([key, { lfn, groupID }]) => {
      const set = changesOf(lfn, groupID, changes, now);
      return set ? [{ key, set }] : [];
    });
    if (patches.length > 0) events.push({ type: "fileGroup.regrouped", group, patches });
  }
  return events;
}

function shardOf(world: World, PandaID: number | null): number | undefined {
  const job = PandaID === null ? undefined : world.jobs.get(PandaID);
  return job && world.shardOf(job.ctx.queue);
}

/** What the changes, one after the other, set on a file. A status alone leaves the group's time as it was. */
function changesOf(
  lfn: string,
  groupID: string | undefined,
  changes: readonly GroupChange[],
  now: number,
): Record<string, unknown> | null {
  let set: Record<string, unknown> | null = null;
  let current = groupID;
  for (const { lfns, groupID: to, groupStatus } of changes) {
    if (lfns?.includes(lfn)) {
      set = { groupID: to, groupStatus, groupUpdateAt: now };
      current = to;
    } else if (!lfns && current === to) set = { ...(set ?? {}), groupStatus };
  }
  return set;
}
