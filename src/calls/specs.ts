/**
 * The specs that a plug-in is called with, made of the World's plain data for one call, and what it changed on them. It
 * must never give a plug-in anything that the World still uses.
 */
import type { Arguments, FileArgument, JobArgument, KeyedPatch, WorkerArgument } from "../agents/agent.ts";
import { type JobData, JobSpec } from "../specs/jobSpec.ts";
import { type WorkerChanges, WorkSpec } from "../specs/workSpec.ts";

interface Specs {
  readonly args: readonly unknown[];
  changes(): { files: Record<number, readonly KeyedPatch[]>; workers: Record<number, WorkerChanges> };
}

/** The specs that a method is called with, and what it changed on them. `whole` completes what a job says of itself. */
export function specsOf(args: Arguments, now: number, whole: (data: JobData) => JobData): Specs {
  const jobs: { spec: JobSpec; argument: JobArgument }[] = [];
  const workers: WorkSpec[] = [];
  const job = (argument: JobArgument): JobSpec => {
    const spec = new JobSpec(
      whole(argument.data),
      { in: argument.in, out: argument.out },
      now,
      (argument.workers ?? []).map((data) => new WorkSpec(data)),
    );
    jobs.push({ spec, argument });
    return spec;
  };
  const worker = ({ data, jobs: its = [] }: WorkerArgument): WorkSpec => {
    const spec = new WorkSpec(data, its.map(job));
    workers.push(spec);
    return spec;
  };
  return {
    args: argumentsOf(args, job, worker),
    changes: () => ({
      files: Object.fromEntries(jobs.map(({ spec, argument }) => [spec.PandaID, patchesOf(spec, argument)])),
      workers: Object.fromEntries(
        workers.flatMap((spec) => {
          const changes = spec.changes();
          return changes ? [[spec.workerID, changes]] : [];
        }),
      ),
    }),
  };
}

function argumentsOf(
  args: Arguments,
  job: (argument: JobArgument) => JobSpec,
  worker: (argument: WorkerArgument) => WorkSpec,
): readonly unknown[] {
  if ("job" in args) return [job(args.job)];
  if ("jobs" in args) return [args.jobs.map(job)];
  if ("workers" in args) return [args.workers.map(worker)];
  if ("worker" in args) {
    const spec = worker(args.worker);
    return [spec, ...(args.withJobs ? [spec.jobspecList] : []), ...(args.plain ?? [])];
  }
  return "plain" in args ? args.plain : [];
}

function patchesOf(spec: JobSpec, argument: JobArgument): readonly KeyedPatch[] {
  const read = (files: JobSpec["inFiles"], given: readonly FileArgument[]): KeyedPatch[] =>
    files.flatMap((file, i) => {
      const set = file.changes()?.set;
      const { key, members = [] } = given[i] ?? {};
      return [...(set && key !== undefined ? [{ key, set }] : []), ...read(file.associatedFiles, members)];
    });
  return [...read(spec.inFiles, argument.in), ...read(spec.outFiles, argument.out)];
}
