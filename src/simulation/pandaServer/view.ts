/**
 * All that the stand-in knows, for operators, demonstrations and tests: the final view of a rehearsal. Its cost is the
 * size of the state; no call of the API uses it.
 */
import { z } from "zod";
import { allJobs, type Job } from "./jobTable.ts";
import type { Store } from "./store.ts";
import { allWorkers, jobsOf, type Worker } from "./workerTable.ts";

/** One state of a job: since when (epoch ms), and who brought it there. */
const historyRow = z.object({ PandaID: z.number(), at: z.number(), status: z.string(), note: z.string() });
const commandRow = z.object({
  commandID: z.number(),
  harvesterID: z.string(),
  command: z.string(),
  status: z.string(),
});
const countRow = z.object({
  harvesterID: z.string(),
  computingSite: z.string(),
  jobType: z.string(),
  resourceType: z.string(),
  status: z.string(),
  n: z.number(),
});
const dialogRow = z.object({
  harvesterID: z.string(),
  diagID: z.number(),
  moduleName: z.string(),
  messageLevel: z.string(),
  diagMessage: z.string(),
});
const metricRow = z.object({ harvesterID: z.string(), creationTime: z.string(), host: z.string(), text: z.string() });
const rangeRow = z.object({ PandaID: z.number(), processID: z.number(), status: z.number() });
const instanceRow = z.object({ harvesterID: z.string(), columns: z.string().transform((text) => JSON.parse(text)) });
const lockRow = z.object({
  harvesterID: z.string(),
  command: z.string(),
  computingSite: z.string(),
  resourceType: z.string(),
});

export type JobView = Job & {
  readonly history: readonly { readonly at: number; readonly status: string; readonly note: string }[];
};

export interface View {
  /** So that nobody takes it for a real server's. */
  readonly standIn: true;
  readonly jobs: readonly JobView[];
  readonly workers: readonly (Worker & { readonly jobs: readonly number[] })[];
  readonly instances: readonly { readonly harvesterID: string; readonly columns: unknown }[];
  readonly commands: readonly z.infer<typeof commandRow>[];
  readonly commandLocks: readonly z.infer<typeof lockRow>[];
  readonly workerCounts: readonly z.infer<typeof countRow>[];
  readonly dialogs: readonly z.infer<typeof dialogRow>[];
  readonly metrics: readonly z.infer<typeof metricRow>[];
  readonly eventRanges: readonly z.infer<typeof rangeRow>[];
}

/** The jobs with their histories, oldest first. */
export function viewJobs(store: Store): readonly JobView[] {
  const histories = new Map<number, { at: number; status: string; note: string }[]>();
  for (const row of store.rows("SELECT * FROM history ORDER BY PandaID, seq")) {
    const { PandaID, ...entry } = historyRow.parse(row);
    const history = histories.get(PandaID);
    if (history === undefined) histories.set(PandaID, [entry]);
    else history.push(entry);
  }
  return allJobs(store).map((job) => ({ ...job, history: histories.get(job.PandaID) ?? [] }));
}

export function view(store: Store): View {
  const all = <T>(schema: z.ZodType<T>, table: string, order: string): readonly T[] =>
    store.rows(`SELECT * FROM ${table} ORDER BY ${order}`).map((row) => schema.parse(row));
  return {
    standIn: true,
    jobs: viewJobs(store),
    workers: allWorkers(store).map((worker) => ({
      ...worker,
      jobs: jobsOf(store, worker.harvesterID, worker.workerID),
    })),
    instances: all(instanceRow, "instance", "harvesterID"),
    commands: all(commandRow, "command", "commandID"),
    commandLocks: all(lockRow, "commandLock", "harvesterID, command"),
    workerCounts: all(countRow, "workerCount", "computingSite, harvesterID, jobType, resourceType, status"),
    dialogs: all(dialogRow, "dialog", "harvesterID, diagID"),
    metrics: all(metricRow, "metric", "seq"),
    eventRanges: all(rangeRow, "eventRange", "PandaID, processID"),
  };
}
