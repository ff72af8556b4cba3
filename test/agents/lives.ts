/**
 * Lives of jobs and workers as lists of events, for tests of agents that meet them late: how one comes to a state, told
 * as the log would have it.
 */
import type { WindrowEvent } from "../../events/events.ts";
import { fetched } from "./drive.ts";

/** A worker that is made for these jobs, up to the state that is named. */
export function worker(
  workerID: number,
  pandaIDs: readonly number[],
  until: "made" | "fed" | "submitting" | "held" | "submitted" | "running" | "finished" | "failed" | "cancelled",
  facts: Record<string, unknown> = {},
): WindrowEvent[] {
  const key = `windrow:H:${workerID}`;
  const queue = String(facts["queue"] ?? "Q");
  const { settings, ...made } = facts;
  const steps: [string, readonly WindrowEvent[]][] = [
    [
      "made",
      [
        {
          type: "worker.made",
          workerID,
          queue,
          key,
          batch: `b${workerID}`,
          mapType: "OneToOne",
          pandaIDs: [...pandaIDs],
          hasJob: pandaIDs.length > 0,
          nCore: 1,
          minRamCount: 1000,
          jobType: "managed",
          resourceType: "SCORE",
          pilotType: "PR",
          accessPoint: `/a/${workerID}`,
          ...made,
        },
        ...pandaIDs.map((PandaID): WindrowEvent => ({ type: "job.bound", PandaID, workerID })),
      ],
    ],
    ["fed", [{ type: "worker.fed", workerIDs: [workerID] }]],
    [
      "submitting",
      [
        {
          type: "call.intended",
          key,
          method: "submitWorkers",
          plugin: "submitter",
          queue,
          notAfterAt: 1,
          workerIDs: [workerID],
        },
      ],
    ],
  ];
  if (until === "held") steps.push(["held", [{ type: "worker.held", workerIDs: [workerID], why: "nobody knows" }]]);
  const set = { batchID: `b-${workerID}`, ...(settings as Record<string, string> | undefined) };
  steps.push([
    "submitted",
    [
      { type: "call.returned", key },
      { type: "worker.submitted", workerID, changes: { set } },
      ...pandaIDs.map((PandaID): WindrowEvent => ({ type: "job.submitted", PandaID, workerID })),
    ],
  ]);
  const PandaIDs = [...pandaIDs];
  const jobs = (event: WindrowEvent): WindrowEvent[] => (PandaIDs.length > 0 ? [event] : []);
  steps.push(["running", [looked(workerID, queue, "running"), ...jobs({ type: "job.started", PandaIDs })]]);
  if (until === "finished" || until === "failed" || until === "cancelled")
    steps.push([until, [looked(workerID, queue, until), ...jobs({ type: "job.ended", PandaIDs, verdict: until })]]);
  const last = steps.findIndex(([name]) => name === until);
  return steps.slice(0, last + 1).flatMap(([, events]) => events);
}

const looked = (
  workerID: number,
  queue: string,
  status: "running" | "finished" | "failed" | "cancelled",
): WindrowEvent => ({
  type: "worker.looked",
  queue,
  workers: [{ workerID, status, checked: true }],
  unchanged: [],
});

/** A job that needs no inputs, ready for a worker. */
export const prepared = (PandaID: number, facts: Record<string, unknown> = {}): WindrowEvent[] => [
  fetched(PandaID, facts),
  { type: "job.preparationTriggered", PandaID },
  { type: "job.stageInConfirmed", PandaID },
  { type: "job.prepared", PandaID },
];

/** A job whose payload has ended and whose outputs are all stored. */
export const stored = (PandaID: number, outputReport = "{}"): WindrowEvent[] => [
  { type: "job.transferStarted", PandaID },
  { type: "job.staged", PandaID, outputReport },
];
