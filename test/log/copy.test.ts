/**
 * Copies of logs: what arrives is the same, a log that is not empty or not whole is refused; with a broker, to Kafka
 * and back.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { copyLog } from "../../src/log/copy.ts";
import { LogHalted } from "../../src/log/faults.ts";
import { connectKafka } from "../../src/log/kafka/connect.ts";
import { noSecurity, parseKafkaAddress } from "../../src/log/kafka/settings.ts";
import type { Log } from "../../src/log/log.ts";
import { memoryStore, openMemoryLog } from "../../src/log/memory.ts";
import { openLogToRead, openPlacedKafkaLog } from "../../src/log/open.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { freshAddress, theBroker } from "../broker/answer.ts";
import { Chain, journalOn, noted, readAll } from "./fixtures.ts";

const run = promisify(execFile);
const main = join(import.meta.dirname, "../../src/main.ts");
const windrow = (...args: string[]) => run(process.execPath, [main, ...args]);
const answer = await theBroker();

/** A copy that is killed after 100 records. */
async function cutOff(from: string, to: string): Promise<void> {
  const copying = run(process.execPath, [join(import.meta.dirname, "cutOff.ts"), from, to]);
  await expect(copying).rejects.toMatchObject({ signal: "SIGKILL" });
}

async function refused(why: RegExp, ...commands: readonly (readonly string[])[]): Promise<void> {
  for (const args of commands) {
    await expect(windrow(...args)).rejects.toMatchObject({ code: 3, stderr: expect.stringMatching(why) });
  }
}

/** Two owners, one after the other, with a record of the first that came too late. */
async function liveOn(log: Log): Promise<void> {
  const old = await journalOn(log);
  for (let n = 0; n < 300; n += 1) await old.journal.decide({ shard: n % 3, cause: `c${n}`, events: [noted(n)] });
  const [, second] = await readAll(log, 0);
  old.journal.detach();
  const young = await journalOn(log, { owner: "b:1", claim: [0, 1] });
  await log.append(0, second!);
  await young.journal.decide({ shard: 0, cause: "after", events: [{ ...noted(7), text: "ü".repeat(100_000) }] });
  await young.journal.resign();
}

const hashes = async (log: Log, shard: number) => (await readAll(log, shard)).map(({ hash }) => hash);

describe("a copy", () => {
  it("has every record in its place, and says what was not given up", async () => {
    const [one, two] = [memoryStore(4), memoryStore(4)];
    await liveOn(openMemoryLog(one));
    const [from, to] = [openMemoryLog(one), openMemoryLog(two)];
    const told: number[] = [];
    const copied = await copyLog(from, to, (records, of) => told.push(records, of));
    expect(copied).toMatchObject({ shards: 4, records: 310, owned: [2, 3] });
    expect(told.slice(-2)).toEqual([310, 310]);
    for (const shard of [0, 1, 2, 3]) expect(await hashes(to, shard)).toEqual(await hashes(from, shard));
  });

  it("needs an empty target with as many shards", async () => {
    const [one, two] = [memoryStore(2), memoryStore(2)];
    await openMemoryLog(two).append(1, new Chain().next());
    await expect(copyLog(openMemoryLog(one), openMemoryLog(two))).rejects.toThrow(/has records already \(shard 1\)/);
    await expect(copyLog(openMemoryLog(one), openMemoryLog(memoryStore(3)))).rejects.toThrow(/2 shards, the target 3/);
  });

  it("is not made of a log that halts", async () => {
    const store = memoryStore(1);
    const log = openMemoryLog(store);
    const chain = new Chain();
    await log.append(0, chain.claim());
    await log.append(0, chain.peek({ seq: 9 }));
    await expect(copyLog(log, openMemoryLog(memoryStore(1)))).rejects.toThrow(/gap.*It is not copied/);
  });

  it("that came out differently is found", async () => {
    const store = memoryStore(1);
    const from = openMemoryLog(store);
    const chain = new Chain();
    for (const record of [chain.claim(), chain.next()]) await from.append(0, record);
    const inner = openMemoryLog(memoryStore(1));
    const leaky: Log = {
      ...inner,
      append: async (shard, record) => {
        if (record.hash !== chain.hash) await inner.append(shard, record);
      },
    };
    await expect(copyLog(from, leaky)).rejects.toThrow(LogHalted);
    await expect(copyLog(from, openMemoryLog(memoryStore(1)))).resolves.toMatchObject({ records: 2 });
  });
});

describe("windrow log copy", () => {
  let dir: string;
  beforeEach(async () => {
    dir = mkdtempSync(join(tmpdir(), "windrow-copy-"));
    const log = await openSqliteLog(join(dir, "a"), { shards: 4 });
    await liveOn(log);
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  it("copies a directory, once", async () => {
    const { stdout } = await windrow("log", "copy", join(dir, "a"), join(dir, "b"));
    expect(stdout).toMatch(/310 records .* in 4 of 4 shards, read back: every chain ends at the same hash/);
    const again = windrow("log", "copy", join(dir, "a"), join(dir, "b"));
    await expect(again).rejects.toMatchObject({ code: 3, stderr: expect.stringMatching(/b is not empty/) });
  });

  it("that is cut off does not pass for a log: a directory", async () => {
    const [from, to] = [join(dir, "a"), join(dir, "b")];
    await cutOff(from, to);
    const why = new RegExp(`no log in ${to}: ${to}\\.part is a copy .* cut off.*delete it \\(rm -r ${to}\\.part\\)`);
    await refused(why, ["verify", to], ["log", "copy", from, to]);
    await expect(async () => openSqliteLog(to)).rejects.toThrow(why);
    rmSync(`${to}.part`, { recursive: true });
    await windrow("log", "copy", from, to);
    expect(readdirSync(dir).toSorted()).toEqual(["a", "b"]);
  });

  it("leaves nothing of a log that halts", async () => {
    const log = await openSqliteLog(join(dir, "bad"), { shards: 1 });
    const chain = new Chain();
    for (const record of [chain.claim(), chain.peek({ seq: 9 })]) await log.append(0, record);
    await log.close();
    await expect(windrow("log", "copy", join(dir, "bad"), join(dir, "b"))).rejects.toMatchObject({ code: 4 });
    expect(readdirSync(dir).toSorted()).toEqual(["a", "bad"]);
  });

  const needs = "none" in answer ? ` (needs a broker: ${answer.none})` : "";
  it.skipIf("none" in answer)(`copies to Kafka and back${needs}`, async () => {
    if ("none" in answer) return;
    const address = freshAddress(answer);
    const { stdout } = await windrow("log", "copy", join(dir, "a"), address, "--json");
    const copied = JSON.parse(stdout);
    expect(copied).toMatchObject({ shards: 4, records: 310, owned: [2, 3] });
    const { stdout: back } = await windrow("log", "copy", address, join(dir, "b"), "--json");
    expect(JSON.parse(back).cursors).toEqual(copied.cursors);
    const [first, last] = [await openLogToRead(join(dir, "a")), await openLogToRead(join(dir, "b"))];
    for (const shard of [0, 1, 2, 3]) expect(await hashes(last, shard)).toEqual(await hashes(first, shard));
    await Promise.all([first.close(), last.close()]);
    const again = windrow("log", "copy", join(dir, "a"), address);
    await expect(again).rejects.toMatchObject({ code: 3, stderr: expect.stringMatching(/has records already/) });
    await openLogToRead(address).then((log) => log.close()); // and it is as it was
  });

  it.skipIf("none" in answer)(
    `that is cut off does not pass for a log: Kafka${needs}`,
    { timeout: 60_000 },
    async () => {
      if ("none" in answer) return;
      const address = freshAddress(answer);
      const [from, { brokers, prefix }] = [join(dir, "a"), parseKafkaAddress(address)];
      await cutOff(from, address);
      const topics = `${prefix}.journal,${prefix}.copying`;
      const why = new RegExp(
        `journal is a copy that .* cut off.*--bootstrap-server ${brokers[0]} --delete --topic ${topics}`,
      );
      await refused(why, ["verify", address], ["status", address], ["log", "copy", from, address]);
      const beside = { dir: join(dir, "beside"), shards: 4, trustTail: false, properties: undefined };
      await expect(openPlacedKafkaLog(address, { ...beside, notice: () => undefined })).rejects.toThrow(why);
      for (const topic of topics.split(",")) {
        const client = connectKafka({ brokers, topic, security: noSecurity, requestMs: 5000 });
        await client.remove();
        client.close();
      }
      await vi.waitFor(() => windrow("log", "copy", from, address), { timeout: 30_000 });
      await openLogToRead(address).then((log) => log.close());
    },
  );
});
