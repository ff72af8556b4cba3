/**
 * What is known of a job besides the state of its machine: the context that snapshots hold. A field is changed by the
 * steps in jobEvolution.ts and jobEvents.ts alone.
 */
import type { EventOf } from "../events/events.ts";
import type { RangeRow } from "./jobEvents.ts";
import { type Look, untried } from "./look.ts";

type Fetched = EventOf<"job.fetched">;

/** Everything known of a job besides its state. Plain JSON: it goes into snapshots as it is. */
export interface JobContext {
  PandaID: number;
  queue: string;
  taskID: number | null;
  attemptNr: number | null;
  jobsetID: number | null;
  priority: number;
  nCore: number | null;
  resourceType: string | null;
  prodSourceLabel: string | null;
  zipPerMB: number | null;
  inputs: readonly Fetched["inputs"][number][];
  outputs: readonly Fetched["outputs"][number][];
  log: Fetched["log"];
  params: Readonly<Record<string, unknown>>;
  /** Phase of a job with auxiliary inputs: 0 to 4, null for a job without (1.5). */
  aux: number | null;
  /** The status that counts once the job has ended; null before. */
  verdict: "finished" | "failed" | "cancelled" | "missed" | null;
  /** Attributes for the WMS, pilot-style names. */
  attributes: Readonly<Record<string, unknown>>;
  metaData: unknown;
  /** JSON text of the outputs that were stored (1.8). */
  outputReport: string | null;
  createdAt: number;
  startAt: number | null;
  endAt: number | null;
  /** Linked workers, in the order of their submission. */
  workers: readonly number[];
  /** Workers that are being made for it. */
  boundTo: readonly number[];
  /** OneToMany (lifecycle 3.7): how many at a time, how many ever, how many so far, and whether more may follow. */
  nWorkersLimit: number | null;
  maxWorkersInTotal: number | null;
  nWorkersInTotal: number;
  /** Active ones at the last submission or look. */
  nWorkers: number;
  moreWorkers: boolean;
  submissionAttempts: number;
  pilotClosed: boolean;
  nRemainingEvents: number | null;
  /** Events by eventRangeID, and how many the WMS is to be told of. */
  ranges: Record<string, RangeRow>;
  rangesOwed: number;
  prepare: Look;
  submit: Look;
  stage: Look;
  report: Look;
}

/** What a job has nothing of: one for all, since every change makes another. */
const none = {};
const nothing: readonly never[] = [];

/** A job before its first event. */
export const blankJob = (PandaID: number): JobContext => ({
  PandaID,
  queue: "",
  taskID: null,
  attemptNr: 0,
  jobsetID: null,
  priority: 0,
  nCore: null,
  resourceType: null,
  prodSourceLabel: null,
  zipPerMB: null,
  inputs: nothing,
  outputs: nothing,
  log: null,
  params: none,
  aux: null,
  verdict: null,
  attributes: none,
  metaData: null,
  outputReport: null,
  createdAt: 0,
  startAt: null,
  endAt: null,
  workers: nothing,
  boundTo: nothing,
  nWorkersLimit: null,
  maxWorkersInTotal: null,
  nWorkersInTotal: 0,
  nWorkers: 0,
  moreWorkers: true,
  submissionAttempts: 0,
  pilotClosed: false,
  nRemainingEvents: null,
  ranges: {},
  rangesOwed: 0,
  prepare: untried(),
  submit: untried(),
  stage: untried(),
  report: untried(),
});
