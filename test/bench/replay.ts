/**
 * What a start costs per record over what no start can avoid: `openJournal` on many small records (reading from SQLite,
 * hash, JSON, envelope, chain; an empty fold) against JSON.parse and SHA-256 of the same bytes in memory, alternately three
 * times in one run.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openJournal } from "../../src/log/journal.ts";
import { hashOf } from "../../src/log/record.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";

export interface ReplayBench {
  readonly name: "replay";
  /** Records a second through a start. */
  readonly value: number;
  readonly unit: "records/s";
  readonly limit: 0.5;
  /** Start against JSON.parse and SHA-256 alone. */
  readonly ratio: number;
}

const rounds = 3;

function eventsOf(n: number): readonly unknown[] {
  const changes = { set: { nativeStatus: "R", nodeID: `node-${n % 977}` } };
  return [0, 1, 2].map((i) => ({
    type: "worker.looked",
    workerID: 3 * n + i,
    status: "running",
    checked: true,
    changes,
  }));
}

async function open(dir: string, boot: number) {
  const log = await openSqliteLog(dir, { shards: 4 });
  const started = performance.now();
  const journal = await openJournal<unknown>({
    log,
    owner: `bench:${boot}`,
    now: Date.now,
    parseEvents: (events) => events,
    fold: () => undefined,
  });
  return { journal, log, perSecond: (journal.counts().records / (performance.now() - started)) * 1000 };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Runs the comparison over so many records. Takes about ten seconds. */
export async function benchReplay(records = 200_000): Promise<ReplayBench> {
  const dir = mkdtempSync(join(tmpdir(), "windrow-bench-"));
  const { journal, log } = await open(dir, 0);
  for (let from = 0; from < records; from += 1000) {
    const some = Array.from({ length: 1000 }, (_, i) => from + i);
    await Promise.all(some.map((n) => journal.decide({ shard: n % 4, cause: `monitor:${n}`, events: eventsOf(n) })));
  }
  const sample: Uint8Array[] = [];
  for (const shard of [0, 1, 2, 3]) {
    for await (const batch of log.read(shard)) sample.push(...batch.map(({ bytes }) => Uint8Array.from(bytes)));
  }
  await journal.resign();
  const starts: number[] = [];
  const plain: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const opened = await open(dir, round);
    await opened.journal.resign();
    starts.push(opened.perSecond);
    const begun = performance.now();
    for (const bytes of sample) {
      hashOf(bytes);
      JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString());
    }
    plain.push((sample.length / (performance.now() - begun)) * 1000);
  }
  rmSync(dir, { recursive: true });
  const value = median(starts);
  return { name: "replay", value, unit: "records/s", limit: 0.5, ratio: value / median(plain) };
}

if (import.meta.main) console.log(await benchReplay());
