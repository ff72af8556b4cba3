/**
 * What the payload's reports mean for a job's output files (lifecycle 1.9): which rows are new and where they start,
 * and which of them go into zip files together. Pure, called by the monitor for one look at a job; it never starts a
 * transfer, and it never changes a file that the stager is working on.
 */
import type { WindrowEvent } from "../../events/events.ts";
import type { FilePatch, FileRowEvent } from "../../events/fields.ts";
import { keyOfNew } from "../../machines/fileGroup.ts";
import type { ReportedFile } from "../plugins/contract.ts";
import type { FileGroup, Job, World } from "../world.ts";

/** What one worker reported of this job, in the order in which it did. */
export interface WorkerFiles {
  readonly workerID: number;
  readonly files: readonly ReportedFile[];
}

/** What the look says besides the files. */
export interface JobLook {
  /** The job ends in this look: nothing may wait any longer. */
  readonly ending: boolean;
  /** Workers of the job that were submitted, running or idle before this look. */
  readonly activeWorkers: ReadonlySet<number>;
}

/** A row with its key: one of the group, or one that this look adds. */
interface Keyed {
  readonly key: string;
  readonly row: FileRowEvent;
}

/**
 * The events by which one look changes the job's outputs: new rows with the status they start in, and zip files made of
 * pending ones. Empty where nothing is new. To be called in every look at the job, reports or not, because files also
 * become ready to be zipped when their worker has gone.
 */
export function reportOutputs(
  world: World,
  job: Job,
  reports: readonly WorkerFiles[],
  look: JobLook,
): readonly WindrowEvent[] {
  const { PandaID } = job.ctx;
  const known = world.filesOf(PandaID, "out");
  // Most looks bring nothing; they must not walk through all files of the job.
  if (!known?.ctx.counts["pending"] && reports.every((report) => report.files.length === 0)) return [];
  const outputs = new Outputs(job, known);
  for (const { workerID, files } of reports) for (const file of files) outputs.report(file, workerID);
  outputs.bundle(look);
  const files = outputs.added();
  const { patches } = outputs;
  const group = `${PandaID}/out`;
  if (!known) {
    if (files.length === 0) return [];
    return [{ type: "fileGroup.opened", group, PandaID, direction: "out", endpoint: endpointOf(job), files }];
  }
  if (files.length === 0 && patches.length === 0) return [];
  return [{ type: "fileGroup.extended", group, files, ...(patches.length > 0 ? { patches } : {}) }];
}

/** The endpoint of a job's outputs where they share one; a plug-in finds each one's in the job's output attributes. */
function endpointOf({ ctx: { outputs } }: Job): string | null {
  const endpoints = new Set(outputs.map(({ endpoint }) => endpoint));
  const [only] = endpoints;
  return endpoints.size === 1 && only !== undefined ? only : null;
}

/** The outputs of one job as they will be after this look. Lives for one call. */
class Outputs {
  readonly patches: FilePatch[] = [];
  readonly #job: Job;
  /** Rows of the group and new ones, by key, in order. */
  readonly #rows = new Map<string, FileRowEvent>();
  /** The first row of each name: a zip file that further event ranges belong to. */
  readonly #first = new Map<string, Keyed>();
  /** `lfn` and event range of every row. */
  readonly #ranges = new Set<string>();
  /** Keys of new rows. */
  readonly #added = new Set<string>();

  constructor(job: Job, group: FileGroup | undefined) {
    this.#job = job;
    for (const [key, row] of Object.entries(group?.ctx.files ?? {})) this.#know(key, row);
  }

  /** The new rows, in order. */
  added(): FileRowEvent[] {
    return [...this.#added].map((key) => this.#rows.get(key)!);
  }

  /** One entry of a report. What is known already changes nothing, so a report may come any number of times. */
  report(file: ReportedFile, workerID: number): void {
    const first = this.#first.get(file.lfn);
    if (!first) {
      const key = keyOfNew(file.lfn, (name) => this.#rows.has(name));
      const row = rowOf(this.#job, file, workerID, initialStatus(this.#job, file));
      return this.#add(key, file.isZip === 1 ? { ...row, zip: key } : row);
    }
    const eventRangeID = file.eventRangeID ?? null;
    if (file.isZip === 1 && eventRangeID !== null && !this.#ranges.has(rangeKey(file.lfn, eventRangeID))) {
      // A row of its own says that this event range is in the zip file too; nobody transfers it (D23).
      const row = rowOf(this.#job, file, workerID, "zipped");
      return this.#add(
        keyOfNew(file.lfn, (name) => this.#rows.has(name)),
        { ...row, zip: first.key },
      );
    }
    const status = this.#rows.get(first.key)?.status;
    if (file.type === "checkpoint" && status !== "renewed") this.#set(first.key, { status: "renewed" });
  }

  /** Makes zip files of pending ones, those of one provenance and worker together (D6: the size counts). */
  bundle({ ending, activeWorkers }: JobLook): void {
    const { zipPerMB } = this.#job.ctx;
    if (zipPerMB === null || (zipPerMB === 0 && !ending)) return;
    const limit = zipPerMB > 0 ? zipPerMB * 2 ** 20 : Number.POSITIVE_INFINITY;
    for (const pending of this.#pending()) {
      const { workerID } = pending[0]!.row;
      const isLast = ending || (workerID !== undefined && !activeWorkers.has(workerID));
      const bundles = cut(pending, limit);
      const rest = bundles.at(-1)!;
      // The last one may still grow, unless nothing more can come or it is too large already.
      if (!isLast && sizeOf(rest) <= limit) bundles.pop();
      for (const bundle of bundles) this.#zip(bundle);
    }
  }

  /**
   * Pending rows by provenance and worker, in the order of these, those without first: so the original makes its zips.
   */
  #pending(): readonly (readonly Keyed[])[] {
    const byOrigin = new Map<string, Keyed[]>();
    for (const [key, row] of this.#rows) {
      if (row.status !== "pending") continue;
      const origin = `${row.provenanceID ?? ""}\0${row.workerID ?? ""}`;
      const rows = byOrigin.get(origin);
      if (rows) rows.push({ key, row });
      else byOrigin.set(origin, [{ key, row }]);
    }
    const originOf = ([first]: readonly Keyed[]) => first!.row;
    return [...byOrigin.values()].sort((a, b) => compareOrigins(originOf(a), originOf(b)));
  }

  #zip(members: readonly Keyed[]): void {
    const lfn = `panda.${members[0]!.row.lfn}.zip`;
    const key = keyOfNew(lfn, (name) => this.#rows.has(name));
    this.#add(key, { lfn, fileType: "zip_output", status: "zipping", scope: "panda", isZip: 1 });
    for (const member of members) this.#set(member.key, { status: "zipped", zip: key });
  }

  #add(key: string, row: FileRowEvent): void {
    this.#added.add(key);
    this.#know(key, row);
  }

  /** Changes a row: by a patch where the group has it, in place where it is new. */
  #set(key: string, set: { status: string; zip?: string }): void {
    this.#rows.set(key, { ...this.#rows.get(key)!, ...set });
    if (!this.#added.has(key)) this.patches.push({ key, set });
  }

  #know(key: string, row: FileRowEvent): void {
    this.#rows.set(key, row);
    if (!this.#first.has(row.lfn)) this.#first.set(row.lfn, { key, row });
    if (row.eventRangeID !== undefined) this.#ranges.add(rangeKey(row.lfn, row.eventRangeID));
  }
}

function compareOrigins(a: FileRowEvent, b: FileRowEvent): number {
  const [one, other] = [a.provenanceID ?? "", b.provenanceID ?? ""];
  if (one !== other) return one < other ? -1 : 1;
  return (a.workerID ?? 0) - (b.workerID ?? 0);
}

const rangeKey = (lfn: string, eventRangeID: string): string => `${lfn}\0${eventRangeID}`;

/** Checkpoints are uploaded by the communicator, what may be zipped waits, everything else can go. */
function initialStatus({ ctx: { zipPerMB } }: Job, { type, isZip }: ReportedFile): string {
  if (type === "checkpoint") return "renewed";
  return zipPerMB === null || isZip === 0 || isZip === 1 ? "defined" : "pending";
}

function rowOf({ ctx }: Job, file: ReportedFile, workerID: number, status: string): FileRowEvent {
  const scope = ctx.outputs.find(({ lfn }) => lfn === file.lfn)?.scope;
  const eventRangeID = file.eventRangeID ?? undefined;
  const provenanceID = eventRangeID?.split("-")[2];
  return {
    lfn: file.lfn,
    fileType: file.type,
    status,
    ...(scope === undefined ? {} : { scope }),
    path: file.path,
    fsize: file.fsize,
    chksum: file.chksum,
    ...(file.guid === "" ? {} : { guid: file.guid }),
    ...(file.isZip === undefined ? {} : { isZip: file.isZip }),
    workerID,
    ...(eventRangeID === undefined ? {} : { eventRangeID }),
    ...(provenanceID === undefined ? {} : { provenanceID }),
  };
}

/** Splits rows, in their order, so that no part exceeds the limit, unless a single file does. */
function cut(rows: readonly Keyed[], limit: number): Keyed[][] {
  const parts: Keyed[][] = [];
  let part: Keyed[] = [];
  let size = 0;
  for (const each of rows) {
    const fsize = each.row.fsize ?? 0;
    if (part.length > 0 && size + fsize > limit) {
      parts.push(part);
      part = [];
      size = 0;
    }
    part.push(each);
    size += fsize;
  }
  if (part.length > 0) parts.push(part);
  return parts;
}

const sizeOf = (rows: readonly Keyed[]): number => rows.reduce((sum, { row }) => sum + (row.fsize ?? 0), 0);
