/**
 * The log tarball of a job (messenger.md 5.1): the logs of each sub-directory in an archive of their own, then all of
 * them and those of the job's directory in one. A tarball that is there already is kept, since its checksum may have
 * been reported. The job specification must never get into one: it may hold secrets.
 */
import { lstat, readdir, rename } from "node:fs/promises";
import { basename, join } from "node:path";
import { type Member, writeArchive } from "../file/archive.ts";
import { isMissing, partPrefix, syncDirectory } from "../file/disk.ts";
import type { Settings } from "./settings.ts";

const packedSuffix = ".subdir.tar.gz";

/** Makes the tarball `name` in a directory; answers its path. Throws where anything could not be read. */
export async function packLogs(settings: Settings, directory: string, name: string): Promise<string> {
  const tarball = join(directory, name);
  if (await isFile(tarball)) return tarball;
  const entries = await readdir(directory, { withFileTypes: true });
  const subs = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  await inTurns(subs, settings.maxWorkersForZip, (sub) => packSub(settings, directory, sub));
  const files = (await readdir(directory, { withFileTypes: true })).filter((entry) => entry.isFile());
  const chosen = files
    .map((entry) => entry.name)
    .filter((each) => each !== name && (each.endsWith(packedSuffix) || isLog(settings, each)));
  await writeArchive(tarball, membersOf(directory, chosen), true);
  return tarball;
}

async function packSub(settings: Settings, directory: string, sub: string): Promise<void> {
  const target = join(directory, `${sub}${packedSuffix}`);
  if (await isFile(target)) return;
  const own = join(directory, sub);
  if (settings.subTarballName !== null && (await isFile(join(own, settings.subTarballName)))) {
    await rename(join(own, settings.subTarballName), target);
    await syncDirectory(directory);
    return;
  }
  const entries = await readdir(own, { withFileTypes: true, recursive: true });
  const chosen = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(own.length + 1))
    .filter((path) => isLog(settings, path));
  await writeArchive(target, membersOf(own, chosen), true);
}

function membersOf(directory: string, names: readonly string[]): readonly Member[] {
  return names.toSorted().map((name) => ({ path: join(directory, name), name: `./${name}` }));
}

/** By the file's name; the name of the job specification anywhere in the path leaves it out. */
function isLog({ names }: Settings, path: string): boolean {
  const name = basename(path);
  if (path.includes(names.jobSpec) || name.startsWith(partPrefix)) return false;
  return /\.(?:log|txt|xml|json)$/.test(name) || name.startsWith("log");
}

async function inTurns<T>(items: readonly T[], width: number, act: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await act(next);
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane));
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isFile();
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
