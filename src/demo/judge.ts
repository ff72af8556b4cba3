/**
 * Judges the demo: does the server's final view equal what the job set expects, are the outputs what they must be, was
 * no worker submitted twice? Every complaint names the job or worker.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { judge } from "../plugins/local/journal.ts";
import { type DemoJob, expectedOutput, queues } from "./jobs.ts";
import { placesOf } from "./site.ts";
import type { ServerJob } from "./view.ts";

/** What became of one queue. */
export interface QueueVerdict {
  readonly queue: string;
  readonly jobs: number;
  readonly finished: number;
  /** Failed, as they had to. */
  readonly failed: number;
  readonly workers: number;
  readonly outputs: number;
  readonly complaints: readonly string[];
}

/** The verdict on every queue. */
export async function judgeDemo(
  dir: string,
  jobs: readonly DemoJob[],
  seen: readonly ServerJob[],
): Promise<readonly QueueVerdict[]> {
  const byID = new Map(seen.map((job) => [job.PandaID, job]));
  const places = placesOf(dir);
  return Promise.all(
    queues.map(async (queue) => {
      const own = jobs.filter((job) => job.queue === queue);
      const batch = await judge(places.journalOf(queue));
      const complaints = [
        ...own.flatMap((job) => endComplaint(job, byID.get(job.PandaID))),
        ...own.filter(({ end }) => end === "finished").flatMap((job) => outputComplaint(places.stored, job)),
        ...batch.createdTwice.map((key) => `worker ${key} was submitted twice`),
        ...batch.startedTwice.map((key) => `worker ${key} was started twice`),
        ...batch.startedUncreated.map((key) => `worker ${key} was started without having been submitted`),
      ];
      const ended = (end: string) => own.filter(({ PandaID }) => byID.get(PandaID)?.jobStatus === end).length;
      const outputs = own.filter((job) => outputComplaint(places.stored, job).length === 0).length;
      return {
        queue,
        jobs: own.length,
        finished: ended("finished"),
        failed: ended("failed"),
        workers: batch.started,
        outputs,
        complaints,
      };
    }),
  );
}

function endComplaint(job: DemoJob, seen: ServerJob | undefined): string[] {
  if (!seen) return [`job ${job.PandaID}: the server does not know it`];
  if (seen.jobStatus === job.end) return [];
  const why = job.because === "" ? "" : ` because ${job.because}`;
  return [`job ${job.PandaID}: ${seen.jobStatus} at the server, it should be ${job.end}${why}`];
}

function outputComplaint(stored: string, job: DemoJob): string[] {
  const path = join(stored, "demo", job.output);
  try {
    const content: unknown = JSON.parse(readFileSync(path, "utf8"));
    return isDeepStrictEqual(content, expectedOutput(job)) ? [] : [`job ${job.PandaID}: ${path} has a wrong content`];
  } catch (error) {
    return [`job ${job.PandaID}: no output ${path}: ${error instanceof Error ? error.message : String(error)}`];
  }
}
