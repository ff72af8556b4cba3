/**
 * Stager: has outputs zipped and brought away, also while the job still runs (lifecycle 1.8). Four loops over the same
 * files, each for the status before it; what an answer means is in stagerOutcome.ts. Never decides that a transfer is
 * lost: a plug-in that says "later" for ever is asked for ever.
 */
import type { FileGroupContext } from "../../machines/fileGroup.ts";
import type { PluginKind } from "../plugins/contract.ts";
import type { Job, World } from "../world.ts";
import {
  attemptKey,
  type Call,
  call,
  closing,
  create,
  creationWindowMs,
  type Duty,
  type FileArgument,
  type Reply,
  record,
} from "./agent.ts";
import { regrouped } from "./grouping.ts";
import { fileArgument, jobData, workerData, zipMembers } from "./handing.ts";
import { type Loop, loops, outcome } from "./stagerOutcome.ts";

interface Work {
  readonly name: string;
  readonly loop: (world: World) => Loop;
  readonly limit: (world: World) => number;
  /** Zero or less: all files. */
  readonly maxFiles: (world: World) => number;
}

const work: readonly Work[] = [
  {
    name: "checkStageOut",
    loop: () => loops.check,
    limit: ({ settings }) => settings.stager.maxJobsToCheck,
    maxFiles: ({ settings }) => settings.stager.maxFilesPerJobToCheck,
  },
  {
    name: "triggerStageOut",
    loop: () => loops.trigger,
    limit: ({ settings }) => settings.stager.maxJobsToTrigger,
    maxFiles: ({ settings }) => settings.stager.maxFilesPerJobToTrigger,
  },
  {
    name: "zipOutput",
    loop: ({ settings }) => (settings.zipper.usePostZipping ? loops.asyncZip : loops.zip),
    limit: ({ settings }) => settings.zipper.maxJobsToZip,
    maxFiles: ({ settings }) => settings.zipper.maxFilesPerJobToZip,
  },
  {
    name: "postZipOutput",
    loop: () => loops.postZip,
    limit: ({ settings }) => settings.zipper.maxJobsToZip,
    maxFiles: ({ settings }) => settings.zipper.maxFilesPerJobToZip,
  },
];

const dutyOf = ({ name, loop: loopOf, limit, maxFiles }: Work): Duty => ({
  name,
  limit,
  run: function* stage(world, { ids, now }) {
    const job = world.jobs.get(ids[0] as number);
    if (!job) return;
    const { PandaID, queue } = job.ctx;
    const shard = world.shardOf(queue);
    const loop = loopOf(world);
    const files = loaded(world.filesOf(PandaID, "out")?.ctx, loop, maxFiles(world));
    const asked = callFor(world, job, loop, files, now);
    const wanted =
      loop.step === "check" ? asked : { ...asked, key: attemptKey(loop.method, job.ctx, job.ctx.stage, files) };
    if (loop.step === "check") {
      const reply = yield* call(wanted);
      const events = eventsOf(world, job, loop, files, reply);
      return yield* record(shard, wanted.key, [...regrouped(world, shard, reply, now), ...events]);
    }
    const reply = yield* create(world, { ...wanted, notAfterAt: now + creationWindowMs }, { PandaID });
    const settle = !reply.ok && reply.kind === "timedOut" ? undefined : "repeated";
    const events = [...regrouped(world, shard, reply, now), ...eventsOf(world, job, loop, files, reply)];
    yield* record(shard, wanted.key, [...events, ...closing(wanted.key, reply, settle)]);
  },
});

/** A job that left the World while the plug-in was at work has nothing to be told of. */
const eventsOf = (world: World, job: Job, loop: Loop, files: readonly FileArgument[], reply: Reply) =>
  world.jobs.get(job.ctx.PandaID) === job ? outcome(world, job, loop, files, reply) : [];

/**
 * The files of this loop, as tried once more (2.4). Only zippers see the members of a zip file: for a transfer it is a
 * file like any other.
 */
function loaded(group: FileGroupContext | undefined, loop: Loop, max: number): FileArgument[] {
  const files: FileArgument[] = [];
  if (!group) return files;
  const inside = loop.zips ? zipMembers(group) : null;
  for (const [key, row] of Object.entries(group.files)) {
    if (max > 0 && files.length >= max) break;
    if (row.status !== loop.status) continue;
    const members = inside?.get(key);
    const file = { ...fileArgument(group, key, row), attemptNr: row.attemptNr + 1 };
    files.push(members ? { ...file, members } : file);
  }
  return files;
}

function callFor(world: World, job: Job, loop: Loop, files: readonly FileArgument[], now: number): Call {
  const { queue, PandaID } = job.ctx;
  const { method } = loop;
  const workers = job.ctx.workers.flatMap((id) => world.workers.get(id) ?? []);
  return {
    method,
    plugin: pluginOf(world, queue, loop),
    queue,
    key: `${method}:${PandaID}:${now}`,
    args: { job: { data: jobData(job), in: [], out: files, workers: workers.map((each) => workerData(world, each)) } },
  };
}

const pluginOf = (world: World, queue: string, { zips }: Loop): PluginKind =>
  zips && world.queueConfig(queue).plugins.zipper ? "zipper" : "stager";

/** In the original's order: what is in flight first, then what is new, then what is to be zipped. */
export const stager: readonly Duty[] = work.map(dutyOf);
