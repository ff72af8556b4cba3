/**
 * Counts that the projection keeps beside the entities, so that no agent ever scans them: jobs and workers by class,
 * and which starting job has which shared input in which status.
 */
import type { FileGroupContext } from "../machines/fileGroup.ts";
import {
  type Call,
  type Entity,
  type FileGroup,
  isStarting,
  type Job,
  type Kind,
  statusOf,
  type Tally,
  type Worker,
  type World,
  workerStatusOf,
} from "./world.ts";

/** Takes an entity out of the counts; called before it changes. */
export function untally(world: World, kind: Kind, entity: Entity<unknown>): void {
  if (kind === "fileGroup") return shareInputs(world, entity as FileGroup, false);
  if (kind === "job" && entity.steps > 0) countLife(world, entity, -1);
  if (entity.tally === null) return;
  if (kind === "call") settleCall(world, entity as Call);
  else if (kind === "job") {
    add(jobTally(world, entity.tally), -1, (entity as Job).ctx.nCore, 0);
    if (entity.tally.endsWith("|starting")) shareOfJob(world, entity as Job, false);
  } else {
    const { ctx } = entity as Worker;
    add(workerTally(world, ctx.queue, entity.tally), -1, ctx.nCore, ctx.minRamCount);
  }
  entity.tally = null;
}

/** Puts an entity into the counts; called after it changed. */
export function tally(world: World, kind: Kind, entity: Entity<unknown>): void {
  if (kind === "fileGroup") tallyFileGroup(world, entity as FileGroup);
  else if (kind === "job") tallyJob(world, entity as Job);
  else if (kind === "worker") tallyWorker(world, entity as Worker);
  else if (kind === "call") openCall(world, entity as Call);
}

function tallyFileGroup(world: World, group: FileGroup): void {
  shareInputs(world, group, true);
  const { direction, PandaID, files } = group.ctx;
  if (PandaID === null || (direction !== "in" && direction !== "aux")) return;
  // All files of a group become deletable in one step, so the first one speaks for them.
  let deletable = true;
  for (const key in files) {
    deletable = files[key]?.todelete ?? true;
    break;
  }
  if (deletable) releaseInputs(world, group);
  else if (group.tally === null) needInputs(world, group);
}

/** As long as its job is not done, nobody may delete an input of this name (lifecycle 2.5). */
function needInputs(world: World, group: FileGroup): void {
  group.tally = "needed";
  for (const { lfn } of Object.values(group.ctx.files)) {
    world.neededInputs.set(lfn, (world.neededInputs.get(lfn) ?? 0) + 1);
  }
}

/** The group's inputs are not needed any more, or the group leaves the World. */
function releaseInputs(world: World, group: FileGroup): void {
  if (group.tally !== "needed") return;
  group.tally = null;
  for (const { lfn } of Object.values(group.ctx.files)) {
    const left = (world.neededInputs.get(lfn) ?? 1) - 1;
    if (left > 0) world.neededInputs.set(lfn, left);
    else world.neededInputs.delete(lfn);
  }
}

/** The job leaves the World, and its groups with it. */
export function forgetFiles(world: World, PandaID: number): void {
  for (const direction of ["in", "aux", "out"] as const) {
    const group = world.filesOf(PandaID, direction);
    if (group) releaseInputs(world, group);
    world.fileGroups.delete(`${PandaID}/${direction}`);
  }
}

/** A job with an unsettled call gets no other creating call. */
function openCall(world: World, call: Call): void {
  const { PandaID } = call.ctx;
  if (PandaID === null) return;
  call.tally = "unsettled";
  world.unsettledJobs.set(PandaID, (world.unsettledJobs.get(PandaID) ?? 0) + 1);
}

function settleCall(world: World, { ctx: { PandaID } }: Call): void {
  if (PandaID === null) return;
  const left = (world.unsettledJobs.get(PandaID) ?? 1) - 1;
  if (left > 0) world.unsettledJobs.set(PandaID, left);
  else world.unsettledJobs.delete(PandaID);
}

function countLife(world: World, { state }: Entity<unknown>, by: 1 | -1): void {
  world.jobLives.set(state.life, (world.jobLives.get(state.life) ?? 0) + by);
}

function tallyJob(world: World, job: Job): void {
  countLife(world, job, 1);
  const status = statusOf(job);
  if (status !== "starting" && status !== "running") return;
  job.tally = `${job.ctx.queue}|${status}`;
  add(jobTally(world, job.tally), 1, job.ctx.nCore, 0);
  if (status === "starting") shareOfJob(world, job, true);
}

function tallyWorker(world: World, worker: Worker): void {
  const { ctx } = worker;
  worker.tally = `${workerStatusOf(worker)}|${ctx.jobType}|${ctx.resourceType}|${ctx.pilotType ?? ""}`;
  add(workerTally(world, ctx.queue, worker.tally), 1, ctx.nCore, ctx.minRamCount);
}

function add(numbers: Tally, by: 1 | -1, cores: number | null, memory: number | null): void {
  numbers.n += by;
  numbers.cores += by * (cores ?? 0);
  numbers.memory += by * (memory ?? 0);
}

function jobTally(world: World, key: string): Tally {
  let numbers = world.jobTallies.get(key);
  if (!numbers) {
    numbers = { n: 0, cores: 0, memory: 0 };
    world.jobTallies.set(key, numbers);
  }
  return numbers;
}

function workerTally(world: World, queue: string, key: string): Tally {
  let classes = world.workerTallies.get(queue);
  if (!classes) {
    classes = new Map();
    world.workerTallies.set(queue, classes);
  }
  let numbers = classes.get(key);
  if (!numbers) {
    numbers = { n: 0, cores: 0, memory: 0 };
    classes.set(key, numbers);
  }
  return numbers;
}

function shareOfJob(world: World, job: Job, put: boolean): void {
  for (const direction of ["in", "aux"] as const) {
    const group = world.filesOf(job.ctx.PandaID, direction);
    if (group) share(world, group.ctx, put);
  }
}

/** A group's change counts only while its job is starting. */
function shareInputs(world: World, group: FileGroup, put: boolean): void {
  const { PandaID, direction } = group.ctx;
  if (PandaID === null || (direction !== "in" && direction !== "aux")) return;
  const job = world.jobs.get(PandaID);
  if (job && isStarting(job)) share(world, group.ctx, put);
}

function share(world: World, group: FileGroupContext, put: boolean): void {
  if (group.endpoint === null || group.PandaID === null) return;
  for (const file of Object.values(group.files)) {
    const key = sharedKey(group.endpoint, file.lfn, file.fileType);
    const holders = world.sharedInputs.get(key) ?? new Map<number, string>();
    if (put) holders.set(group.PandaID, file.status);
    else holders.delete(group.PandaID);
    if (holders.size === 0) world.sharedInputs.delete(key);
    else world.sharedInputs.set(key, holders);
  }
}

/** Key of a shared input: the same name of the same kind at the same endpoint. */
export const sharedKey = (endpoint: string, lfn: string, fileType: string): string =>
  `${endpoint}\0${fileType}\0${lfn}`;
