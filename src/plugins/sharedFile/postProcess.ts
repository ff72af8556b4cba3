/**
 * What happens once when a worker has ended (messenger.md 5): log tarballs, left-over outputs and merged outputs are
 * collected and reported through the same dump file that a payload writes. Called again it collects the same and
 * reports it once. A dump that the payload left unread must survive it.
 */
import { rename } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { JobSpec } from "../../specs/jobSpec.ts";
import type { WorkSpec } from "../../specs/workSpec.ts";
import type { Answer } from "../contract.ts";
import { messageOf, nameTrouble, writeText } from "../file/disk.ts";
import { isDirectory, jobDirectory } from "./accessPoint.ts";
import { leftovers } from "./leftovers.ts";
import { packLogs } from "./logs.ts";
import { mergedOutputs } from "./merging.ts";
import { readJson } from "./payloadFile.ts";
import type { Settings } from "./settings.ts";

type Entry = Readonly<Record<string, unknown>>;
/** Entries by PandaID. */
type Ours = Readonly<Record<string, readonly Entry[]>>;

/** null: something could not be read, try again until postProcessTimeout. */
export async function postProcess(settings: Settings, worker: WorkSpec, jobs: readonly JobSpec[]): Promise<Answer> {
  const byPlace = new Map<string, Ours>();
  const said: string[] = [];
  const troubles: string[] = [];
  for (const job of jobs) {
    const directory = jobDirectory(worker, job.PandaID);
    try {
      const entries = await collect(settings, worker, job, directory, said);
      if (entries.length === 0) continue;
      byPlace.set(directory, { ...byPlace.get(directory), [job.PandaID]: entries });
    } catch (error) {
      troubles.push(`job ${job.PandaID}: ${messageOf(error)}`);
    }
  }
  for (const [directory, dump] of byPlace) {
    try {
      await report(settings, directory, dump, said);
    } catch (error) {
      troubles.push(`${directory}: ${messageOf(error)}`);
    }
  }
  const dialog = [...troubles, ...said].join("; ");
  return [troubles.length > 0 ? null : true, dialog];
}

async function collect(
  settings: Settings,
  worker: WorkSpec,
  job: JobSpec,
  directory: string,
  said: string[],
): Promise<readonly Entry[]> {
  const deep = settings.postProcessInSubDir ? join(directory, String(job.PandaID)) : directory;
  for (const each of [directory, deep]) if (!(await isDirectory(each))) throw new Error(`${each} is no directory`);
  const entries: Entry[] = [];
  const log = job.log;
  const trouble = log === null ? undefined : nameTrouble(log.lfn);
  if (log !== null && trouble !== undefined) said.push(`log ${JSON.stringify(log.lfn)} is refused: ${trouble}`);
  else if (log !== null && !job.outFiles.some((file) => file.fileType === "log")) {
    const several = worker.mapType === "OneToMany";
    const path = await packLogs(settings, deep, several ? `${log.lfn}._${worker.workerID}` : log.lfn);
    // The GUID that PanDA has given the log; each worker's log of a job with several is a file of its own.
    entries.push({ path, type: "log", isZip: 0, ...(several || log.guid === "" ? {} : { guid: log.guid }) });
  }
  entries.push(...(await leftovers(settings, job, deep)));
  entries.push(...(await mergedOutputs(settings, job, directory, deep)));
  return entries;
}

/** Adds entries to the dump of a directory, except those that wait there already, taken or not. */
async function report(settings: Settings, directory: string, ours: Ours, said: string[]): Promise<void> {
  const path = join(directory, settings.names.dump);
  const unread = await waiting(settings, path, said);
  const taken = await waiting(settings, `${path}.read`, said);
  const fresh: Record<string, readonly unknown[]> = {};
  for (const [PandaID, entries] of Object.entries(ours)) {
    const before = listOf(unread[PandaID]);
    const there = new Set([...before, ...listOf(taken[PandaID])].map(identityOf));
    const missing = entries.filter((entry) => !there.has(identityOf(entry)));
    if (missing.length === 0) continue;
    fresh[PandaID] = [...before, ...missing];
    const odd = unread[PandaID];
    if (odd !== undefined && !Array.isArray(odd)) said.push(`${path} held ${JSON.stringify(odd)} for job ${PandaID}`);
  }
  if (Object.keys(fresh).length > 0) await writeText(path, JSON.stringify({ ...unread, ...fresh }));
}

/** What waits to be read. The worker has ended: what is not whole now never will be, and is kept under another name. */
async function waiting(settings: Settings, path: string, said: string[]): Promise<Readonly<Record<string, unknown>>> {
  const content = await readJson(path, settings.maxFileBytes);
  if (content.state === "missing") return {};
  const parsed = z.record(z.string(), z.unknown()).safeParse(content.state === "value" ? content.value : undefined);
  if (parsed.success) return parsed.data;
  const aside = `${path}.unreadable.${Date.now()}`;
  await rename(path, aside);
  said.push(`${path} could not be read and is kept as ${aside}`);
  return {};
}

function listOf(value: unknown): readonly unknown[] {
  return z.array(z.unknown()).safeParse(value).data ?? [];
}

function identityOf(entry: unknown): string {
  const fields = z.record(z.string(), z.unknown()).safeParse(entry).data;
  return JSON.stringify([fields?.["path"] ?? null, fields?.["eventRangeID"] ?? null]);
}
