/**
 * Copies a log into an empty one of any kind, byte for byte, and then reads the copy back: what it admits must end at
 * the same hash in every shard, which its chain extends to every record. It must never write into a log that has
 * records, nor copy one that halts.
 */
import { type Admission, admit, unclaimed } from "./admit.ts";
import { LogHalted, LogRefused } from "./faults.ts";
import type { Log } from "./log.ts";
import { decode, type StoredRecord } from "./record.ts";
import type { Cursor } from "./replay.ts";

/** What was copied and verified. */
export interface Copied {
  readonly shards: number;
  readonly records: number;
  readonly bytes: number;
  /** Where each shard with records ends, in both logs. */
  readonly cursors: Readonly<Record<number, Cursor>>;
  /** Shards whose owner did not give them up: it crashed, or is still writing. */
  readonly owned: readonly number[];
}

/** Called now and then with how many records were copied, of how many. */
export type Progress = (records: number, of: number) => void;

/**
 * @throws LogRefused if the logs do not fit together or the target has records; LogHalted if the source halts, or the
 * copy is not the same; LogFault if either fails. After the last two the target is to be thrown away.
 */
export async function copyLog(from: Log, to: Log, progress: Progress = () => undefined): Promise<Copied> {
  if (from.shards !== to.shards) {
    throw new LogRefused("shards", `the source has ${from.shards} shards, the target ${to.shards}`);
  }
  const shards = Array.from({ length: from.shards }, (_, shard) => shard);
  await requireEmpty(to);
  const tips = await Promise.all(shards.map((shard) => from.tip(shard)));
  const total = tips.reduce((sum, tip) => sum + tip, 0);
  let [records, bytes] = [0, 0];
  const ends: Admission[] = [];
  for (const shard of shards) {
    const end = await readThrough(from, shard, async (batch) => {
      await Promise.all(batch.map((record) => to.append(shard, record)));
      records += batch.length;
      for (const record of batch) bytes += record.bytes.length;
      progress(records, total);
    });
    ends.push(end);
  }
  for (const end of ends) await compare(to, end);
  const used = ends.filter(({ seq }) => seq > 0);
  return {
    shards: from.shards,
    records,
    bytes,
    cursors: Object.fromEntries(used.map(({ shard, seq, hash, term }) => [shard, { seq, hash, term }])),
    owned: used.filter(({ resigned }) => !resigned).map(({ shard }) => shard),
  };
}

/** @throws LogRefused where a log has records */
export async function requireEmpty(log: Log): Promise<void> {
  for (let shard = 0; shard < log.shards; shard += 1) {
    if ((await log.tip(shard)) === 0) continue;
    throw new LogRefused("foreign", `the target has records already (shard ${shard}): a copy needs an empty log`);
  }
}

/** Reads a shard to its end and judges every record before `take` gets its batch. @throws LogHalted */
async function readThrough(
  log: Log,
  shard: number,
  take: (batch: readonly StoredRecord[]) => Promise<void>,
): Promise<Admission> {
  let state = unclaimed(shard);
  for await (const batch of log.read(shard)) {
    for (const stored of batch) {
      state = admit(state, decode(stored)).state;
      if (state.halted !== "") throw new LogHalted(shard, `shard ${shard} halts: ${state.halted}. It is not copied.`);
    }
    await take(batch);
  }
  return state;
}

async function compare(to: Log, { shard, seq, hash, term }: Admission): Promise<void> {
  const copy = await readThrough(to, shard, async () => undefined);
  if (copy.seq === seq && copy.hash === hash && copy.term === term) return;
  const ends = `the copy ends at seq ${copy.seq} with hash ${copy.hash}, the source at ${seq} with ${hash}`;
  throw new LogHalted(shard, `shard ${shard} is not the same: ${ends}. Throw the copy away.`);
}
