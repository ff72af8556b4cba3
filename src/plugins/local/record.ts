/**
 * The records of one worker of the local batch system, from which submitter, monitor and sweeper learn everything.
 * Layout: `<journalDir>/<key>/<attempt>/{created,claim,payload,ended}.json`, stdout, stderr, batch.log, and
 * `<journalDir>/<key>/kill`.
 *
 * `claim.json` decides about an attempt, once: a wrapper takes it to run the payload, a find or monitor to declare the
 * attempt dead, a sweeper to cancel it. A further attempt may be created only after a dead one, so a payload runs at
 * most once per key whatever crashes. Records must never be changed or removed once made.
 */
import { createHash, randomUUID } from "node:crypto";
import { link, mkdir, open, readdir, readFile, stat, unlink } from "node:fs/promises";
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { journalPath, note } from "./journal.ts";
import { codeOf } from "./process.ts";

/** Option of every plug-in of this batch system. Absolute: a daemon started elsewhere must find the same workers. */
export const journalDirSchema = z.string().refine(isAbsolute, {
  error: (issue) => `must be an absolute path, not ${String(issue.input)}; it holds the records of this site's workers`,
});

const createdSchema = z.object({
  key: z.string(),
  /** Key of the call that created it. */
  call: z.string(),
  workerID: z.int(),
  pandaIDs: z.array(z.int()),
  accessPoint: z.string(),
  command: z.array(z.string()),
  /** Seconds; 0: no limit. */
  walltime: z.number(),
  notAfterAt: z.number(),
  createdAt: z.number(),
  host: z.string(),
});
/** What a submitter wrote down before it started anything. */
export type Created = z.output<typeof createdSchema>;

const claimSchema = z.object({
  by: z.enum(["wrapper", "submitter", "monitor", "sweeper"]),
  verdict: z.enum(["started", "expired", "void", "killed"]),
  at: z.number(),
  why: z.string().optional(),
  /** Of the wrapper, which leads the payload's process group. */
  pid: z.int().optional(),
  born: z.string().optional(),
});
/** Who decided about the attempt, and what. */
export type Claim = z.output<typeof claimSchema>;

const payloadSchema = z.object({ pid: z.int(), born: z.string() });

const endedSchema = z.object({
  reason: z.enum(["exit", "kill", "walltime", "vanished"]),
  /** Exit code; 128 and the signal's number where one ended it, as shells count; null where unknown or never run. */
  code: z.int().nullable(),
  at: z.number(),
});
/** How the payload ended. */
export type Ended = z.output<typeof endedSchema>;

/** One attempt to run the worker; only the last one of a key can be alive. */
export interface Attempt {
  readonly number: number;
  readonly directory: string;
  readonly created: Created;
  readonly claim: Claim | undefined;
  readonly payload: z.output<typeof payloadSchema> | undefined;
  readonly ended: Ended | undefined;
}

/** Everything the records say of a key. */
export interface Records {
  readonly directory: string;
  readonly attempt: Attempt | undefined;
  /** When a kill was asked for, epoch ms. */
  readonly killAt: number | undefined;
  /** False where the journal is missing too: then the directory is not the one that was used, or nothing ever was. */
  readonly journalExists: boolean;
}

/** The batch id: the key as a file name, different for different keys. */
export function batchIDOf(key: string): string {
  const name = key.replaceAll(/[^A-Za-z0-9_.-]|^\./gu, (char) =>
    [...Buffer.from(char)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join(""),
  );
  return name.length > 0 && name.length <= 200 ? name : `sha256-${createHash("sha256").update(key).digest("hex")}`;
}

/** Reads all records of a key. Throws where something exists and cannot be read: then nobody knows. */
export async function readRecords(journalDir: string, key: string): Promise<Records> {
  const directory = join(journalDir, batchIDOf(key));
  const killAt = (await statIfThere(join(directory, "kill")))?.mtimeMs;
  const journalExists = (await statIfThere(journalPath(journalDir))) !== undefined;
  const numbers = (await namesIn(directory))
    .filter((name) => /^[1-9]\d*$/.test(name))
    .map(Number)
    .toSorted((a, b) => b - a);
  let attempt: Attempt | undefined;
  for (const number of numbers) {
    // A folder without record is what a submitter leaves that was killed just then.
    attempt = await readAttempt(directory, number);
    if (attempt) break;
  }
  if (attempt && attempt.created.key !== key) {
    throw new Error(`${attempt.directory}/created.json is of ${attempt.created.key}, not of ${key}`);
  }
  return { directory, attempt, killAt, journalExists };
}

/** Reads one attempt; undefined where none was created. */
export async function readAttempt(directory: string, number: number): Promise<Attempt | undefined> {
  const own = join(directory, String(number));
  const created = await readRecord(join(own, "created.json"), createdSchema);
  if (!created) return undefined;
  // Written in the order claim, payload, ended: read backwards, so that a later one is never seen without the earlier.
  const ended = await readRecord(join(own, "ended.json"), endedSchema);
  const payload = await readRecord(join(own, "payload.json"), payloadSchema).catch(() => undefined);
  const claim = await readRecord(join(own, "claim.json"), claimSchema);
  return { number, directory: own, created, claim, payload, ended };
}

/** True where the attempt ran nothing and never will, so that the key is free again. */
export function isDead(attempt: Attempt): boolean {
  return attempt.claim?.verdict === "expired" || attempt.claim?.verdict === "void";
}

/**
 * Decides about an attempt that no wrapper has taken once its time has passed: declares it dead, so that a wrapper that
 * wakes up late cannot start. Gives the attempt as it is then; a wrapper may have been quicker.
 */
export async function settle(
  journalDir: string,
  records: Records,
  by: "submitter" | "monitor",
  why = "no wrapper had started it when its time passed",
): Promise<Attempt | undefined> {
  const { attempt } = records;
  if (!attempt || attempt.claim) return attempt;
  const { key } = attempt.created;
  if (await makeRecord(attempt.directory, "claim.json", { by, verdict: "void", at: Date.now(), why })) {
    await note(journalDir, { event: "voided", key, attempt: attempt.number, by, why });
  }
  return readAttempt(records.directory, attempt.number);
}

/** Makes a record unless it exists; durable when this returns true. A hard link appears whole or not at all. */
export async function makeRecord(directory: string, name: string, content: object): Promise<boolean> {
  const temporary = join(directory, `${name}.${randomUUID()}.tmp`);
  const file = await open(temporary, "wx");
  try {
    await file.writeFile(`${JSON.stringify(content)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await link(temporary, join(directory, name));
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  } finally {
    await unlink(temporary);
  }
  await syncDirectory(directory);
  return true;
}

/** Makes a directory and its parents; their names are durable when this returns. */
export async function makeDirectory(path: string, parent: string): Promise<void> {
  if ((await mkdir(path, { recursive: true })) !== undefined) await syncDirectory(parent);
}

/** Names in a directory, none where it is missing. */
export async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function statIfThere(path: string): Promise<{ readonly mtimeMs: number } | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function readRecord<T extends z.ZodType>(path: string, schema: T): Promise<z.output<T> | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new Error(`${path} is no record of the local batch system; look at it, nothing is assumed`, { cause: error });
  }
}
