/**
 * Outputs of an event service payload that nobody reported (messenger.md 5.2): found by their names in the
 * sub-directories of a job. The event range is the part of a name after its last dot.
 */
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import type { JobSpec } from "../../specs/jobSpec.ts";
import { listArchive } from "../file/archive.ts";
import { isMissing, partPrefix } from "../file/disk.ts";
import { guidOf } from "./dump.ts";
import { outputSums } from "./payloadFile.ts";
import type { Settings } from "./settings.ts";

type Entry = Readonly<Record<string, unknown>>;

/** Entries for the dump, for all left-over files of a job. */
export async function leftovers(settings: Settings, job: JobSpec, directory: string): Promise<readonly Entry[]> {
  if (!settings.scanInPostProcess) return [];
  const plain = expressions(settings.leftOverPatterns ?? [], job);
  const zip = expressions(settings.leftOverZipPatterns ?? [], job);
  const found: Entry[] = [];
  for (const path of await filesBelow(settings, directory)) {
    const name = basename(path);
    if (zip.some((pattern) => pattern.test(name))) found.push(...(await zipEntries(job, path)));
    // Without plain patterns every file counts, as in the original.
    else if (plain.length === 0 || plain.some((pattern) => pattern.test(name))) {
      found.push({ ...(await common(job, path)), type: "es_output", eventRangeID: rangeOf(name) });
    }
  }
  return found;
}

async function common(job: JobSpec, path: string): Promise<Entry> {
  const sums = await outputSums(path);
  if (!sums) throw new Error(`${path} went away while it was looked at`);
  const guid = guidOf(String(job.PandaID), path);
  return { path, fsize: sums.fsize, guid, chksum: sums.adler32, eventStatus: "finished" };
}

/** One entry a member, all with the path and GUID of the archive. */
async function zipEntries(job: JobSpec, path: string): Promise<readonly Entry[]> {
  const shared = await common(job, path);
  const members = await listArchive(path);
  return members.map(({ name }) => ({ ...shared, type: "zip_output", eventRangeID: rangeOf(basename(name)) }));
}

function rangeOf(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

/** `%OUTPUT_FILE` gives one pattern an output of the job, its log excepted. */
function expressions(patterns: readonly string[], job: JobSpec): readonly RegExp[] {
  const outputs = job.outputs.map(({ lfn }) => lfn).filter((lfn) => lfn !== job.log?.lfn);
  return patterns.flatMap((pattern) => {
    const filled = pattern.replaceAll("%PANDAID", String(job.PandaID)).replaceAll("%TASKID", String(job.taskID));
    const each = filled.includes("%OUTPUT_FILE")
      ? outputs.map((lfn) => filled.replaceAll("%OUTPUT_FILE", () => RegExp.escape(lfn)))
      : [filled];
    return each.map((text) => new RegExp(text));
  });
}

async function filesBelow(settings: Settings, directory: string): Promise<readonly string[]> {
  const subs = (await readdir(directory, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const found: string[] = [];
  for (const { name } of subs) {
    const place = settings.outputSubDir === null ? join(directory, name) : join(directory, name, settings.outputSubDir);
    const entries = await readdir(place, { withFileTypes: true, recursive: true }).catch((error: unknown) => {
      if (isMissing(error)) return [];
      throw error;
    });
    for (const entry of entries) {
      if (entry.isFile() && !entry.name.startsWith(partPrefix)) found.push(join(entry.parentPath, entry.name));
    }
  }
  return found.toSorted();
}
