/**
 * Which steps an event makes: one for each entity that it names, in a fixed order, with the name that the event has for
 * each (design 3). What follows for others (files of a job that ends, workers of a call) is here too. Pure.
 */
import type { EventOf, WindrowEvent } from "../events/events.ts";
import { lookSteps } from "../machines/worker.ts";
import type { Kind, World } from "./world.ts";

/** Takes one step: of which entity, by which name, with which part of the event. It is taken before the next is named. */
export type Visit = (kind: Kind, id: number | string, type: string, part?: unknown) => void;

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

/** Names the steps of an event, each after the one before was taken. */
export function eachStep(world: World, event: WindrowEvent, visit: Visit): void {
  const { type } = event;
  if (type === "worker.submitted" || type === "worker.missed") {
    const running = type === "worker.submitted" && event.running;
    visit("worker", event.workerID, running ? "worker.submittedRunning" : type);
  } else if (type === "worker.looked") {
    for (const look of event.workers) visit("worker", look.workerID, lookSteps[look.status], look);
    for (const id of event.unchanged) visit("worker", id, "worker.unchanged");
  } else if (type.startsWith("job.")) {
    jobSteps(world, event as EventOf<"job.closed" | "job.fetched">, visit);
  } else if (type.startsWith("call.")) {
    callSteps(event as EventOf<"call.intended" | "call.returned">, visit);
  } else if ("workerIDs" in event) {
    for (const id of event.workerIDs ?? []) visit("worker", id, type);
  } else if ("workerID" in event) {
    visit("worker", event.workerID, type);
  } else if ("group" in event) {
    visit("fileGroup", event.group, type);
  } else if (type.startsWith("queue.")) {
    visit("queue", (event as EventOf<"queue.retired">).queue, type);
  }
}

function jobSteps(world: World, event: EventOf<"job.closed" | "job.fetched">, visit: Visit): void {
  const { type } = event;
  const ids = "PandaIDs" in event ? event.PandaIDs : [event.PandaID];
  const mayRelease = tellsEnd.has(type);
  const releases = endsBeforePayload.has(type);
  for (const id of ids) {
    visit("job", id, type);
    if (releases || (mayRelease && (world.jobs.get(id)?.ctx.verdict ?? null) !== null)) release(world, id, visit);
    if (type !== "job.closed") continue;
    for (const direction of ["in", "aux", "out"]) visit("fileGroup", `${id}/${direction}`, "fileGroup.deletable");
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
