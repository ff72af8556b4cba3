/**
 * WorkSpec: one worker as a plug-in sees it (specs.md 3). A submitter or monitor sets fields in place; `changes()`
 * turns that into data for the event.
 */
import type { JobSpec } from "./jobSpec.ts";

/** Fields a plug-in may set on a worker; every other field is read-only for it. */
export interface WorkerSettings {
  batchID?: string | undefined;
  queueName?: string | undefined;
  nodeID?: string | undefined;
  computingElement?: string | undefined;
  submissionHost?: string | undefined;
  nCore?: number | undefined;
  nativeStatus?: string | undefined;
  nativeExitCode?: number | undefined;
  /** Epoch milliseconds, where the batch system knows better than the core. */
  startAt?: number | undefined;
  endAt?: number | undefined;
}

/** What the World knows of a worker and hands to a plug-in. */
export interface WorkerData extends WorkerSettings {
  readonly workerID: number;
  /** `windrow:<harvesterID>:<workerID>`: the name that the batch system is asked to remember (design 3). */
  readonly key: string;
  readonly harvesterID: string;
  readonly computingSite: string;
  readonly mapType: string;
  readonly status: string;
  /** Resolved path of the worker's directory, see `resolveAccessPoint`. */
  readonly accessPoint: string;
  readonly jobType: string;
  readonly resourceType: string;
  readonly pilotType?: string | undefined;
  readonly minRamCount?: number | undefined;
  readonly maxDiskCount?: number | undefined;
  /** Seconds. */
  readonly maxWalltime?: number | undefined;
  readonly ioIntensity?: number | undefined;
  readonly submitAt?: number | undefined;
  /** PandaIDs of the jobs bound to the worker. */
  readonly pandaIDs: readonly number[];
  /** Attributes the worker has reported so far. */
  readonly workAttributes: Readonly<Record<string, unknown>>;
}

/** What a plug-in changed on a worker; absent members did not change. */
export interface WorkerChanges {
  readonly set?: Readonly<Record<string, string | number>>;
  /** Where the batch system keeps the worker's log files: path or URL by kind. */
  readonly logFiles?: Readonly<Record<string, string>>;
  readonly pilotError?: { readonly code: number; readonly diag: string };
  readonly supplementalError?: { readonly code: number; readonly diag: string };
  readonly pilotClosed?: true;
  readonly workAttributes?: Readonly<Record<string, unknown>>;
}

const settable = [
  "batchID",
  "queueName",
  "nodeID",
  "computingElement",
  "submissionHost",
  "nCore",
  "nativeStatus",
  "nativeExitCode",
  "startAt",
  "endAt",
] as const;

/** Kinds of log file; any other name counts as the batch log (specs.md 3). */
export type LogFileKind = "stdout" | "stderr" | "batch_log" | "jdl";

export interface WorkSpec extends WorkerData {}

/** One worker in the hands of a plug-in. */
export class WorkSpec {
  /** Jobs with their files, filled where a method needs them (feeding, sweeping). */
  readonly jobspecList: readonly JobSpec[];
  readonly #before: Readonly<Record<string, unknown>>;
  #logFiles: Record<string, string> | undefined;
  #pilotError: WorkerChanges["pilotError"];
  #supplementalError: WorkerChanges["supplementalError"];
  #pilotClosed = false;
  #attributes: Record<string, unknown> | undefined;

  constructor(data: WorkerData, jobs: readonly JobSpec[] = []) {
    Object.assign(this, data);
    this.jobspecList = jobs;
    this.#before = { ...data };
  }

  /** The worker's directory (already resolved). */
  getAccessPoint(): string {
    return this.accessPoint;
  }

  /** The jobs of the worker, for sweepers. */
  getJobspecList(): readonly JobSpec[] {
    return this.jobspecList;
  }

  /** Tells where a log file is: a URL beginning with http, or a local path that the core uploads. */
  setLogFile(kind: LogFileKind | (string & {}), stream: string): void {
    const known = kind === "stdout" || kind === "stderr" || kind === "jdl" ? kind : "batch_log";
    this.#logFiles = { ...this.#logFiles, [known]: stream };
  }

  /** The payload's error as the pilot would report it; replaces an earlier one (lifecycle 0.4). */
  setPilotError(code: number, diag: string): void {
    this.#pilotError = { code, diag };
  }

  /** A separate error of the worker, sent with worker updates (lifecycle 0.4); diag is cut to 256 characters. */
  setSupplementalError(code: number, diag: string): void {
    this.#supplementalError = { code, diag: diag.slice(0, 256) };
  }

  /** Says that the pilot never ran, so that the server may count no payload failure. */
  setPilotClosed(): void {
    this.#pilotClosed = true;
  }

  /** Adds attributes that become job attributes. */
  setWorkAttributes(attributes: Readonly<Record<string, unknown>>): void {
    this.#attributes = { ...this.#attributes, ...attributes };
  }

  /** What the plug-in changed, as data for the event; undefined where nothing did. */
  changes(): WorkerChanges | undefined {
    const set: Record<string, string | number> = {};
    for (const field of settable) {
      const value = this[field];
      if (value !== undefined && value !== this.#before[field]) set[field] = value;
    }
    const changes: WorkerChanges = {
      ...(Object.keys(set).length > 0 ? { set } : {}),
      ...(this.#logFiles ? { logFiles: this.#logFiles } : {}),
      ...(this.#pilotError ? { pilotError: this.#pilotError } : {}),
      ...(this.#supplementalError ? { supplementalError: this.#supplementalError } : {}),
      ...(this.#pilotClosed ? { pilotClosed: true } : {}),
      ...(this.#attributes ? { workAttributes: this.#attributes } : {}),
    };
    return Object.keys(changes).length === 0 ? undefined : changes;
  }
}
