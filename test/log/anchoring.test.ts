/** The tail anchor beside a log that is kept elsewhere: what was read once must be there at the next start. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readAnchor } from "../../src/log/anchorFile.ts";
import { keepAnchor } from "../../src/log/anchoring.ts";
import { LogHalted } from "../../src/log/faults.ts";
import { type MemoryStore, memoryStore, openMemoryLog } from "../../src/log/memory.ts";
import { Chain } from "./fixtures.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "windrow-anchor-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

const quiet = { trustTail: false, notice: (text: string) => expect.unreachable(text) };
const path = () => join(dir, "log.anchor");

/** Opens the log of the store with its anchor, lets `work` write, and closes both. */
async function session(store: MemoryStore, work: (append: (shard: number) => Promise<void>) => Promise<void>) {
  const log = openMemoryLog(store);
  const anchor = await keepAnchor(log, { path: path(), ...quiet });
  const chain = new Chain();
  await work((shard) => log.append(shard, chain.next({ shard })));
  await anchor.close();
  await log.close();
}

const write = (counts: readonly number[]) => async (append: (shard: number) => Promise<void>) => {
  for (const [shard, count] of counts.entries()) for (let n = 0; n < count; n += 1) await append(shard);
};

const opening = (store: MemoryStore, trustTail = false) =>
  keepAnchor(openMemoryLog(store), { path: path(), ...quiet, trustTail });

it("says how far each shard was read, whoever wrote, and agrees at the next start", async () => {
  const store = memoryStore(3);
  await session(store, write([2, 0, 5]));
  const hash = (shard: number, offset: number) => store.shards[shard]?.[offset]?.hash;
  const tails = new Map([
    [0, { offset: 1, hash: hash(0, 1) }],
    [2, { offset: 4, hash: hash(2, 4) }],
  ]);
  expect(readAnchor(path(), 3)).toEqual({ state: "good", tails });
  // Another machine wrote meanwhile.
  const other = openMemoryLog(store);
  await other.append(1, new Chain().next({ shard: 1 }));
  await session(store, write([0, 0, 1]));
  const found = readAnchor(path(), 3);
  expect(found.state === "good" && [...found.tails].map(([shard, { offset }]) => [shard, offset])).toEqual([
    [0, 1],
    [2, 5],
  ]);
});

it("is written while the log is open, not only at its end", async () => {
  const store = memoryStore(1);
  const log = openMemoryLog(store);
  const anchor = await keepAnchor(log, { path: path(), ...quiet, everyMs: 5 });
  await log.append(0, new Chain().next());
  await expect.poll(() => readAnchor(path(), 1)).toMatchObject({ state: "good" });
  await anchor.close();
});

it("halts where the end of a shard is gone", async () => {
  const store = memoryStore(2);
  await session(store, write([1, 3]));
  store.shards[1]?.pop();
  await expect(opening(store)).rejects.toThrow(LogHalted);
  await expect(opening(store)).rejects.toThrow(/shard 1: .*offset 2 .*the log ends before offset 2.*--trust-tail/);
});

it("halts where another record is in the place", async () => {
  const store = memoryStore(1);
  await session(store, write([2]));
  store.shards[0]?.splice(1, 1, new Chain().next({ cause: "another" }));
  await expect(opening(store)).rejects.toThrow(/shard 0: .*the log has [0-9a-f]{64} there/);
});

it("halts where it is damaged itself, and not where it was never made", async () => {
  const store = memoryStore(1);
  await (await opening(store)).close();
  writeFileSync(path(), "no anchor at all");
  await expect(opening(store)).rejects.toThrow(/is damaged/);
});

it("is made anew where the operator accepts the log as it is", async () => {
  const store = memoryStore(1);
  await session(store, write([3]));
  store.shards[0]?.pop();
  await (await opening(store, true)).close();
  await session(store, write([0]));
  expect(readAnchor(path(), 1)).toEqual({ state: "good", tails: new Map() });
});
