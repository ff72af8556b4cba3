/**
 * JobSpec: one job as a plug-in sees it, with the helper methods of the seed and of today's Harvester (specs.md 2).
 * It is built from data for one call and thrown away after it; what the plug-in changed is read off by `changes()`.
 */
import { type FileChange, type FileData, FileSpec } from "./fileSpec.ts";
import type { WorkSpec } from "./workSpec.ts";

/** What the World knows of a job and hands to a plug-in. */
export interface JobData {
  readonly PandaID: number;
  readonly taskID: number | null;
  readonly attemptNr: number;
  readonly jobsetID: number | null;
  readonly status: string;
  readonly subStatus: string;
  readonly currentPriority: number;
  /** The queue of this instance. */
  readonly computingSite: string;
  readonly nCore: number | null;
  readonly resourceType: string | null;
  readonly prodSourceLabel: string | null;
  /** The job dictionary as PanDA sent it. Do not mutate. */
  readonly jobParams: Readonly<Record<string, unknown>>;
  /** Attributes reported by the worker and the core, pilot-style names. */
  readonly jobAttributes: Readonly<Record<string, unknown>>;
  readonly inputs: readonly InputInfo[];
  readonly outputs: readonly OutputInfo[];
  readonly log: { readonly lfn: string; readonly guid: string } | null;
  /** Milliseconds; null while the payload has not started or ended. */
  readonly startAt: number | null;
  readonly endAt: number | null;
}

/** One input file of the job dictionary (specs.md 2, get_input_file_attributes). */
export interface InputInfo {
  readonly lfn: string;
  readonly fsize: number | null;
  readonly guid: string;
  readonly checksum: string;
  readonly scope: string;
  readonly dataset: string;
  readonly endpoint: string;
}

/** One output or log file of the job dictionary. */
export interface OutputInfo {
  readonly lfn: string;
  readonly scope: string;
  readonly dataset: string;
  readonly endpoint: string;
}

/** What a plug-in changed on a job and its files. */
export interface JobChanges {
  readonly files: readonly FileChange[];
}

/** Group of files as set by a plug-in: `groupStatus` today, `status` in the wiki of 2018; both are accepted. */
export type GroupMap = Readonly<
  Record<string, { readonly lfns: readonly string[]; readonly groupStatus?: string; readonly status?: string }>
>;

export interface JobSpec extends JobData {}

/** One job in the hands of a plug-in. */
export class JobSpec {
  readonly inFiles: FileSpec[];
  readonly outFiles: FileSpec[];
  readonly #workers: readonly WorkSpec[];
  readonly #now: number;

  /** `now` (epoch ms) stamps group changes, so that a plug-in needs no clock of its own. */
  constructor(
    data: JobData,
    files: { readonly in?: readonly FileData[]; readonly out?: readonly FileData[] },
    now: number,
    workers: readonly WorkSpec[] = [],
  ) {
    Object.assign(this, data);
    this.inFiles = (files.in ?? []).map((file) => new FileSpec(file));
    this.outFiles = (files.out ?? []).map((file) => new FileSpec(file));
    this.#workers = workers;
    this.#now = now;
  }

  /** The workers of this job, for stagers and zippers. */
  getWorkspecList(): readonly WorkSpec[] {
    return this.#workers;
  }

  /** `{lfn: attributes}` of the inputs that the plug-in was given; `skipReady` leaves out ready ones. */
  getInputFileAttributes(options: { readonly skipReady?: boolean } = {}): Record<string, InputAttributes> {
    const given = new Map(this.inFiles.map((file) => [file.lfn, file]));
    const result: Record<string, InputAttributes> = {};
    for (const input of this.inputs) {
      const file = given.get(input.lfn);
      if (options.skipReady && file?.status === "ready") continue;
      result[input.lfn] = {
        fsize: input.fsize,
        guid: input.guid,
        checksum: input.checksum,
        scope: input.scope,
        dataset: input.dataset,
        endpoint: input.endpoint,
        attemptNr: file?.attemptNr ?? 0,
        ...(file?.path === undefined ? {} : { path: file.path }),
      };
    }
    return result;
  }

  /** Sets the local path of input files: `{lfn: {path}}`; unknown names are ignored. */
  setInputFilePaths(paths: Readonly<Record<string, { readonly path: string }>>): void {
    for (const file of this.inFiles) {
      const path = paths[file.lfn]?.path;
      if (path !== undefined) file.path = path;
    }
  }

  /** `{lfn: {scope, dataset, endpoint}}` of output and log files. */
  getOutputFileAttributes(): Record<string, Omit<OutputInfo, "lfn">> {
    return Object.fromEntries(this.outputs.map(({ lfn, ...rest }) => [lfn, rest]));
  }

  /** Name and guid of the log file, null for a job without one. */
  getLogfileInfo(): { readonly lfn: string; readonly guid: string } | null {
    return this.log;
  }

  /** Puts files into transfer groups. */
  setGroupsToFiles(groups: GroupMap): void {
    for (const [groupID, group] of Object.entries(groups)) {
      for (const file of this.#allFiles()) {
        if (!group.lfns.includes(file.lfn)) continue;
        file.groupID = groupID;
        file.groupStatus = group.groupStatus ?? group.status;
        file.groupUpdateAt = this.#now;
      }
    }
  }

  /** The name of 2018 for `setGroupsToFiles`. */
  setGroupToFiles(groups: GroupMap): void {
    this.setGroupsToFiles(groups);
  }

  /** Sets the status of one group on this job's files. */
  updateGroupStatusInFiles(groupID: string, groupStatus: string): void {
    for (const file of this.#allFiles()) {
      if (file.groupID !== groupID) continue;
      file.groupStatus = groupStatus;
      file.groupUpdateAt = this.#now;
    }
  }

  /** `{groupID: {groupStatus, groupUpdateAt}}` of the inputs. */
  getGroupsOfInputFiles(options: { readonly skipReady?: boolean } = {}): Record<string, GroupInfo> {
    return groupsOf(this.inFiles.filter((file) => !(options.skipReady && file.status === "ready")));
  }

  /** `{groupID: {groupStatus, groupUpdateAt}}` of the outputs. */
  getGroupsOfOutputFiles(): Record<string, GroupInfo> {
    return groupsOf(this.outFiles);
  }

  /** Inputs of one group; `skipReady` drops ready and failed ones. */
  getInputFileSpecs(groupID: string, options: { readonly skipReady?: boolean } = {}): FileSpec[] {
    return this.inFiles.filter(
      (file) =>
        file.groupID === groupID && !(options.skipReady && (file.status === "ready" || file.status === "failed")),
    );
  }

  /** Outputs the plug-in was given; `skipDone` leaves out finished and failed ones. */
  getOutputFileSpecs(options: { readonly skipDone?: boolean } = {}): FileSpec[] {
    return this.outFiles.filter(
      (file) => !(options.skipDone && (file.status === "finished" || file.status === "failed")),
    );
  }

  /** The name of 2018, whose argument means the opposite: `skipDone: false` gives the files not yet done. */
  getOutfileSpecs(options: { readonly skipDone?: boolean } = {}): FileSpec[] {
    return this.getOutputFileSpecs({ skipDone: !(options.skipDone ?? false) });
  }

  /** Files marked for deletion whose name no live job needs (lifecycle 2.5). */
  getFilesToDelete(): FileSpec[] {
    return this.#allFiles().filter((file) => file.todelete === true);
  }

  /** What the plug-in changed, as data for the event. */
  changes(): JobChanges {
    return { files: this.#allFiles().flatMap((file) => file.changes() ?? []) };
  }

  #allFiles(): FileSpec[] {
    return [...this.inFiles, ...this.outFiles];
  }
}

/** What `getInputFileAttributes` says of one file. */
export interface InputAttributes extends Omit<InputInfo, "lfn"> {
  readonly attemptNr: number;
  readonly path?: string;
}

/** State of a transfer group. */
export interface GroupInfo {
  readonly groupStatus: string | undefined;
  readonly groupUpdateAt: number | undefined;
}

function groupsOf(files: readonly FileSpec[]): Record<string, GroupInfo> {
  const groups: Record<string, GroupInfo> = {};
  for (const file of files) {
    if (file.groupID === undefined) continue;
    groups[file.groupID] = { groupStatus: file.groupStatus, groupUpdateAt: file.groupUpdateAt };
  }
  return groups;
}
