/**
 * A log's worth of ordinary lives, for benchmarks: jobs that are prepared, get a worker, run, are polled, end, and
 * leave the World, in records of the sizes that agents write. It must hold nothing that surprises a machine.
 */
import type { WindrowEvent } from "../../events/events.ts";
import { prepared, stored, worker } from "../agents/lives.ts";

/** Jobs that go through their lives together. */
const together = 20;
const polls = 12;

/** Records of one group, in order. Numbers of jobs and workers are taken from `first` on, in steps of `step`. */
export function livesOfGroup(first: number, step: number): (readonly WindrowEvent[])[] {
  const ids = Array.from({ length: together }, (_, i) => first + i * step);
  const born = ids.map((id) => prepared(id));
  const workers = ids.map((id) => ({
    made: worker(id, [id], "made"),
    submitted: worker(id, [id], "submitted").filter(
      ({ type }) => type === "worker.submitted" || type === "job.submitted",
    ),
  }));
  const key = `submitWorkers:${first}`;
  const call = {
    key,
    method: "submitWorkers",
    plugin: "submitter",
    queue: "Q",
    notAfterAt: 1,
    workerIDs: ids,
  } as const;
  return [
    born.flatMap((events) => events.slice(0, 1)),
    ...born.map((events) => events.slice(1, 2)),
    ...born.map((events) => events.slice(2)),
    workers.flatMap(({ made }) => made),
    [{ type: "worker.fed", workerIDs: ids }],
    [{ type: "call.intended", ...call }],
    [{ type: "call.returned", key }, ...workers.flatMap(({ submitted }) => submitted)],
    [look("running", ids), { type: "job.started", PandaIDs: ids }],
    ...Array.from({ length: polls }, (_, n) => [poll(n, ids)]),
    [look("finished", ids), { type: "job.ended", PandaIDs: ids, verdict: "finished" }],
    ...ids.map((id) => stored(id)),
    [
      { type: "job.told", PandaIDs: ids },
      { type: "job.closed", PandaIDs: ids },
    ],
    [
      { type: "worker.told", workerIDs: ids },
      { type: "worker.closed", workerIDs: ids },
    ],
    [
      { type: "worker.forgotten", workerIDs: ids },
      { type: "job.forgotten", PandaIDs: ids },
    ],
  ];
}

const look = (status: "running" | "finished", ids: readonly number[]): WindrowEvent => ({
  type: "worker.looked",
  queue: "Q",
  workers: ids.map((workerID) => ({
    workerID,
    status,
    checked: true,
    attributes: { host: `node-${workerID}.example.org` },
  })),
  unchanged: [],
});

/** Every tenth worker says something new. */
function poll(n: number, ids: readonly number[]): WindrowEvent {
  const changed = ids.filter((_, i) => i % 10 === n % 10);
  const changes = { set: { nativeStatus: `R${n}` } };
  return {
    type: "worker.looked",
    queue: "Q",
    workers: changed.map((workerID) => ({ workerID, status: "running", checked: true, changes })),
    unchanged: ids.filter((id) => !changed.includes(id)),
  };
}
