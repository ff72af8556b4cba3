/**
 * Snapshots beside a log: the World at a position of every shard, so that a start need not fold from the
 * beginning. A snapshot is a shortcut and never a truth: one that is damaged, of another version or not of this log's
 * history is passed over with the reason.
 */
import { closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync, writeSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { z } from "zod";
import { hashOf } from "./hash.ts";
import type { Log } from "./log.ts";
import { syncDirectory } from "./place.ts";
import { decode } from "./record.ts";
import type { Cursor, Cursors } from "./replay.ts";

const cursorSchema = z.strictObject({ seq: z.int().positive(), hash: z.string(), term: z.int().positive() });
const snapshotSchema = z.strictObject({
  /** Version of machines and projection that made the state. */
  version: z.string(),
  cursors: z.record(z.string().regex(/^\d+$/), cursorSchema),
  state: z.unknown(),
});

export interface Snapshot {
  readonly version: string;
  readonly cursors: Cursors;
  /** A JSON value that only the projection understands. */
  readonly state: unknown;
}

/** How many snapshots are kept. */
const kept = 3;
const nameOf = /^snapshot-(\d{16})\.gz$/;
const compress = promisify(gzip);
const decompress = promisify(gunzip);

/** Snapshot files, newest first. The number in the name is the sum of the cursors' seqs, which only grows. */
function filesIn(dir: string): string[] {
  return readdirSync(dir)
    .filter((name) => nameOf.test(name))
    .sort()
    .reverse();
}

/** A snapshot as a file. */
export interface SnapshotFile {
  readonly name: string;
  readonly packed: Uint8Array;
}

/** Writes a snapshot durably and removes all but the newest three. */
export async function writeSnapshot(dir: string, snapshot: Snapshot): Promise<SnapshotFile> {
  // The text is made before the first wait, so it is of the moment of the call.
  const body = Buffer.from(JSON.stringify(snapshot));
  const position = Object.values(snapshot.cursors).reduce((sum, cursor) => sum + cursor.seq, 0);
  const packed = await compress(Buffer.concat([Buffer.from(`${hashOf(body)}\n`), body]), { level: 1 });
  const file = { name: `snapshot-${String(position).padStart(16, "0")}.gz`, packed };
  save(dir, file);
  return file;
}

function save(dir: string, { name, packed }: SnapshotFile): void {
  const path = join(dir, name);
  const temporary = `${path}.new`;
  const fd = openSync(temporary, "w", 0o600);
  try {
    for (let at = 0; at < packed.length; ) at += writeSync(fd, packed, at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
  syncDirectory(dir);
  for (const old of filesIn(dir).slice(kept)) rmSync(join(dir, old), { force: true });
}

/** Where other machines put their snapshots of the same log. */
export interface SharedSnapshots {
  put(file: SnapshotFile): Promise<void>;
  /** Name of the newest, and how to get it, which may be too late; undefined where there is none. */
  newest(): Promise<{ readonly name: string; get(): Promise<SnapshotFile | undefined> } | undefined>;
}

/** Brings the newest of the shared snapshots into the directory, if it is newer than those there. Gives its name. */
export async function fetchSnapshot(dir: string, shared: SharedSnapshots): Promise<string | undefined> {
  const newest = await shared.newest();
  const [own = ""] = filesIn(dir);
  if (!newest || !nameOf.test(newest.name) || newest.name <= own) return undefined;
  const file = await newest.get();
  if (file) save(dir, file);
  return file?.name;
}

/** Reads one snapshot file. Gives a string that says why if it is damaged. */
export const readSnapshot = (path: string): Promise<Snapshot | string> => unpackSnapshot(() => readFile(path));

async function unpackSnapshot(packed: () => Promise<Uint8Array>): Promise<Snapshot | string> {
  let text: Buffer;
  try {
    text = await decompress(await packed());
  } catch (error) {
    return `it cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
  const end = text.indexOf("\n");
  const body = text.subarray(end + 1);
  if (end !== 64 || hashOf(body) !== text.toString("latin1", 0, end)) return "its content does not have its hash";
  const parsed = snapshotSchema.safeParse(JSON.parse(body.toString()));
  return parsed.success ? parsed.data : `it has another shape: ${z.prettifyError(parsed.error)}`;
}

/** Whether the shard's history has the record that the snapshot stands at. */
async function holds(log: Log, shard: number, cursor: Cursor): Promise<boolean> {
  // Discarded records only add to offsets, so the record of a seq is at offset seq - 1 or later.
  for await (const batch of log.read(shard, cursor.seq - 1)) {
    for (const stored of batch) {
      if (stored.hash !== cursor.hash) continue;
      const decoded = decode(stored);
      return decoded.ok && decoded.record.seq === cursor.seq && decoded.record.term === cursor.term;
    }
  }
  return false;
}

async function reasonAgainst(log: Log, snapshot: Snapshot, version: string): Promise<string | undefined> {
  if (snapshot.version !== version) return `it was made by version ${snapshot.version}, this is ${version}`;
  for (const [shard, cursor] of Object.entries(snapshot.cursors)) {
    if (Number(shard) < log.shards && (await holds(log, Number(shard), cursor))) continue;
    return `the log has no record ${cursor.seq} of shard ${shard} with hash ${cursor.hash}: it is of another history`;
  }
  return undefined;
}

/** The newest snapshot that may be used with this log, and why newer ones may not. */
export interface FoundSnapshot {
  readonly snapshot?: Snapshot;
  readonly refused: readonly { readonly file: string; readonly why: string }[];
}

/**
 * Looks for the newest usable snapshot. `openJournal` verifies the whole chain again and refuses (SnapshotRefused) one
 * whose record was not admitted. `against` may say why the caller cannot use one.
 */
export async function findSnapshot(
  dir: string,
  log: Log,
  version: string,
  against: (snapshot: Snapshot) => string | undefined = () => undefined,
): Promise<FoundSnapshot> {
  const refused: { file: string; why: string }[] = [];
  for (const file of filesIn(dir)) {
    const snapshot = await readSnapshot(join(dir, file));
    const why =
      typeof snapshot === "string" ? snapshot : (against(snapshot) ?? (await reasonAgainst(log, snapshot, version)));
    if (why !== undefined) refused.push({ file, why });
    else if (typeof snapshot !== "string") return { snapshot, refused };
  }
  return { refused };
}

/** The same of one snapshot that was brought from elsewhere. */
export async function judgeSnapshot({ name, packed }: SnapshotFile, log: Log, version: string): Promise<FoundSnapshot> {
  const snapshot = await unpackSnapshot(async () => packed);
  const why = typeof snapshot === "string" ? snapshot : await reasonAgainst(log, snapshot, version);
  if (why !== undefined || typeof snapshot === "string") return { refused: [{ file: name, why: String(why) }] };
  return { snapshot, refused: [] };
}
