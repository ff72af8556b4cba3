/**
 * Decisions that are appended and not yet read back, by the jobs, workers and queues that they name. The World does not
 * show them yet, so who decides about the same entities must wait for them: otherwise two duties would each move the
 * entity on from the state it had before the other one did.
 */
import type { WindrowEvent } from "../events/events.ts";
import { rules } from "./rules.ts";
import type { Taken } from "./scheduler.ts";
import type { World } from "./world.ts";

/** Entities, as far as duties meet at them. */
export interface Concerned {
  readonly jobs: readonly number[];
  readonly workers: readonly number[];
  readonly queues: readonly string[];
}

/** No entity at all. */
export const nobody: Concerned = { jobs: [], workers: [], queues: [] };

const kinds = new Map(rules.map(({ name, kind }) => [name, kind]));

export class InFlight {
  readonly #jobs = new Counts<number>();
  readonly #workers = new Counts<number>();
  readonly #queues = new Counts<string>();

  add(events: readonly WindrowEvent[]): void {
    this.#change(events, 1);
  }

  remove(events: readonly WindrowEvent[]): void {
    this.#change(events, -1);
  }

  /** Whether a decision on its way names one of these. */
  names({ jobs, workers, queues }: Concerned): boolean {
    return this.#jobs.hasAny(jobs) || this.#workers.hasAny(workers) || this.#queues.hasAny(queues);
  }

  /** Whether a decision on its way names what was taken, or the jobs and workers that belong to it. */
  touches(world: World, taken: readonly Taken[]): boolean {
    if (this.#jobs.isEmpty && this.#workers.isEmpty && this.#queues.isEmpty) return false;
    return taken.some((one) => this.names(concerned(world, one)));
  }

  #change(events: readonly WindrowEvent[], by: 1 | -1): void {
    for (const event of events) {
      if ("PandaID" in event && event.PandaID !== undefined) this.#jobs.add(event.PandaID, by);
      if ("PandaIDs" in event) for (const id of event.PandaIDs) this.#jobs.add(id, by);
      if ("workerID" in event && event.workerID !== undefined) this.#workers.add(event.workerID, by);
      if ("workerIDs" in event && event.workerIDs) for (const id of event.workerIDs) this.#workers.add(id, by);
      if ("group" in event) this.#jobs.add(Number.parseInt(event.group, 10), by);
      if (event.type === "worker.looked") {
        for (const { workerID } of event.workers) this.#workers.add(workerID, by);
        for (const id of event.unchanged) this.#workers.add(id, by);
      }
      if (event.type.startsWith("queue.") && "queue" in event) this.#queues.add(event.queue, by);
    }
  }
}

/** How many decisions on their way name an id; those that none names are not kept. */
class Counts<T> {
  readonly #counts = new Map<T, number>();

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  add(id: T, by: number): void {
    const n = (this.#counts.get(id) ?? 0) + by;
    if (n > 0) this.#counts.set(id, n);
    else this.#counts.delete(id);
  }

  hasAny(ids: readonly T[]): boolean {
    return this.#counts.size > 0 && ids.some((id) => this.#counts.has(id));
  }
}

/** A job with its workers, a worker with its jobs and theirs. */
function concerned(world: World, { rule, id }: Taken): Concerned {
  switch (kinds.get(rule)) {
    case "job":
      return { jobs: [id as number], workers: workersOf(world, [id as number]), queues: [] };
    case "worker":
      return aroundWorkers(world, [id as number]);
    case "call":
      return aroundWorkers(world, world.calls.get(id as string)?.ctx.workerIDs ?? []);
    case "queue":
      return { jobs: [], workers: [], queues: [id as string] };
    default:
      return nobody;
  }
}

function aroundWorkers(world: World, workerIDs: readonly number[]): Concerned {
  const jobs = workerIDs.flatMap((id) => {
    const ctx = world.workers.get(id)?.ctx;
    return ctx ? [...ctx.pandaIDs, ...ctx.toFeed] : [];
  });
  return { jobs, workers: [...workerIDs, ...workersOf(world, jobs)], queues: [] };
}

const workersOf = (world: World, PandaIDs: readonly number[]): number[] =>
  PandaIDs.flatMap((id) => {
    const ctx = world.jobs.get(id)?.ctx;
    return ctx ? [...ctx.workers, ...ctx.boundTo] : [];
  });
