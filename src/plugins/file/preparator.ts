/**
 * Stage-in by copying files from one directory into another, verified by size and checksum. What is to be copied
 * follows from the job alone and how far it is from the disk, so every call may be repeated and a crash loses nothing.
 */
import { stat } from "node:fs/promises";
import { z } from "zod";
import type { FileSpec } from "../../specs/fileSpec.ts";
import type { JobSpec } from "../../specs/jobSpec.ts";
import type { Answer, CallContext, PluginOptions, Preparator } from "../contract.ts";
import { checksumOf } from "./adler32.ts";
import { directorySchema, isMissing } from "./disk.ts";
import { layoutSchema, placeOf } from "./layout.ts";
import { type Progress, progressOf, type Transfer } from "./transfer.ts";

const optionsSchema = z.object({
  /** Where inputs are. */
  sourceDir: directorySchema,
  /** Where their copies go; made where it is missing. Jobs with the same input share the copy. */
  scratchDir: directorySchema,
  layout: layoutSchema.default("scope"),
  scratchLayout: layoutSchema.default("scope"),
  maxCopies: z.int().positive().default(4),
  /** How long a check waits for copies before it answers "later": small files are done in the first look. */
  waitSeconds: z.number().nonnegative().default(0.5),
});

/** Plug-in `windrow/file`, `FilePreparator`. */
export class FilePreparator implements Preparator {
  readonly repeatable = ["triggerPreparation"];
  readonly #options: z.output<typeof optionsSchema>;

  constructor(options: PluginOptions) {
    this.#options = optionsSchema.parse(options);
  }

  /** Begins the copies and puts the files into one group per job; refuses names that would lead out of a directory. */
  async triggerPreparation(job: JobSpec, call: CallContext): Promise<Answer> {
    if (Date.now() > call.notAfterAt) return [null, "the call came too late to begin anything"];
    const wanted = job.inFiles.filter((file) => file.status !== "ready");
    const transfers = wanted.map((file) => this.#transferOf(job, file));
    const refused = transfers.flatMap((each) => (typeof each === "string" ? [each] : []));
    if (refused.length > 0) return [false, refused.join("; ")];
    for (const each of transfers) if (typeof each !== "string") await progressOf(each, 0, true);
    const groupStatus = "transferring";
    if (wanted.length > 0) {
      job.setGroupsToFiles({ [groupOf(job)]: { lfns: wanted.map(({ lfn }) => lfn), groupStatus } });
    }
    return true;
  }

  async checkStageInStatus(job: JobSpec, _call: CallContext): Promise<Answer> {
    const wanted = job.inFiles.filter((file) => file.status !== "ready");
    const found = await Promise.all(
      wanted.map(async (file) => ({ file, progress: await this.#progressOf(this.#transferOf(job, file)) })),
    );
    const failures = found.flatMap(({ progress }) => (progress.state === "failed" ? [progress.why] : []));
    for (const { file, progress } of found) {
      if (progress.state === "done") file.status = "ready";
      if (progress.state === "failed") file.status = "failed";
    }
    if (failures.length > 0) {
      job.updateGroupStatusInFiles(groupOf(job), "failed");
      return [false, failures.join("; ")];
    }
    const troubles = found.flatMap(({ progress }) => (progress.state === "later" ? [progress.why] : []));
    const running = found.filter(({ progress }) => progress.state === "running").length;
    if (troubles.length > 0 || running > 0) {
      return [
        null,
        [...troubles, ...(running > 0 ? [`${running} of ${wanted.length} files are on their way`] : [])].join("; "),
      ];
    }
    job.updateGroupStatusInFiles(groupOf(job), "finished");
    return true;
  }

  /** Names the copies; a copy that is gone since is an answer of its own, and the check brings it back. */
  async resolveInputPaths(job: JobSpec, _call: CallContext): Promise<Answer> {
    const paths: Record<string, { path: string }> = {};
    const missing: string[] = [];
    for (const file of job.inFiles) {
      const place = this.#scratch(job, file);
      if (!place.ok) return [false, place.why];
      const path = file.status === "ready" && file.path !== undefined ? file.path : place.path;
      try {
        await stat(path);
        paths[file.lfn] = { path };
      } catch (error) {
        if (!isMissing(error)) throw error;
        missing.push(path);
      }
    }
    if (missing.length > 0) return [false, `not there (any more): ${missing.join(", ")}`];
    job.setInputFilePaths(paths);
    return true;
  }

  async #progressOf(transfer: Transfer | string): Promise<Progress> {
    if (typeof transfer === "string") return { state: "failed", why: transfer };
    return progressOf(transfer, this.#options.waitSeconds * 1000);
  }

  #scratch(job: JobSpec, file: FileSpec): ReturnType<typeof placeOf> {
    return placeOf(this.#options.scratchDir, this.#options.scratchLayout, scopeOf(job, file), file.lfn);
  }

  /** The copy to be made, or why there can be none. */
  #transferOf(job: JobSpec, file: FileSpec): Transfer | string {
    const { sourceDir, scratchDir, layout, maxCopies } = this.#options;
    const source = placeOf(sourceDir, layout, scopeOf(job, file), file.lfn);
    const destination = this.#scratch(job, file);
    if (!source.ok) return source.why;
    if (!destination.ok) return destination.why;
    const input = job.inputs.find(({ lfn }) => lfn === file.lfn);
    const checksum = checksumOf(input?.checksum ?? file.chksum);
    if (checksum.kind === "unknown") {
      return `LFN ${file.lfn}: checksum ${checksum.hex} is neither adler32 nor md5, so the file cannot be verified`;
    }
    return {
      sourceRoot: sourceDir,
      source: source.path,
      root: scratchDir,
      destination: destination.path,
      checksum,
      fsize: input?.fsize ?? file.fsize ?? undefined,
      overwrite: true,
      maxCopies,
    };
  }
}

function scopeOf(job: JobSpec, file: FileSpec): string | undefined {
  return file.scope ?? job.inputs.find(({ lfn }) => lfn === file.lfn)?.scope;
}

/** The same for every call about the job. */
function groupOf(job: JobSpec): string {
  return `file:in:${job.PandaID}`;
}
