/**
 * Random histories of a World: records of events that concern what is there, mostly ones that the machines know in the
 * states they are in, sometimes any. Deep states are reached, which uniformly random events never would. The same
 * random source gives the same history.
 */
import fc from "fast-check";
import type { WindrowEvent } from "../../events/events.ts";
import { type Folded, fold, tableOf, type Watcher } from "../../src/projection.ts";
import { type Kind, World } from "../../src/world.ts";
import { configured } from "../agents/drive.ts";
import { consistent, eventsOf } from "../events/arbitrary.ts";

/** How long the tests of random histories look: `FUZZ_RUNS=5000 npx vitest run test/projection` for a night. */
export const fuzz = { numRuns: Number(process.env["FUZZ_RUNS"] ?? 60), endOnFailure: true };

/** Configuration is there from the beginning and stays as it is: the projection reads it. */
const types = [...eventsOf.keys()].filter((type) => type !== "instance.configured");
const kinds: readonly Kind[] = ["job", "worker", "fileGroup", "queue", "call"];

/** Steps that come of other events: event name -> a step by which the machine can tell whether it knows the event. */
const stepsOf: Readonly<Record<string, string>> = { "worker.looked": "worker.seenRunning" };

/** Field by which an event of each kind names its entity. */
const nameOf: Readonly<Record<Kind, readonly [one: string, many: string]>> = {
  job: ["PandaID", "PandaIDs"],
  worker: ["workerID", "workerIDs"],
  fileGroup: ["group", ""],
  queue: ["queue", ""],
  call: ["key", ""],
};

const mapOf = (world: World, kind: Kind) =>
  ({ job: world.jobs, worker: world.workers, fileGroup: world.fileGroups, queue: world.queues, call: world.calls })[
    kind
  ];

/** An event that concerns something in the World, if there is something. */
function nextEvent(world: World, draw: fc.GeneratorValue): WindrowEvent {
  const isWild = draw(fc.integer, { min: 1, max: 12 }) === 1;
  if (isWild) return draw(() => eventsOf.get(draw(fc.constantFrom<string[]>, ...types))!);
  const kind = draw(fc.constantFrom<Kind[]>, ...kinds);
  const table = tableOf(kind);
  const ids = [...mapOf(world, kind).keys()];
  const isBirth = ids.length === 0 || draw(fc.integer, { min: 1, max: 5 }) === 1;
  const id = isBirth ? undefined : draw(fc.constantFrom<(number | string)[]>, ...ids);
  const state =
    id === undefined
      ? table.initial
      : (mapOf(world, kind) as Map<unknown, { state: typeof table.initial }>).get(id)!.state;
  const known = types.filter((type) => table.next(state, stepsOf[type] ?? type));
  // Most events leave a state as it is: without a push, histories would hardly ever come to an end.
  const moving = known.filter((type) => table.next(state, stepsOf[type] ?? type) !== state);
  const fitting = moving.length > 0 && draw(fc.boolean) ? moving : known;
  const type = draw(fc.constantFrom<string[]>, ...(fitting.length > 0 ? fitting : types));
  const event = draw(() => eventsOf.get(type)!);
  return id === undefined ? event : concerning(event, kind, id);
}

/** The event, about this entity. */
function concerning(event: WindrowEvent, kind: Kind, id: number | string): WindrowEvent {
  const [one, many] = nameOf[kind];
  if (one in event) return consistent({ ...event, [one]: id });
  if (many in event) return { ...event, [many]: [id] } as WindrowEvent;
  if (event.type !== "worker.looked" || event.workers.length === 0) return event;
  const [first, ...others] = event.workers;
  return { ...event, workers: [{ ...first!, workerID: id as number }, ...others] };
}

/** A history of so many records, and the World that it gives. */
export function walk(draw: fc.GeneratorValue, records: number, watch?: Watcher): { world: World; history: Folded[] } {
  const world = new World();
  const history: Folded[] = [{ shard: 0, seq: 1, at: 1, events: configured() }];
  fold(world, history[0]!, watch);
  for (let seq = 1; seq <= records; seq++) {
    const n = draw(fc.integer, { min: 1, max: 3 });
    const events = Array.from({ length: n }, () => nextEvent(world, draw));
    const record = { shard: 1, seq, at: 1_000 * seq, events };
    history.push(structuredClone(record));
    fold(world, record, watch);
  }
  return { world, history };
}
