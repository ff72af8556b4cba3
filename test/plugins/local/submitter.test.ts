/** Submission to the local batch system: what a payload gets, and that no key ever runs twice. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { judge, readJournal } from "../../../src/plugins/local/journal.ts";
import { batchIDOf, makeRecord, readRecords } from "../../../src/plugins/local/record.ts";
import { LocalSubmitter } from "../../../src/plugins/local/submitter.ts";
import { call, options } from "../fixtures.ts";
import { forEver, makeLocalSite, processesOf, wrapperOf } from "./site.ts";

/** A placeholder of a command. */
const hole = (name: string): string => `\${${name}}`;
const child = new URL("./submit.ts", import.meta.url).pathname;

describe("the payload", () => {
  it("runs in the access point with the worker's identity and filled in arguments, and without Windrow's secrets", async () => {
    const site = await makeLocalSite();
    process.env.WINDROW_TEST_SECRET = "never tell";
    const worker = site.worker({ pandaIDs: [11, 12], key: 'windrow:a "b"/$(c):7' });
    const script = 'pwd; env; printf "<%s>\\n" "$@"';
    const words = [
      "sh",
      "-c",
      script,
      "sh",
      `${hole("accessPoint")}/x`,
      hole("workerID"),
      hole("pandaIDs"),
      "a b'\"$(date);",
    ];
    expect(
      await site.submitter({ command: words, environment: { EXTRA: "1 2" } }).submitWorkers([worker], call()),
    ).toEqual([true]);
    delete process.env.WINDROW_TEST_SECRET;
    expect(await site.until(worker, "finished")).toBe("");
    const { stdout = "", stderr = "", batch_log = "" } = worker.changes()?.logFiles ?? {};
    const lines = (await readFile(stdout, "utf8")).split("\n");
    expect(lines).toEqual(
      expect.arrayContaining([
        worker.accessPoint,
        `WINDROW_WORKER_KEY=${worker.key}`,
        `WINDROW_WORKER_ID=${worker.workerID}`,
        `HARVESTER_WORKER_ID=${worker.workerID}`,
        `WINDROW_ACCESS_POINT=${worker.accessPoint}`,
        "PANDA_IDS=11,12",
        "EXTRA=1 2",
        `<${worker.accessPoint}/x>`,
        `<${worker.workerID}>`,
        "<11,12>",
        "<a b'\"$(date);>",
      ]),
    );
    expect(lines.join()).not.toContain("never tell");
    expect([await readFile(stderr, "utf8"), await readFile(batch_log, "utf8")]).toEqual(["", ""]);
    expect((await judge(site.journalDir)).created).toBe(1);
  });

  it("is looked up as a program, even where the wrapper has a function of its name", async () => {
    const site = await makeLocalSite();
    const worker = await site.run(["finish", "exit", "0"]);
    expect(await site.until(worker, "failed")).toContain("127");
  });
});

describe("options", () => {
  const make = (over: Readonly<Record<string, unknown>>) => () =>
    new LocalSubmitter(options({ journalDir: "/tmp/never-made", command: ["true"], ...over }));
  it("are refused where they are wrong, naming the option", () => {
    expect(make({ journalDir: "relative/path" })).toThrow(/must be an absolute path, not relative\/path/);
    expect(make({ command: [] })).toThrow(/command/);
    expect(make({ command: ["run", hole("workerId")] })).toThrow(/placeholders/);
    expect(make({ walltime: "long" })).toThrow(/walltime/);
    expect(existsSync("/tmp/never-made")).toBe(false);
  });
});

describe("a key", () => {
  it("is created and run once by 50 submitters in 5 processes", async () => {
    const site = await makeLocalSite();
    const worker = site.worker();
    const how = call({ notAfterAt: Date.now() + 60_000 });
    const given = JSON.stringify({
      options: options({ journalDir: site.journalDir, command: ["sh", "-c", "echo ran >>ran; exec sleep 1"] }),
      worker: { ...worker },
      call: { key: how.key, notAfterAt: how.notAfterAt },
      times: 10,
    });
    const answers = await Promise.all(Array.from({ length: 5 }, () => submitFrom(given)));
    expect(answers.flat().map(([answer]) => answer)).toEqual(Array.from({ length: 50 }, () => true));
    await site.until(worker, "finished");
    await expect.poll(() => processesOf(worker.accessPoint), { timeout: 10_000 }).toEqual([]);
    expect(await readFile(join(worker.accessPoint, "ran"), "utf8")).toBe("ran\n");
    expect(await judge(site.journalDir)).toEqual({
      created: 1,
      started: 1,
      ended: 1,
      refused: 49,
      voided: 0,
      createdTwice: [],
      startedTwice: [],
      startedUncreated: [],
      unfinished: [],
    });
  });

  it("that is taken is refused to another call, which is told by whom", async () => {
    const site = await makeLocalSite();
    const worker = await site.run(["true"]);
    const [answer] = await site.submitter().submitWorkers([worker], call({ key: "another" }));
    expect(answer).toEqual([
      false,
      expect.stringMatching(/exists already: created by call test-call-\d+ .*not created again/),
    ]);
    expect(await judge(site.journalDir)).toMatchObject({ created: 1, refused: 1, createdTwice: [] });
  });

  it("whose submitter was killed between record and wrapper is declared dead when its time is over, and free again", async () => {
    const site = await makeLocalSite();
    const worker = site.worker();
    const folder = join(site.journalDir, batchIDOf(worker.key), "1");
    await mkdir(folder, { recursive: true });
    const orphan = async (notAfterAt: number) =>
      makeRecord(folder, "created.json", {
        key: worker.key,
        call: "killed",
        workerID: worker.workerID,
        pandaIDs: [],
        accessPoint: worker.accessPoint,
        command: ["true"],
        walltime: 0,
        notAfterAt,
        createdAt: 0,
        host: "here",
      });
    expect(await orphan(Date.now() - 1)).toBe(true);
    expect(await site.submitter().find([worker], call())).toMatchObject([{ found: false }]);
    expect((await readRecords(site.journalDir, worker.key)).attempt?.claim).toMatchObject({ verdict: "void" });
    expect(await site.look(worker)).toMatchObject({ status: "failed", diag: expect.stringContaining("never started") });
    expect(await site.submitter().submitWorkers([worker], call())).toEqual([true]);
    await site.until(worker, "finished");
    expect(await judge(site.journalDir)).toMatchObject({ created: 1, started: 1, voided: 1, createdTwice: [] });
  });

  it("whose wrapper was not started before its time is up cannot be judged yet", async () => {
    const site = await makeLocalSite();
    const worker = site.worker();
    const folder = join(site.journalDir, batchIDOf(worker.key), "1");
    await mkdir(folder, { recursive: true });
    const { workerID, key, accessPoint } = worker;
    const until = { notAfterAt: Date.now() + 60_000, createdAt: 0, host: "here", walltime: 0 };
    const who = { key, call: "first", workerID, pandaIDs: [], accessPoint, command: ["true"] };
    await makeRecord(folder, "created.json", { ...who, ...until });
    expect(await site.submitter().find([worker], call())).toMatchObject([{ found: null }]);
    expect(await site.look(worker)).toMatchObject({ status: "submitted" });
    // The same call may finish what it began.
    expect(await site.submitter().submitWorkers([worker], call({ key: "first" }))).toEqual([true]);
    await site.until(worker, "finished");
    expect(await judge(site.journalDir)).toMatchObject({ created: 1, started: 1 });
  });

  it("is never run by a wrapper that comes too late", async () => {
    const site = await makeLocalSite();
    const worker = site.worker();
    const submitter = site.submitter({ command: ["sh", "-c", "echo ran >ran"] });
    const folder = join(site.journalDir, batchIDOf(worker.key), "1");
    await mkdir(folder, { recursive: true });
    await mkdir(worker.accessPoint, { recursive: true });
    const { workerID, key, accessPoint } = worker;
    const who = { key, call: "late", workerID, pandaIDs: [], accessPoint, command: ["sh", "-c", "echo ran >ran"] };
    const past = { notAfterAt: Date.now() - 1, createdAt: 0, host: "here", walltime: 0 };
    await makeRecord(folder, "created.json", { ...who, ...past });
    expect(await submitter.submitWorkers([worker], call({ key: "late" }))).toEqual([true]);
    // The wrapper alone decides here: neither find nor monitor has looked yet.
    await expect.poll(() => processesOf(accessPoint), { timeout: 5000 }).toEqual([]);
    expect((await readRecords(site.journalDir, key)).attempt?.claim).toMatchObject({
      by: "wrapper",
      verdict: "expired",
    });
    expect(await site.look(worker)).toMatchObject({ status: "failed", diag: expect.stringContaining("never started") });
    expect(existsSync(join(accessPoint, "ran"))).toBe(false);
    expect(await submitter.find([worker], call())).toMatchObject([{ found: false }]);
  });

  it("cannot be told of where the directory cannot be read", async () => {
    const site = await makeLocalSite();
    await writeFile(site.journalDir, "a file");
    expect(await site.submitter().find([site.worker()], call())).toMatchObject([{ found: null }]);
    expect(await site.submitter().submitWorkers([site.worker()], call())).toMatchObject([
      [null, expect.stringMatching(/nothing was created.*(EEXIST|ENOTDIR)/)],
    ]);
  });
});

describe("a worker", () => {
  it("outlives the process that submitted it, and is found and watched by another", async () => {
    const site = await makeLocalSite();
    const worker = site.worker();
    const how = { key: "first life", notAfterAt: Date.now() + 60_000 };
    const go = join(site.journalDir, "..", "go");
    const command = ["sh", "-c", `while ! [ -e '${go}' ]; do sleep 0.05; done; exit 3`];
    const given = { options: options({ journalDir: site.journalDir, command }), worker: { ...worker }, call: how };
    const killed = await submitFrom(JSON.stringify({ ...given, times: 1, stay: true }), "SIGKILL");
    expect(killed).toEqual([[true]]);
    await wrapperOf(site, worker);
    expect(await site.submitter().find([worker], call())).toEqual([{ found: true, batchID: batchIDOf(worker.key) }]);
    expect(await site.look(worker)).toMatchObject({ status: "running" });
    await writeFile(go, "");
    expect(await site.until(worker, "failed")).toContain("exit code 3");
    expect(worker).toMatchObject({ nativeExitCode: 3, nativeStatus: "exited" });
  });

  it("is submitted together with many", async () => {
    const site = await makeLocalSite();
    const workers = Array.from({ length: 60 }, () => site.worker());
    const answers = await site.submitter().submitWorkers(workers, call());
    expect(answers).toEqual(workers.map(() => true));
    for (const worker of workers) await site.until(worker, "finished");
    const lines = await readJournal(site.journalDir);
    expect(lines).toHaveLength(3 * workers.length);
    expect(await judge(site.journalDir)).toMatchObject({ created: 60, started: 60, ended: 60, startedTwice: [] });
  });

  it("killed before it was created is never created", async () => {
    const site = await makeLocalSite();
    const worker = site.worker();
    expect(await site.sweeper().killWorkers([worker], call())).toMatchObject([[true, expect.any(String)]]);
    expect(await site.submitter({ command: forEver }).submitWorkers([worker], call())).toMatchObject([
      [false, expect.stringContaining("killed before")],
    ]);
    expect(await site.look(worker)).toMatchObject({ status: "cancelled" });
  });
});

/** Submits in a Node process of its own, which then ends, or stays until it is killed. Gives its answers. */
async function submitFrom(given: string, kill?: "SIGKILL"): Promise<readonly (readonly unknown[])[]> {
  const process_ = spawn(process.execPath, [child], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => process_.once("close", resolve));
  process_.stdin.end(given);
  let text = "";
  for await (const chunk of process_.stdout.setEncoding("utf8")) {
    text += String(chunk);
    if (text.endsWith("\n") && kill) process_.kill(kill);
  }
  await ended;
  return text
    .trim()
    .split("\n")
    .map((line): readonly unknown[] => JSON.parse(line));
}
