/**
 * The vault: secrets of jobs, one file a job in a directory beside the log, for as long as the job is in the World.
 * They cannot be in the log, which is never cut for them, nor be lost in a crash, since the WMS hands a job out once.
 * Instances that share a log share the directory, since a shard's jobs go with it from one to the other. It must never
 * show a secret to anybody but the calls, and never write a file that another user may read.
 */
import { randomUUID } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { syncDirectory } from "./log/place.ts";

const secretsSchema = z.record(z.string(), z.unknown());
/** Keys of a job dictionary with what the WMS said, as it came. */
export type Secrets = Readonly<z.output<typeof secretsSchema>>;

const unfinished = ".json.new";
const nameOf = /^(\d+)\.json$/;

/** What another instance has just put away is of a job that this one has not heard of yet; so long it never takes. */
const freshMs = 24 * 3_600_000;

export class Vault {
  /** null: kept in this process alone. */
  readonly #dir: string | null;
  readonly #isShared: boolean;
  /** Bounded by the jobs of the World. */
  readonly #entries = new Map<number, Secrets>();
  /** Put away for a job that the log does not know yet; what becomes of an earlier life must not take them with it. */
  readonly #fresh = new Set<number>();
  /** Files that could not be read, with the reason. */
  readonly damaged: string[] = [];
  /** Grows when a secret comes. */
  changes = 0;

  /**
   * Reads what is there. The directory is made with the first secret.
   * @param isShared other instances may have it too
   * @throws what the file system says
   */
  constructor(dir: string | null, isShared = false) {
    this.#dir = dir;
    this.#isShared = isShared;
    for (const PandaID of this.#stored()) {
      try {
        this.#read(PandaID);
      } catch (error) {
        this.damaged.push(`${this.#path(PandaID)}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }

  /** Keeps the secrets of these jobs; resolves when no crash can lose them. @throws what the file system says */
  async put(entries: ReadonlyMap<number, Secrets>): Promise<void> {
    if (entries.size === 0) return;
    if (this.#dir !== null) await writeAll(this.#dir, entries);
    for (const [PandaID, secrets] of entries) {
      this.#entries.set(PandaID, secrets);
      this.#fresh.add(PandaID);
    }
    this.changes += 1;
  }

  /** Looks on the disk too, so that an operator may bring a lost file back. */
  get(PandaID: number): Secrets | undefined {
    const known = this.#entries.get(PandaID);
    if (known || this.#dir === null) return known;
    try {
      return this.#read(PandaID);
    } catch {
      return undefined; // The caller names the job and the path.
    }
  }

  values(): Iterable<Secrets> {
    return this.#entries.values();
  }

  /** The log knows the job now. */
  settle(PandaID: number): void {
    this.#fresh.delete(PandaID);
  }

  /** The job has left the World. Its file is left to whoever leads it: only there a new life of it would be known. */
  forget(PandaID: number): void {
    if (!this.#fresh.has(PandaID)) this.#entries.delete(PandaID);
  }

  /** The job has left the World. After a crash before this `keepOnly` does it. */
  async remove(PandaID: number): Promise<void> {
    if (this.#fresh.has(PandaID)) return;
    const isHere = this.#entries.delete(PandaID);
    // Of one that another instance had before, nothing may have been read here.
    if (this.#dir === null || !(isHere || this.#isShared)) return;
    await rm(this.#path(PandaID), { force: true });
  }

  /** Removes what is of no job of the World; for a start, when no answer is under way. */
  keepOnly(isKnown: (PandaID: number) => boolean): void {
    for (const PandaID of this.#stored()) {
      if (isKnown(PandaID) || !this.#isLeft(this.#path(PandaID))) continue;
      this.#entries.delete(PandaID);
      rmSync(this.#path(PandaID), { force: true });
    }
  }

  /** Where the secrets of a job are, for a message. */
  placeOf(PandaID: number): string {
    return this.#dir === null ? "the memory of the process" : this.#path(PandaID);
  }

  #path(PandaID: number): string {
    return join(this.#dir ?? "", `${PandaID}.json`);
  }

  #stored(): number[] {
    if (this.#dir === null) return [];
    try {
      return readdirSync(this.#dir).flatMap((name) => {
        const [, PandaID] = nameOf.exec(name) ?? [];
        const path = join(this.#dir ?? "", name);
        // What a crash left of a write.
        if (name.endsWith(unfinished) && this.#isLeft(path)) rmSync(path, { force: true });
        return PandaID === undefined ? [] : Number(PandaID);
      });
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
      throw error;
    }
  }

  /** Whether a file that means nothing here can mean nothing to another instance either. */
  #isLeft(path: string): boolean {
    if (!this.#isShared) return true;
    const file = statSync(path, { throwIfNoEntry: false });
    return file !== undefined && Date.now() - file.mtimeMs > freshMs;
  }

  #read(PandaID: number): Secrets {
    const text = readFileSync(this.#path(PandaID), "utf8");
    let secrets: Secrets;
    try {
      secrets = secretsSchema.parse(JSON.parse(text));
    } catch {
      // V8 and zod would quote what they read.
      throw new Error("it is no JSON dictionary");
    }
    this.#entries.set(PandaID, secrets);
    this.changes += 1;
    return secrets;
  }
}

async function writeAll(dir: string, entries: ReadonlyMap<number, Secrets>): Promise<void> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  chmodSync(dir, 0o700);
  for (const [PandaID, secrets] of entries) {
    // A file of its own that nobody can have opened before, nor another instance be writing.
    const part = join(dir, `${PandaID}.${randomUUID()}${unfinished}`);
    const file = await open(part, "wx", 0o600);
    try {
      await file.writeFile(JSON.stringify(secrets));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, join(dir, `${PandaID}.json`));
  }
  syncDirectory(dir);
}
