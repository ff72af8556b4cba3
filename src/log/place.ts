/**
 * Where an embedded log may live, where that lies which is beside a log on Kafka, and what is called what there. Locks
 * and durable writes are only as good as the file system under them, so this must never let a log open where they are
 * known to be unreliable.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, resolve } from "node:path";
import { LogRefused } from "./faults.ts";

/** Files of an embedded log. */
export function filesOf(dir: string): { readonly db: string; readonly anchor: string; readonly pid: string } {
  return { db: join(dir, "log.db"), anchor: join(dir, "log.anchor"), pid: join(dir, "log.pid") };
}

/**
 * Directory on this machine of what lies beside a log on Kafka, of one instance: `<logDir>.kafka/<prefix>/<instance>`.
 */
export function besideKafka(logDir: string, prefix: string, instance: string): string {
  return join(`${logDir}.kafka`, prefix, instance);
}

/**
 * Where secrets of jobs are if the configuration does not say: beside the log of one instance alone; for all instances
 * of a machine that share a log, one directory.
 */
export function vaultOf(dir: string, isShared: boolean): string {
  return join(isShared ? dirname(dir) : dir, "vault");
}

/** Magic numbers of statfs(2) of file systems whose locks or syncs pass through a network or a user process. */
const networkTypes: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xfe534d42, "SMB2"],
  [0xff534d42, "CIFS"],
  [0x0bd00bd0, "Lustre"],
  [0x47504653, "GPFS"],
  [0x5346414f, "AFS"],
  [0x6b414653, "AFS"],
  [0x00c36400, "CephFS"],
  [0x01021997, "9P"],
  [0x73757245, "Coda"],
  [0x7461636f, "OCFS2"],
  [0x01161970, "GFS2"],
  [0x19830326, "BeeGFS"],
  [0xaad7aaea, "PanFS"],
  [0x65735546, "FUSE"],
]);

/** Name of a network file system by its statfs type, undefined for any other. Types may come sign-extended. */
export function networkFileSystem(type: number): string | undefined {
  return networkTypes.get(type >>> 0);
}

/** Makes the directory if needed. @throws LogRefused on a network file system. */
export function requireLocalDirectory(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const name = networkFileSystem(statfsSync(dir).type);
  if (name === undefined) return;
  throw new LogRefused(
    "networkFileSystem",
    `${dir} is on ${name}, whose locks and syncs cannot be relied on. Put the log on a local disk.`,
  );
}

/** First SQLite without the WAL-reset defect, which can lose commits (reliability 4.3). */
const oldestSqlite = [3, 51, 3] as const;

/** @throws LogRefused for an SQLite below 3.51.3. */
export function requireSqlite(version: string): void {
  const parts = version.split(".").map(Number);
  for (const [index, least] of oldestSqlite.entries()) {
    const part = parts[index] ?? 0;
    if (part > least) return;
    if (part < least) {
      const message = `SQLite ${version} can lose commits; ${oldestSqlite.join(".")} or newer is needed. Use a newer Node.`;
      throw new LogRefused("oldSqlite", message);
    }
  }
}

/** Where a copy of a log is made until it is whole. */
export const partOf = (dir: string): string => `${resolve(dir)}.part`;

/** @throws LogRefused where a copy that should have become the log in the directory is not whole. */
export function requireNoPart(dir: string): void {
  const part = partOf(dir);
  if (!existsSync(part)) return;
  const why = `${part} is a copy that is under way or was cut off, so records may be missing`;
  throw new LogRefused(
    "missing",
    `there is no log in ${dir}: ${why}. If it was cut off, delete it (rm -r ${part}) and copy again.`,
  );
}

/** Makes the names of new files in a directory durable. */
export function syncDirectory(dir: string): void {
  const fd = openSync(dir, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Notes who holds the log. Only for the message to others: the lock itself is SQLite's. */
export function noteHolder(dir: string): void {
  writeFileSync(filesOf(dir).pid, `${process.pid}\n`);
}

export function forgetHolder(dir: string): void {
  rmSync(filesOf(dir).pid, { force: true });
}

/** The refusal for a log that another connection holds, with the pid of the holder where it left one. */
export function heldByAnother(dir: string): LogRefused {
  let holder = "another process";
  try {
    holder = `process ${readFileSync(filesOf(dir).pid, "utf8").trim()}`;
  } catch {
    // A reader leaves no pid, and a daemon leaves it a moment after it has the lock: the refusal stands without it.
  }
  return new LogRefused("busy", `the log in ${dir} is in use by ${holder}. Stop it, or ask the daemon instead.`);
}
