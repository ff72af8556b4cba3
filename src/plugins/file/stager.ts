/**
 * Stage-out by copying outputs into a directory, verified by size and checksum; zips too where the queue has no zipper.
 * It must never publish a file from outside the directories of the job's workers, whatever path a payload reported, and
 * never replace a file of another content.
 */
import { dirname } from "node:path";
import { z } from "zod";
import type { FileSpec } from "../../specs/fileSpec.ts";
import type { JobSpec } from "../../specs/jobSpec.ts";
import type { Answer, CallContext, PluginOptions, Stager } from "../contract.ts";
import { checksumOf } from "./adler32.ts";
import { directorySchema, isBelow, isReallyBelow } from "./disk.ts";
import { layoutSchema, placeOf } from "./layout.ts";
import { type Progress, progressOf, type Transfer } from "./transfer.ts";
import { FileZipper } from "./zipper.ts";

const optionsSchema = z.object({
  /** Where outputs go; made where it is missing. */
  destinationDir: directorySchema,
  layout: layoutSchema.default("scope"),
  /** Directories besides the workers' own in which outputs may lie. */
  sourceDirs: z.array(directorySchema).default([]),
  /** Replace a file of the same name and another content instead of failing. */
  overwrite: z.boolean().default(false),
  maxCopies: z.int().positive().default(4),
  /** How long a check waits for copies before it answers "later". */
  waitSeconds: z.number().nonnegative().default(0.5),
});

/** Plug-in `windrow/file`, `FileStager`. */
export class FileStager implements Stager {
  readonly repeatable = ["triggerStageOut", "zipOutput", "asyncZipOutput", "postZipOutput"];
  readonly #options: z.output<typeof optionsSchema>;
  readonly #zipper: FileZipper;

  constructor(options: PluginOptions) {
    this.#options = optionsSchema.parse(options);
    this.#zipper = new FileZipper(options);
  }

  /** Begins the copies. A file that cannot be copied fails in the check, so that the others still arrive. */
  async triggerStageOut(job: JobSpec, call: CallContext): Promise<Answer> {
    if (Date.now() > call.notAfterAt) return [null, "the call came too late to begin anything"];
    const files = job.getOutputFileSpecs({ skipDone: true });
    for (const file of files) {
      const transfer = await this.#transferOf(job, file);
      if (typeof transfer !== "string") await progressOf(transfer, 0, true);
    }
    if (files.length > 0) {
      const lfns = files.map(({ lfn }) => lfn);
      job.setGroupsToFiles({ [groupOf(job)]: { lfns, groupStatus: "transferring" } });
    }
    return true;
  }

  /** false only when nothing is on its way any more: then every file is finished or failed, with the reasons. */
  async checkStageOutStatus(job: JobSpec, _call: CallContext): Promise<Answer> {
    const files = job.getOutputFileSpecs({ skipDone: true });
    const found = await Promise.all(files.map(async (file) => ({ file, progress: await this.#progress(job, file) })));
    const said: string[] = [];
    for (const { file, progress } of found) {
      if (progress.state === "done") {
        file.status = "finished";
        file.fsize = progress.sums.fsize;
        if (checksumOf(file.chksum).kind === "none") file.chksum = progress.sums.adler32;
      } else if (progress.state !== "running") said.push(progress.why);
    }
    const count = (state: Progress["state"]): number => found.filter(({ progress }) => progress.state === state).length;
    if (count("running") > 0) said.push(`${count("running")} of ${files.length} files are on their way`);
    if (count("running") > 0 || count("later") > 0) return [null, said.join("; ")];
    for (const { file, progress } of found) if (progress.state === "failed") file.status = "failed";
    job.updateGroupStatusInFiles(groupOf(job), count("failed") > 0 ? "failed" : "finished");
    return count("failed") > 0 ? [false, said.join("; ")] : true;
  }

  zipOutput(job: JobSpec, call: CallContext): Promise<Answer> {
    return this.#zipper.zipOutput(job, call);
  }

  asyncZipOutput(job: JobSpec, call: CallContext): Promise<Answer> {
    return this.#zipper.asyncZipOutput(job, call);
  }

  postZipOutput(job: JobSpec, call: CallContext): Promise<Answer> {
    return this.#zipper.postZipOutput(job, call);
  }

  async #progress(job: JobSpec, file: FileSpec): Promise<Progress> {
    const transfer = await this.#transferOf(job, file);
    if (typeof transfer === "string") return { state: "failed", why: transfer };
    return progressOf(transfer, this.#options.waitSeconds * 1000);
  }

  /** The copy to be made, or why there can be none. */
  async #transferOf(job: JobSpec, file: FileSpec): Promise<Transfer | string> {
    const { destinationDir, layout, overwrite, maxCopies } = this.#options;
    const destination = placeOf(destinationDir, layout, file.scope, file.lfn);
    if (!destination.ok) return destination.why;
    if (file.path === undefined || file.path === "") return `LFN ${file.lfn} has no path; the payload must report one`;
    const points = job.getWorkspecList().map((worker) => worker.getAccessPoint());
    const roots = [...points, ...this.#options.sourceDirs];
    const { fsize, path: source } = file;
    if (!(await isReallyBelow(roots, source))) {
      return (
        `LFN ${file.lfn}: ${source} lies neither in a directory of the job's workers nor in one of sourceDirs ` +
        `(${roots.join(", ") || "there are none"})`
      );
    }
    const checksum = checksumOf(file.chksum);
    if (checksum.kind === "unknown") {
      return `LFN ${file.lfn}: checksum ${checksum.hex} is neither adler32 nor md5, so the copy cannot be verified`;
    }
    // A worker's own directory may be gone for good; the one that holds all workers' is only gone with its file system.
    const point = points.find((each) => isBelow(each, source));
    const sourceRoot = point === undefined ? (roots.find((each) => isBelow(each, source)) ?? "/") : dirname(point);
    const common = { root: destinationDir, destination: destination.path, checksum, fsize, overwrite, maxCopies };
    return { ...common, sourceRoot, source };
  }
}

/** The same for every call about the job. */
function groupOf(job: JobSpec): string {
  return `file:out:${job.PandaID}`;
}
