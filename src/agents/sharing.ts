/**
 * Inputs that several starting jobs want (lifecycle 2.3): who brings a file and who waits for its copy. Pure. It must
 * never let two jobs of one endpoint bring the same file because they decided at the same moment.
 */
import type { FileRow } from "../../machines/fileGroup.ts";
import { sharedKey } from "../tallies.ts";
import type { FileGroup, Job, World } from "../world.ts";
import type { FileArgument } from "./agent.ts";

/**
 * Jobs that would take over the same file decide one after the other, before any of them is triggered: so exactly one
 * of them brings it. All others are on their own, also those that wait for a copy that is being brought: they would
 * else be triggered one after the other when it is there, and the last of them too late.
 */
export function bySharedInputs(
  world: World,
  ids: readonly (number | string)[],
  groupOf: (job: Job) => FileGroup | undefined,
): readonly (readonly number[])[] {
  const leaders = new Map<number, number>();
  const leaderOf = (id: number): number => {
    const next = leaders.get(id);
    if (next === undefined || next === id) return id;
    const leader = leaderOf(next);
    leaders.set(id, leader);
    return leader;
  };
  const firsts = new Map<string, number>();
  for (const id of ids as readonly number[]) {
    const job = world.jobs.get(id);
    const group = job && groupOf(job)?.ctx;
    for (const { lfn, fileType, status } of Object.values(group?.files ?? {})) {
      if (status !== "preparing") continue;
      const key = sharedKey(group?.endpoint ?? "", lfn, fileType);
      const first = firsts.get(key);
      if (first !== undefined) leaders.set(leaderOf(id), leaderOf(first));
      else if (nobodyBrings(world, key)) firsts.set(key, id);
    }
  }
  const batches = new Map<number, number[]>();
  for (const id of ids as readonly number[]) {
    const leader = leaderOf(id);
    const batch = batches.get(leader);
    if (batch) batch.push(id);
    else batches.set(leader, [id]);
  }
  return [...batches.values()];
}

/** Everybody who wants it waits: whoever had it brought is gone. */
function nobodyBrings(world: World, key: string): boolean {
  for (const status of world.sharedInputs.get(key)?.values() ?? []) if (status !== "preparing") return false;
  return true;
}

export interface Sharing {
  readonly key: string;
  readonly status: string;
  /** What comes with a copy that is there. */
  readonly from: Copied;
}

/** Who prepares each input that other starting jobs want too (2.3). */
export function share(
  world: World,
  group: FileGroup,
  files: readonly FileArgument[],
): { patches: Sharing[]; wait: boolean } {
  const own = files.some((file) => file.status === "to_prepare");
  const patches: Sharing[] = [];
  let wait = false;
  for (const file of files) {
    if (file.status !== "preparing" && file.status !== "to_prepare") continue;
    const holders = world.sharedInputs.get(sharedKey(group.ctx.endpoint ?? "", file.lfn, file.fileType));
    const statuses = new Set(holders?.values());
    let status = "to_prepare";
    let from: Copied = {};
    if (statuses.has("ready")) {
      status = "ready";
      from = copyOf(world, holders, file);
    } else if (statuses.has("triggered") || (!own && statuses.has("to_prepare"))) {
      status = "preparing";
      wait = true;
    }
    if (status !== file.status) patches.push({ key: file.key, status, from });
  }
  return { patches, wait };
}

type Copied = Partial<Pick<FileRow, "path" | "groupID" | "groupStatus" | "groupUpdateAt">>;

/** What a copy of a file brings along, as far as it is known. */
export const copied = ({
  path,
  groupID,
  groupStatus,
  groupUpdateAt,
}: { [K in keyof Copied]: Copied[K] | undefined }): Copied => ({
  ...(path ? { path } : {}),
  ...(groupID === undefined ? {} : { groupID }),
  ...(groupStatus === undefined ? {} : { groupStatus }),
  ...(groupUpdateAt === undefined ? {} : { groupUpdateAt }),
});

/** Where another job's copy is, and the newest transfer group that brings this file and has not failed (2.3). */
function copyOf(world: World, holders: ReadonlyMap<number, string> | undefined, file: FileArgument): Copied {
  const direction = file.fileType === "aux_input" ? "aux" : "in";
  const rows = [...(holders?.keys() ?? [])].flatMap((PandaID) => {
    const found: readonly FileRow[] = Object.values(world.filesOf(PandaID, direction)?.ctx.files ?? {});
    return found.filter(({ lfn }) => lfn === file.lfn);
  });
  const ready = rows.find((row) => row.status === "ready" && (row.path ?? row.copyPath));
  const path = ready?.path ?? ready?.copyPath;
  const grouped = rows.filter((row) => row.groupID !== undefined && row.groupStatus !== "failed");
  const [newest] = grouped.sort((a, b) => (b.groupUpdateAt ?? 0) - (a.groupUpdateAt ?? 0));
  return copied({ ...newest, path });
}
