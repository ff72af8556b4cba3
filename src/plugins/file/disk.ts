/**
 * What every plug-in that writes files needs: names that cannot leave their directory, and files that appear whole or
 * not at all. It must never follow a name given by a job out of the directory it belongs to.
 */
import { randomUUID } from "node:crypto";
import { type FileHandle, open, realpath, rename, unlink } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { z } from "zod";

/** Option that names a directory: absolute, because a daemon started elsewhere must find the same files. */
export const directorySchema = z
  .string()
  .refine(isAbsolute, { error: (issue) => `must be an absolute path, not ${String(issue.input)}` })
  .transform((path) => resolve(path));

/** Why a name cannot be the name of one file inside a directory, undefined where it can. */
export function nameTrouble(name: string): string | undefined {
  if (name === "") return "the name is empty";
  if (name === "." || name === "..") return "the name is a directory";
  if (name.includes("/") || name.includes("\\")) return "the name holds a path separator";
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  if (/[\u0000-\u001f\u007f]/.test(name)) return "the name holds a control character";
  if (Buffer.byteLength(name) > 255) return "the name is longer than 255 bytes";
  if (name.startsWith(partPrefix)) return `the name begins with ${partPrefix}, which is for files in the making`;
  return undefined;
}

/** Files in the making begin so, beside their final place. */
export const partPrefix = ".windrow-part";

/** The system's error code, such as ENOENT. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** What to tell the operator of an exception. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** True where nothing has this name. A part of the path that is no directory counts as that too. */
export function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

/** True where `path` lies below `root`, by its letters alone. */
export function isBelow(root: string, path: string): boolean {
  const way = relative(resolve(root), resolve(path));
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/**
 * True where `path` lies below one of `roots` even after every link is followed. A missing file counts by its
 * directory.
 */
export async function isReallyBelow(roots: readonly string[], path: string): Promise<boolean> {
  return isBelowReal(await Promise.all(roots.map(followed)), path);
}

/** The same for many paths below the same roots, which are given as `followed` answers them. */
export async function isBelowReal(realRoots: readonly string[], path: string): Promise<boolean> {
  const real = await followed(path);
  return realRoots.some((root) => isBelow(root, real));
}

/** The path without links, as far as it exists. */
export async function followed(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
    const parent = dirname(path);
    return parent === path ? path : join(await followed(parent), relative(parent, path));
  }
}

/**
 * Makes a file that appears whole or not at all: a temporary name, fsync, rename, fsync of the directory. Where `fill`
 * throws, nothing appears.
 */
export async function writeWhole<T>(path: string, fill: (file: FileHandle) => Promise<T>): Promise<T> {
  const directory = dirname(path);
  const part = join(directory, `${partPrefix}-${randomUUID()}`);
  const file = await open(part, "wx");
  let filled: T;
  try {
    filled = await fill(file);
    await file.sync();
  } catch (error) {
    await file.close();
    await unlink(part).catch(() => undefined);
    throw error;
  }
  await file.close();
  await rename(part, path);
  await syncDirectory(directory);
  return filled;
}

/** Writes a text whole. */
export async function writeText(path: string, text: string): Promise<void> {
  await writeWhole(path, (file) => file.writeFile(text));
}

/** Makes the names in a directory durable. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
