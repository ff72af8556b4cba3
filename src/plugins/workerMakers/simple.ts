/**
 * SimpleWorkerMaker: one worker large enough for its jobs, taken from the jobs, PanDA's description of the queue and
 * the resource type (plugins.md 8 and 20, specs.md 8). It must never look at anything outside its arguments.
 *
 * Cores, memory, disk, walltime and ioIntensity are sums over the jobs where the jobs say them and `jobAttributesToUse`
 * (default: all) names them; otherwise the queue's `corecount`, `maxrss`, `maxwdir` and `maxtime`. Memory and disk in
 * megabytes, walltime in seconds.
 */
import { z } from "zod";
import type { JobSpec } from "../../specs/jobSpec.ts";
import type { MakeContext, PluginOptions, WorkerDraft, WorkerMaker } from "../contract.ts";
import { type WorkerMakerSettings, workerMakerSettings } from "./settings.ts";

const attributes = ["nCore", "minRamCount", "maxDiskCount", "maxWalltime", "ioIntensity"] as const;
type Attribute = (typeof attributes)[number];
type Sizes = Partial<Record<Attribute, number>>;

const optionsSchema = z.object({ jobAttributesToUse: z.array(z.enum(attributes)).default([...attributes]) });

/** Names of the attributes in the job dictionary. */
const inJob: Readonly<Record<Attribute, string>> = {
  nCore: "coreCount",
  minRamCount: "minRamCount",
  maxDiskCount: "maxDiskCount",
  maxWalltime: "maxWalltime",
  ioIntensity: "ioIntensity",
};

export interface SimpleWorkerMaker extends WorkerMakerSettings {}

/** Makes workers of jobs; for no jobs (NoJob) of the queue and resource type alone. */
export class SimpleWorkerMaker implements WorkerMaker {
  readonly #use: readonly Attribute[];

  constructor(options: PluginOptions) {
    Object.assign(this, workerMakerSettings(options));
    this.#use = optionsSchema.parse(options).jobAttributesToUse;
  }

  makeWorker(jobs: readonly JobSpec[], call: MakeContext): WorkerDraft {
    const sizes = { ...queueSizes(call), ...(jobs.length > 0 ? this.#jobSizes(jobs) : {}) };
    const nCore = Math.max(1, Math.round(sizes.nCore ?? 1));
    const label = jobs.at(-1)?.prodSourceLabel ?? call.prodSourceLabel;
    return {
      ...sizes,
      nCore,
      pilotType: pilotTypeOf(label),
      ...(isNamed(call.jobType) ? { jobType: call.jobType } : {}),
      resourceType: isNamed(call.resourceType)
        ? call.resourceType
        : (jobs.at(-1)?.resourceType ?? (nCore === 1 ? "SCORE" : "MCORE")),
    };
  }

  #jobSizes(jobs: readonly JobSpec[]): Sizes {
    const sizes: Sizes = {};
    for (const attribute of this.#use) {
      const values = jobs.map((job) => positive(job.jobParams[inJob[attribute]]));
      if (attribute === "nCore") sizes.nCore = sum(jobs.map((job, index) => values[index] ?? job.nCore ?? 1));
      // One job that does not say it leaves the sum meaningless: the queue's own value stands.
      else if (values.every((value) => value !== undefined)) sizes[attribute] = sum(values);
    }
    return sizes;
  }
}

/** Label to pilot type, as today's Harvester has it (specs.md 2, get_pilot_type). */
export function pilotTypeOf(label: string): string {
  if (label === "rc_test" || label === "rc_test2") return "RC";
  if (label === "rc_alrb") return "ALRB";
  return label === "ptest" ? "PT" : "PR";
}

/** What PanDA's description of the queue and the resource type say of a worker (specs.md 8). */
function queueSizes({ pandaQueue = {}, resourceTypes = [], resourceType }: MakeContext): Sizes {
  const cores = positive(pandaQueue["corecount"]);
  const memory = positive(pandaQueue["maxrss"]);
  const sizes: Sizes = {
    ...optional("maxWalltime", positive(pandaQueue["maxtime"])),
    ...optional("maxDiskCount", positive(pandaQueue["maxwdir"])),
  };
  const type = resourceTypes.find((entry) => entry["resource_name"] === resourceType);
  if (pandaQueue["capability"] !== "ucore" || !type) {
    return { ...sizes, ...optional("nCore", cores), ...optional("minRamCount", memory) };
  }
  const site = cores ?? 1;
  const nCore = Math.min(positive(type["maxcore"]) ?? site, site);
  const bounds = [positive(type["maxrampercore"]), memory === undefined ? undefined : memory / site]
    .filter((perCore) => perCore !== undefined)
    .map((perCore) => perCore * nCore);
  return {
    ...sizes,
    nCore,
    ...optional("minRamCount", bounds.length > 0 ? Math.ceil(Math.min(...bounds)) : undefined),
  };
}

function optional(attribute: Attribute, value: number | undefined): Sizes {
  return value === undefined ? {} : { [attribute]: value };
}

/** PanDA sends numbers also as text, and "NULL" or 0 where it says nothing. */
function positive(value: unknown): number | undefined {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) && number > 0 ? number : undefined;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function isNamed(type: string): boolean {
  return type !== "" && type !== "ANY";
}
