/**
 * Verifies a stopped log from its first record to its last: chain and tail anchor, every event against its schema, the
 * fold, and that replaying gives exactly what the newest snapshot says. It must never write, nor leave out anything
 * without saying so.
 */
import { isDeepStrictEqual } from "node:util";
import { parseEvents, type WindrowEvent } from "../events/events.ts";
import { canonical, type Frozen, freeze } from "./frozen.ts";
import { LogRefused } from "./log/faults.ts";
import { isKafkaAddress } from "./log/kafka/settings.ts";
import { newestKafkaSnapshot } from "./log/kafka/snapshots.ts";
import type { Log } from "./log/log.ts";
import { kafkaPlace, openLogToRead } from "./log/open.ts";
import { type Cursors, countAll, ShardReader } from "./log/replay.ts";
import { type FoundSnapshot, findSnapshot, judgeSnapshot, type Snapshot } from "./log/snapshot.ts";
import { fold } from "./projection.ts";
import { foldVersion } from "./version.ts";
import { type Anomaly, World } from "./world.ts";

/** What was verified, in numbers. */
export interface Verification {
  readonly ok: boolean;
  /** Directory of the log, or its address. */
  readonly dir: string;
  readonly shards: number;
  /** Records in the log; `discarded` of them do not count (duplicates, fenced owners). */
  readonly records: number;
  readonly discarded: number;
  readonly bytes: number;
  readonly events: number;
  readonly steps: number;
  readonly jobs: number;
  readonly workers: number;
  /** The snapshot that the replay was compared with: null where there is none of this version. */
  readonly snapshot: { readonly seqs: number; readonly entities: number; readonly equal: boolean } | null;
  /** Snapshots that were not used, and why. */
  readonly passedOver: readonly { readonly file: string; readonly why: string }[];
  readonly anomalies: number;
  readonly firstAnomalies: readonly Anomaly[];
  readonly tookMs: number;
}

/** @throws LogRefused where the log cannot be opened, LogHalted where chain, anchor or an event is damaged. */
export async function verifyLog(dir: string, progress: (records: number, of: number) => void): Promise<Verification> {
  const began = performance.now();
  const log = await openLogToRead(dir);
  try {
    const find = isKafkaAddress(dir) ? findShared : findSnapshot;
    const { snapshot, refused } = await find(dir, log, await foldVersion());
    const replayed = await replayInTwo(log, snapshot, progress);
    const { world } = replayed;
    return {
      ok: world.anomalyCount === 0 && replayed.snapshot?.equal !== false,
      dir,
      shards: log.shards,
      ...replayed.counts,
      events: replayed.events,
      steps: replayed.steps,
      jobs: world.jobs.size,
      workers: world.workers.size,
      snapshot: replayed.snapshot,
      passedOver: refused,
      anomalies: world.anomalyCount,
      firstAnomalies: world.anomalies.slice(0, 5),
      tookMs: Math.round(performance.now() - began),
    };
  } finally {
    await log.close();
  }
}

/** The newest snapshot that an instance left for the others. Without one all the rest is verified. */
async function findShared(address: string, log: Log, version: string): Promise<FoundSnapshot> {
  try {
    const newest = await newestKafkaSnapshot(await kafkaPlace(address));
    if (!newest) return { refused: [] };
    const { name, file } = newest;
    return file ? await judgeSnapshot(file, log, version) : { refused: [{ file: name, why: "it is not there whole" }] };
  } catch (error) {
    if (!(error instanceof LogRefused)) throw error;
    return { refused: [{ file: "the shared snapshot", why: error.message }] };
  }
}

/** Folds every shard to where the snapshot stands, compares, and folds the rest. */
async function replayInTwo(log: Log, snapshot: Snapshot | undefined, progress: (records: number, of: number) => void) {
  const world = new World();
  let events = 0;
  let steps = 0;
  const reading = {
    parseEvents,
    fold: (record: { shard: number; seq: number; at: number; events: readonly WindrowEvent[] }) => {
      events += record.events.length;
      fold(world, record, () => {
        steps += 1;
      });
    },
  };
  const readers = Array.from({ length: log.shards }, (_, shard) => new ShardReader(shard, reading));
  const tips = await Promise.all(readers.map(({ shard }) => log.tip(shard)));
  const total = tips.reduce((sum, tip) => sum + tip, 0);
  const told = (): void => progress(countAll(readers).records, total);
  for (const reader of readers) await readTo(log, reader, snapshot?.cursors[reader.shard]?.seq ?? 0, told);
  const compared = snapshot ? compare(world, snapshot) : null;
  for (const reader of readers) await readTo(log, reader, Number.POSITIVE_INFINITY, told);
  return { world, events, steps, counts: countAll(readers), snapshot: compared };
}

/** Takes records of a shard until one with this seq is admitted, or to the end. */
async function readTo(log: Log, reader: ShardReader<WindrowEvent>, seq: number, told: () => void): Promise<void> {
  if (reader.admission.seq >= seq) return;
  for await (const batch of log.read(reader.shard, reader.offset)) {
    for (const stored of batch) {
      if (reader.take(stored).verdict === "halted") throw reader.report();
      if (reader.admission.seq >= seq) return told();
    }
    told();
  }
}

function compare(world: World, { state, cursors }: Snapshot): NonNullable<Verification["snapshot"]> {
  const replayed = canonical(freeze(world));
  const { entities } = replayed;
  return {
    seqs: Object.values(cursors satisfies Cursors).reduce((sum, { seq }) => sum + seq, 0),
    entities: Object.values(entities).reduce((sum, list) => sum + list.length, 0),
    equal: isDeepStrictEqual(
      JSON.parse(JSON.stringify(replayed)),
      JSON.parse(JSON.stringify(canonical(state as Frozen))),
    ),
  };
}
