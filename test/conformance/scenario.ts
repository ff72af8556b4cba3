/**
 * A scenario of the conformance corpus: what is configured, what the scripted plug-ins and WMS answer, and what the
 * original was seen to do. Files are parsed here and nowhere else. It must never interpret a script.
 */
import { readFile } from "node:fs/promises";
import { z } from "zod";

const dictionary = z.record(z.string(), z.unknown());
const nested = z.record(z.string(), dictionary);
/** State rows by key; null: the row has gone. */
const rows = z.record(z.string(), dictionary.nullable());

const job = z.strictObject({
  id: z.int(),
  round: z.int().default(1),
  site: z.string().optional(),
  in: z.array(z.string()).default([]),
  out: z.array(z.string()).optional(),
  log: z.string().nullable().optional(),
  task: z.int().default(1),
  attempt: z.int().default(1),
  prio: z.int().default(100),
  cores: z.int().nullable().default(1),
  rt: z.string().default("SCORE"),
  label: z.string().default("managed"),
  params: dictionary.default({}),
});
/** One job that the WMS will hand out, in the corpus' compact form. */
export type ScenarioJob = z.output<typeof job>;

const callSchema = z.looseObject({ a: z.string(), m: z.string() });
/** One call of a plug-in: agent, method, entities, files, answer. */
export type CallRecord = z.output<typeof callSchema>;
const wmsSchema = z.looseObject({ m: z.string() });
/** One request to the WMS. */
export type WmsRecord = z.output<typeof wmsSchema>;

const round = z.strictObject({
  r: z.int(),
  calls: z.array(callSchema).default([]),
  wms: z.array(wmsSchema).default([]),
  jobs: rows.default({}),
  files: rows.default({}),
  workers: rows.default({}),
  events: rows.default({}),
  commands: rows.default({}),
  pq: rows.default({}),
  crash: z.array(z.unknown()).default([]),
});
export type ExpectedRound = z.output<typeof round>;

const scenarioSchema = z.strictObject({
  id: z.string(),
  family: z.string(),
  description: z.string(),
  tags: z.array(z.string()),
  recordFetch: z.boolean().default(false),
  config: z.strictObject({
    queues: nested,
    cfg: nested.default({}),
    cache: dictionary.default({}),
  }),
  jobs: z.array(job),
  plugins: nested,
  wms: nested.default({}),
  steps: z.strictObject({
    rounds: z.int(),
    tickSeconds: z.int().optional(),
    roundSeconds: z.int().default(7200),
    order: z.array(z.string()).optional(),
  }),
  expected: z.array(round),
});
export type Scenario = z.output<typeof scenarioSchema>;

/** One scenario. @throws Error that says what is wrong with it. */
export function parseScenario(raw: unknown): Scenario {
  const parsed = scenarioSchema.safeParse(raw);
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error));
  return parsed.data;
}

/** The scenarios of one file, not parsed yet. @throws Error that names the file where it holds no list. */
export async function readList(file: string): Promise<readonly unknown[]> {
  let raw: unknown;
  try {
    raw = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw new Error(`${file} is no JSON: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  if (!Array.isArray(raw)) throw new Error(`${file} is no scenario file: it should be a list of scenarios`);
  return raw;
}

/** Whether the outcome depends on a defect of the original, or on a kill that it loses track of: run, never failing. */
export const isInformative = ({ tags }: Scenario): boolean =>
  tags.some((tag) => tag.startsWith("defect:") || tag.startsWith("quirk:"));

/** Queue of a job: the first that is served where the job names none. */
export function siteOf({ config: { queues } }: Scenario, { site }: ScenarioJob): string {
  const [first = ""] = Object.keys(queues).filter((name) => queues[name]?.["queueStatus"] !== "offline");
  return site ?? first;
}
