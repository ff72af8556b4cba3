/**
 * What is known of a worker besides the state of its machine: the context that snapshots hold. A field is changed by
 * the steps in workerEvolution.ts alone.
 */
import { type Look, untried } from "./look.ts";

/** Everything known of a worker besides its state. Plain JSON. */
export interface WorkerContext {
  workerID: number;
  queue: string;
  key: string;
  batch: string;
  mapType: string;
  pandaIDs: readonly number[];
  hasJob: boolean;
  nCore: number | null;
  minRamCount: number | null;
  maxDiskCount: number | null;
  maxWalltime: number | null;
  ioIntensity: number | null;
  jobType: string;
  resourceType: string;
  pilotType: string | null;
  accessPoint: string;
  syncLevel: number | null;
  /**
   * batchID, queueName, nodeID, computingElement, submissionHost, nativeStatus, nativeExitCode as plug-ins set them.
   */
  settings: Readonly<Record<string, string | number>>;
  logFiles: Readonly<Record<string, string>>;
  attributes: Readonly<Record<string, unknown>>;
  error: { code: number; diag: string } | null;
  diag: string | null;
  pilotClosed: boolean;
  createdAt: number;
  submitAt: number | null;
  startAt: number | null;
  endAt: number | null;
  /** Last answer of the batch system about it. */
  checkedAt: number | null;
  /** Name of the step that last gave it a status: a look that gives another one is told to the WMS at once. */
  seen: string | null;
  finalStatus: "finished" | "failed" | "cancelled" | null;
  /** First final status that the batch system gave, whether or not that look came to its end (C16). */
  endSaid: "finished" | "failed" | "cancelled" | null;
  postProcessed: boolean;
  /** 0 none, 1 runs on events, 2 wants more (4.1). */
  eventsRequest: number;
  eventsRequestParams: Record<string, unknown> | null;
  /** Ranges that the WMS assigned and the payload has not been given yet. */
  eventRanges: Record<string, readonly unknown[]> | null;
  nJobsToRefill: number;
  /** Jobs that are bound to it and that its payload does not have yet (3.8). */
  toFeed: readonly number[];
  prepare: Look;
  check: Look;
  report: Look;
  kill: Look;
  sweep: Look;
  /** Event ranges were last asked for (4.1). */
  feed: Look;
  /** What the WMS has of each local log file, by its kind. */
  sentLogs: Readonly<
    Record<string, { readonly path: string; readonly from: number; readonly size: number; readonly url: string }>
  >;
  /** Local log files are to be sent; null: nothing before the next update that the WMS takes (3.10). */
  logs: Look | null;
}

/** What a worker has nothing of: one for all, since every change makes another. */
const none = {};
const nobody: readonly number[] = [];

/** A worker before its first event. */
export const blankWorker = (workerID: number): WorkerContext => ({
  workerID,
  queue: "",
  key: "",
  batch: "",
  mapType: "",
  pandaIDs: nobody,
  hasJob: false,
  nCore: null,
  minRamCount: null,
  maxDiskCount: null,
  maxWalltime: null,
  ioIntensity: null,
  jobType: "",
  resourceType: "",
  pilotType: null,
  accessPoint: "",
  syncLevel: null,
  settings: none,
  logFiles: none,
  attributes: none,
  error: null,
  diag: null,
  pilotClosed: false,
  createdAt: 0,
  submitAt: null,
  startAt: null,
  endAt: null,
  checkedAt: null,
  seen: null,
  finalStatus: null,
  endSaid: null,
  postProcessed: false,
  eventsRequest: 0,
  eventsRequestParams: null,
  eventRanges: null,
  nJobsToRefill: 0,
  toFeed: nobody,
  prepare: untried(),
  check: untried(),
  report: untried(),
  kill: untried(),
  sweep: untried(),
  feed: untried(),
  sentLogs: none,
  logs: null,
});
