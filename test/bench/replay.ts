/**
 * What a start costs over what no start can avoid: from the stored bytes of whole lives to the World (reading from
 * SQLite, hash, JSON, envelope, chain, schemas, machines), against JSON.parse and SHA-256 of the same bytes in memory.
 */
import { parseEvents } from "../../events/events.ts";
import { hashOf } from "../../src/log/hash.ts";
import type { Log } from "../../src/log/log.ts";
import { replay } from "../../src/log/replay.ts";
import { openSqliteLogReadOnly } from "../../src/log/sqlite.ts";
import { fold } from "../../src/projection.ts";
import { World } from "../../src/world.ts";
import { compare, type Figure, inTemporary } from "./figure.ts";
import { liveThrough } from "./lifecycle.ts";

/** Folds a whole log into a new World, and closes it. */
export async function restore(log: Log): Promise<{ perSecond: number; records: number }> {
  const world = new World();
  const started = performance.now();
  const { counts } = await replay(log, { parseEvents, fold: (record) => fold(world, record) });
  const perSecond = (counts.records / (performance.now() - started)) * 1000;
  await log.close();
  // A life that the machines do not follow would be cheap to replay.
  if (world.anomalyCount > 0) throw new Error(`the lives are not ordinary: ${JSON.stringify(world.anomalies[0])}`);
  return { perSecond, records: counts.records };
}

/** Stored bytes of every record of a stopped log. */
export async function storedBytes(dir: string): Promise<readonly Uint8Array[]> {
  const log = await openSqliteLogReadOnly(dir);
  const bytes: Uint8Array[] = [];
  for (let shard = 0; shard < log.shards; shard += 1) {
    for await (const batch of log.read(shard)) bytes.push(...batch.map((record) => record.bytes.slice()));
  }
  await log.close();
  return bytes;
}

/** JSON.parse and SHA-256 alone; records a second. */
export function bare(stored: readonly Uint8Array[]): number {
  const started = performance.now();
  for (const bytes of stored) {
    hashOf(bytes);
    JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
  }
  return (stored.length / (performance.now() - started)) * 1000;
}

/** A whole start from the log that so many whole lives wrote. */
export function benchReplay(jobs = 10_000): Promise<Figure> {
  return inTemporary(async (dir) => {
    await liveThrough(dir, jobs);
    const stored = await storedBytes(dir);
    // Unmeasured, so that neither side pays for the first compilation.
    const ours = async () => restore(await openSqliteLogReadOnly(dir));
    await ours();
    bare(stored);
    const figure = await compare(ours, () => bare(stored));
    return { name: "replay", unit: "records/s", limit: 0.25, ...figure };
  });
}
