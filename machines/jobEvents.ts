/**
 * What a job of the event service knows of its events (lifecycle 4.2): which were reported, what became of their
 * output, and which of them the WMS knows. Part of the job machine; like it, it follows what the agents decided.
 */
import type { EventOf } from "../events/events.ts";
import type { JobContext } from "./jobContext.ts";
import type { Step } from "./step.ts";

/** One event range of a job. */
export interface RangeRow {
  eventStatus: string;
  /** The same, or `transferring` while its output is not safe, or `done` when the WMS knows it. */
  subStatus: string;
  /** lfn of its output file. */
  file?: string | undefined;
  coreCount?: number | undefined;
  cpuConsumptionTime?: number | undefined;
  loss?: string | undefined;
}

/** Whether the WMS is to be told of it. */
export const isOwed = ({ subStatus }: RangeRow): boolean => subStatus === "finished" || subStatus === "failed";

/** What is known of an event. A payload may give it any name, also one that every object has. */
export function rangeOf({ ranges }: JobContext, id: string): RangeRow | undefined {
  return Object.hasOwn(ranges, id) ? ranges[id] : undefined;
}

/** Changes one row, and with it the count of those that the WMS is to be told of. */
function put(job: JobContext, id: string, row: RangeRow): void {
  const before = rangeOf(job, id);
  job.rangesOwed += Number(isOwed(row)) - Number(before !== undefined && isOwed(before));
  job.ranges[id] = row;
}

export const eventEvolutions: { [type: string]: (job: JobContext, step: Step) => void } = {
  "job.eventsReported": (job, { event }) => {
    for (const { eventRangeID, ...row } of (event as EventOf<"job.eventsReported">).ranges) {
      put(job, eventRangeID, row);
    }
  },
  "job.eventsMoved": (job, { event }) => {
    const { eventRangeIDs, status } = event as EventOf<"job.eventsMoved">;
    for (const id of eventRangeIDs) {
      const row = rangeOf(job, id);
      if (row) put(job, id, { ...row, eventStatus: status, subStatus: status });
    }
  },
  "job.eventsTold": (job, { event }) => {
    for (const id of (event as EventOf<"job.eventsTold">).eventRangeIDs) {
      const row = rangeOf(job, id);
      if (row) put(job, id, { ...row, subStatus: "done" });
    }
  },
  "job.eventsRemaining": (job, { event }) => {
    job.nRemainingEvents = (event as EventOf<"job.eventsRemaining">).n;
  },
  "job.growthEnded": (job) => {
    job.moreWorkers = false;
  },
};

const stay = { actions: "evolve" } as const;
/** Answered until the job is done. */
export const eventsAnytime = {
  "job.eventsRemaining": stay,
  "job.growthEnded": stay,
  "job.eventsTold": stay,
};
