/**
 * Holds the directory beside a log on Kafka for one instance: two of one name would share sockets, snapshots and the
 * tail anchor. SQLite's lock is the lock, because the system takes it back however the process ends. It must be taken
 * before anything else is done there.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { LogRefused } from "./faults.ts";

/** Makes the directory, and holds it until `close`. @throws LogRefused while another process holds it */
export function holdDirectory(dir: string): { close(): void } {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const db = new DatabaseSync(join(dir, "instance.lock"), { timeout: 0 });
  try {
    // Never committed, so nothing is ever written; closing ends it.
    db.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    db.close();
    // The low byte of SQLite's code: 5 is BUSY.
    if (error instanceof Error && "errcode" in error && (Number(error.errcode) & 0xff) === 5) {
      throw new LogRefused("busy", `an instance runs with ${dir} already. Give this one another name with --instance`);
    }
    throw error;
  }
  return { close: () => db.close() };
}
