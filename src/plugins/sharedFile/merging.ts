/**
 * On-site merging (messenger.md 5.4): jobs of one task merge their outputs in a directory of the task. The payload says
 * in a state file there what became of each input. The directory must lie below `taskWorkBaseDir`, whatever a file
 * says.
 */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { JobSpec } from "../../specs/jobSpec.ts";
import { codeOf, isBelow, isMissing, writeText } from "../file/disk.ts";
import { postAttributesName, type Settings, taskPathName } from "./settings.ts";

const stateSchema = z.object({
  merged: z.record(
    z.string(),
    z.record(
      z.string(),
      z.object({
        path: z.string().min(1),
        fsize: z.number().optional(),
        guid: z.string().optional(),
        chksum: z.string().optional(),
      }),
    ),
  ),
});

/** Makes the task's directory and tells the payload where it is. The base directory must exist. */
export async function makeTaskDirectory(settings: Settings, job: JobSpec, directory: string): Promise<void> {
  if (!job.jobParams["onSiteMerging"]) return;
  const task = join(settings.taskWorkBaseDir, String(job.taskID));
  try {
    await mkdir(task);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
  await writeText(join(directory, taskPathName), task);
}

/** Entries of merged outputs for the dump, once per output; also tells the job which inputs were skipped. */
export async function mergedOutputs(
  settings: Settings,
  job: JobSpec,
  directory: string,
  deep: string,
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  if (!job.jobParams["onSiteMerging"]) return [];
  const task = await taskDirectory(settings, job, directory);
  const text = await textOf(join(task, settings.taskWorkStateFile));
  if (text === undefined) return [];
  const { merged } = stateSchema.parse(JSON.parse(text));
  const outputs = new Map(Object.values(merged).flatMap((each) => Object.entries(each)));
  const skippedInputs = job.inputs.map(({ lfn }) => lfn).filter((lfn) => !Object.hasOwn(merged, lfn));
  if (skippedInputs.length > 0) await writeText(join(deep, postAttributesName), JSON.stringify({ skippedInputs }));
  return [...outputs.values()].map((output) => ({ ...output, type: "output" }));
}

async function taskDirectory(settings: Settings, job: JobSpec, directory: string): Promise<string> {
  const said = (await textOf(join(directory, taskPathName)))?.trim();
  // The payload can write this file too.
  if (said !== undefined && isBelow(settings.taskWorkBaseDir, said)) return said;
  return join(settings.taskWorkBaseDir, String(job.taskID));
}

async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
