/**
 * Tells the WMS of jobs in a test: the propagator's duty over a World, with a reply for each job, and states of jobs
 * that several tests begin with.
 */
import { expect } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import type { Reply } from "../../src/agents/agent.ts";
import { propagator } from "../../src/agents/propagator.ts";
import type { JobReply } from "../../src/plugins/contract.ts";
import type { World } from "../../src/world.ts";
import { answered, drive, start } from "./drive.ts";
import { prepared, stored, worker } from "./lives.ts";

export const duty = (name: string) => {
  const found = propagator.find((one) => one.name === name);
  if (!found) throw new Error(name);
  return found;
};
export const tellJobs = duty("tellJobs");
export const ok: JobReply = { StatusCode: 0, command: null };
export const kill: JobReply = { StatusCode: 0, command: "tobekilled" };
export const now = start + 1000;

/** Tells these jobs; each hears the same reply, or its own. */
export function tell(world: World, ids: readonly number[], reply: JobReply | Record<number, JobReply> | Reply = ok) {
  const replyTo = (id: number): JobReply => ("StatusCode" in reply ? (reply as JobReply) : (reply as never)[id]);
  const driven = drive(tellJobs, world, ids, ({ method, args }) => {
    if ("ok" in reply) return reply as Reply;
    const [sent] = (args as { plain: [readonly (number | { job_id: number })[]] }).plain;
    if (method === "checkEventAvailability") throw new Error("not expected");
    return answered(sent.map((one) => replyTo(typeof one === "number" ? one : one.job_id)));
  });
  expect(world.anomalies).toEqual([]);
  return driven;
}

export const life = (world: World, PandaID: number): string | undefined => world.jobs.get(PandaID)?.state.key;
export const running = [...prepared(1), ...worker(5, [1], "running")];
export const refusedIn: WindrowEvent = {
  type: "job.preparationRefused",
  PandaID: 1,
  error: { code: 1099, diag: "no" },
  dialog: "no",
};
export const finished = [...prepared(1), ...worker(5, [1], "finished"), ...stored(1)];
export const missed: WindrowEvent[] = [
  ...prepared(1),
  ...worker(5, [1], "submitting"),
  { type: "worker.missed", workerID: 5, error: { code: 1110, diag: "no" }, dialog: "fatal" },
  { type: "job.missed", PandaID: 1, workerID: 5, attempts: 1, error: { code: 1110, diag: "no" } },
];
