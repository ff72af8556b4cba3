/**
 * `given(events).when(event).then(states)`: the projection as a table of facts. Every step of a story must be expected
 * by the machines; a story that wants an anomaly says so. It must never look at anything that an agent could not see.
 */
import { expect } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import { fold, type Transition } from "../../src/projection.ts";
import {
  type Anomaly,
  type Job,
  reportedStatusOf,
  statusOf,
  subStatusOf,
  type Worker,
  World,
  workerStatusOf,
} from "../../src/world.ts";
import { configured, start } from "../agents/drive.ts";

/** `kind id` -> its state in words; an entity that is not in the World is `gone`. */
export type States = Readonly<Record<string, string>>;

/** A job as an operator of Harvester knows it: `life status/subStatus`, and what the WMS is told where it differs. */
const jobIn = (job: Job): string => {
  const told = reportedStatusOf(job) === statusOf(job) ? "" : ` told ${reportedStatusOf(job)}`;
  return `${job.state.life} ${statusOf(job)}/${subStatusOf(job)}${told}`;
};
const workerIn = (worker: Worker): string =>
  workerStatusOf(worker) === worker.state.life
    ? worker.state.life
    : `${worker.state.life} as ${workerStatusOf(worker)}`;

/** One region of an entity, or its life in words. */
function stateIn(world: World, name: string): string {
  const [kind = "", id = "", region] = name.split(" ");
  const job = kind === "job" ? world.jobs.get(Number(id)) : undefined;
  const worker = kind === "worker" ? world.workers.get(Number(id)) : undefined;
  const other = kind === "fileGroup" ? world.fileGroups.get(id) : kind === "queue" ? world.queues.get(id) : undefined;
  const entity = job ?? worker ?? other ?? (kind === "call" ? world.calls.get(id) : undefined);
  if (!entity) return "gone";
  if (region !== undefined) return entity.state.regions[region] ?? "no such region";
  return job ? jobIn(job) : worker ? workerIn(worker) : entity.state.life;
}

export interface Told {
  readonly world: World;
  /** What the last events did, one line a step: `job 1 job.fetched: unknown -> fetched`. */
  readonly steps: readonly string[];
  /** Anomalies of the last events. */
  readonly anomalies: readonly Anomaly[];
  then(states: States): Told;
  /** The last events are not expected: none of them changed anything. */
  thenAnomaly(...anomalies: readonly Partial<Anomaly>[]): Told;
  when(...events: readonly WindrowEvent[]): Told;
}

function told(world: World, seq: number, steps: readonly string[], anomalies: readonly Anomaly[]): Told {
  return {
    world,
    steps,
    anomalies,
    // biome-ignore lint/suspicious/noThenProperty: the third word of given, when, then; nobody awaits it.
    then(states) {
      expect(anomalies).toEqual([]);
      const seen = Object.fromEntries(Object.keys(states).map((name) => [name, stateIn(world, name)]));
      expect(seen).toEqual(states);
      return this;
    },
    thenAnomaly(...wanted) {
      expect(anomalies).toEqual(wanted.map((anomaly) => expect.objectContaining(anomaly)));
      return this;
    },
    when(...events) {
      const made: string[] = [];
      const before = world.anomalyCount;
      const watch = ({ kind, id, step, before: from, after }: Transition) =>
        made.push(`${kind} ${id} ${step.type}: ${from} -> ${after}`);
      fold(world, { shard: 1, seq, at: start + 1_000 * seq, events }, watch);
      const since = world.anomalyCount - before;
      return told(world, seq + 1, made, since === 0 ? [] : world.anomalies.slice(-since));
    },
  };
}

/** A World with queue Q in which this has happened, one second a record from `start` on. */
export const given = (...events: readonly WindrowEvent[]): Told =>
  told(new World(), 1, [], [])
    .when(...configured())
    .then({ "queue Q": "active" })
    .when(...events)
    .then({});
