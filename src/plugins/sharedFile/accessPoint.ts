/**
 * A worker's access point: the directory it shares with Windrow (messenger.md 1). Each carries a mark of its owner;
 * what belongs to another worker, or to nobody known, is never removed, because a template without `${workerID}` or a
 * slip in it would otherwise cost somebody's files.
 */
import { lstat, mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { WorkSpec } from "../../specs/workSpec.ts";
import type { Answer } from "../contract.ts";
import { isMissing, syncDirectory, writeText } from "../file/disk.ts";
import { ownerName } from "./settings.ts";

/** Directory of one job: a sub-directory only where a worker has several jobs (messenger.md 1). */
export function jobDirectory(worker: WorkSpec, PandaID: number): string {
  const point = worker.getAccessPoint();
  return worker.mapType === "ManyToOne" ? join(point, String(PandaID)) : point;
}

/**
 * Makes the directory of a worker, and those of its jobs. Called again it changes nothing. An older directory of nobody
 * in its place is moved aside; one of another worker is refused. Answers why not, undefined where all is well.
 */
export async function setUp(worker: WorkSpec): Promise<string | undefined> {
  const point = worker.getAccessPoint();
  const owner = await ownerOf(point, worker.key);
  if (owner.kind === "other") return `${point} belongs to worker ${owner.key}; accessPoint must differ for each worker`;
  if (owner.kind === "nobody") {
    await rename(point, await freeName(`${point}.before-${worker.workerID}`));
    await syncDirectory(dirname(point));
  }
  await mkdir(point, { recursive: true });
  if (owner.kind !== "own" || owner.key !== worker.key) await writeText(join(point, ownerName), `${worker.key}\n`);
  const jobs = new Set([...worker.pandaIDs, ...worker.jobspecList.map(({ PandaID }) => PandaID)]);
  for (const PandaID of jobs) await mkdir(jobDirectory(worker, PandaID), { recursive: true });
  return undefined;
}

/** True for a directory, but not for a link to one: a payload could make it point anywhere. */
export async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** Removes a worker's directory and everything in it. */
export async function tearDown(worker: WorkSpec): Promise<Answer> {
  const point = worker.getAccessPoint();
  const owner = await ownerOf(point, worker.key);
  if (owner.kind === "missing") return [true, "it was gone before"];
  if (owner.kind === "other") return [false, `${point} belongs to worker ${owner.key} and is left alone`];
  if (owner.kind === "nobody") {
    return [
      false,
      `${point} does not say that it belongs to ${worker.key} (${ownerName}) and is left alone; remove it by hand`,
    ];
  }
  await rm(point, { recursive: true });
  return true;
}

/** True where the directory is this worker's. */
export async function isOwn(worker: WorkSpec): Promise<boolean> {
  return (await ownerOf(worker.getAccessPoint(), worker.key)).kind === "own";
}

/** `own` includes an empty directory: nothing can be lost there. */
type Owner = { readonly kind: "missing" | "nobody" } | { readonly kind: "own" | "other"; readonly key: string };

async function ownerOf(directory: string, key: string): Promise<Owner> {
  let names: readonly string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if (isMissing(error) && !(await exists(directory))) return { kind: "missing" };
    throw error;
  }
  if (names.length === 0) return { kind: "own", key: "" };
  if (!names.includes(ownerName)) return { kind: "nobody" };
  const mark = (await readFile(join(directory, ownerName), "utf8")).trim();
  return { kind: mark === key ? "own" : "other", key: mark };
}

async function freeName(wanted: string): Promise<string> {
  for (let n = 0; ; n += 1) {
    const name = n === 0 ? wanted : `${wanted}.${n}`;
    if (!(await exists(name))) return name;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
