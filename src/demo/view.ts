/**
 * What the demo sees from outside: the server's view of the jobs, and the daemon's status. It only asks.
 */
import { request } from "undici";
import { z } from "zod";
import type { Status } from "../audit/status.ts";
import { ask } from "../cli/ask.ts";
import { type DemoJob, type DemoQueue, queues } from "./jobs.ts";

const jobsSchema = z.object({
  jobs: z.array(
    z.looseObject({
      PandaID: z.number(),
      computingSite: z.string(),
      jobStatus: z.string(),
      columns: z.looseObject({}),
    }),
  ),
});
/** A job as the server sees it. */
export type ServerJob = z.output<typeof jobsSchema>["jobs"][number];

/** All jobs of the server. */
export async function serverJobs(url: string): Promise<readonly ServerJob[]> {
  const { body } = await request(`${url}/stand-in/jobs`);
  return jobsSchema.parse(await body.json()).jobs;
}

/** Puts jobs into the server. */
export async function addToServer(url: string, jobs: readonly DemoJob[]): Promise<void> {
  const { statusCode, body } = await request(`${url}/stand-in/jobs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jobs: jobs.map(({ dictionary }) => dictionary) }),
  });
  const text = await body.text();
  if (statusCode !== 200)
    throw new Error(`the stand-in server did not take the jobs: ${statusCode} ${text.slice(0, 500)}`);
}

/** Whether the server will not change the job any more. */
export const isFinal = ({ jobStatus }: ServerJob): boolean =>
  ["finished", "failed", "cancelled", "closed"].includes(jobStatus);

/** Stages of a job that people tell apart, in their order. */
export const stages = ["waiting", "staging in", "submitting", "running", "staging out", "finished", "failed"] as const;
export type Stage = (typeof stages)[number];

/** Jobs of a queue by stage. */
export type Picture = Readonly<Record<DemoQueue, Readonly<Record<Stage, number>>>>;

const stageOf: Readonly<Record<string, Stage>> = {
  fetched: "staging in",
  preparing: "staging in",
  prepared: "submitting",
  submitted: "submitting",
  running: "running",
  idle: "running",
  to_transfer: "staging out",
  transferring: "staging out",
};

/** Ends are the server's word, what is under way the daemon's; what neither knows waits at the server. */
export async function picture(url: string, logDir: string): Promise<{ picture: Picture; jobs: readonly ServerJob[] }> {
  const jobs = await serverJobs(url);
  const status = await ask<Status>(logDir, "/status", () => Promise.reject(new Error("no daemon"))).catch(() => null);
  const byQueue = Object.fromEntries(
    queues.map((queue) => {
      const counts = Object.fromEntries(stages.map((stage) => [stage, 0])) as Record<Stage, number>;
      const own = jobs.filter(({ computingSite }) => computingSite === queue);
      for (const job of own) {
        if (job.jobStatus === "finished") counts.finished += 1;
        else if (isFinal(job)) counts.failed += 1;
      }
      const known = status?.queues.find((each) => each.queue === queue)?.jobs ?? {};
      for (const [state, n] of Object.entries(known)) {
        const stage = stageOf[state];
        if (stage) counts[stage] += n;
      }
      // Between the daemon's word and the server's judgement a job counts as staging out.
      const under = counts["staging in"] + counts.submitting + counts.running + counts["staging out"];
      const left = own.length - counts.finished - counts.failed - under;
      const waiting = own.filter(({ jobStatus }) => jobStatus === "activated").length;
      counts.waiting = Math.max(Math.min(waiting, left), 0);
      counts["staging out"] += Math.max(left - counts.waiting, 0);
      return [queue, counts];
    }),
  ) as unknown as Picture;
  return { picture: byQueue, jobs };
}
