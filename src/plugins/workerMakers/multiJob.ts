/**
 * MultiJobWorkerMaker: one worker for many jobs (ManyToOne), of the size of the jobs that run in it at a time
 * (plugins.md 20). It must never make a worker without jobs: what it would run is unknown.
 *
 * Options: `nJobsPerWorker` (how many jobs the core gives to one worker); `nConcurrentJobs` (default: all at once), so
 * that jobs run in rounds. Cores, memory and ioIntensity are those of one full round, disk is that of all jobs, since
 * outputs stay; walltime is that of the longest job times the rounds.
 */
import { z } from "zod";
import type { JobSpec } from "../../specs/jobSpec.ts";
import type { MakeContext, PluginOptions, WorkerDraft, WorkerMaker } from "../contract.ts";
import { type WorkerMakerSettings, workerMakerSettings } from "./settings.ts";
import { SimpleWorkerMaker } from "./simple.ts";

const optionsSchema = z.object({ nConcurrentJobs: z.int().positive().optional() });

export interface MultiJobWorkerMaker extends WorkerMakerSettings {}

/** Makes one worker of a chunk of jobs; null where there are none. */
export class MultiJobWorkerMaker implements WorkerMaker {
  readonly #simple: SimpleWorkerMaker;
  readonly #nConcurrentJobs: number | undefined;

  constructor(options: PluginOptions) {
    Object.assign(this, workerMakerSettings(options));
    this.#simple = new SimpleWorkerMaker(options);
    this.#nConcurrentJobs = optionsSchema.parse(options).nConcurrentJobs;
  }

  makeWorker(jobs: readonly JobSpec[], call: MakeContext): WorkerDraft | null {
    if (jobs.length === 0) return null;
    const width = Math.min(this.#nConcurrentJobs ?? jobs.length, jobs.length);
    const rounds = Math.ceil(jobs.length / width);
    const each = jobs.map((job) => this.#simple.makeWorker([job], call));
    const all = this.#simple.makeWorker(jobs, call);
    // The largest `width` jobs may run together, so a round is never larger than this.
    const round = (attribute: "nCore" | "minRamCount" | "ioIntensity"): number | undefined => {
      const values = each.map((draft) => draft[attribute]).filter((value) => value !== undefined);
      if (values.length < each.length) return undefined;
      return values
        .sort((a, b) => b - a)
        .slice(0, width)
        .reduce((total, value) => total + value, 0);
    };
    const walltimes = each.map((draft) => draft.maxWalltime).filter((value) => value !== undefined);
    const draft = {
      ...all,
      nCore: round("nCore"),
      minRamCount: round("minRamCount"),
      ioIntensity: round("ioIntensity"),
      maxWalltime: walltimes.length < each.length ? undefined : Math.max(...walltimes) * rounds,
    };
    return Object.fromEntries(Object.entries(draft).filter(([, value]) => value !== undefined));
  }
}
