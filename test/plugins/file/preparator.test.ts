/** Stage-in by copying files: what is copied, what has to wait, what is refused for good. */
import { mkdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { answerSchema } from "../../../src/plugins/contract.ts";
import { checksumOf, sumsOf } from "../../../src/plugins/file/adler32.ts";
import { placeOf } from "../../../src/plugins/file/layout.ts";
import { FilePreparator } from "../../../src/plugins/file/preparator.ts";
import { loadPlugin } from "../../../src/plugins/load.ts";
import type { JobSpec } from "../../../src/specs/jobSpec.ts";
import { call, options, tempDir } from "../fixtures.ts";
import { preparatorSuite } from "../preparatorSuite.ts";
import { adler, filesBelow, inputJob, makeStorage, put, type Storage } from "./storage.ts";

function plugin(storage: Storage, over: Readonly<Record<string, unknown>> = {}): FilePreparator {
  return new FilePreparator(options({ sourceDir: storage.source, scratchDir: storage.scratch, ...over }));
}

/** Triggers and checks until there is a verdict. */
async function stageIn(preparator: FilePreparator, given: JobSpec): Promise<{ ok: boolean | null; dialog: string }> {
  const triggered = answerSchema.parse(await preparator.triggerPreparation(given, call()));
  if (triggered.ok !== true) return triggered;
  let last = { ok: null as boolean | null, dialog: "" };
  await expect
    .poll(
      async () => {
        last = answerSchema.parse(await preparator.checkStageInStatus(given, call()));
        return last.ok;
      },
      { timeout: 20_000 },
    )
    .not.toBeNull();
  return last;
}

preparatorSuite("windrow/file", async () => {
  const storage = await makeStorage();
  const contents = { "a.root": "content of a", "b.root": "content of b" };
  for (const [lfn, content] of Object.entries(contents)) await put(join(storage.source, "mc23", lfn), content);
  return { plugin: plugin(storage), other: plugin(storage), job: () => inputJob(contents) };
});

describe("stage-in by copying", () => {
  it("copies each input below its scope, byte for byte, and leaves nothing in the making", async () => {
    const storage = await makeStorage();
    const big = Buffer.alloc(3 * 1024 * 1024 + 17, "0123456789abcdef!");
    await put(join(storage.source, "mc23", "a.root"), big);
    await put(join(storage.source, "mc23", "empty"), "");
    const preparator = plugin(storage);
    const given = inputJob({ "a.root": big, empty: "" });
    expect(await stageIn(preparator, given)).toEqual({ ok: true, dialog: "" });
    expect(await preparator.resolveInputPaths(given, call())).toBe(true);
    expect(given.inFiles.map(({ path }) => path)).toEqual(
      ["a.root", "empty"].map((lfn) => join(storage.scratch, "mc23", lfn)),
    );
    expect((await readFile(join(storage.scratch, "mc23", "a.root"))).equals(big)).toBe(true);
    expect(await filesBelow(storage.scratch)).toEqual(["mc23/a.root", "mc23/empty"]);
  });

  it("puts inputs into a group and follows it", async () => {
    const storage = await makeStorage();
    await put(join(storage.source, "mc23", "a.root"), "a");
    const preparator = plugin(storage);
    const given = inputJob({ "a.root": "a" });
    await preparator.triggerPreparation(given, call());
    expect(given.getGroupsOfInputFiles()).toMatchObject({ "file:in:101": { groupStatus: "transferring" } });
    await stageIn(preparator, given);
    expect(given.getGroupsOfInputFiles()).toMatchObject({ "file:in:101": { groupStatus: "finished" } });
    expect(given.inFiles.map(({ status }) => status)).toEqual(["ready"]);
  });

  it("says later, and how many, while copies are on their way", async () => {
    const storage = await makeStorage();
    const big = Buffer.alloc(48 * 1024 * 1024, "x");
    await put(join(storage.source, "mc23", "big"), big);
    const preparator = plugin(storage, { waitSeconds: 0 });
    const given = inputJob({ big });
    await preparator.triggerPreparation(given, call());
    expect(await preparator.checkStageInStatus(given, call())).toEqual([null, "1 of 1 files are on their way"]);
    expect(await filesBelow(join(storage.scratch, "mc23"))).toEqual([]);
    expect(await stageIn(preparator, given)).toEqual({ ok: true, dialog: "" });
  });

  it("refuses a missing source, but only where the storage itself is there", async () => {
    const storage = await makeStorage();
    const given = inputJob({ gone: "x" });
    const answer = await stageIn(plugin(storage), given);
    expect(answer).toEqual({ ok: false, dialog: `${join(storage.source, "mc23", "gone")} does not exist` });
    expect(given.inFiles.map(({ status, groupStatus }) => [status, groupStatus])).toEqual([["failed", "failed"]]);
    const unmounted = { ...storage, source: join(storage.source, "not-mounted") };
    const [ok, why] = answerPair(await plugin(unmounted).checkStageInStatus(inputJob({ other: "x" }), call()));
    expect(ok).toBeNull();
    expect(why).toContain("not-mounted");
  });

  it("refuses a wrong checksum and a wrong size by name, and shows no such file", async () => {
    const storage = await makeStorage();
    await put(join(storage.source, "mc23", "a.root"), "not what PanDA registered");
    const wrong = await stageIn(plugin(storage), inputJob({ "a.root": "what PanDA registered!!!!" }));
    expect(wrong.ok).toBe(false);
    expect(wrong.dialog).toContain(`has the checksum ad:${adler("not what PanDA registered")}, the job says ad:`);
    const short = await stageIn(plugin(storage), inputJob({ "a.root": "short" }));
    expect(short).toMatchObject({ ok: false, dialog: expect.stringContaining("has 25 bytes, the job says 5") });
    expect(await filesBelow(storage.scratch)).toEqual([]);
  });

  it("verifies md5 too, takes bare adler32 without leading zeros, and refuses what it cannot verify", async () => {
    const storage = await makeStorage();
    await put(join(storage.source, "mc23", "a.root"), "a");
    const md5 = (await sumsOf(join(storage.source, "mc23", "a.root"), true)).md5;
    expect(await stageIn(plugin(storage), inputJob({ "a.root": "a" }, { checksum: `md:${md5}` }))).toMatchObject({
      ok: true,
    });
    // "a" has 00620062.
    expect(await stageIn(plugin(storage), inputJob({ "a.root": "a" }, { checksum: "620062" }))).toMatchObject({
      ok: true,
    });
    const odd = await stageIn(plugin(storage), inputJob({ "a.root": "a" }, { checksum: "sha256:00ff" }));
    expect(odd).toMatchObject({ ok: false, dialog: expect.stringContaining("sha256:00ff") });
  });

  it("replaces a stale copy, keeps a good one, and copies again what was taken away", async () => {
    const storage = await makeStorage();
    const copy = join(storage.scratch, "mc23", "a.root");
    await put(join(storage.source, "mc23", "a.root"), "new content");
    await put(copy, "old content");
    expect(await stageIn(plugin(storage), inputJob({ "a.root": "new content" }))).toMatchObject({ ok: true });
    expect(await readFile(copy, "utf8")).toBe("new content");
    const { ino } = await stat(copy);
    await stageIn(plugin(storage), inputJob({ "a.root": "new content" }, { PandaID: 102 }));
    expect((await stat(copy)).ino).toBe(ino);
    await writeFile(copy, "damaged here");
    expect(await stageIn(plugin(storage), inputJob({ "a.root": "new content" }))).toMatchObject({ ok: true });
    expect(await readFile(copy, "utf8")).toBe("new content");
  });

  it("knows after a crash what is there: another process finds the copy although the source is gone", async () => {
    const storage = await makeStorage();
    await put(join(storage.scratch, "mc23", "a.root"), "was copied");
    expect(await stageIn(plugin(storage), inputJob({ "a.root": "was copied" }))).toEqual({ ok: true, dialog: "" });
  });

  it("clears what an earlier crash left in the making, by age", async () => {
    const storage = await makeStorage();
    const [old, fresh] = ["old", "fresh"].map((name) => join(storage.scratch, ".windrow-parts", name));
    await put(old as string, "half");
    await put(fresh as string, "half");
    await utimes(old as string, 1, 1);
    await put(join(storage.source, "mc23", "a.root"), "a");
    await stageIn(plugin(storage), inputJob({ "a.root": "a" }));
    expect(await filesBelow(join(storage.scratch, ".windrow-parts"))).toEqual(["fresh"]);
  });

  it("tries again after a failure when it is triggered again", async () => {
    const storage = await makeStorage();
    expect(await stageIn(plugin(storage), inputJob({ late: "x" }))).toMatchObject({ ok: false });
    await put(join(storage.source, "mc23", "late"), "x");
    expect(await stageIn(plugin(storage), inputJob({ late: "x" }))).toMatchObject({ ok: true });
  });

  it.each(["../evil", "..", "a/b", "/etc/passwd", "a\\b", "a\nb", "a\0b", "", ".windrow-parts", "x".repeat(256)])(
    "refuses LFN %j and touches nothing",
    async (lfn) => {
      const storage = await makeStorage();
      await put(join(storage.source, "evil"), "x");
      const [ok, why] = answerPair(await plugin(storage).triggerPreparation(inputJob({ [lfn]: "x" }), call()));
      expect(ok).toBe(false);
      expect(why).toContain(`LFN ${JSON.stringify(lfn)} is refused`);
      expect(await filesBelow(storage.scratch)).toEqual([]);
    },
  );

  it("refuses a scope that leads out of the directory", async () => {
    const storage = await makeStorage();
    const given = inputJob({ "a.root": "a" }, { scope: "../.." });
    expect(answerPair(await plugin(storage).triggerPreparation(given, call()))).toEqual([
      false,
      'scope "../.." of LFN a.root is refused: the name holds a path separator',
    ]);
  });

  it("begins nothing after notAfterAt", async () => {
    const storage = await makeStorage();
    await put(join(storage.source, "mc23", "a.root"), "a");
    const [ok] = answerPair(
      await plugin(storage).triggerPreparation(inputJob({ "a.root": "a" }), call({ notAfterAt: 1 })),
    );
    expect(ok).toBeNull();
    expect(await filesBelow(storage.scratch)).toEqual([]);
  });

  it("answers paths with what is missing, when a copy went away after the check", async () => {
    const storage = await makeStorage();
    await mkdir(storage.scratch);
    expect(answerPair(await plugin(storage).resolveInputPaths(inputJob({ "a.root": "a" }), call()))).toEqual([
      false,
      `not there (any more): ${join(storage.scratch, "mc23", "a.root")}`,
    ]);
  });
});

describe("configuration and layouts", () => {
  it("is loaded by its name and refuses a relative directory", async () => {
    const definition = { module: "windrow/file", name: "FilePreparator", sourceDir: "/data", scratchDir: "scratch" };
    await expect(loadPlugin("preparator", definition, { queueName: "Q", siteName: "S" })).rejects.toThrow(
      /must be an absolute path, not scratch[\s\S]*scratchDir/,
    );
    const directory = await tempDir();
    const good = { ...definition, scratchDir: directory };
    expect(await loadPlugin("preparator", good, { queueName: "Q", siteName: "S" })).toBeInstanceOf(FilePreparator);
  });

  it("finds Rucio's deterministic paths (mover_utils.construct_file_path)", () => {
    // The original's answer: hashlib.md5(b"user.jdoe:a.root") begins so.
    expect(placeOf("/rse", "rucio", "user.jdoe", "a.root")).toEqual({ ok: true, path: "/rse/user/jdoe/f6/00/a.root" });
    expect(placeOf("/rse", "rucio", "", "a.root").ok).toBe(false);
    expect(placeOf("/rse", "flat", "mc23", "a.root")).toEqual({ ok: true, path: "/rse/a.root" });
  });

  it("reads checksums as the server writes them", () => {
    expect(checksumOf("ad:f137bdc5")).toEqual({ kind: "adler32", hex: "f137bdc5" });
    expect(checksumOf("AD:1")).toEqual({ kind: "adler32", hex: "00000001" });
    expect(checksumOf("NULL").kind).toBe("none");
    expect(checksumOf(undefined).kind).toBe("none");
    expect(checksumOf("md:00").kind).toBe("unknown");
  });

  it("computes the known adler32 values", () => {
    expect(adler("")).toBe("00000001");
    expect(adler("Wikipedia")).toBe("11e60398");
    expect(adler(Buffer.alloc(1_000_000, 0xff))).toBe("3843e1be");
  });
});

function answerPair(answer: unknown): readonly [boolean | null, string] {
  const { ok, dialog } = answerSchema.parse(answer);
  return [ok, dialog];
}
