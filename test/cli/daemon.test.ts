/**
 * `windrow run` as an operator has it: what may be asked of it while it runs, how it stops, how it takes another
 * configuration, and what it says of one that it cannot use.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tempDir } from "../plugins/fixtures.ts";
import { configure, daemonIn, letGo, placesOf, says } from "./site.ts";
import { start, windrowDone } from "./windrow.ts";

const text = ({ lines }: { readonly lines: readonly string[] }) => lines.join("\n");

describe("a daemon", () => {
  it("answers as its log does after the stop, and nobody else may have the log meanwhile", async () => {
    const dir = await tempDir();
    configure(dir);
    const { log, config } = placesOf(dir);
    const daemon = await daemonIn(dir);
    const ask = () =>
      Promise.all([
        windrowDone("status", log),
        windrowDone("history", "job", "2", log, "--json"),
        windrowDone("history", "worker", "4", log),
        windrowDone("status", log, "--json"),
      ]);
    const [status, history, nobody, json] = await ask();
    expect([status.code, history.code, nobody.code]).toEqual([0, 0, 1]);
    expect(text(status)).toMatch(
      /^cli, as of .* UTC: 3 jobs, 0 workers\n.*\n\nqueue .*\nQ +active +1 +3 fetched +none$/s,
    );
    expect(status.lines[1]).toMatch(/^\S+ leads shards 0-3, last record \d+ s ago$/);
    expect(text(nobody)).toBe(`the log in ${log} has no worker 4`);

    const [second, verify] = await Promise.all([
      windrowDone("run", "--config", config, "--log", log),
      windrowDone("verify", log),
    ]);
    expect([second.code, second.lines, verify.code, verify.lines]).toEqual([3, [], 3, []]);
    for (const { errors } of [second, verify]) {
      expect(errors()).toMatch(
        /windrow: the log in .* is in use by process \d+\. Stop it, or ask the daemon instead\.\n$/,
      );
    }

    daemon.kill("SIGKILL");
    expect(await daemon.ended).toBe("SIGKILL");
    const [statusThen, historyThen, , jsonThen] = await ask();
    expect(text(historyThen)).toEqual(text(history));
    // That it does not lead any more is not in the log: it shows in that nobody has it.
    expect(JSON.parse(text(json))).toMatchObject({ answeredBy: "daemon", leaders: [{ shards: [0, 1, 2, 3] }] });
    expect(JSON.parse(text(jsonThen))).toEqual({ ...JSON.parse(text(json)), answeredBy: "directory" });
    expect(statusThen.lines.toSpliced(1, 1)).toEqual(status.lines.toSpliced(1, 1));
    expect(statusThen.lines[1]).toMatch(/led shards 0-3, last record \d+ s ago, and has ended without giving them up$/);
    const verified = await windrowDone("verify", log, "--json");
    expect([verified.code, JSON.parse(text(verified))]).toEqual([0, expect.objectContaining({ ok: true, jobs: 3 })]);
  });

  it("is stopped by SIGTERM when its calls have returned, and has written what they said", async () => {
    const dir = await tempDir();
    configure(dir);
    const daemon = await daemonIn(dir);
    daemon.kill("SIGTERM");
    await windrowDone("--version");
    expect(daemon.errors()).not.toContain("calls have returned");
    letGo(dir);
    expect([await daemon.ended, daemon.lines]).toEqual([0, []]);
    expect(daemon.errors()).toMatch(/calls have returned; writing a snapshot .*stopped/s);
    const { lines } = await windrowDone("status", placesOf(dir).log);
    expect(lines.at(-1)).toMatch(/^Q +active +1 +3 preparing +none$/);
  });

  it("is stopped by a second signal at once, whatever a plug-in still holds", async () => {
    const dir = await tempDir();
    configure(dir);
    const daemon = await daemonIn(dir);
    daemon.kill("SIGTERM");
    daemon.kill("SIGINT");
    expect(await daemon.ended).toBe(0);
    expect(daemon.errors()).toContain("preparator.triggerPreparation: the daemon stops");
    const { lines } = await windrowDone("status", placesOf(dir).log);
    expect(text({ lines })).toMatch(/3 fetched/);
  });

  it("reads its configuration again on SIGHUP, and keeps the old one where the new one has a mistake", async () => {
    const dir = await tempDir();
    configure(dir);
    const { log, config } = placesOf(dir);
    const daemon = await daemonIn(dir);
    configure(dir, { Q: {}, NEW: {} });
    daemon.kill("SIGHUP");
    await says(daemon, /the configuration was read again/);
    writeFileSync(join(config, "panda_queueconfig.json"), "{");
    daemon.kill("SIGHUP");
    await says(daemon, /refused, the old one stays: panda_queueconfig\.json/);
    configure(dir, { Q: {}, NEW: { ddmEndpointIn: "Q" } });
    daemon.kill("SIGHUP");
    await says(daemon, /refused, the old one stays: queues Q, NEW would share a site or an input endpoint/);
    const { lines } = await windrowDone("status", log);
    expect(lines.slice(-2).map((line) => line.split(" ", 1))).toEqual([["Q"], ["NEW"]]);
    letGo(dir);
    daemon.kill("SIGTERM");
    expect(await daemon.ended).toBe(0);
  });
});

describe("a disk that is full", () => {
  it("ends the daemon with 4, and with what to do", async () => {
    const dir = await tempDir();
    configure(dir);
    const { config, log } = placesOf(dir);
    const command = `ulimit -f 60; exec "$0" src/main.ts run --config "$1" --log "$2"`;
    const daemon = start("bash", ["-c", command, process.execPath, config, log]);
    expect(await daemon.ended).toBe(4);
    expect(daemon.errors()).toMatch(/^windrow: .* mend disk or brokers, then run `windrow verify`, or start again\.$/m);
  });
});

describe("a configuration that cannot be used", () => {
  it.each([
    [{ preparator: ["maxJobsToCheck = many"] }, /panda_harvester\.cfg.*\[preparator\] maxJobsToCheck.*many/],
    [{ master: ["logname = x"] }, /\[master\] harvester_id is missing/],
    [{ windrow: ["shards = 0"] }, /\[windrow\] shards is .*at least 1/],
  ])("%j ends the command with 2, and file, section and key", async (cfg, why) => {
    const dir = await tempDir();
    configure(dir, { Q: {} }, cfg);
    const { code, lines, errors } = await windrowDone("run", "--config", placesOf(dir).config);
    expect([code, lines]).toEqual([2, []]);
    expect(errors()).toMatch(why);
    expect(errors()).not.toMatch(/^ +at /m);
  });

  it("of one queue leaves that queue out by name; unknown keys are named in one warning a file", async () => {
    const dir = await tempDir();
    configure(
      dir,
      { Q: { maxWorkers: 3, colour: "red" }, BAD: { mapType: "Many" } },
      { preparator: ["nThreads = 3", "odd = 1"] },
    );
    const daemon = await daemonIn(dir);
    letGo(dir);
    daemon.kill("SIGTERM");
    expect(await daemon.ended).toBe(0);
    const said = daemon
      .errors()
      .split("\n")
      .filter((line) => line.includes('"level":4') || line.includes('"level":5'));
    expect(said.filter((line) => line.includes("BAD"))).toEqual([
      expect.stringMatching(/mapType.*this queue is not served/),
    ]);
    expect(said.filter((line) => line.includes("odd"))).toHaveLength(1);
    expect(said.filter((line) => line.includes("colour")).length).toBeLessThanOrEqual(1);
  });
});
