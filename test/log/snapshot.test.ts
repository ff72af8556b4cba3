/** Snapshots: kept, read back, and passed over with a reason where they are not of this log. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { memoryStore, openMemoryLog } from "../../src/log/memory.ts";
import { findSnapshot, readSnapshot, writeSnapshot } from "../../src/log/snapshot.ts";
import { journalOn, noted, numbers } from "./fixtures.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "windrow-snapshot-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** A log of `count` decisions, with a snapshot after each. */
async function logWithSnapshots(count: number, owner = "a:1") {
  const log = openMemoryLog(memoryStore(4));
  const { journal, folded } = await journalOn(log, { owner });
  for (let n = 0; n < count; n += 1) {
    await journal.decide({ shard: 2, cause: "c", events: [noted(n)] });
    await writeSnapshot(dir, { version: "1", cursors: journal.cursors(), state: { sum: numbers(folded) } });
  }
  journal.detach();
  return log;
}

it("keeps the newest three, and the newest takes part in a start", async () => {
  const log = await logWithSnapshots(5);
  expect(readdirSync(dir).length).toBe(3);
  const { snapshot, refused } = await findSnapshot(dir, log, "1");
  expect(refused).toEqual([]);
  expect(snapshot?.state).toEqual({ sum: [0, 1, 2, 3, 4] });
  expect(snapshot?.cursors[2]).toMatchObject({ seq: 6, term: 1 });
  const { folded } = await journalOn(log, { owner: "a:2", restoredFrom: snapshot?.cursors ?? {} });
  expect(numbers(folded)).toEqual([]);
});

it("passes over damaged files, another version, and another history, with the reason", async () => {
  const log = await logWithSnapshots(3);
  const [oldest, middle, newest] = readdirSync(dir).toSorted();
  const damaged = readFileSync(join(dir, newest!));
  damaged[damaged.length - 12] = damaged[damaged.length - 12]! ^ 4;
  writeFileSync(join(dir, newest!), damaged);
  const found = await findSnapshot(dir, log, "1");
  expect(found.refused.map(({ file }) => file)).toEqual([newest]);
  expect(found.snapshot).toEqual(await readSnapshot(join(dir, middle!)));
  const other = await findSnapshot(dir, log, "2");
  expect(other.snapshot).toBeUndefined();
  expect(other.refused.map(({ why }) => why).slice(1)).toEqual(Array(2).fill("it was made by version 1, this is 2"));
  const elsewhere = openMemoryLog(memoryStore(4));
  await journalOn(elsewhere, { owner: "b:1" });
  const foreign = await findSnapshot(dir, elsewhere, "1");
  expect(foreign.snapshot).toBeUndefined();
  expect(foreign.refused.find(({ file }) => file === oldest)?.why).toMatch(/no record 1 of shard 0 .* another history/);
});

it("starts without any", async () => {
  expect(await findSnapshot(dir, openMemoryLog(memoryStore(1)), "1")).toEqual({ refused: [] });
});
