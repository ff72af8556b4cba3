/**
 * What a start costs over what no start can avoid: from the stored bytes of many lives to the World (reading from
 * SQLite, hash, JSON, envelope, chain, events, machines), against JSON.parse and SHA-256 of the same bytes in memory.
 */
import { parseEvents, type WindrowEvent } from "../../events/events.ts";
import { openJournal } from "../../src/log/journal.ts";
import { hashOf } from "../../src/log/record.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { fold } from "../../src/projection.ts";
import { World } from "../../src/world.ts";
import { configured } from "../agents/drive.ts";
import { compare, type Figure, inTemporary } from "./figure.ts";
import { livesOfGroup } from "./lives.ts";

const shards = 4;

/** Opens the log of the directory, `folding` into a new World or only reading. `boot` tells starts apart. */
async function open(dir: string, boot: number, folding: boolean) {
  const log = await openSqliteLog(dir, { shards });
  const world = new World();
  const about = { log, owner: `bench:${boot}`, now: Date.now };
  const started = performance.now();
  const journal = folding
    ? await openJournal<WindrowEvent>({ ...about, parseEvents, fold: (record) => fold(world, record) })
    : await openJournal<unknown>({ ...about, parseEvents: (events) => events, fold: () => undefined });
  const perSecond = (journal.counts().records / (performance.now() - started)) * 1000;
  // A life that the machines do not follow would be cheap to replay.
  if (world.anomalyCount > 0) throw new Error(`the lives are not ordinary: ${JSON.stringify(world.anomalies[0])}`);
  return { journal, log, perSecond };
}

/** Writes lives of about so many records, and reads their bytes back. */
async function write(dir: string, records: number): Promise<readonly Uint8Array[]> {
  const { journal, log } = await open(dir, -1, false);
  await journal.decide({ shard: 0, cause: "configure", events: configured() });
  for (let written = 0, first = shards; written < records; first += 1000 * shards) {
    const groups = Array.from({ length: shards }, (_, shard) => ({
      shard,
      lives: livesOfGroup(first + shard, shards),
    }));
    const decisions = groups.flatMap(({ shard, lives }) => lives.map((events) => ({ shard, cause: "bench", events })));
    await Promise.all(decisions.map((decision) => journal.decide(decision)));
    written += decisions.length;
  }
  const bytes: Uint8Array[] = [];
  for (let shard = 0; shard < shards; shard += 1) {
    for await (const batch of log.read(shard)) bytes.push(...batch.map((record) => record.bytes.slice()));
  }
  await journal.resign();
  return bytes;
}

/** JSON.parse and SHA-256 alone; records a second. */
function bare(stored: readonly Uint8Array[]): number {
  const started = performance.now();
  for (const bytes of stored) {
    hashOf(bytes);
    JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
  }
  return (stored.length / (performance.now() - started)) * 1000;
}

async function bench(folding: boolean, records: number): Promise<{ value: number; ratio: number }> {
  return inTemporary(async (dir) => {
    const stored = await write(dir, records);
    const start = async (round: number): Promise<{ perSecond: number }> => {
      const { journal, perSecond } = await open(dir, round, folding);
      await journal.resign();
      return { perSecond };
    };
    // Unmeasured, so that neither side pays for the first compilation.
    await start(0);
    bare(stored);
    return compare(start, () => bare(stored));
  });
}

/** A whole start, into a World. Takes about twenty seconds. */
export async function benchReplay(records = 100_000): Promise<Figure> {
  return { name: "replay", unit: "records/s", limit: 0.25, ...(await bench(true, records)) };
}

/** The same without the World: what the log alone costs. */
export async function benchReplayLog(records = 100_000): Promise<Figure> {
  return { name: "replayLog", unit: "records/s", limit: 0.5, ...(await bench(false, records)) };
}
