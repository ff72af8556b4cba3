/**
 * Zips outputs as Harvester's SimpleZipper does: a plain tar file of the members under their base names (plugins.md 4).
 * A finished archive of the same members is used again, so that a repeated call gives the same bytes; what lies outside
 * the directories of the job's workers must never get into one.
 */
import { stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import type { FileSpec } from "../../specs/fileSpec.ts";
import type { JobSpec } from "../../specs/jobSpec.ts";
import type { Answer, CallContext, PluginOptions, Zipper } from "../contract.ts";
import { type Sums, sumsOf } from "./adler32.ts";
import { listArchive, type Member, writeArchive } from "./archive.ts";
import { Background } from "./background.ts";
import { directorySchema, isMissing, isReallyBelow, messageOf, nameTrouble } from "./disk.ts";

const optionsSchema = z.object({
  /** Directory of the archives, or a place: of the first member, or of the job's first worker. */
  // biome-ignore lint/suspicious/noTemplateCurlyInString: Harvester's placeholders.
  zipDir: z.union([z.enum(["${SRCDIR}", "${WORKDIR}"]), directorySchema]).default("${SRCDIR}"),
  /** Directories besides the workers' own in which members may lie. */
  sourceDirs: z.array(directorySchema).default([]),
  /** How many archives are made at a time. */
  nThreadsForZip: z.int().positive().default(2),
  /** How long postZipOutput waits for archives before it answers "later". */
  waitSeconds: z.number().nonnegative().default(0.5),
});

/** What came of an archive; `failed` is for good. */
type Made =
  | { readonly state: "done"; readonly sums: Sums; readonly path: string; readonly missing: readonly string[] }
  | { readonly state: "later" | "failed"; readonly why: string };

const archives = new Background<Made>();
const forEver = Number.MAX_SAFE_INTEGER;

/** Plug-in `windrow/file`, `FileZipper`; also `SimpleZipper` of Harvester. */
export class FileZipper implements Zipper {
  readonly repeatable = ["zipOutput", "asyncZipOutput", "postZipOutput"];
  readonly #options: z.output<typeof optionsSchema>;

  constructor(options: PluginOptions) {
    this.#options = optionsSchema.parse(options);
  }

  zipOutput(job: JobSpec, _call: CallContext): Promise<Answer> {
    return this.#zip(job, forEver);
  }

  /** Begins the archives; `postZipOutput` says what came of them. */
  async asyncZipOutput(job: JobSpec, call: CallContext): Promise<Answer> {
    if (Date.now() > call.notAfterAt) return [null, "the call came too late to begin anything"];
    for (const zip of job.outFiles) await this.#make(job, zip, 0);
    const lfns = job.outFiles.map(({ lfn }) => lfn);
    if (lfns.length > 0) job.setGroupsToFiles({ [`zip:${job.PandaID}`]: { lfns, groupStatus: "zipping" } });
    return true;
  }

  postZipOutput(job: JobSpec, _call: CallContext): Promise<Answer> {
    return this.#zip(job, this.#options.waitSeconds * 1000);
  }

  async #zip(job: JobSpec, waitMs: number): Promise<Answer> {
    const made = await Promise.all(
      job.outFiles.map(async (zip) => ({ zip, made: await this.#make(job, zip, waitMs) })),
    );
    const said: string[] = [];
    let verdict: boolean | null = true;
    for (const { zip, made: each } of made) {
      if (each?.state === "done") {
        zip.path = each.path;
        zip.fsize = each.sums.fsize;
        zip.chksum = each.sums.adler32;
        for (const member of zip.associatedFiles) if (each.missing.includes(member.lfn)) member.status = "failed";
        if (each.missing.length > 0) said.push(`${zip.lfn} is without ${each.missing.join(", ")}, which do not exist`);
        continue;
      }
      said.push(each ? each.why : `${zip.lfn} is being made`);
      if (each?.state === "failed") verdict = false;
      else if (verdict === true) verdict = null;
    }
    // The results have been told; a repeated call finds the archives themselves.
    if (verdict !== null) for (const { zip } of made) archives.forget(keyOf(job, zip));
    return said.length > 0 ? [verdict, said.join("; ")] : verdict;
  }

  /** Undefined: on its way. */
  async #make(job: JobSpec, zip: FileSpec, waitMs: number): Promise<Made | undefined> {
    const lane = { name: job.computingSite, width: this.#options.nThreadsForZip };
    const standing = await archives.standing(keyOf(job, zip), lane, waitMs, async (): Promise<Made> => {
      try {
        return await this.#archive(job, zip);
      } catch (error) {
        return { state: "later", why: `${zip.lfn}: ${messageOf(error)}` };
      }
    });
    if (!standing) return { state: "later", why: "too many archives are waiting" };
    if (standing.running) return undefined;
    if (standing.result.state === "later") archives.forget(keyOf(job, zip));
    return standing.result;
  }

  async #archive(job: JobSpec, zip: FileSpec): Promise<Made> {
    const failed = (why: string): Made => ({ state: "failed", why: `${zip.lfn}: ${why}` });
    const trouble = nameTrouble(zip.lfn);
    if (trouble !== undefined) return { state: "failed", why: `LFN ${JSON.stringify(zip.lfn)} is refused: ${trouble}` };
    const points = job.getWorkspecList().map((worker) => worker.getAccessPoint());
    const members: Member[] = [];
    const expected: string[] = [];
    const missing: string[] = [];
    for (const { lfn, path } of zip.associatedFiles) {
      if (path === undefined || !(await isReallyBelow([...points, ...this.#options.sourceDirs], path))) {
        return failed(
          `its member ${lfn} lies neither in a directory of the job's workers nor in one of sourceDirs: ${path}`,
        );
      }
      const size = await sizeOf(path);
      if (size === undefined) missing.push(lfn);
      else {
        members.push({ path, name: basename(path) });
        expected.push(`${basename(path)} ${size}`);
      }
    }
    const names = members.map(({ name }) => name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (twice !== undefined) return failed(`two members are named ${twice}, of which an archive can keep one`);
    const directory = this.#directory(points, zip);
    if (directory === undefined) return failed(`zipDir ${this.#options.zipDir} gives no directory for it`);
    const path = join(directory, zip.lfn);
    const held = await contentOf(path);
    // Members that are gone by now may be in an archive that an earlier call has finished.
    if (held !== undefined && [...expected, ...missing].length > 0 && covers(held, expected, missing)) {
      return { state: "done", sums: await sumsOf(path), path, missing: missing.filter((lfn) => !holds(held, lfn)) };
    }
    if (members.length === 0) return failed(`none of its ${missing.length} members exists: ${missing.join(", ")}`);
    return { state: "done", sums: await writeArchive(path, members, false), path, missing };
  }

  #directory(points: readonly string[], zip: FileSpec): string | undefined {
    const { zipDir } = this.#options;
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Harvester's placeholder.
    if (zipDir === "${WORKDIR}") return points[0];
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Harvester's placeholder.
    if (zipDir !== "${SRCDIR}") return zipDir;
    const first = zip.associatedFiles.find(({ path }) => path !== undefined)?.path;
    return first === undefined ? undefined : dirname(first);
  }
}

function keyOf(job: JobSpec, zip: FileSpec): string {
  return `${job.computingSite}/${job.PandaID}/${zip.lfn}`;
}

/** True where the archive holds the members that exist as they are now, and nothing that no member accounts for. */
function covers(held: readonly string[], expected: readonly string[], missing: readonly string[]): boolean {
  const others = held.filter((each) => !expected.includes(each));
  return (
    expected.every((each) => held.includes(each)) && others.every((each) => missing.some((lfn) => holds([each], lfn)))
  );
}

function holds(held: readonly string[], lfn: string): boolean {
  return held.some((each) => each.slice(0, each.lastIndexOf(" ")) === lfn);
}

/** `<name> <size>` of each member; undefined where there is no readable archive. */
async function contentOf(path: string): Promise<readonly string[] | undefined> {
  if ((await sizeOf(path)) === undefined) return undefined;
  try {
    return (await listArchive(path)).map(({ name, fsize }) => `${name} ${fsize}`);
  } catch {
    // Something else of this name: it is replaced, as the original's rename would.
    return undefined;
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
