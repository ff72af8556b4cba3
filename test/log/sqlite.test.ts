/** The embedded log against the common suite, and what only a store on a disk can do wrong. */
import { type ChildProcess, spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readAnchor } from "../../src/log/anchorFile.ts";
import { LogHalted, LogRefused } from "../../src/log/faults.ts";
import { networkFileSystem, requireSqlite } from "../../src/log/place.ts";
import { replay } from "../../src/log/replay.ts";
import { openSqliteLog, openSqliteLogReadOnly, type SqliteLog } from "../../src/log/sqlite.ts";
import { journalOn, noted, parseNoted } from "./fixtures.ts";
import { logSuite } from "./suite.ts";

logSuite("SQLite", async () => {
  const dir = mkdtempSync(join(tmpdir(), "windrow-log-"));
  let open: SqliteLog | undefined;
  return {
    open: async () => {
      open = await openSqliteLog(dir, { shards: 4 });
      return open;
    },
    dispose: async () => {
      await open?.close().catch(() => undefined);
      rmSync(dir, { recursive: true });
    },
  };
});

let dir: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "windrow-log-"));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(dir, { recursive: true });
  rmSync(`${dir}-copy`, { recursive: true, force: true });
});

async function write(count: number): Promise<void> {
  const log = await openSqliteLog(dir, { shards: 4 });
  const { journal } = await journalOn(log);
  for (let n = 0; n < count; n += 1) await journal.decide({ shard: 0, cause: "c", events: [noted(n)] });
  await journal.resign();
}

/** Everything that a start would find, folded. Throws as a start would. */
async function numbersInLog(): Promise<number[]> {
  const log = await openSqliteLog(dir);
  try {
    const folded: number[] = [];
    await replay(log, {
      parseEvents: parseNoted,
      fold: (record) => folded.push(...record.events.map((event) => event.n)),
    });
    return folded;
  } finally {
    await log.close();
  }
}

interface Writer {
  readonly child: ChildProcess;
  /** Resolves when the writer has said that so many decisions are durable. */
  reached(count: number): Promise<void>;
  acked(): readonly number[];
  exited: Promise<unknown>;
}

/** Another process that decides without end, and says what was acknowledged (writer.ts). */
function startWriter(anchorEveryMs = 1000): Writer {
  const script = new URL("./writer.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [script, dir, String(anchorEveryMs)], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const acked: number[] = [];
  let rest = "";
  let wake: () => void = () => undefined;
  child.stdout?.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop() ?? "";
    acked.push(...lines.map(Number));
    wake();
  });
  const exited = new Promise((resolve) => child.once("close", resolve));
  const reached = async (count: number) => {
    while (acked.length < count) {
      await Promise.race([exited, new Promise<void>((resolve) => (wake = resolve))]);
      if (child.exitCode !== null) throw new Error(`the writer ended with ${child.exitCode}`);
    }
  };
  return { child, reached, acked: () => acked, exited };
}

describe("one directory, one process", () => {
  it("refuses a second process and names directory and holder, for writing and for reading", async () => {
    const writer = startWriter();
    await writer.reached(1);
    for (const open of [openSqliteLog, openSqliteLogReadOnly]) {
      const opened = open(dir);
      await expect(opened).rejects.toThrow(LogRefused);
      await expect(opened).rejects.toThrow(`the log in ${dir} is in use by process ${writer.child.pid}`);
    }
    writer.child.kill("SIGKILL");
    await writer.exited;
    const log = await openSqliteLogReadOnly(dir);
    expect(await log.tip(0)).toBeGreaterThan(1);
    await log.close();
  });

  it("refuses a second log in the same process, and lets it in after the first was closed", async () => {
    const first = await openSqliteLog(dir);
    await expect(openSqliteLog(dir)).rejects.toThrow(/in use by process/);
    await first.close();
    await (await openSqliteLog(dir)).close();
  });
});

describe("what it refuses to open", () => {
  it("refuses another number of shards, a foreign file, and to read where there is nothing", async () => {
    await write(1);
    await expect(openSqliteLog(dir, { shards: 8 })).rejects.toThrow(/has 4 shards/);
    await expect(openSqliteLogReadOnly(join(dir, "none"))).rejects.toThrow(/there is no log/);
    const foreign = mkdtempSync(join(dir, "foreign-"));
    const db = new DatabaseSync(join(foreign, "log.db"));
    db.exec("CREATE TABLE t (a)");
    db.close();
    await expect(openSqliteLog(foreign)).rejects.toThrow(/is not a log of Windrow/);
    writeFileSync(join(foreign, "log.db"), "x".repeat(8192));
    await expect(openSqliteLog(foreign)).rejects.toThrow(/not a database/);
  });

  it("knows network file systems and an SQLite that can lose commits", () => {
    expect([0x6969, 0xff534d42, -0xacb2be, 0xef53].map(networkFileSystem)).toEqual(["NFS", "CIFS", "CIFS", undefined]);
    expect(() => requireSqlite("3.51.2")).toThrow(/3\.51\.2 can lose commits/);
    for (const version of ["3.51.3", "3.53.0", "4.0.0"]) expect(() => requireSqlite(version)).not.toThrow();
  });

  it("reads a stopped log without changing it, and appends nothing", async () => {
    await write(3);
    const before = readFileSync(join(dir, "log.db"));
    const log = await openSqliteLogReadOnly(dir);
    expect((await replay(log, { parseEvents: parseNoted, fold: () => undefined })).counts.records).toBe(11);
    await expect(log.append(0, { bytes: new Uint8Array(1), hash: "" })).rejects.toThrow(/open for reading/);
    await log.close();
    expect(readFileSync(join(dir, "log.db"))).toEqual(before);
  });
});

describe("damage", () => {
  it("finds one flipped bit in a stored record or in its hash", async () => {
    await write(20);
    const clean = readFileSync(join(dir, "log.db"));
    const bytes = "CAST(replace(CAST(bytes AS TEXT), 'noted', 'notee') AS BLOB)";
    const flips = [`bytes = ${bytes}`, "hash = substr(hash, 2) || substr(hash, 1, 1)"];
    for (const flip of flips) {
      const db = new DatabaseSync(join(dir, "log.db"));
      db.exec(`UPDATE log SET ${flip} WHERE pos = 7`);
      db.close();
      await expect(numbersInLog()).rejects.toThrow(/shard 0 halted at offset 7: .*wrong hash/s);
      writeFileSync(join(dir, "log.db"), clean);
    }
    expect((await numbersInLog()).length).toBe(20);
  });

  it("says so, or reads all as it was, for a flipped bit anywhere in the main file", async () => {
    await write(20);
    const path = join(dir, "log.db");
    const clean = readFileSync(path);
    let [found, harmless] = [0, 0];
    for (let place = 1; place <= 80; place += 1) {
      const flipped = Buffer.from(clean);
      const at = (place * 7919 * 13) % clean.length;
      flipped[at] = flipped[at]! ^ (1 << (place % 8));
      writeFileSync(path, flipped);
      const read = await numbersInLog().catch((error: unknown) => error);
      if (read instanceof Error) found += 1;
      else {
        expect(read, `bit ${place % 8} of byte ${at}`).toEqual(Array.from({ length: 20 }, (_, n) => n));
        harmless += 1;
      }
      rmSync(`${path}-wal`, { force: true });
      rmSync(`${path}-shm`, { force: true });
    }
    expect(found).toBeGreaterThan(10);
    expect(found + harmless).toBe(80);
  });

  it("finds one flipped bit in the WAL, after which SQLite alone drops commits silently", async () => {
    const writer = startWriter(5);
    await writer.reached(200);
    writer.child.kill("SIGKILL");
    await writer.exited;
    const wal = join(dir, "log.db-wal");
    const whole = readFileSync(wal);
    const at = Math.floor(whole.length / 2);
    whole[at] = whole[at]! ^ 1;
    writeFileSync(wal, whole);
    await expect(numbersInLog()).rejects.toThrow(LogHalted);
    await expect(numbersInLog()).rejects.toThrow(/acknowledged records are lost/);
  });

  it("halts when the anchor is ahead, missing or damaged, until an operator accepts the log as it is", async () => {
    await write(3);
    const copy = `${dir}-copy`;
    cpSync(dir, copy, { recursive: true });
    await write(3);
    cpSync(join(dir, "log.anchor"), join(copy, "log.anchor"));
    const restored = openSqliteLog(copy);
    await expect(restored).rejects.toThrow(LogHalted);
    await expect(restored).rejects.toThrow(/shard 0: .*log.anchor says that offset \d+ has hash/);
    writeFileSync(join(copy, "log.anchor"), Buffer.alloc(8192, 1));
    await expect(openSqliteLog(copy)).rejects.toThrow(/log.anchor is damaged/);
    rmSync(join(copy, "log.anchor"));
    await expect(openSqliteLog(copy)).rejects.toThrow(/log.anchor is missing/);
    await expect(openSqliteLogReadOnly(copy)).rejects.toThrow(/log.anchor is missing/);
    await (await openSqliteLog(copy, { trustTail: true })).close();
    await (await openSqliteLog(copy)).close();
  });

  it("keeps the other slot when a write of the anchor was torn", async () => {
    const log = await openSqliteLog(dir, { shards: 4, anchorEveryMs: 60_000 });
    const { journal } = await journalOn(log);
    for (let n = 0; n < 4; n += 1) {
      await journal.decide({ shard: 0, cause: "c", events: [noted(n)] });
      await log.anchorNow();
    }
    await journal.resign();
    const path = join(dir, "log.anchor");
    const clean = readFileSync(path);
    const readings = [0, 4096].map((slot) => {
      const torn = Buffer.from(clean);
      torn.fill(0, slot + 30, slot + 60);
      writeFileSync(path, torn);
      const reading = readAnchor(path, 4);
      return reading.state === "good" ? reading.tails.get(0)?.offset : reading.state;
    });
    expect(readings.toSorted()).toEqual([4, 5]);
    expect(await numbersInLog()).toEqual([0, 1, 2, 3]);
  });
});

describe("a killed writer", () => {
  it("leaves what it acknowledged as a prefix of the log, at whatever moment it dies", async () => {
    const seen: number[] = [];
    for (let round = 0; round < 8; round += 1) {
      const writer = startWriter();
      await writer.reached(20 + Math.floor(Math.random() * 400));
      writer.child.kill("SIGKILL");
      await writer.exited;
      const kept = await numbersInLog();
      // Each writer counts on from what it found, so the whole is 0, 1, 2 ... without a hole.
      expect(kept).toEqual(kept.map((_, n) => n));
      expect(kept.length).toBeGreaterThan(Math.max(...writer.acked()));
      seen.push(kept.length);
    }
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(existsSync(join(dir, "log.pid"))).toBe(false);
  });
});
