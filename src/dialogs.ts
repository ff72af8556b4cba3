/**
 * Messages for people at the WMS: what plug-ins had trouble with or refused, read off the events (specs 6, DiagSpec).
 * Part of the projection. Each shard has a box of its own, with an upper bound: the oldest messages make room. It must
 * never decide which of them are sent.
 */
import type { WindrowEvent } from "../events/events.ts";
import { tried, troubled, untried } from "../machines/look.ts";
import type { Dialog, DialogBox, World } from "./world.ts";

/** Messages that wait in a shard. */
const bound = 200;
/** What the server's columns hold (plugins.md 1.1). */
const longestMessage = 500;
const longestIdentifier = 100;

/** What an event says of a plug-in; `ids` name what it was about. */
interface Said {
  readonly plugin: string;
  readonly level: Dialog["level"];
  readonly of: "PandaID" | "workerID" | "queue";
  readonly ids: readonly (number | string)[];
  readonly message: string;
  readonly queue?: string;
}

const emptyBox = (): DialogBox => ({ count: 0, waiting: [], dropped: 0, look: untried() });

/** Keeps what the event says, before its steps are taken: an entity may leave the World with it. */
export function noteDialogs(world: World, shard: number, event: WindrowEvent, at: number): void {
  const said = saidBy(world, event);
  if (said) return put(world, shard, said, at);
  const box = world.dialogs.get(shard);
  if (!box) return;
  if (event.type === "instance.dialogsTold") {
    const waiting = box.waiting.filter(({ n }) => n > event.upTo);
    world.dialogs.set(shard, { ...box, waiting, look: tried(at) });
  } else if (event.type === "instance.dialogsUntold") world.dialogs.set(shard, { ...box, look: troubled(at) });
}

/** A message that waits already is counted, not repeated: a plug-in that is down says the same of every job. */
function put(world: World, shard: number, { plugin, level, ids, of, message, ...said }: Said, at: number): void {
  const box = world.dialogs.get(shard) ?? emptyBox();
  const text = (message || "no reason given").slice(0, longestMessage);
  const queue = said.queue ?? queueOf(world, of, ids[0]);
  const same = box.waiting.findIndex(
    (one) => one.plugin === plugin && one.queue === queue && one.level === level && one.message === text,
  );
  const known = box.waiting[same];
  if (known) {
    const waiting = box.waiting.with(same, { ...known, times: known.times + 1 });
    world.dialogs.set(shard, { ...box, waiting });
    return;
  }
  const others = ids.length > 1 ? ` and ${ids.length - 1} more` : "";
  const identifier = `${queue} ${of === "queue" ? "" : `${of}=${ids[0]}`}${others}`.trim().slice(0, longestIdentifier);
  const n = box.count + 1;
  const waiting = [...box.waiting, { n, at, plugin, queue, level, identifier, message: text, times: 1 }];
  const tooMany = Math.max(waiting.length - bound, 0);
  world.dialogs.set(shard, {
    ...box,
    count: n,
    waiting: waiting.slice(tooMany),
    dropped: box.dropped + tooMany,
  });
}

function queueOf({ jobs, workers }: World, of: Said["of"], id: number | string | undefined): string {
  if (typeof id !== "number") return id ?? "";
  return (of === "PandaID" ? jobs : workers).get(id)?.ctx.queue ?? "";
}

const isMarked = (world: World, ids: readonly number[]): boolean =>
  ids.some((id) => world.workers.get(id)?.state.regions["kill"] === "marked");

function saidBy(world: World, event: WindrowEvent): Said | null {
  const trouble = { level: "ERROR" } as const;
  const refusal = { level: "WARNING" } as const;
  switch (event.type) {
    case "job.preparationTroubled":
    case "job.stageInTroubled":
      return { ...trouble, plugin: "preparator", of: "PandaID", ids: [event.PandaID], message: event.why };
    case "job.preparationRefused":
    case "job.stageInRefused":
    case "job.pathsUnresolved":
      return { ...refusal, plugin: "preparator", of: "PandaID", ids: [event.PandaID], message: event.dialog };
    case "job.makingTroubled":
      return { ...trouble, plugin: "workerMaker", of: "PandaID", ids: event.PandaIDs, message: event.why };
    case "job.makingFailed":
      return { ...refusal, plugin: "workerMaker", of: "PandaID", ids: [event.PandaID], message: event.dialog };
    case "job.stageOutTroubled":
      return { ...trouble, plugin: moverOf(event.step), of: "PandaID", ids: [event.PandaID], message: event.why };
    case "job.stageOutRefused":
      return { ...refusal, plugin: moverOf(event.step), of: "PandaID", ids: [event.PandaID], message: event.dialog };
    case "job.refused": {
      const { PandaID, queue, why } = event;
      return { ...refusal, plugin: "communicator", of: "PandaID", ids: [PandaID], message: why, queue };
    }
    case "queue.jobRefused":
      return { ...refusal, plugin: "communicator", of: "queue", ids: [event.queue], message: event.why };
    case "queue.planTroubled":
      return { ...trouble, plugin: "submitter", of: "queue", ids: [event.queue], message: event.why };
    case "call.held": {
      const call = world.calls.get(event.key)?.ctx;
      if (!call) return null;
      const { plugin, queue } = call;
      return { ...trouble, plugin, of: "queue", ids: [queue], message: event.why, queue };
    }
    default:
      return ofWorkers(world, event);
  }
}

const moverOf = (step: string): string => (step === "zip" || step === "postZip" ? "zipper" : "stager");

function ofWorkers(world: World, event: WindrowEvent): Said | null {
  const trouble = { level: "ERROR", of: "workerID" } as const;
  const refusal = { level: "WARNING", of: "workerID" } as const;
  switch (event.type) {
    case "worker.missed":
      return { ...refusal, plugin: "submitter", ids: [event.workerID], message: event.dialog };
    case "worker.abandoned":
      // One that was to be killed is given up without any trouble.
      if (isMarked(world, event.workerIDs)) return null;
      return { ...trouble, plugin: "submitter", ids: event.workerIDs, message: event.why };
    case "worker.lookTroubled":
      return { ...trouble, plugin: "monitor", ids: event.workerIDs, message: event.why };
    case "worker.killTroubled":
      return { ...trouble, plugin: "sweeper", ids: event.workerIDs, message: event.why };
    case "worker.sweepPostponed":
      return { ...refusal, plugin: "sweeper", ids: event.workerIDs, message: event.why };
    case "worker.jobsUnfed":
      return { ...trouble, plugin: "messenger", ids: [event.workerID], message: event.why };
    case "worker.fed":
      return event.complaint === undefined
        ? null
        : { ...refusal, plugin: "messenger", ids: event.workerIDs, message: event.complaint };
    case "worker.jobsFed":
      return event.complaint === undefined
        ? null
        : { ...refusal, plugin: "messenger", ids: [event.workerID], message: event.complaint };
    case "worker.looked": {
      const odd = event.workers.filter(({ complaints }) => complaints && complaints.length > 0);
      const [first] = odd.flatMap(({ complaints = [] }) => complaints);
      const ids = odd.map(({ workerID }) => workerID);
      return first ? { ...refusal, plugin: "messenger", ids, message: `${first.where}: ${first.why}` } : null;
    }
    default:
      return null;
  }
}
