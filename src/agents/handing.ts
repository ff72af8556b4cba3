/**
 * What a plug-in is handed: the World's jobs, files and workers as plain data. Pure; `calls.ts` makes specs of it.
 */
import type { FileGroupContext, FileRow } from "../../machines/fileGroup.ts";
import type { WorkerContext } from "../../machines/workerContext.ts";
import type { JobData } from "../specs/jobSpec.ts";
import type { WorkerData } from "../specs/workSpec.ts";
import { type FileGroup, type Job, statusOf, subStatusOf, type Worker, type World, workerStatusOf } from "../world.ts";
import type { FileArgument, JobArgument, KeyedPatch, WorkerArgument } from "./agent.ts";

/** A job's facts. */
export function jobData(job: Job): JobData {
  const { ctx } = job;
  return {
    PandaID: ctx.PandaID,
    taskID: ctx.taskID,
    // A job without one was refused, and no plug-in sees it.
    attemptNr: ctx.attemptNr ?? 0,
    jobsetID: ctx.jobsetID,
    status: statusOf(job),
    subStatus: subStatusOf(job),
    currentPriority: ctx.priority,
    computingSite: ctx.queue,
    nCore: ctx.nCore,
    resourceType: ctx.resourceType,
    prodSourceLabel: ctx.prodSourceLabel,
    jobParams: ctx.params,
    jobAttributes: ctx.attributes,
    inputs: ctx.inputs,
    outputs: ctx.outputs,
    log: ctx.log,
    startAt: ctx.startAt,
    endAt: ctx.endAt,
  };
}

/** The rows of a group that `select` wants, at most `max`, as a plug-in sees them. */
export function filesOf(
  group: FileGroup | undefined,
  select: (file: FileRow) => boolean,
  max: number | null = null,
): FileArgument[] {
  if (!group) return [];
  const found: FileArgument[] = [];
  for (const [key, file] of Object.entries(group.ctx.files)) {
    if (max !== null && found.length >= max) break;
    if (select(file)) found.push(fileArgument(group.ctx, key, file));
  }
  return found;
}

/** One row as a plug-in sees it; a shared copy's path stands for its own where that is not set. */
export const fileArgument = (group: FileGroupContext, key: string, { copyPath, ...file }: FileRow): FileArgument => ({
  ...(copyPath === undefined ? {} : { path: copyPath }),
  ...file,
  key,
  PandaID: group.PandaID ?? 0,
  endpoint: group.endpoint ?? undefined,
});

/** What each zip file of a group holds, by its key; one walk for all, since a group may have thousands. */
export function zipMembers(group: FileGroupContext): ReadonlyMap<string, readonly FileArgument[]> {
  const members = new Map<string, FileArgument[]>();
  for (const [key, file] of Object.entries(group.files)) {
    const { zip } = file;
    if (zip === undefined || zip === key) continue;
    const known = members.get(zip);
    if (known) known.push(fileArgument(group, key, file));
    else members.set(zip, [fileArgument(group, key, file)]);
  }
  return members;
}

/** The same files after a plug-in changed some of them. */
export function patched(files: readonly FileArgument[], patches: readonly KeyedPatch[]): FileArgument[] {
  const byKey = new Map(patches.map(({ key, set }) => [key, set]));
  return files.map((file) => ({ ...file, ...byKey.get(file.key) }));
}

/** A job with all its files, for makers and messengers. */
export function jobWithFiles(world: World, job: Job): JobArgument {
  const inputs = [
    ...filesOf(world.filesOf(job.ctx.PandaID, "in"), () => true),
    ...filesOf(world.filesOf(job.ctx.PandaID, "aux"), () => true),
  ];
  const outputs = filesOf(world.filesOf(job.ctx.PandaID, "out"), () => true);
  return { data: jobData(job), in: inputs, out: outputs };
}

/** A worker's facts. */
export function workerData(world: World, worker: Worker): WorkerData {
  return workerFacts(world.instance.harvesterID, worker.ctx, workerStatusOf(worker));
}

function workerFacts(harvesterID: string, ctx: WorkerContext, status: string): WorkerData {
  return {
    ...ctx.settings,
    workerID: ctx.workerID,
    key: ctx.key,
    harvesterID,
    computingSite: ctx.queue,
    mapType: ctx.mapType,
    status,
    accessPoint: ctx.accessPoint,
    jobType: ctx.jobType,
    resourceType: ctx.resourceType,
    pilotType: ctx.pilotType ?? undefined,
    nCore: ctx.nCore ?? undefined,
    minRamCount: ctx.minRamCount ?? undefined,
    maxDiskCount: ctx.maxDiskCount ?? undefined,
    maxWalltime: ctx.maxWalltime ?? undefined,
    ioIntensity: ctx.ioIntensity ?? undefined,
    submitAt: ctx.submitAt ?? undefined,
    startAt: ctx.startAt ?? undefined,
    endAt: ctx.endAt ?? undefined,
    pandaIDs: ctx.pandaIDs,
    workAttributes: ctx.attributes,
  };
}

/** A worker, with its jobs where the method needs them. */
export function workerArgument(world: World, worker: Worker, withJobs = false): WorkerArgument {
  const data = workerData(world, worker);
  if (!withJobs) return { data };
  const jobs = worker.ctx.pandaIDs.flatMap((id) => world.jobs.get(id) ?? []);
  return { data, jobs: jobs.map((job) => jobWithFiles(world, job)) };
}

/** Patches of the log's form, null for what was cleared. */
export const asPatches = (patches: readonly KeyedPatch[]): { key: string; set: Record<string, unknown> }[] =>
  patches.map(({ key, set }) => ({ key, set: { ...set } }));
