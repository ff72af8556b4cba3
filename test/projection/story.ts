/**
 * The life of one job with one worker when all goes well (OneToOne), chapter by chapter, so that tests can begin at any
 * of them. Job 1 has one input and one output; its worker is 4, submitted by the call "s".
 */
import type { WindrowEvent } from "../../events/events.ts";
import { fetched, start } from "../agents/drive.ts";
import { given, type States, type Told } from "./given.ts";

export const workerMade = (workerID: number, pandaIDs: number[] = [1]): WindrowEvent => ({
  type: "worker.made",
  workerID,
  queue: "Q",
  key: `windrow:H:${workerID}`,
  batch: "b",
  mapType: "OneToOne",
  pandaIDs,
  hasJob: true,
  nCore: 1,
  jobType: "managed",
  resourceType: "SCORE",
  accessPoint: `/ap/${workerID}`,
});

/** The submit call of a worker. */
export const intended = (key: string, workerIDs: number[]): WindrowEvent => ({
  type: "call.intended",
  key,
  method: "submitWorkers",
  plugin: "submitter",
  queue: "Q",
  notAfterAt: start + 60_000,
  workerIDs,
});

type Look = Extract<WindrowEvent, { type: "worker.looked" }>["workers"][number];
/** The batch system says this of a worker. */
export const looked = (status: Look["status"], facts: Partial<Look> = {}, workerID = 4): WindrowEvent => ({
  type: "worker.looked",
  queue: "Q",
  workers: [{ workerID, status, checked: true, ...facts }],
  unchanged: [],
});

/** Sets the status of file `key` of a group of job 1. */
export const files = (
  what: "reassigned" | "triggered" | "advanced" | "zipped",
  direction: "in" | "aux" | "out",
  statuses: Readonly<Record<string, string>>,
): WindrowEvent => ({
  type: `fileGroup.${what}`,
  group: `1/${direction}`,
  patches: Object.entries(statuses).map(([key, status]) => ({ key, set: { status } })),
});

export const opened = (
  direction: "in" | "aux" | "out",
  statuses: Readonly<Record<string, string>>,
  PandaID = 1,
): WindrowEvent => ({
  type: "fileGroup.opened",
  group: `${PandaID}/${direction}`,
  PandaID,
  direction,
  endpoint: direction === "out" ? null : "EP",
  files: Object.entries(statuses).map(([lfn, status]) => ({
    lfn,
    fileType: direction === "out" ? "output" : "input",
    status,
  })),
});

/** Events of each chapter. */
export const story = {
  fetched: [fetched(1), opened("in", { i: "to_prepare" })],
  triggered: [files("triggered", "in", { i: "triggered" }), { type: "job.preparationTriggered", PandaID: 1 }],
  confirmed: [{ type: "job.stageInConfirmed", PandaID: 1 }],
  prepared: [files("advanced", "in", { i: "ready" }), { type: "job.prepared", PandaID: 1 }],
  made: [workerMade(4), { type: "job.bound", PandaID: 1, workerID: 4 }],
  fed: [{ type: "worker.fed", workerIDs: [4] }],
  submitting: [intended("s", [4])],
  submitted: [
    { type: "worker.submitted", workerID: 4, changes: { set: { batchID: "77" } } },
    { type: "job.submitted", PandaID: 1, workerID: 4 },
    { type: "call.returned", key: "s" },
  ],
  running: [looked("running"), { type: "job.started", PandaIDs: [1] }],
  wrote: [opened("out", { o: "defined" })],
  ended: [looked("finished"), { type: "job.ended", PandaIDs: [1], verdict: "finished" }],
  sent: [files("triggered", "out", { o: "transferring" }), { type: "job.stageOutTriggered", PandaID: 1 }],
  transferring: [{ type: "job.transferStarted", PandaID: 1 }],
  stored: [files("advanced", "out", { o: "finished" }), { type: "job.stageOutChecked", PandaID: 1 }],
  staged: [{ type: "job.staged", PandaID: 1, outputReport: "{}" }],
  closed: [{ type: "job.closed", PandaIDs: [1] }],
  workerClosed: [{ type: "worker.closed", workerIDs: [4] }],
  swept: [{ type: "worker.forgotten", workerIDs: [4] }],
  forgotten: [{ type: "job.forgotten", PandaIDs: [1] }],
} satisfies Readonly<Record<string, readonly WindrowEvent[]>>;
export type Chapter = keyof typeof story;
export const chapters = Object.keys(story) as Chapter[];

/** All that has happened when a chapter ends. */
export const upTo = (chapter: Chapter): Told =>
  given(...chapters.slice(0, chapters.indexOf(chapter) + 1).flatMap((name): readonly WindrowEvent[] => story[name]));

/** One answer of a plug-in, as events, and what becomes of whom. */
export interface Answer {
  readonly why: string;
  readonly after: Chapter;
  readonly events: readonly WindrowEvent[];
  readonly becomes: States;
}
