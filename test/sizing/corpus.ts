/**
 * Reads the recorded behaviour of the original (WINDROW_CONFORMANCE names its folder) as far as planning needs it:
 * what the original knew when an agent's cycle began, and what that cycle did. It must never compute what is to be
 * compared.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { readQueues } from "../../src/config/queues.ts";
import { type QueueConfig, queueSchema } from "../../src/config/schema.ts";
import { instanceSchema } from "../../src/config/sections.ts";

const fields = z.record(z.string(), z.unknown());
const rows = z.record(z.string(), fields.nullable()).default({});
const callSchema = z.object({
  a: z.string(),
  m: z.string(),
  jobs: z.array(z.unknown()).optional(),
  rt: z.string().optional(),
  ret: z.unknown().optional(),
});
const requestSchema = z.looseObject({ m: z.string(), site: z.string().optional(), n: z.number().optional() });
const roundSchema = z.object({
  r: z.number(),
  calls: z.array(callSchema).default([]),
  wms: z.array(requestSchema).default([]),
  jobs: rows,
  workers: rows,
  pq: rows,
});
const jobSchema = z.object({ id: z.number(), prio: z.number().default(100), task: z.number().default(1) });
const commandSchema = z.object({ command: z.string(), params: z.unknown().optional() });
const scenarioSchema = z.object({
  id: z.string(),
  tags: z.array(z.string()).default([]),
  config: z.object({
    queues: z.record(z.string(), fields),
    cfg: z.record(z.string(), fields).default({}),
    cache: fields.default({}),
  }),
  jobs: z.array(jobSchema),
  plugins: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
  wms: z.object({ commands: z.record(z.string(), z.array(commandSchema)).default({}) }).prefault({}),
  recordFetch: z.boolean().default(false),
  steps: z.object({ rounds: z.number() }),
  expected: z.array(roundSchema),
});

export type Scenario = z.output<typeof scenarioSchema>;
type Round = z.output<typeof roundSchema>;
type Rows = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** State at the end of a round. */
export interface State {
  readonly jobs: Rows;
  readonly workers: Rows;
  readonly pq: Rows;
}

/** A round with the states around it; nothing was recorded of a quiet round. */
export interface Turn {
  readonly round: Round;
  readonly before: State;
  readonly after: State;
}

/** The scenarios of a family that the original's defects do not touch. */
export function readFamily(folder: string, family: string): Scenario[] {
  const all = z.array(scenarioSchema).parse(JSON.parse(readFileSync(join(folder, `${family}.json`), "utf8")));
  return all.filter(({ tags }) => !tags.some((tag) => tag.startsWith("defect:") || tag.startsWith("quirk:")));
}

/** The rounds in order, each with the accumulated state. */
export function turnsOf({ expected, steps }: Scenario): Turn[] {
  let state: State = { jobs: {}, workers: {}, pq: {} };
  return Array.from({ length: steps.rounds }, (_, i) => {
    const round = expected.find(({ r }) => r === i + 1) ?? roundSchema.parse({ r: i + 1 });
    const before = state;
    state = {
      jobs: apply(before.jobs, round.jobs),
      workers: apply(before.workers, round.workers),
      pq: apply(before.pq, round.pq),
    };
    return { round, before, after: state };
  });
}

function apply(now: Rows, changes: Readonly<Record<string, Readonly<Record<string, unknown>> | null>>): Rows {
  const next: Record<string, Readonly<Record<string, unknown>>> = { ...now };
  for (const [key, change] of Object.entries(changes)) {
    if (change === null) delete next[key];
    else next[key] = { ...next[key], ...change };
  }
  return next;
}

/**
 * Workers ordered of a queue when its submitter plans in this round. An order that arrives in the round counts at
 * once where the original already has a row of that type, else from the next round on.
 */
export function orderedIn({ wms }: Scenario, queueName: string, { round, before }: Turn): Record<string, number> {
  const n = z.number().catch(0);
  const ordered: Record<string, number> = {};
  for (const [key, row] of Object.entries(before.pq)) {
    const [queue, jobType, resourceType] = key.split("|");
    if (queue === queueName) ordered[`${jobType}/${resourceType}`] = n.parse(row["nNewWorkers"]);
  }
  for (const { command, params } of wms.commands[round.r] ?? []) {
    if (command !== `SET_N_WORKERS_JOBTYPE:${queueName}`) continue;
    for (const [jobType, types] of Object.entries(z.record(z.string(), fields).parse(params))) {
      for (const [resourceType, given] of Object.entries(types)) {
        const key = `${jobType}/${resourceType}`;
        if (key in ordered) ordered[key] = n.parse(given);
      }
    }
  }
  return ordered;
}

/** What a scripted plug-in answers at its calls, in order; the last answer repeats. */
export function* answersOf({ plugins }: Scenario, method: string, otherwise: unknown): Generator<unknown, never> {
  const script = plugins[method]?.["-"] ?? otherwise;
  const answers = Array.isArray(script) ? script : [script];
  for (let i = 0; ; i += 1) yield answers[Math.min(i, answers.length - 1)];
}

const plugin = { module: "windrow/dummy", name: "Dummy" };
const base = {
  nQueueLimitJob: 100,
  nQueueLimitWorker: 100,
  maxWorkers: 100,
  ddmEndpointIn: "EP",
  ...Object.fromEntries(
    ["preparator", "stager", "monitor", "submitter", "sweeper", "workerMaker", "messenger"].map((kind) => [
      kind,
      plugin,
    ]),
  ),
};

/** Queues of a scenario, read and normalised as Windrow reads a file. */
export function queuesOf({ config }: Scenario): readonly QueueConfig[] {
  const entries = Object.entries(config.queues).map(([name, attributes]) => {
    const given = Object.entries(attributes).map(([key, value]) => {
      const section = fields.safeParse(value).data;
      return [key, section && key in queueSchema.shape.plugins.shape ? { ...plugin, ...section } : value];
    });
    return [name, { ...base, ...Object.fromEntries(given) }];
  });
  const { queues, errors } = readQueues(JSON.stringify(Object.fromEntries(entries)), "scenario.json", ["ALL"]);
  if (errors.length > 0) throw new Error(errors.join("\n"));
  return queues;
}

/** The sections of the instance that planning reads, over the corpus's base configuration. */
export function instanceOf({ config: { cfg } }: Scenario) {
  return instanceSchema.parse({
    master: { harvester_id: "H" },
    ...cfg,
    jobfetcher: { maxJobs: 500, ...cfg["jobfetcher"] },
    submitter: { maxNewWorkers: 1000, ...cfg["submitter"] },
  });
}
