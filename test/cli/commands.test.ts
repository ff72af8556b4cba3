/**
 * What every command has: help, an exit code for each kind of end, results on standard output and nothing else there.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { tempDir } from "../plugins/fixtures.ts";
import { write, writingTo } from "../publish/writing.ts";
import { start, windrow, windrowDone } from "./windrow.ts";

const conformance = async (...args: readonly string[]) => {
  const run = start(process.execPath, ["test/conformance/run.ts", ...args]);
  return { code: await run.ended, lines: run.lines, errors: run.errors };
};

/** A stopped log with the lives of two jobs. */
async function stoppedLog(): Promise<string> {
  const dir = await tempDir();
  const writing = await writingTo(await openSqliteLog(dir, { shards: 4 }));
  await write(writing, [1, 2], "running");
  await writing.journal.resign();
  return dir;
}

describe("help", () => {
  it("names every command, and each command has its own", async () => {
    const { code, lines, errors } = await windrowDone("--help");
    expect([code, errors()]).toEqual([0, ""]);
    const after = lines.slice(lines.indexOf("Commands:"));
    const names = after.flatMap((line) => /^ {2}(\S+) .*/.exec(line)?.[1] ?? []).filter((name) => name !== "help");
    expect(names).toEqual(expect.arrayContaining(["demo", "run", "status", "history", "verify", "panda-server"]));
    const helps = await Promise.all(names.map((name) => windrowDone(name, "--help")));
    for (const [i, help] of helps.entries()) {
      expect([help.code, help.errors(), help.lines[0]]).toEqual([
        0,
        "",
        expect.stringContaining(`windrow ${names[i]} `),
      ]);
    }
    expect((await conformance("--help")).code).toBe(0);
  });
});

describe("wrong usage", () => {
  it.each([
    [["status"], "missing required argument"],
    [["history", "cat", "1", "x"], "Allowed choices are job, worker"],
  ])("%j ends with 2, and says what is wrong", async (args, why) => {
    const { code, lines, errors } = await windrowDone(...args);
    expect([code, lines, errors()]).toEqual([2, [], expect.stringContaining(why)]);
  });
});

describe("a log that is not there", () => {
  it.each([["verify"], ["history", "job", "1"]])("ends %s with 3 and a sentence", async (...args) => {
    const dir = join(await tempDir(), "none");
    const { code, lines, errors } = await windrowDone(...args, dir);
    expect([code, lines, errors()]).toEqual([3, [], `windrow: there is no log in ${dir}\n`]);
  });
});

describe("of a stopped log", () => {
  it("every command tells people and programs the same", async () => {
    const log = await stoppedLog();
    const [verified, verifiedJson, status, history, historyJson, nobody] = await Promise.all([
      windrowDone("verify", log),
      windrowDone("verify", log, "--json"),
      windrowDone("status", log, "--json"),
      windrowDone("history", "job", "1", log),
      windrowDone("history", "job", "1", log, "--json"),
      windrowDone("history", "job", "9", log, "--json"),
    ]);
    expect([verified.code, verified.lines[0]]).toEqual([0, expect.stringContaining(`verified: ${log}`)]);
    const report = JSON.parse(verifiedJson.lines.join("\n"));
    expect([verifiedJson.code, report.ok, report.jobs, report.anomalies]).toEqual([0, true, 2, 0]);
    const queues = JSON.parse(status.lines.join("\n")).queues as { queue: string; jobs: object }[];
    expect(queues.map(({ queue, jobs }) => [queue, jobs])).toEqual([
      ["A", { running: 1 }],
      ["B", { running: 1 }],
    ]);

    const { steps } = JSON.parse(historyJson.lines.join("\n")) as { steps: { type: string }[] };
    expect(history.lines[0]).toMatch(/^job 1: \d+ steps in [\d.]+ s from 20\d\d-.* UTC$/);
    expect(history.lines.slice(2).map((line) => /[a-zA-Z]+\.\w+(?= )/.exec(`${line} `)?.[0])).toEqual(
      steps.map(({ type }) => type),
    );
    // What goes to a file or a pipe is for programs too: a line a step, without colours, and calls by short names.
    const text = history.lines.join("\n");
    expect(text).not.toContain("\u001b");
    expect(history.lines.find((line) => line.includes("call.intended"))).toMatch(/ #1 +unknown -> open/);
    expect([nobody.code, JSON.parse(nobody.lines.join("\n")).steps]).toEqual([1, []]);
  });
});

describe("the stand-in server", () => {
  it("says its address as JSON and ends with 0; where it cannot start, a sentence and no stack", async () => {
    const dir = await tempDir();
    const server = windrow("panda-server", "--dir", join(dir, "state"), "--json");
    await server.until(1);
    const said = JSON.parse(server.lines[0] ?? "{}") as { url: string };
    expect(said).toEqual(expect.objectContaining({ standIn: true, api: `${said.url}/api/v1` }));
    server.kill("SIGTERM");
    expect(await server.ended).toBe(0);
    writeFileSync(join(dir, "file"), "");
    const { code, lines, errors } = await windrowDone("panda-server", "--dir", join(dir, "file"));
    expect([code, lines]).toEqual([2, []]);
    expect(errors()).toMatch(/^error: the stand-in cannot start: /);
    expect(errors()).not.toMatch(/^ +at /m);
  });
});

describe("conformance", () => {
  it("ends with 0 where all scenarios are as the original, 2 where there are none", async () => {
    const one = await conformance("test/data/conformance", "--family", "groups", "--json");
    expect([one.code, one.errors()]).toEqual([0, ""]);
    expect(JSON.parse(one.lines.join("\n"))).toEqual(expect.objectContaining({ failed: 0 }));
    const empty = join(await tempDir(), "empty");
    mkdirSync(empty);
    expect((await conformance(empty)).code).toBe(2);
    expect((await conformance()).code).toBe(2);
  });
});
