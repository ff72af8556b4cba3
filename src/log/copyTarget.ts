/**
 * Where a copy of a log is made, so that it passes for a log only when it is whole. A directory gets its name at the
 * end; on Kafka, where nothing can be renamed, a topic says until then that the journal is not whole.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { requireEmpty } from "./copy.ts";
import { LogRefused } from "./faults.ts";
import { beginCopy, endCopy, requireWhole } from "./kafka/copying.ts";
import { openKafkaLog } from "./kafka/kafkaLog.ts";
import { isKafkaAddress } from "./kafka/settings.ts";
import type { Log } from "./log.ts";
import { kafkaPlace } from "./open.ts";
import { partOf, requireNoPart, syncDirectory } from "./place.ts";
import { openSqliteLog } from "./sqlite.ts";

/** A log in the making. One of both ends it. */
export interface CopyTarget {
  readonly log: Log;
  /** It is whole: from now on it opens. */
  finish(): Promise<void>;
  /** It is not, and never will be. */
  abandon(): Promise<void>;
}

/** @throws LogRefused where something is there already, LogFault */
export function openCopyTarget(where: string, shards: number): Promise<CopyTarget> {
  return isKafkaAddress(where) ? onKafka(where, shards) : inDirectory(resolve(where), shards);
}

async function inDirectory(dir: string, shards: number): Promise<CopyTarget> {
  if (existsSync(dir) && readdirSync(dir).length > 0) {
    throw new LogRefused("foreign", `${dir} is not empty: a copy needs a directory that is empty or not there`);
  }
  requireNoPart(dir);
  const part = partOf(dir);
  mkdirSync(part, { recursive: true, mode: 0o700 });
  const log = await openSqliteLog(part, { shards });
  return {
    log,
    async finish() {
      await log.close();
      syncDirectory(part);
      renameSync(part, dir);
      syncDirectory(dirname(dir));
    },
    async abandon() {
      await log.close().finally(() => rmSync(part, { recursive: true }));
    },
  };
}

async function onKafka(where: string, shards: number): Promise<CopyTarget> {
  const place = await kafkaPlace(where);
  const log = await openKafkaLog(where, { shards, security: place.security });
  try {
    await requireWhole(place);
    // A log that is in use must not be marked, not even for a moment.
    await requireEmpty(log);
    await beginCopy(place);
  } catch (error) {
    await log.close();
    throw error;
  }
  return {
    log,
    async finish() {
      await log.close();
      await endCopy(place);
    },
    abandon: () => log.close(),
  };
}
