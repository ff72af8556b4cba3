/**
 * Opens a log by where it is: a directory (SQLite), or `kafka://HOST:PORT[,HOST:PORT]/PREFIX`. The way into Kafka is in
 * a file of client properties, the one that WINDROW_KAFKA_CONFIG names where no other is given; without it there is
 * neither encryption nor a login.
 */

import { keepAnchor } from "./anchoring.ts";
import type { LogHalted } from "./faults.ts";
import { requireWhole } from "./kafka/copying.ts";
import { type KafkaLogOptions, openKafkaLog } from "./kafka/kafkaLog.ts";
import { type KafkaPresence, openKafkaPresence } from "./kafka/presence.ts";
import { isKafkaAddress, type KafkaPlace, noSecurity, parseKafkaAddress, readKafkaSecurity } from "./kafka/settings.ts";
import { openKafkaSnapshots } from "./kafka/snapshots.ts";
import { holdDirectory } from "./lock.ts";
import type { Log } from "./log.ts";
import { filesOf } from "./place.ts";
import type { SharedSnapshots } from "./snapshot.ts";
import { openSqliteLogReadOnly } from "./sqlite.ts";

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
  return openWholeKafkaLog(where, { readOnly: true });
}

/**
 * Opens a log on Kafka to read it and what is added to it. Once it is open, brokers that are away are waited for.
 * @throws as `openLogToRead`
 */
export async function openKafkaLogToFollow(
  address: string,
  told: Required<Pick<KafkaLogOptions, "notice" | "halted">>,
): Promise<Log> {
  return openWholeKafkaLog(address, { readOnly: true, waits: true, ...told });
}

async function openWholeKafkaLog(address: string, options: KafkaLogOptions): Promise<Log> {
  const place = await kafkaPlace(address);
  const log = await openKafkaLog(address, { ...options, security: place.security });
  try {
    await requireWhole(place);
    return log;
  } catch (error) {
    await log.close();
    throw error;
  }
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
  const held = holdDirectory(dir);
  const closing: (() => unknown)[] = [() => held.close()];
  const close = async (): Promise<void> => {
    for (const end of closing.toReversed()) await end();
  };
  try {
    const kafka = await kafkaPlace(address, properties);
    const halted = (why: LogHalted): void => notice(why.message);
    const log = await openKafkaLog(address, { shards, security: kafka.security, notice, halted });
    closing.push(() => log.close());
    await requireWhole(kafka);
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

/** An address, and the way in that a file of client properties names. @throws LogRefused */
export async function kafkaPlace(
  address: string,
  properties = process.env["WINDROW_KAFKA_CONFIG"],
): Promise<KafkaPlace> {
  const security = properties ? await readKafkaSecurity(properties) : noSecurity;
  return { address: parseKafkaAddress(address), security };
}
