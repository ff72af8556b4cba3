/**
 * Opens a log by where it is: a directory (SQLite), or `kafka://HOST:PORT[,HOST:PORT]/PREFIX`. The way into Kafka is in
 * the file of client properties that WINDROW_KAFKA_CONFIG names; without it there is neither encryption nor a login.
 */

import { openKafkaLog } from "./kafkaLog.ts";
import { isKafkaAddress, type KafkaSecurity, noSecurity, readKafkaSecurity } from "./kafkaSettings.ts";
import type { Log } from "./log.ts";
import { openSqliteLog, openSqliteLogReadOnly } from "./sqlite.ts";

/** Opens a log that is there, to read it. @throws LogRefused, LogHalted, LogFault */
export async function openLogToRead(where: string): Promise<Log> {
  if (!isKafkaAddress(where)) return openSqliteLogReadOnly(where);
  return openKafkaLog(where, { readOnly: true, security: await kafkaSecurity() });
}

/** Opens a log to write it, and makes it with so many shards if there is none. @throws as `openLogToRead` */
export async function openLogToWrite(where: string, shards: number, notice?: (text: string) => void): Promise<Log> {
  if (!isKafkaAddress(where)) return openSqliteLog(where, { shards });
  return openKafkaLog(where, { shards, security: await kafkaSecurity(), ...(notice ? { notice } : {}) });
}

async function kafkaSecurity(): Promise<KafkaSecurity> {
  const path = process.env["WINDROW_KAFKA_CONFIG"];
  return path ? readKafkaSecurity(path) : noSecurity;
}
