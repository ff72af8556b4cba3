/**
 * The two types of configuration that the core works with: the instance and a queue. Both are plain JSON, since they
 * enter the core as events (`redact` in secrets.ts first). This file must never read a file or the environment: the
 * pure zone imports its types. Names and units are Harvester's (config 4.4); what is not set is null.
 *
 * The text given to each type ends the sentence "it is ..., it should be ...".
 */
import { z } from "zod";
import type { instanceSchema } from "./sections.ts";

/** Configuration of the instance, complete: `config.preparator.triggerInterval` is a number of seconds. */
export type InstanceConfig = z.output<typeof instanceSchema>;

const name = z.string({ error: "a text" }).min(1, { error: "a text that is not empty" });
const flag = z.boolean({ error: "true or false" });
const count = z.int({ error: "a whole number of at least 0" }).nonnegative({ error: "a whole number of at least 0" });
const limit = count.nullable().default(null);
const dictionary = z.record(z.string(), z.unknown(), { error: "a JSON object" });
const oneOf = <const T extends readonly [string, ...string[]]>(names: T) =>
  z.enum(names, { error: `one of ${names.join(", ")}` });

/** A plug-in: where it is, and every other key as an option for it (siteName, queueName and `common` included). */
const plugin = z.looseObject({ module: name, name: name }, { error: "a plug-in with module and name" });

const plugins = z.object({
  preparator: plugin,
  aux_preparator: plugin.exactOptional(),
  stager: plugin,
  zipper: plugin.exactOptional(),
  monitor: plugin,
  submitter: plugin,
  sweeper: plugin,
  workerMaker: plugin,
  messenger: plugin,
  throttler: plugin.exactOptional(),
  extractor: plugin.exactOptional(),
});

/** Kinds of plug-in that a queue may name. */
export const pluginKinds = Object.keys(plugins.shape) as readonly (keyof typeof plugins.shape)[];

/** What only Windrow has. */
const windrow = z.strictObject(
  {
    /** The shard of the queue's family; null: decided when the family is first seen. */
    shard: count.nullable().default(null),
    /** What follows when nobody can say what a creating call did (design 3). */
    onUnknown: oneOf(["hold", "resubmit"]).default("hold"),
    /** Calls of plug-ins of this queue at the same time. */
    concurrency: z
      .int({ error: "a whole number of at least 1" })
      .min(1, { error: "a whole number of at least 1" })
      .default(4),
    /** Deadline in seconds by method name (`submitWorkers`), where it is not the contract's. */
    deadlines: z
      .record(z.string(), z.number({ error: "seconds" }).positive({ error: "more than 0 seconds" }), {
        error: "a JSON object of seconds by method",
      })
      .default({}),
  },
  { error: (issue) => (issue.code === "unrecognized_keys" ? undefined : "a JSON object") },
);

/** A queue after merging and normalisation (config 4.2, lifecycle 6.0). */
export const queueSchema = z.strictObject({
  queueName: name,
  siteName: name,
  siteFamily: name,
  resourceType: name.default("ANY"),
  jobType: name.default("ANY"),
  prodSourceLabel: name.default("managed"),
  /** Label -> permille; the rest is `prodSourceLabel`. */
  prodSourceLabelRandomWeightsPermille: z
    .record(z.string(), z.number({ error: "a number" }), { error: "a JSON object of numbers by label" })
    .default({}),
  prioritizedProdSourceLabels: z.array(name, { error: "a list of texts" }).default(["rc_alrb"]),
  mapType: oneOf(["NoJob", "OneToOne", "ManyToOne", "OneToMany"]).default("OneToOne"),
  useJobLateBinding: flag.default(false),
  /** ManyToOne: a worker may hold jobs of several tasks. */
  allowJobMixture: flag.default(false),
  runMode: oneOf(["self", "slave"]).default("self"),

  /** 0: no limit (but see nQueueLimitWorker, which it cuts to 0). */
  maxWorkers: count.default(0),
  nNewWorkers: count.default(0),
  /** 0: no limit. */
  maxNewWorkersPerCycle: count.default(0),
  nQueueLimitWorker: limit,
  nQueueLimitWorkerMax: limit,
  /** Percent of the running ones. */
  nQueueLimitWorkerRatio: limit,
  nQueueLimitWorkerMin: limit,
  nQueueLimitWorkerCores: limit,
  nQueueLimitWorkerCoresRatio: limit,
  nQueueLimitWorkerCoresMin: limit,
  /** MB. */
  nQueueLimitWorkerMemory: limit,
  nQueueLimitWorkerMemoryRatio: limit,
  nQueueLimitWorkerMemoryMin: limit,
  nQueueLimitJob: limit,
  nQueueLimitJobMax: limit,
  nQueueLimitJobRatio: limit,
  nQueueLimitJobMin: limit,
  nQueueLimitJobCores: limit,
  nQueueLimitJobCoresRatio: limit,
  nQueueLimitJobCoresMin: limit,

  /** Temporary failures of submission per job. */
  maxSubmissionAttempts: count.default(3),
  truePilot: flag.default(false),
  /** Job statuses that are not reported. */
  noHeartbeat: z.array(z.string(), { error: "a text of statuses with commas between" }).default([]),
  /** Lower case; `offline`: no jobs are fetched and nothing is submitted. */
  queueStatus: name.default("online"),
  getJobCriteria: z.record(z.string(), z.string()).nullable().default(null),
  /** Endpoint under which jobs share their input files. */
  ddmEndpointIn: name.nullable().default(null),
  /** null: no zipping; 0: one zip at the end. */
  zipPerMB: count.nullable().default(null),
  prefetchEvents: flag.default(true),
  /** The original's spelling. */
  initEventsMultipler: z
    .number({ error: "a number of at least 0" })
    .nonnegative({ error: "a number of at least 0" })
    .default(2),
  scatteredEvents: flag.default(false),

  plugins,
  credmanagers: z.array(dictionary).default([]),
  file_syncer: z.array(dictionary).default([]),
  windrow: windrow.prefault({}),
  /** Attributes that Windrow does not read, as they are. */
  extra: dictionary.default({}),
});

/** Configuration of a queue, complete and normalised. */
export type QueueConfig = z.output<typeof queueSchema>;

/** Attributes that are limits: not a whole number means not set, below 0 means 0 (lifecycle 6.0). */
export const limitAttributes = (Object.keys(queueSchema.shape) as (keyof typeof queueSchema.shape)[]).filter(
  (key) => key.startsWith("nQueueLimit") || key === "maxWorkers" || key === "maxNewWorkersPerCycle",
);

/** Whether jobs are fetched for this queue and workers submitted to it (config 4.2, 13). */
export const isActive = (queue: QueueConfig): boolean => queue.queueStatus !== "offline";
