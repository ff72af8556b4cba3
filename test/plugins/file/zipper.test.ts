/** Zip files (tar archives) of outputs: their content, names and checksums, and when they are made anew. */
import { execFile } from "node:child_process";
import { link, mkdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { answerSchema } from "../../../src/plugins/contract.ts";
import { sumsOf } from "../../../src/plugins/file/adler32.ts";
import { listArchive } from "../../../src/plugins/file/archive.ts";
import { FileZipper } from "../../../src/plugins/file/zipper.ts";
import { loadPlugin } from "../../../src/plugins/load.ts";
import { FileSpec } from "../../../src/specs/fileSpec.ts";
import type { JobSpec } from "../../../src/specs/jobSpec.ts";
import { call, options } from "../fixtures.ts";
import { zipperSuite } from "../zipperSuite.ts";
import { filesBelow, makeStorage, outputJob, put, type Storage } from "./storage.ts";

const run = promisify(execFile);

/** A job with one archive of the given paths. */
function zipJob(storage: Storage, paths: readonly string[], lfn = "panda.es.1.zip"): JobSpec {
  const made = outputJob(storage, { out: [{ lfn, fileType: "zip_output", isZip: 1, status: "zipping" }] });
  for (const path of paths) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    made.outFiles[0]?.associatedFiles.push(
      new FileSpec({ lfn: name, fileType: "es_output", PandaID: 101, status: "zipped", attemptNr: 0, path }),
    );
  }
  return made;
}

async function members(storage: Storage): Promise<string[]> {
  return [
    await put(join(storage.accessPoint, "es.1"), "first"),
    await put(join(storage.accessPoint, "deep", "er", "es.2"), "second, longer"),
    await put(join(storage.accessPoint, "@es.3"), ""),
  ];
}

const plugin = (over: Readonly<Record<string, unknown>> = {}) => new FileZipper(options(over));
const zipped = async (zipper: FileZipper, given: JobSpec) => answerSchema.parse(await zipper.zipOutput(given, call()));

zipperSuite("windrow/file", async () => {
  const storage = await makeStorage();
  const paths = await members(storage);
  return { plugin: plugin(), job: () => zipJob(storage, paths) };
});

describe("zip files", () => {
  it("are plain tar files of base names, readable by GNU tar, with their true size and checksum", async () => {
    const storage = await makeStorage();
    const given = zipJob(storage, await members(storage));
    expect(await zipped(plugin(), given)).toEqual({ ok: true, dialog: "" });
    const [zip] = given.outFiles;
    const path = join(storage.accessPoint, "panda.es.1.zip");
    const sums = await sumsOf(path);
    expect(zip).toMatchObject({ path, fsize: sums.fsize, chksum: sums.adler32 });
    const { stdout } = await run("tar", ["-tf", path]);
    expect(stdout.split("\n")).toEqual(["es.1", "es.2", "@es.3", ""]);
    const { stdout: second } = await run("tar", ["-xOf", path, "es.2"]);
    expect(second).toBe("second, longer");
    expect((await filesBelow(storage.accessPoint)).toSorted()).toEqual([
      "@es.3",
      "deep/er/es.2",
      "es.1",
      "panda.es.1.zip",
    ]);
  });

  it("go where zipDir says", async () => {
    const storage = await makeStorage();
    const paths = await members(storage);
    const deep = [paths[1] as string];
    // biome-ignore lint/suspicious/noTemplateCurlyInString: Harvester's placeholders.
    const places = [undefined, "${SRCDIR}", "${WORKDIR}", storage.source];
    const found = [];
    for (const zipDir of places) {
      const given = zipJob(storage, deep);
      await zipped(plugin(zipDir === undefined ? {} : { zipDir }), given);
      found.push(given.outFiles[0]?.path);
    }
    const beside = join(storage.accessPoint, "deep", "er", "panda.es.1.zip");
    expect(found).toEqual([
      beside,
      beside,
      join(storage.accessPoint, "panda.es.1.zip"),
      join(storage.source, "panda.es.1.zip"),
    ]);
    expect(() => plugin({ zipDir: "relative" })).toThrow();
  });

  it("are kept when asked for again, even with members gone, and made anew when a member changed", async () => {
    const storage = await makeStorage();
    const paths = await members(storage);
    const first = zipJob(storage, paths);
    await zipped(plugin(), first);
    const path = join(storage.accessPoint, "panda.es.1.zip");
    const { ino } = await stat(path);
    await rm(paths[0] as string);
    const again = zipJob(storage, paths);
    expect(await zipped(plugin(), again)).toEqual({ ok: true, dialog: "" });
    expect((await stat(path)).ino).toBe(ino);
    expect(again.changes()).toEqual(first.changes());
    await writeFile(paths[1] as string, "grown since");
    await writeFile(paths[0] as string, "first");
    await zipped(plugin(), zipJob(storage, paths));
    expect((await listArchive(path)).map(({ name, fsize }) => [name, fsize])).toEqual([
      ["es.1", 5],
      ["es.2", 11],
      ["@es.3", 0],
    ]);
  });

  it("replace what is no archive under their name", async () => {
    const storage = await makeStorage();
    const path = await put(join(storage.accessPoint, "panda.es.1.zip"), "half of an archive".repeat(100));
    expect(await zipped(plugin(), zipJob(storage, await members(storage)))).toMatchObject({ ok: true });
    expect(await listArchive(path)).toHaveLength(3);
  });

  it("go on without a missing member, which fails; without any member they fail", async () => {
    const storage = await makeStorage();
    const paths = [...(await members(storage)), join(storage.accessPoint, "es.gone")];
    const given = zipJob(storage, paths);
    expect(await zipped(plugin(), given)).toEqual({
      ok: true,
      dialog: "panda.es.1.zip is without es.gone, which do not exist",
    });
    expect(given.outFiles[0]?.associatedFiles.map(({ status }) => status)).toEqual([
      "zipped",
      "zipped",
      "zipped",
      "failed",
    ]);
    const empty = zipJob(storage, [join(storage.accessPoint, "es.gone")], "panda.es.gone.zip");
    expect(await zipped(plugin(), empty)).toEqual({
      ok: false,
      dialog: "panda.es.gone.zip: none of its 1 members exists: es.gone",
    });
  });

  it("refuse what does not belong into them", async () => {
    const storage = await makeStorage();
    const [first = ""] = await members(storage);
    const secret = await put(join(storage.source, "secret"), "secret");
    const linked = join(storage.accessPoint, "linked");
    await symlink(secret, linked);
    for (const path of [secret, linked]) {
      const given = zipJob(storage, [first, path]);
      expect(await zipped(plugin(), given)).toMatchObject({ ok: false, dialog: expect.stringContaining(path) });
    }
    expect(await zipped(plugin(), zipJob(storage, [first], "../out.zip"))).toMatchObject({ ok: false });
    await mkdir(join(storage.accessPoint, "sub"));
    const twin = await put(join(storage.accessPoint, "sub", "es.1"), "twin");
    expect(await zipped(plugin(), zipJob(storage, [first, twin]))).toMatchObject({
      ok: false,
      dialog: "panda.es.1.zip: two members are named es.1, of which an archive can keep one",
    });
    expect(await filesBelow(join(storage.accessPoint, ".."))).not.toContain("out.zip");
  });

  it("hold hard links as files of their own", async () => {
    const storage = await makeStorage();
    const [first = ""] = await members(storage);
    await link(first, join(storage.accessPoint, "es.same"));
    await zipped(plugin(), zipJob(storage, [first, join(storage.accessPoint, "es.same")]));
    const { stdout } = await run("tar", ["-xOf", join(storage.accessPoint, "panda.es.1.zip"), "es.same"]);
    expect(stdout).toBe("first");
  });

  it("are made in the background by asyncZipOutput; postZipOutput says when", async () => {
    const storage = await makeStorage();
    const paths = [await put(join(storage.accessPoint, "es.big"), Buffer.alloc(48 * 1024 * 1024, "z"))];
    const impatient = plugin({ waitSeconds: 0 });
    const given = zipJob(storage, paths);
    expect(await impatient.asyncZipOutput(given, call())).toBe(true);
    expect(given.outFiles[0]).toMatchObject({ groupID: "zip:101", groupStatus: "zipping" });
    expect(await impatient.postZipOutput(given, call())).toEqual([null, "panda.es.1.zip is being made"]);
    await expect
      .poll(async () => answerSchema.parse(await impatient.postZipOutput(given, call())).ok, { timeout: 20_000 })
      .toBe(true);
    const content = await readFile(join(storage.accessPoint, "panda.es.1.zip"));
    expect(given.outFiles[0]?.fsize).toBe(content.length);
    // After a crash nobody knows of the work: asked about it, another instance does it.
    await rm(join(storage.accessPoint, "panda.es.1.zip"));
    const after = zipJob(storage, paths);
    await expect
      .poll(async () => answerSchema.parse(await plugin().postZipOutput(after, call())).ok, { timeout: 20_000 })
      .toBe(true);
    expect(after.outFiles[0]?.fsize).toBe(content.length);
  });

  it("are what Harvester's SimpleZipper stands for", async () => {
    const definition = { module: "pandaharvester.harvesterzipper.simple_zipper", name: "SimpleZipper" };
    expect(await loadPlugin("zipper", definition, { queueName: "Q", siteName: "S" })).toBeInstanceOf(FileZipper);
  });
});
