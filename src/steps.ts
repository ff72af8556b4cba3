/**
 * Which steps an event makes: one for each entity that it names, in a fixed order, with the name that the event has for
 * each (design 3). What follows for others (files of a job that ends, workers of a call) is here too. Pure.
 */
import type { EventOf, WindrowEvent } from "../events/events.ts";
import { lookSteps } from "../machines/workerEvolution.ts";
import type { Kind, World } from "./world.ts";

/**
 * Takes one step: of which entity, by which name, with which part of the event. It is taken before the next is named.
 */
export type Visit = (kind: Kind, id: number | string, type: string, part?: unknown) => void;

/** A place in a shard: behind this step of this event of the record `seq`. */
export interface Point {
  readonly seq: number;
  /** Event of the record; Infinity: the whole record is behind. */
  readonly index: number;
  readonly step: number;
}

/** Whether a place is behind another one of the same shard; everything is behind the beginning. */
export function isAfter(point: Point, other: Point | undefined): boolean {
  if (other === undefined) return true;
  if (point.seq !== other.seq) return point.seq > other.seq;
  if (point.index !== other.index) return point.index > other.index;
  return point.step > other.step;
}

/** The inputs of a job that ends before its payload are not needed from then on. */
const endsBeforePayload = new Set([
  "job.refused",
  "job.preparationRefused",
  "job.stageInRefused",
  "job.makingFailed",
  "job.killed",
]);
/** Those of any other job are kept until the WMS knows that it has ended (lifecycle 1.10). */
const tellsEnd = new Set(["job.told", "job.closed"]);
/** The job leaves the World. */
const leaves = new Set(["job.forgotten", "job.superseded"]);

/** The kind that an event's name begins with; its first letter tells, and a start names millions of events. */
export const kindOf = ({ type }: WindrowEvent): Kind | "instance" => {
  switch (type.charAt(0)) {
    case "j":
      return "job";
    case "w":
      return "worker";
    case "f":
      return "fileGroup";
    case "c":
      return "call";
    case "q":
      return "queue";
    default:
      return "instance";
  }
};

/** Names the steps of an event, each after the one before was taken. */
export function eachStep(world: World, event: WindrowEvent, visit: Visit): void {
  switch (kindOf(event)) {
    case "job":
      return jobSteps(world, event as EventOf<"job.closed" | "job.fetched">, visit);
    case "worker":
      return workerSteps(event as EventOf<"worker.looked" | "worker.submitted" | "worker.told">, visit);
    case "fileGroup":
      return visit("fileGroup", (event as EventOf<"fileGroup.opened">).group, event.type);
    case "call":
      return callSteps(event as EventOf<"call.intended" | "call.returned">, visit);
    case "queue":
      return visit("queue", (event as EventOf<"queue.retired">).queue, event.type);
  }
}

function workerSteps(event: EventOf<"worker.looked" | "worker.submitted" | "worker.told">, visit: Visit): void {
  const { type } = event;
  if (type === "worker.looked") {
    for (const look of event.workers) visit("worker", look.workerID, lookSteps[look.status], look);
    for (const id of event.unchanged) visit("worker", id, "worker.unchanged");
  } else if ("workerIDs" in event) {
    for (const id of event.workerIDs) visit("worker", id, type);
  } else {
    const running = type === "worker.submitted" && event.running === true;
    visit("worker", event.workerID, running ? "worker.submittedRunning" : type);
  }
}

function jobSteps(world: World, event: EventOf<"job.closed" | "job.fetched">, visit: Visit): void {
  const { type } = event;
  const ids = "PandaIDs" in event ? event.PandaIDs : [event.PandaID];
  const mayRelease = tellsEnd.has(type);
  const releases = endsBeforePayload.has(type);
  for (const id of ids) {
    visit("job", id, type);
    if (leaves.has(type)) forget(world, id, visit);
    if (releases || (mayRelease && (world.jobs.get(id)?.ctx.verdict ?? null) !== null)) release(world, id, visit);
    if (type !== "job.closed") continue;
    for (const direction of ["in", "aux", "out"]) visit("fileGroup", `${id}/${direction}`, "fileGroup.deletable");
  }
}

/** The job's files leave the World with it. */
function forget(world: World, PandaID: number, visit: Visit): void {
  for (const direction of ["in", "aux", "out"] as const) {
    if (world.filesOf(PandaID, direction)) visit("fileGroup", `${PandaID}/${direction}`, "fileGroup.forgotten");
  }
}

function release(world: World, PandaID: number, visit: Visit): void {
  for (const group of [`${PandaID}/in`, `${PandaID}/aux`]) {
    if (world.fileGroups.get(group)?.state.life !== "released") visit("fileGroup", group, "fileGroup.released");
  }
}

function callSteps(event: EventOf<"call.intended" | "call.returned">, visit: Visit): void {
  visit("call", event.key, event.type);
  if (event.type !== "call.intended" || event.method !== "submitWorkers") return;
  for (const id of event.workerIDs ?? []) visit("worker", id, "worker.submitting");
}
