/**
 * Counts that the projection keeps beside the entities, so that no agent ever scans them: jobs and workers by class,
 * and which starting job has which shared input in which status.
 */
import type { FileGroupContext } from "../machines/fileGroup.ts";
import {
  type Call,
  type Counted,
  type Entity,
  type FileGroup,
  isStarting,
  type Job,
  type Kind,
  statusOf,
  type Tally,
  type Worker,
  type World,
  wantsJobs,
  workerStatusOf,
} from "./world.ts";

/**
 * Brings the counts up to date after a step of an entity (null: it was thawed). Most steps change nothing that is
 * counted, and then nothing is done.
 */
export function tally(world: World, kind: Kind, entity: Entity<unknown>, step: string | null): void {
  if (kind === "job") tallyJob(world, entity as Job);
  else if (kind === "worker") tallyWorker(world, entity as Worker);
  else if (kind === "fileGroup") tallyFileGroup(world, entity as FileGroup, step);
  else if (kind === "call") tallyCall(world, entity as Call);
}

/** Steps of a group after which every file has the status that it had. */
const movesNoFile: ReadonlySet<string | null> = new Set([
  "fileGroup.settled",
  "fileGroup.attempted",
  "fileGroup.named",
  "fileGroup.deletable",
]);

function tallyFileGroup(world: World, group: FileGroup, step: string | null): void {
  const { direction, PandaID, files } = group.ctx;
  if (PandaID === null || (direction !== "in" && direction !== "aux")) return;
  // Its job has left before it, and the shares with it.
  if (group.state.final) return releaseInputs(world, group);
  if (!movesNoFile.has(step)) {
    // A group's files count only while its job is starting.
    const job = world.jobs.get(PandaID);
    if (job && isStarting(job)) share(world, group.ctx, true);
  } else if (step !== "fileGroup.deletable") return;
  // All files of a group become deletable in one step, so the first one speaks for them.
  let deletable = true;
  for (const key in files) {
    deletable = files[key]?.todelete ?? true;
    break;
  }
  if (deletable) releaseInputs(world, group);
  else if (group.tally === null) needInputs(world, group);
}

/** Marks a group or call that is counted by name and not by number. */
const needed: Counted = { of: null, as: "", cores: 0, memory: 0 };

/** As long as its job is not done, nobody may delete an input of this name (lifecycle 2.5). */
function needInputs(world: World, group: FileGroup): void {
  group.tally = needed;
  for (const { lfn } of Object.values(group.ctx.files)) {
    world.neededInputs.set(lfn, (world.neededInputs.get(lfn) ?? 0) + 1);
  }
}

/** The group's inputs are not needed any more, or the group leaves the World. */
function releaseInputs(world: World, group: FileGroup): void {
  if (group.tally === null) return;
  group.tally = null;
  for (const { lfn } of Object.values(group.ctx.files)) {
    const left = (world.neededInputs.get(lfn) ?? 1) - 1;
    if (left > 0) world.neededInputs.set(lfn, left);
    else world.neededInputs.delete(lfn);
  }
}

/** A job with an unsettled call gets no other creating call. */
function tallyCall(world: World, call: Call): void {
  const { PandaID } = call.ctx;
  if (PandaID === null || (call.tally !== null) !== call.state.final) return;
  call.tally = call.state.final ? null : needed;
  const n = (world.unsettledJobs.get(PandaID) ?? 0) + (call.state.final ? -1 : 1);
  if (n > 0) world.unsettledJobs.set(PandaID, n);
  else world.unsettledJobs.delete(PandaID);
}

function tallyJob(world: World, job: Job): void {
  const { state, ctx } = job;
  countLife(world, job);
  const status = state.final ? null : statusOf(job);
  const counted = status === "starting" || status === "running" ? status : "";
  const was = job.tally?.as ?? "";
  if (was === counted && (counted === "" || job.tally?.cores === (ctx.nCore ?? 0))) return;
  if (was !== counted) {
    if (was === "starting") shareOfJob(world, job, false);
    if (counted === "starting") shareOfJob(world, job, true);
  }
  const of = counted === "" ? null : jobTally(world, `${ctx.queue}|${counted}`);
  recount(job, of === null ? null : { of, as: counted, cores: ctx.nCore ?? 0, memory: 0 });
}

function countLife(world: World, job: Job): void {
  const life = job.state.final ? null : job.state.life;
  if (job.life === life) return;
  if (job.life !== null) world.jobLives.set(job.life, (world.jobLives.get(job.life) ?? 0) - 1);
  if (life !== null) world.jobLives.set(life, (world.jobLives.get(life) ?? 0) + 1);
  job.life = life;
}

function tallyWorker(world: World, worker: Worker): void {
  const { ctx, state, tally: was } = worker;
  const asks = wantsJobs(worker);
  noteAsking(world, ctx, asks);
  if (state.final) return recount(worker, null);
  const status = workerStatusOf(worker);
  // A ready worker that was given jobs takes no others: it counts as one that runs.
  const as = status === "ready" && !asks ? "running" : status;
  const cores = ctx.nCore ?? 0;
  const memory = ctx.minRamCount ?? 0;
  if (was?.as === as && was.cores === cores && was.memory === memory) return;
  const key = `${as}|${ctx.jobType}|${ctx.resourceType}|${ctx.pilotType ?? ""}`;
  recount(worker, { of: workerTally(world, ctx.queue, key), as, cores, memory });
}

function noteAsking(world: World, { queue, workerID }: Worker["ctx"], asks: boolean): void {
  const known = world.askingWorkers.get(queue);
  if (!asks) known?.delete(workerID);
  else if (known) known.add(workerID);
  else world.askingWorkers.set(queue, new Set([workerID]));
}

function recount(entity: Job | Worker, next: Counted | null): void {
  const was = entity.tally;
  if (was) add(was, -1);
  if (next) add(next, 1);
  entity.tally = next;
}

function add({ of, cores, memory }: Counted, by: 1 | -1): void {
  if (!of) return;
  of.n += by;
  of.cores += by * cores;
  of.memory += by * memory;
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

function share(world: World, group: FileGroupContext, put: boolean): void {
  if (group.endpoint === null || group.PandaID === null) return;
  for (const file of Object.values(group.files)) {
    const key = sharedKey(group.endpoint, file.lfn, file.fileType);
    const holders = world.sharedInputs.get(key);
    if (put && holders) holders.set(group.PandaID, file.status);
    else if (put) world.sharedInputs.set(key, new Map([[group.PandaID, file.status]]));
    else if (holders?.delete(group.PandaID) && holders.size === 0) world.sharedInputs.delete(key);
  }
}

/** Key of a shared input: the same name of the same kind at the same endpoint. */
export const sharedKey = (endpoint: string, lfn: string, fileType: string): string =>
  `${endpoint}\0${fileType}\0${lfn}`;
