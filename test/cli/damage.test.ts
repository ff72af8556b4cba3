/**
 * A log that is not what it was: whichever command opens it ends with 4, says where and what to do, and writes nothing.
 */
import { cpSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { tempDir } from "../plugins/fixtures.ts";
import { write, writingTo } from "../publish/writing.ts";
import { configure, letGo, placesOf, says } from "./site.ts";
import { windrow, windrowDone } from "./windrow.ts";

/** A stopped log with two whole lives, and a configuration that would go on with it. */
async function stoppedLog(): Promise<string> {
  const dir = await tempDir();
  configure(dir);
  const log = await openSqliteLog(placesOf(dir).log, { shards: 4 });
  const writing = await writingTo(log);
  await write(writing, [1, 2], "closed");
  await log.anchorNow();
  await writing.journal.resign();
  return dir;
}

const databaseOf = (log: string): string => join(log, "log.db");

/** Changes one letter of the bytes of a record, as a failing disk might. */
function flip(log: string): void {
  const bytes = readFileSync(databaseOf(log));
  const at = bytes.indexOf("job.stageInConfirmed");
  expect(at).toBeGreaterThan(0);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(databaseOf(log), bytes);
}

/** A daemon starts, and is stopped. */
async function aWhile(...run: readonly string[]): Promise<void> {
  const daemon = windrow(...run);
  await says(daemon, /the World is restored from/);
  daemon.kill("SIGTERM");
  expect(await daemon.ended).toBe(0);
}

describe("a log", () => {
  it.each<readonly [string, (log: string) => void, RegExp]>([
    ["of which a byte was flipped", flip, /^windrow: shard 1.*: .*hash.* Restore the log from a backup/m],
    ["that was cut short", (log) => truncateSync(databaseOf(log), 4096), /^windrow: .*(malformed|anchor|not a log)/m],
  ])("%s ends every command with 4, and says what to do", async (_what, damage, why) => {
    const dir = await stoppedLog();
    const { log, config } = placesOf(dir);
    damage(log);
    const before = readFileSync(databaseOf(log));
    const runs = await Promise.all([
      windrowDone("verify", log, "--json"),
      windrowDone("status", log),
      windrowDone("history", "job", "1", log),
    ]);
    runs.push(await windrowDone("run", "--config", config, "--log", log));
    expect(runs.map(({ code, lines }) => [code, lines])).toEqual(runs.map(() => [4, []]));
    for (const { errors } of runs) {
      expect(errors()).toMatch(why);
      expect(errors()).not.toMatch(/^ +at /m);
    }
    expect(readFileSync(databaseOf(log)).equals(before)).toBe(true);
  });

  it("that is behind its anchor ends commands with 4, until an operator accepts it with --trust-tail", async () => {
    const dir = await tempDir();
    configure(dir);
    letGo(dir);
    const { log, config } = placesOf(dir);
    const run = ["run", "--config", config, "--log", log] as const;
    await aWhile(...run);
    // The database of before, with the anchor of after: as a backup that was brought back gives it.
    const backup = join(dir, "backup.db");
    cpSync(databaseOf(log), backup);
    await aWhile(...run);
    cpSync(backup, databaseOf(log));
    for (const args of [["verify", log], ["status", log], run]) {
      const { code, errors } = await windrowDone(...args);
      expect([args[0], code]).toEqual([args[0], 4]);
      expect(errors()).toMatch(/log\.anchor says .*: acknowledged records are lost\. .*`windrow run --trust-tail`/s);
    }
    await aWhile(...run, "--trust-tail");
    const { code, lines } = await windrowDone("verify", log);
    expect([code, lines.slice(1)]).toEqual([0, expect.arrayContaining(["  0 anomalies"])]);
  });
});
