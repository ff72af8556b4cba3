/**
 * What planning reads of the lists of the WMS: job and worker statistics, resource types, the queue in CRIC. The
 * lists come from outside and hold every queue there is, so only the entry of the queue in question is looked at; an
 * entry of another form counts as absent. It must never be given the responsibility for a list's age.
 */
import { z } from "zod";

/** The lists as the WMS gave them, by the names of the original's cache; absent where not read yet. */
export interface Lists {
  readonly "job_statistics.json"?: unknown;
  readonly "job_statistics_new.json"?: unknown;
  readonly "worker_statistics.json"?: unknown;
  readonly "resource_types.json"?: unknown;
  readonly "panda_queues.json"?: unknown;
}

const dictionary = z.record(z.string(), z.unknown());
const amount = z.object({ activated: z.number().catch(0) }).catch({ activated: 0 });
const byLabel = z.record(z.string(), z.record(z.string(), amount));
const cricSchema = z.object({
  status: z.string().nullish(),
  corecount: z.number().nullish(),
  maxrss: z.number().nullish(),
  capability: z.string().nullish(),
});
const resourceType = z.object({
  resource_name: z.string(),
  maxcore: z.number().nullish(),
  maxrampercore: z.number().nullish(),
});

/** Cores and memory (MB) that one worker of a resource type is counted with. */
export interface WorkerSize {
  readonly cores: number;
  readonly memory: number;
}

/** What the lists say of one queue. */
export interface QueueFacts {
  /** Activated jobs; "absent": the list is there without the queue; null: there is no list. */
  readonly activated: number | "absent" | null;
  /** Activated jobs of a resource type and pilot type; ANY: of all resource types. */
  readonly activatedOf: (resourceType: string, pilotType: string) => number;
  /** Harvesters that serve the queue, at least 1. */
  readonly harvesters: number;
  /** Lower case, as CRIC says; null: unknown. */
  readonly cricStatus: string | null;
  readonly sizeOf: (resourceType: string) => WorkerSize;
}

/** Pilot type of a job's label (lifecycle 6.4, 2). */
export function pilotTypeOf(label: string): string {
  return { rc_test2: "RC", rc_alrb: "ALRB", ptest: "PT" }[label] ?? "PR";
}

/** Label that the worker maker is told for a pilot type; ANY: drawn by the queue's weights. */
export function labelOf(pilotType: string): string {
  return { RC: "rc_test2", ALRB: "rc_alrb", PT: "ptest" }[pilotType] ?? "ANY";
}

/** Reads the entry of a queue out of every list. */
export function factsOf(queueName: string, lists: Lists): QueueFacts {
  const statistics = dictionary.safeParse(lists["job_statistics.json"]).data;
  const labels = byLabel.safeParse(entry(lists["job_statistics_new.json"], queueName)).data ?? {};
  const instances = dictionary.safeParse(entry(lists["worker_statistics.json"], queueName)).data ?? {};
  const cric = cricSchema.safeParse(cricEntry(lists["panda_queues.json"], queueName)).data;
  const types = z.array(z.unknown()).safeParse(lists["resource_types.json"]).data ?? [];
  const own = statistics?.[queueName];
  return {
    activated: statistics ? (own === undefined ? "absent" : amount.parse(own).activated) : null,
    activatedOf: (type, pilotType) =>
      Object.entries(labels)
        .filter(([name]) => type === "ANY" || name === type)
        .flatMap(([, of]) => Object.entries(of))
        .reduce((sum, [label, { activated }]) => (pilotTypeOf(label) === pilotType ? sum + activated : sum), 0),
    harvesters: Math.max(Object.keys(instances).length, 1),
    cricStatus: cric?.status?.toLowerCase() ?? null,
    sizeOf: (name) =>
      sizeOf(
        types.map((type) => resourceType.safeParse(type).data).find((t) => t?.resource_name === name),
        cric,
      ),
  };
}

function entry(list: unknown, name: string): unknown {
  return dictionary.safeParse(list).data?.[name];
}

/** A queue's entry in CRIC's list, by name, else by its nickname there. */
export function cricEntry(list: unknown, name: string): unknown {
  const all = dictionary.safeParse(list).data ?? {};
  return all[name] ?? Object.values(all).find((queue) => entry(queue, "nickname") === name);
}

type ResourceType = z.output<typeof resourceType>;
type Cric = z.output<typeof cricSchema>;

/**
 * A unified queue (capability ucore) has workers of the resource type's size; any other the whole site's size. The
 * original returns cores and memory of the latter in the wrong order (D10).
 */
function sizeOf(type: ResourceType | undefined, cric: Cric | undefined): WorkerSize {
  if (!type) return { cores: 1, memory: 1 };
  const siteCores = cric?.corecount || 1;
  const siteMemory = cric?.maxrss || 1;
  if (cric?.capability !== "ucore") return { cores: siteCores, memory: siteMemory };
  const cores = Math.min(type.maxcore || siteCores, siteCores);
  const ofSite = (siteMemory / siteCores) * cores;
  return { cores, memory: Math.ceil(type.maxrampercore ? Math.min(type.maxrampercore * cores, ofSite) : ofSite) };
}
