/**
 * Reads what a payload wrote. Nothing it does may hang, mislead or stop the reader: links are not followed, pipes not
 * waited for, a file that is not whole yet is left for the next look. Contents of small files that did not change are
 * kept.
 */
import { constants } from "node:fs";
import { lstat, open } from "node:fs/promises";
import { type Sums, sumsOf } from "../file/adler32.ts";
import { codeOf, isMissing, messageOf } from "../file/disk.ts";

/** `unreadable` says why in words for a complaint; the file may become whole later. */
export type Content =
  | { readonly state: "missing" }
  | { readonly state: "value"; readonly value: unknown }
  | { readonly state: "unreadable"; readonly why: string; readonly mtimeMs: number };

/** What was found of a path, as long as it looks the same. The oldest are forgotten at the limit. */
class Kept<T> {
  readonly #byPath = new Map<string, { readonly look: string; readonly value: T }>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get(path: string, look: string): T | undefined {
    const kept = this.#byPath.get(path);
    return kept?.look === look ? kept.value : undefined;
  }

  /** A file that changed just now may change again within the same tick of its clock: it is not kept. */
  set(path: string, look: string, mtimeMs: number, value: T): void {
    if (Math.abs(Date.now() - mtimeMs) < settleMs) return;
    this.#byPath.set(path, { look, value });
    if (this.#byPath.size > this.#limit) for (const oldest of this.#byPath.keys().take(1)) this.#byPath.delete(oldest);
  }
}

const settleMs = 2000;
const values = new Kept<unknown>(20_000);
const checksums = new Kept<Sums>(100_000);
const keptBytes = 64 * 1024;

interface Look {
  readonly look: string;
  readonly mtimeMs: number;
  readonly size: number;
  readonly isFile: boolean;
}

/** The file's identity and content as far as the file system tells them without reading. Throws what that says. */
async function lookAt(path: string): Promise<Look> {
  const seen = await lstat(path, { bigint: true });
  return {
    look: `${seen.dev}:${seen.ino}:${seen.size}:${seen.mtimeNs}:${seen.ctimeNs}`,
    mtimeMs: Number(seen.mtimeMs),
    size: Number(seen.size),
    isFile: seen.isFile(),
  };
}

/** The JSON in a file. The value is shared between readers: it must not be changed. */
export async function readJson(path: string, maxBytes: number): Promise<Content> {
  let mtimeMs = 0;
  try {
    const { look, size, isFile, ...seen } = await lookAt(path);
    mtimeMs = seen.mtimeMs;
    if (!isFile) return { state: "unreadable", why: "it is no regular file", mtimeMs };
    if (size > maxBytes) return { state: "unreadable", why: `it has ${size} bytes, above ${maxBytes}`, mtimeMs };
    const kept = values.get(path, look);
    if (kept !== undefined) return { state: "value", value: kept };
    const value: unknown = JSON.parse(await textOf(path));
    if (size <= keptBytes && (await lookAt(path)).look === look) values.set(path, look, mtimeMs, value);
    return { state: "value", value };
  } catch (error) {
    if (isMissing(error)) return { state: "missing" };
    const why = error instanceof SyntaxError ? `it is no whole JSON (yet): ${error.message}` : messageOf(error);
    return { state: "unreadable", why: codeOf(error) === "ELOOP" ? "it is a link" : why, mtimeMs };
  }
}

async function textOf(path: string): Promise<string> {
  // Between the look and here the name may have become something else.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw new Error("it is no regular file");
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

/**
 * Size and checksum of an output; computed once as long as the file looks the same. Undefined: there is no such file.
 */
export async function outputSums(path: string): Promise<Sums | undefined> {
  try {
    const { look, mtimeMs, isFile } = await lookAt(path);
    if (!isFile) throw new Error("it is no regular file");
    const kept = checksums.get(path, look);
    if (kept) return kept;
    const sums = await sumsOf(path);
    checksums.set(path, look, mtimeMs, sums);
    return sums;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Size of an output without reading it. Undefined: there is no such file. */
export async function outputSize(path: string): Promise<number | undefined> {
  try {
    const { size, isFile } = await lookAt(path);
    if (!isFile) throw new Error("it is no regular file");
    return size;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
