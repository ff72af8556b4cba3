/**
 * What goes from Windrow to the payload: job specification, catalogue, links to the inputs, PandaIDs, event ranges
 * (messenger.md 3, 4.5). Every file appears whole, since a payload may be waiting for it. A job that cannot be
 * delivered is left out by name; the others are delivered.
 */
import { lstat, mkdir, readlink, rename, rm, symlink, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { JobSpec } from "../../specs/jobSpec.ts";
import type { WorkSpec } from "../../specs/workSpec.ts";
import type { Answer } from "../contract.ts";
import { isMissing, messageOf, nameTrouble, partPrefix, syncDirectory, writeText } from "../file/disk.ts";
import { isDirectory, isOwn, jobDirectory } from "./accessPoint.ts";
import { jobSpecText, poolFileCatalog } from "./formats.ts";
import { makeTaskDirectory } from "./merging.ts";
import type { Settings } from "./settings.ts";

/** Delivers jobs to a worker, in the original's order: the request that asked for them goes last. */
export async function feedJobs(settings: Settings, worker: WorkSpec, jobs: readonly JobSpec[]): Promise<Answer> {
  if (jobs.length === 0) return true;
  const { names } = settings;
  const point = worker.getAccessPoint();
  if (!(await isOwn(worker)))
    return [false, `${point} is no access point of ${worker.key}; its set-up must have failed`];
  const catalog = poolFileCatalog(jobs);
  const fed: number[] = [];
  const failures: string[] = [];
  for (const job of jobs) {
    try {
      await feedJob(settings, worker, job, catalog);
      fed.push(job.PandaID);
    } catch (error) {
      failures.push(`job ${job.PandaID} was not delivered: ${messageOf(error)}`);
    }
  }
  // In pull mode this file is the payload's own (messenger.md 3.6).
  if (worker.mapType !== "NoJob") await writeText(join(point, names.pandaIDs), JSON.stringify(fed));
  await rm(join(point, names.jobRequest), { force: true });
  return failures.length > 0 ? [false, failures.join("; ")] : true;
}

async function feedJob(settings: Settings, worker: WorkSpec, job: JobSpec, catalog: string): Promise<void> {
  const { names, jobSpecFileFormat, stripJobParams } = settings;
  const directory = jobDirectory(worker, job.PandaID);
  await mkdir(directory, { recursive: true });
  if (!(await isDirectory(directory))) throw new Error(`${directory} is a link, which is not followed`);
  await makeTaskDirectory(settings, job, directory);
  await writeText(join(directory, names.catalog), catalog);
  for (const { lfn, path } of job.inFiles) if (path !== undefined) await linkInput(settings, directory, lfn, path);
  // The specification comes last: a payload that waits for it then finds everything else.
  await writeText(join(directory, names.jobSpec), jobSpecText(job, jobSpecFileFormat, stripJobParams));
}

async function linkInput(settings: Settings, directory: string, lfn: string, path: string): Promise<void> {
  const trouble = nameTrouble(lfn);
  if (trouble !== undefined) throw new Error(`input ${JSON.stringify(lfn)} is refused: ${trouble}`);
  if (Object.values(settings.names).includes(lfn)) {
    throw new Error(`input ${lfn} has the name of a file that Windrow and the payload exchange`);
  }
  const link = join(directory, lfn);
  if (link === path || (await targetOf(link)) === path) return;
  // A link is made under another name and moved: the old one, dangling or not, is replaced in one step.
  const part = join(directory, `${partPrefix}-${process.pid}-${lfn.slice(0, 100)}`);
  await unlink(part).catch(() => undefined);
  await symlink(path, part);
  await rename(part, link);
  await syncDirectory(directory);
}

async function targetOf(link: string): Promise<string | undefined> {
  try {
    return (await lstat(link)).isSymbolicLink() ? await readlink(link) : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/**
 * Hands event ranges to the payload, by PandaID, for every kind of worker: with several jobs the original drops them
 * and says that it did not (messenger.md 4.5).
 */
export async function feedEvents(
  settings: Settings,
  worker: WorkSpec,
  events: Readonly<Record<string, readonly unknown[]>>,
): Promise<Answer> {
  const point = worker.getAccessPoint();
  if (!(await isOwn(worker))) return [false, `${point} is no access point of ${worker.key}`];
  await writeText(join(point, settings.names.eventRanges), JSON.stringify(events));
  await rm(join(point, settings.names.eventsRequest), { force: true });
  return true;
}
