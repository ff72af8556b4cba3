/**
 * The stream over a log on disk with real snapshots beside it, and over an engine that was started again: what a
 * subscriber gets is the same, and what need not be read is not read.
 */
import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { freeze } from "../../src/frozen.ts";
import type { Log } from "../../src/log/log.ts";
import { type Snapshot, writeSnapshot } from "../../src/log/snapshot.ts";
import { openSqliteLog, type SqliteLog } from "../../src/log/sqlite.ts";
import { liveSource, snapshotsOf } from "../../src/publish/live.ts";
import type { Source } from "../../src/publish/stream.ts";
import { tempDir } from "../plugins/fixtures.ts";
import { allOf, chapterOf, idsOf, write, writingTo } from "./writing.ts";

/** The same log, which counts the records that are read. */
function counting(log: Log): { log: Log; read: () => number } {
  let n = 0;
  const counted: Log = {
    shards: log.shards,
    tip: (shard) => log.tip(shard),
    append: (shard, record) => log.append(shard, record),
    follow: (deliver) => log.follow(deliver),
    close: () => log.close(),
    async *read(shard, from) {
      for await (const batch of log.read(shard, from)) {
        n += batch.length;
        yield batch;
      }
    },
  };
  return { log: counted, read: () => n };
}

/** A log with lives of jobs, and snapshots in between. */
async function written(dir: string): Promise<SqliteLog> {
  const disk = await openSqliteLog(dir, { shards: 4 });
  const log = await writingTo(disk);
  const snapshot = async (): Promise<void> => {
    const { world, journal } = log;
    await writeSnapshot(dir, { version: "v", cursors: journal.cursors(), state: freeze(world) });
  };
  await write(log, [1, 2], "running");
  await snapshot();
  await write(log, [3, 4], "made");
  await snapshot();
  for (const chapter of ["wrote", "ended", "sent"] as const) await log.decide(1, chapterOf(chapter, 1, "A"));
  expect(log.world.anomalies).toEqual([]);
  log.journal.detach();
  return disk;
}

describe("a log with snapshots", () => {
  it("gives at every position exactly the rest, from the newest snapshot that is not newer", async () => {
    const dir = await tempDir();
    const disk = await written(dir);
    const all = await allOf({ log: disk });
    const used: (number | undefined)[] = [];
    const source: Source = {
      log: disk,
      async snapshot(against) {
        const found: Snapshot | undefined = await snapshotsOf(disk, "v")(against);
        used.push(found && Object.values(found.cursors).reduce((sum, { seq }) => sum + seq, 0));
        return found;
      },
    };
    for (let i = 0; i < all.length; i++) {
      const rest = await allOf(source, { from: all[i]!.position });
      expect([i, rest.map(({ event }) => event)]).toEqual([i, all.slice(i + 1).map(({ event }) => event)]);
    }
    const files = readdirSync(dir).filter((name) => name.startsWith("snapshot-"));
    const sums = files.map((name) => Number(name.slice(9, 25))).sort((a, b) => a - b);
    expect(sums).toHaveLength(2);
    expect(new Set(used)).toEqual(new Set([undefined, ...sums]));
    await disk.close();
  });

  it("reads from the snapshot on, and passes over one of other code", async () => {
    const dir = await tempDir();
    const disk = await written(dir);
    const all = await allOf({ log: disk });
    const read = async (version: string): Promise<number> => {
      const counted = counting(disk);
      const source = { log: counted.log, snapshot: snapshotsOf(disk, version) };
      expect(idsOf(await allOf(source, { from: all.at(-3)!.position }))).toEqual(idsOf(all.slice(-2)));
      return counted.read();
    };
    const [short, whole] = [await read("v"), await read("other")];
    expect(short).toBeLessThan(12);
    expect(whole).toBeGreaterThan(35);
    await disk.close();
  });
});

describe("an engine that was started again", () => {
  it("gives a subscriber of the last one what it has not seen, and then what happens", async () => {
    const dir = await tempDir();
    await (await written(dir)).close();
    const disk = await openSqliteLog(dir, { shards: 4 });
    const all = await allOf({ log: disk });
    const log = await writingTo(disk);
    const live = liveSource(disk, "v", { world: () => log.world, cursors: () => log.journal.cursors() });
    const seen = all[20]!.position;
    expect(idsOf(await allOf(live, { from: seen }))).toEqual(idsOf(all.slice(21)));
    expect(live.feed.covers(live.feed.now())).toBe(true);
    expect(idsOf(await allOf(live, { from: "start" }))).toEqual(idsOf(all));
    await log.journal.resign();
  });
});
