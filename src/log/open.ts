/**
 * Opens a log by where it is: a directory (SQLite), or `kafka://HOST:PORT[,HOST:PORT]/PREFIX`. The way into Kafka is in
 * a file of client properties, the one that WINDROW_KAFKA_CONFIG names where no other is given; without it there is
 * neither encryption nor a login.
 */

import { mkdirSync } from "node:fs";
import { keepAnchor } from "./anchoring.ts";
import { type KafkaLogOptions, openKafkaLog } from "./kafka/kafkaLog.ts";
import { type KafkaPresence, openKafkaPresence } from "./kafka/presence.ts";
import {
  isKafkaAddress,
  type KafkaPlace,
  type KafkaSecurity,
  noSecurity,
  parseKafkaAddress,
  readKafkaSecurity,
} from "./kafka/settings.ts";
import { openKafkaSnapshots } from "./kafka/snapshots.ts";
import type { Log } from "./log.ts";
import { filesOf } from "./place.ts";
import type { SharedSnapshots } from "./snapshot.ts";
import { openSqliteLog, openSqliteLogReadOnly } from "./sqlite.ts";

/** A log, and the directory of what lies beside it on this machine: snapshots, sockets, secrets of jobs. */
export interface PlacedLog extends Log {
  readonly dir: string;
  /** Where the instances that share it hear of each other; absent where there is only one. */
  readonly presence?: KafkaPresence;
  /** Where they leave snapshots for each other. */
  readonly snapshots?: SharedSnapshots;
  /** Where other topics may be written; absent for an embedded log. */
  readonly kafka?: KafkaPlace;
}

/** Opens a log that is there, to read it. @throws LogRefused, LogHalted, LogFault */
export async function openLogToRead(where: string): Promise<Log> {
  if (!isKafkaAddress(where)) return openSqliteLogReadOnly(where);
  return openKafkaLog(where, { readOnly: true, security: await kafkaSecurity() });
}

/**
 * Opens a log on Kafka to read it and what is added to it. Once it is open, brokers that are away are waited for.
 * @throws as `openLogToRead`
 */
export async function openKafkaLogToFollow(
  address: string,
  told: Required<Pick<KafkaLogOptions, "notice" | "halted">>,
): Promise<Log> {
  return openKafkaLog(address, { readOnly: true, waits: true, security: await kafkaSecurity(), ...told });
}

/** Opens a log to write it, and makes it with so many shards if there is none. @throws as `openLogToRead` */
export async function openLogToWrite(where: string, shards: number): Promise<Log> {
  if (!isKafkaAddress(where)) return openSqliteLog(where, { shards });
  return openKafkaLog(where, { shards, security: await kafkaSecurity() });
}

/** Where a log on Kafka keeps what lies beside it. */
export interface Beside {
  readonly dir: string;
  readonly shards: number;
  /** Accept a log that does not reach the tail anchor there. */
  readonly trustTail: boolean;
  /** File of client properties. */
  readonly properties: string | undefined;
  readonly notice: (text: string) => void;
}

/** Opens a log on Kafka for a daemon, and makes the directory beside it. @throws as `openLogToRead` */
export async function openPlacedKafkaLog(
  address: string,
  { dir, shards, trustTail, properties, notice }: Beside,
): Promise<PlacedLog> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const kafka = { address: parseKafkaAddress(address), security: await kafkaSecurity(properties) };
  const log = await openKafkaLog(address, { shards, security: kafka.security, notice });
  const closing: (() => unknown)[] = [() => log.close()];
  const close = async (): Promise<void> => {
    for (const end of closing.toReversed()) await end();
  };
  try {
    const anchor = await keepAnchor(log, { path: filesOf(dir).anchor, trustTail, notice });
    closing.push(() => anchor.close());
    const presence = await openKafkaPresence(kafka);
    closing.push(() => presence.close());
    // Without them a start takes longer, and that is all.
    const snapshots = await openKafkaSnapshots(kafka).catch((error: unknown) => {
      notice(`snapshots are not shared: ${error instanceof Error ? error.message : String(error)}`);
    });
    closing.push(() => snapshots?.close());
    return {
      dir,
      presence,
      kafka,
      ...(snapshots ? { snapshots } : {}),
      shards: log.shards,
      tip: (shard) => log.tip(shard),
      read: (shard, from) => log.read(shard, from),
      append: (shard, record) => log.append(shard, record),
      follow: (deliver) => log.follow(deliver),
      hearsSince: (shard) => log.hearsSince?.(shard),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function kafkaSecurity(path = process.env["WINDROW_KAFKA_CONFIG"]): Promise<KafkaSecurity> {
  return path ? readKafkaSecurity(path) : noSecurity;
}
