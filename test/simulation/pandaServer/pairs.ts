/**
 * The recorded pairs of requests and answers of a real panda-server (test/data/panda/README.md), read with the
 * distinction of 5 and 5.0 that the server makes.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { loads, type PythonValue } from "../../../src/simulation/pandaServer/pythonJson.ts";

const data = join(import.meta.dirname, "../../data/panda");

const python = z.custom<PythonValue>((value) => value !== undefined);

const pairSchema = z.object({
  name: z.string(),
  group: z.string(),
  request: z.object({
    method: z.string(),
    path: z.string(),
    query: z.string().optional(),
    caller: z.string().optional(),
    headers: z.record(z.string(), z.string().nullable()).optional(),
    body: python.optional(),
    text: z.string().optional(),
    chunked: z.boolean().optional(),
    file: z
      .object({ field: z.string(), filename: z.string(), bytes: z.number(), latin1: z.string().optional() })
      .optional(),
  }),
  response: z.object({ status: z.number(), body: python.optional(), text: z.string().optional() }),
  after: z.record(z.string(), python).optional(),
  later: z.record(z.string(), python).optional(),
});

export type Pair = z.infer<typeof pairSchema>;

const all = z.array(pairSchema).parse(loads(readFileSync(join(data, "responses.json"), "utf8")));

export const pairsOf = (group: string): readonly Pair[] => all.filter((pair) => pair.group === group);

/** The answer recorded under a name. */
export function pairNamed(name: string): Pair {
  const found = all.find((pair) => pair.name === name);
  if (found === undefined) throw new Error(`no recorded pair ${name}`);
  return found;
}

const dictionary = z.record(z.string(), z.json());

/** The job dictionaries that an acquire_jobs answer handed out. */
export function jobsHandedOut(name: string): readonly z.infer<typeof dictionary>[] {
  const answer = z.object({ data: z.object({ jobs: z.array(dictionary) }) });
  return answer.parse(pairNamed(name).response.body).data.jobs;
}

const cell = z.object({
  note: z.string().default(""),
  given: z
    .object({
      jobDispatcherErrorDiag: z.string().default(""),
      reportedAttempt: z.number().default(1),
      commandToPilot: z.string().nullable().default(null),
      specialHandling: z.string().default(""),
      storedBatchID: z.string().default(""),
      reportedFields: z.object({ batchID: z.string().optional() }).default({}),
    })
    .prefault({}),
  stored: z.string(),
  reported: z.string(),
  command: z.string().nullable(),
  StatusCode: z.number().default(0),
  storedAfter: z.string(),
  startTimeSet: z.boolean(),
  endTimeSet: z.boolean(),
  outputReportStored: z.boolean(),
});

/** Stored state x reported state, and the special cases. */
export const transitions = z
  .object({ matrix: z.array(cell), special: z.array(cell) })
  .parse(JSON.parse(readFileSync(join(data, "job-transitions.json"), "utf8")));

/** The well-formed jobs of test/data/panda/jobs.json. */
export const jobs = z.array(dictionary).parse(JSON.parse(readFileSync(join(data, "jobs.json"), "utf8")));
