/** How workers of the local batch system end, and what the monitor says of each end. */
import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { judge, readJournal } from "../../../src/plugins/local/journal.ts";
import { bornOf } from "../../../src/plugins/local/process.ts";
import { readRecords } from "../../../src/plugins/local/record.ts";
import { call } from "../fixtures.ts";
import { forEver, type LocalSite, makeLocalSite, processesOf, wrapperOf } from "./site.ts";

const deaf = ["sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"];

async function recordsOf(site: LocalSite, key: string) {
  const { attempt } = await readRecords(site.journalDir, key);
  if (!attempt) throw new Error(`no record of ${key}`);
  return attempt;
}

describe("an end by itself", () => {
  it("with exit code 0 is finished, with start and end", async () => {
    const site = await makeLocalSite();
    const before = Date.now();
    const worker = await site.run(["sh", "-c", "echo out; echo err >&2"]);
    await site.until(worker, "finished");
    expect(worker).toMatchObject({ nativeExitCode: 0, nativeStatus: "exited" });
    expect(worker.startAt).toBeGreaterThanOrEqual(before);
    expect(worker.endAt).toBeGreaterThanOrEqual(worker.startAt ?? Number.POSITIVE_INFINITY);
    expect(worker.endAt).toBeLessThanOrEqual(Date.now());
    expect(await readFile(worker.changes()?.logFiles?.stdout ?? "", "utf8")).toBe("out\n");
    expect(await readFile(worker.changes()?.logFiles?.stderr ?? "", "utf8")).toBe("err\n");
  });

  it.each([1, 7, 127, 255])("with exit code %i is failed", async (code) => {
    const site = await makeLocalSite();
    const worker = await site.run(["sh", "-c", `exit ${code}`]);
    expect(await site.until(worker, "failed")).toContain(`exit code ${code}`);
    expect(worker).toMatchObject({ nativeExitCode: code, nativeStatus: "exited" });
  });

  it.each([
    ["SEGV", 11],
    ["KILL", 9],
    ["TERM", 15],
  ])("by signal %s is failed", async (signal, number) => {
    const site = await makeLocalSite();
    const worker = await site.run(["sh", "-c", `kill -${signal} $$`]);
    expect(await site.until(worker, "failed")).toContain(`signal ${number}`);
    expect(worker).toMatchObject({ nativeExitCode: 128 + number, nativeStatus: "signalled" });
  });

  it("takes along what the payload left behind", async () => {
    const site = await makeLocalSite();
    const worker = await site.run(["sh", "-c", "sleep 60 & exit 0"]);
    await site.until(worker, "finished");
    await expect.poll(() => processesOf(worker.accessPoint), { timeout: 5000 }).toEqual([]);
  });
});

describe("walltime", () => {
  it("ends the payload with all its children", async () => {
    const site = await makeLocalSite();
    const worker = await site.run(["sh", "-c", "sleep 60 & sleep 60"], { walltime: 0.3 });
    expect(await site.until(worker, "failed")).toContain("walltime");
    expect(worker).toMatchObject({ nativeExitCode: 143, nativeStatus: "walltime" });
    await expect.poll(() => processesOf(worker.accessPoint), { timeout: 5000 }).toEqual([]);
  });

  it("of the worker counts where the queue sets none", async () => {
    const site = await makeLocalSite();
    const worker = site.worker({ maxWalltime: 0.3 });
    await site.submitter({ command: forEver }).submitWorkers([worker], call());
    expect(await site.until(worker, "failed")).toContain("walltime");
  });

  it("ends a payload that does not listen by force, after the grace", async () => {
    const site = await makeLocalSite();
    const worker = await site.run(deaf, { walltime: 0.3, killGrace: 0.2 });
    expect(await site.until(worker, "failed")).toContain("signal 9");
    await expect.poll(() => processesOf(worker.accessPoint), { timeout: 5000 }).toEqual([]);
  });

  it("that is not reached does not matter", async () => {
    const site = await makeLocalSite();
    const worker = await site.run(["true"], { walltime: 60 });
    await site.until(worker, "finished");
    await expect.poll(() => processesOf(worker.accessPoint), { timeout: 5000 }).toEqual([]);
  });
});

describe("a kill", () => {
  it("ends a running worker, which is then cancelled; the payload may clean up", async () => {
    const site = await makeLocalSite();
    const worker = await site.run(["sh", "-c", "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.05; done"]);
    await site.says(worker, "up");
    expect(await site.sweeper().killWorkers([worker], call())).toEqual([true]);
    expect(await site.until(worker, "cancelled")).toContain("killed while it ran");
    expect(worker).toMatchObject({ nativeExitCode: 5, nativeStatus: "kill" });
    await site.says(worker, "bye");
  });

  it("ends one that does not listen by force", async () => {
    const site = await makeLocalSite();
    const worker = await site.run(deaf, { killGrace: 0.2 });
    await site.says(worker, "up");
    expect(await site.sweeper().killWorkers([worker], call())).toEqual([true]);
    await site.until(worker, "cancelled");
    expect(worker.nativeExitCode).toBe(137);
  });

  it("right after the submission ends it or keeps it from starting, whichever comes first", async () => {
    const site = await makeLocalSite();
    for (let round = 0; round < 10; round += 1) {
      const worker = await site.run(forEver);
      expect(await site.sweeper().killWorkers([worker], call())).toMatchObject([true]);
      await site.until(worker, "cancelled");
      await expect.poll(() => processesOf(worker.accessPoint), { timeout: 5000 }).toEqual([]);
    }
    expect((await judge(site.journalDir)).unfinished).toEqual([]);
  });

  it("after the end changes nothing", async () => {
    const site = await makeLocalSite();
    const worker = await site.run(["true"]);
    await site.until(worker, "finished");
    expect(await site.sweeper().killWorkers([worker], call())).toMatchObject([[true, "it has ended before"]]);
    expect((await site.look(worker)).status).toBe("finished");
  });
});

describe("a wrapper that vanished", () => {
  it("leaves a payload that still counts as running, can be killed, and then is over", async () => {
    const site = await makeLocalSite();
    const worker = await site.run(forEver);
    await site.says(worker, "up");
    process.kill(await wrapperOf(site, worker), "SIGKILL");
    await expect.poll(async () => (await site.look(worker)).diag, { timeout: 5000 }).toContain("wrapper is gone");
    expect(await site.look(worker)).toMatchObject({ status: "running" });
    expect(await site.sweeper().killWorkers([worker], call())).toMatchObject([[true, expect.any(String)]]);
    expect(await site.until(worker, "failed")).toContain("vanished");
    await expect.poll(() => processesOf(worker.accessPoint), { timeout: 5000 }).toEqual([]);
    expect((await readJournal(site.journalDir)).at(-1)).toMatchObject({ event: "ended", reason: "vanished" });
  });

  it("is not taken for another process that got its number", async () => {
    const site = await makeLocalSite();
    const worker = await site.run(forEver);
    const pid = await wrapperOf(site, worker);
    const { directory, claim } = await recordsOf(site, worker.key);
    expect(claim?.born).toBe(await bornOf(pid));
    await site.says(worker, "up");
    process.kill(-pid, "SIGKILL");
    await expect.poll(() => bornOf(pid)).toBeUndefined();
    // As if the number had gone to this very process.
    await writeFile(join(directory, "claim.json"), JSON.stringify({ ...claim, pid: process.pid }));
    expect((await site.look(worker)).status).not.toBe("running");
    expect(await site.sweeper().killWorkers([worker], call())).not.toMatchObject([true]);
  });
});

describe("what cannot be known", () => {
  it("is null: a missing journal, a damaged record, another machine", async () => {
    const site = await makeLocalSite();
    expect(await site.look(site.worker())).toMatchObject({ status: null, diag: expect.stringContaining("no journal") });
    const worker = await site.run(forEver);
    await site.says(worker, "up");
    expect(await site.look(site.worker())).toMatchObject({ status: "failed" });
    const { directory, created } = await recordsOf(site, worker.key);
    await writeFile(join(directory, "created.json"), JSON.stringify({ ...created, host: "elsewhere" }));
    expect(await site.look(worker)).toMatchObject({ status: null, diag: expect.stringContaining("elsewhere") });
    await writeFile(join(directory, "created.json"), "{");
    expect(await site.look(worker)).toMatchObject({ status: null, diag: expect.stringContaining("created.json") });
    expect(await site.submitter().find([worker], call())).toMatchObject([{ found: null }]);
  });
});

describe("sweeping", () => {
  it("removes output and keeps the records, so that the key stays taken", async () => {
    const site = await makeLocalSite();
    const worker = await site.run(forEver);
    await site.says(worker, "up");
    expect(await site.sweeper().sweepWorker(worker, call())).toMatchObject([
      null,
      expect.stringContaining("not ended"),
    ]);
    await site.sweeper().killWorkers([worker], call());
    await site.until(worker, "cancelled");
    expect(await site.sweeper().sweepWorker(worker, call())).toBe(true);
    await site.says(worker, "");
    await expect(readFile(worker.changes()?.logFiles?.stdout ?? "")).rejects.toThrow("ENOENT");
    expect(await site.submitter().find([worker], call())).toMatchObject([{ found: true }]);
    expect(await site.look(worker)).toMatchObject({ status: "cancelled" });
  });
});

describe("the journal", () => {
  it("leaves out a line cut short and names a damaged one", async () => {
    const site = await makeLocalSite();
    expect(await readJournal(site.journalDir)).toEqual([]);
    expect(await judge(site.journalDir)).toMatchObject({ created: 0, startedTwice: [] });
    await site.until(await site.run(["true"]), "finished");
    const path = join(site.journalDir, "journal.ndjson");
    await appendFile(path, '{"at":1,"ev');
    expect(await readJournal(site.journalDir)).toHaveLength(3);
    await appendFile(path, "\n");
    await expect(readJournal(site.journalDir)).rejects.toThrow(/line 4/);
  });

  it("gives away a double start", async () => {
    const site = await makeLocalSite();
    const worker = await site.run(["true"]);
    await site.until(worker, "finished");
    const lines = (await readJournal(site.journalDir)).map((line) => `${JSON.stringify(line)}\n`);
    await appendFile(join(site.journalDir, "journal.ndjson"), lines.join(""));
    expect(await judge(site.journalDir)).toMatchObject({ startedTwice: [worker.key], createdTwice: [worker.key] });
  });
});
