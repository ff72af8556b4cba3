/**
 * Copies in the background, so that a call returns at once however large a file is. A copy that is already there is
 * recognised by its content. A file may appear under its name only when it is whole, durable and verified.
 */
import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Checksum, Summing, type Sums, sumsOf } from "./adler32.ts";
import { Background } from "./background.ts";
import { codeOf, isMissing, messageOf, partPrefix, syncDirectory } from "./disk.ts";

/** One file to be copied. */
export interface Transfer {
  /** Directory that holds all sources; while it is missing, nothing is known about the files in it. */
  readonly sourceRoot: string;
  readonly source: string;
  /** Directory that holds all copies; it must exist. */
  readonly root: string;
  readonly destination: string;
  readonly checksum: Checksum;
  /** Bytes; undefined: not known. */
  readonly fsize: number | undefined;
  /** False: a file of another content under this name is left alone and the transfer fails. */
  readonly overwrite: boolean;
  /** How many copies into `root` may run at a time. */
  readonly maxCopies: number;
}

/** How a copy stands. `later` is a trouble that may pass, such as a full disk. */
export type Progress =
  | { readonly state: "done"; readonly sums: Sums }
  | { readonly state: "running" }
  | { readonly state: "later" | "failed"; readonly why: string };

/** What came of a copy, and how the file looked then. */
interface Ended {
  readonly progress: Exclude<Progress, { state: "running" }>;
  readonly look: string;
}

const copies = new Background<Ended>();
const partAgeMs = 3_600_000;
const swept = new Set<string>();

/**
 * How the copy stands; begins it where nothing is known of it, and waits for its end up to `waitMs`. A copy that failed
 * has failed until `again` is true, which is for a trigger; passing troubles are tried anew by whoever asks next.
 */
export async function progressOf(transfer: Transfer, waitMs: number, again = false): Promise<Progress> {
  const { destination, root, maxCopies } = transfer;
  const known = copies.result(destination);
  if (known && (await isStale(known, transfer, again))) copies.forget(destination);
  const standing = await copies.standing(destination, { name: root, width: maxCopies }, waitMs, async () => {
    const progress = await perform(transfer);
    return { progress, look: progress.state === "done" ? await lookOf(destination) : "" };
  });
  if (!standing) return { state: "later", why: `too many copies into ${root} are waiting` };
  if (standing.running) return { state: "running" };
  const { progress } = standing.result;
  if (progress.state === "later") copies.forget(destination);
  // Begun by another job that expects another content of the same name: looked at again for this one.
  if (progress.state === "done" && mismatch(progress.sums, transfer, "") !== undefined) return { state: "running" };
  return progress;
}

async function isStale({ progress, look }: Ended, transfer: Transfer, again: boolean): Promise<boolean> {
  if (progress.state !== "done") return again;
  return look !== (await lookOf(transfer.destination)) || mismatch(progress.sums, transfer, "") !== undefined;
}

async function perform(transfer: Transfer): Promise<Ended["progress"]> {
  try {
    return await copy(transfer);
  } catch (error) {
    return { state: "later", why: `${transfer.source} to ${transfer.destination}: ${messageOf(error)}` };
  }
}

async function copy(transfer: Transfer): Promise<Ended["progress"]> {
  const { source, destination, checksum } = transfer;
  const withMd5 = checksum.kind === "md5";
  const before = await sumsIfFile(destination, withMd5);
  if (before && checksum.kind !== "none" && mismatch(before, transfer, "") === undefined) {
    return { state: "done", sums: before };
  }
  const trouble = await sourceTrouble(transfer);
  if (trouble) return trouble;
  if (before && (checksum.kind === "none" || !transfer.overwrite)) {
    const now = await sumsOf(source, withMd5);
    const why = mismatch(now, transfer, source);
    if (why !== undefined) return { state: "failed", why };
    if (before.fsize === now.fsize && before.adler32 === now.adler32) return { state: "done", sums: before };
    if (!transfer.overwrite) {
      return { state: "failed", why: `${destination} exists with another content, ad:${before.adler32}` };
    }
  }
  await mkdir(dirname(destination), { recursive: true });
  const parts = await partsOf(transfer.root);
  const part = join(parts, randomUUID());
  try {
    const sums = await pour(source, part, withMd5);
    const why = mismatch(sums, transfer, source);
    if (why !== undefined) return { state: "failed", why };
    await rename(part, destination);
    await syncDirectory(dirname(destination));
    return { state: "done", sums };
  } finally {
    await unlink(part).catch(() => undefined);
  }
}

async function pour(source: string, part: string, withMd5: boolean): Promise<Sums> {
  const summing = new Summing(withMd5);
  const from = await open(source, "r");
  try {
    const to = await open(part, "wx");
    try {
      for await (const chunk of from.createReadStream({ highWaterMark: 1 << 20, autoClose: false })) {
        summing.update(chunk);
        // `write` may take a part only; writeFile on a handle goes on until all is written.
        await to.writeFile(chunk);
      }
      await to.sync();
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
  return summing.sums();
}

/** What is wrong with the content, in words that name the file; undefined where it is as the job says. */
function mismatch(sums: Sums, { checksum, fsize }: Transfer, source: string): string | undefined {
  if (fsize !== undefined && sums.fsize !== fsize) {
    return `${source} has ${sums.fsize} bytes, the job says ${fsize}`;
  }
  if (checksum.kind === "adler32" && checksum.hex !== sums.adler32) {
    return `${source} has the checksum ad:${sums.adler32}, the job says ad:${checksum.hex}`;
  }
  if (checksum.kind === "md5" && checksum.hex !== sums.md5) {
    return `${source} has the checksum md:${sums.md5}, the job says md:${checksum.hex}`;
  }
  return undefined;
}

async function sourceTrouble({ source, sourceRoot }: Transfer): Promise<Ended["progress"] | undefined> {
  try {
    const seen = await stat(source);
    return seen.isFile() ? undefined : { state: "failed", why: `${source} is no regular file` };
  } catch (error) {
    if (!isMissing(error)) throw error;
    // A storage that is not mounted looks like one that lost every file.
    await stat(sourceRoot);
    return { state: "failed", why: `${source} does not exist` };
  }
}

async function sumsIfFile(path: string, withMd5: boolean): Promise<Sums | undefined> {
  try {
    return (await stat(path)).isFile() ? await sumsOf(path, withMd5) : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function lookOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs } = await stat(path, { bigint: true });
    return `${dev}:${ino}:${size}:${mtimeNs}`;
  } catch (error) {
    return codeOf(error) ?? "unknown";
  }
}

/** Directory of copies in the making, on the same file system as their place. What a crash left there goes by age. */
async function partsOf(root: string): Promise<string> {
  const parts = join(root, `${partPrefix}s`);
  await mkdir(parts, { recursive: true });
  if (swept.has(parts)) return parts;
  swept.add(parts);
  for (const name of await readdir(parts)) {
    const path = join(parts, name);
    // Another process may have finished it since.
    const age = Date.now() - ((await stat(path).catch(() => undefined))?.mtimeMs ?? Date.now());
    if (age > partAgeMs) await rm(path, { force: true });
  }
  return parts;
}
