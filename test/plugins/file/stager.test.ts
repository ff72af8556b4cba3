/** Stage-out by copying files: what is reported of each, and that a repeated call changes nothing. */
import { mkdir, readFile, rm, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { answerSchema } from "../../../src/plugins/contract.ts";
import { FileStager } from "../../../src/plugins/file/stager.ts";
import { FileSpec } from "../../../src/specs/fileSpec.ts";
import type { JobSpec } from "../../../src/specs/jobSpec.ts";
import { call, job, options } from "../fixtures.ts";
import { stagerSuite } from "../stagerSuite.ts";
import { zipperSuite } from "../zipperSuite.ts";
import { adler, filesBelow, makeStorage, outputJob, put, type Storage } from "./storage.ts";

function plugin(storage: Storage, over: Readonly<Record<string, unknown>> = {}): FileStager {
  return new FileStager(options({ destinationDir: storage.destination, ...over }));
}

/** One output `o.root` of the given content in the worker's directory. */
async function withOutput(storage: Storage, content = "output"): Promise<() => JobSpec> {
  const path = await put(join(storage.accessPoint, "o.root"), content);
  return () => outputJob(storage, { out: [{ lfn: "o.root", scope: "user.jdoe", path }] });
}

async function stageOut(stager: FileStager, given: JobSpec): Promise<{ ok: boolean | null; dialog: string }> {
  const triggered = answerSchema.parse(await stager.triggerStageOut(given, call()));
  if (triggered.ok !== true) return triggered;
  for (const file of given.getOutputFileSpecs({ skipDone: true })) file.status = "transferring";
  let last = { ok: null as boolean | null, dialog: "" };
  await expect
    .poll(
      async () => {
        last = answerSchema.parse(await stager.checkStageOutStatus(given, call()));
        return last.ok;
      },
      { timeout: 20_000 },
    )
    .not.toBeNull();
  return last;
}

stagerSuite("windrow/file", async () => {
  const storage = await makeStorage();
  return { plugin: plugin(storage), job: await withOutput(storage) };
});

zipperSuite("windrow/file stager", async () => {
  const storage = await makeStorage();
  const path = await put(join(storage.accessPoint, "es.1"), "event");
  const member = { lfn: "es.1", fileType: "es_output", PandaID: 101, status: "zipped", attemptNr: 0, path };
  return {
    plugin: plugin(storage),
    job: () => {
      const made = outputJob(storage, { out: [{ lfn: "panda.es.1.zip", isZip: 1, status: "zipping" }] });
      made.outFiles[0]?.associatedFiles.push(new FileSpec(member));
      return made;
    },
  };
});

describe("stage-out by copying", () => {
  it("copies below the scope and sets size, checksum and status of each file, and the group's", async () => {
    const storage = await makeStorage();
    const given = (await withOutput(storage))();
    expect(await stageOut(plugin(storage), given)).toEqual({ ok: true, dialog: "" });
    const copy = join(storage.destination, "user.jdoe", "o.root");
    expect(await readFile(copy, "utf8")).toBe("output");
    expect(
      given.outFiles.map(({ status, fsize, chksum, groupID, groupStatus }) => [
        status,
        fsize,
        chksum,
        groupID,
        groupStatus,
      ]),
    ).toEqual([["finished", 6, adler("output"), "file:out:101", "finished"]]);
    expect(await filesBelow(storage.destination)).toEqual(["user.jdoe/o.root"]);
  });

  it("changes nothing when everything is repeated after a crash, even with the source gone", async () => {
    const storage = await makeStorage();
    const make = await withOutput(storage);
    await stageOut(plugin(storage), make());
    const copy = join(storage.destination, "user.jdoe", "o.root");
    const { ino, mtimeMs } = await stat(copy);
    await stageOut(plugin(storage), make());
    await rm(join(storage.accessPoint, "o.root"));
    const again = outputJob(storage, {
      out: [{ lfn: "o.root", scope: "user.jdoe", path: join(storage.accessPoint, "o.root"), chksum: adler("output") }],
    });
    expect(await stageOut(plugin(storage), again)).toMatchObject({ ok: true });
    expect(await stat(copy)).toMatchObject({ ino, mtimeMs });
  });

  it("gives each file its own status: a missing one fails, the other arrives", async () => {
    const storage = await makeStorage();
    const path = await put(join(storage.accessPoint, "o.root"), "output");
    const gone = join(storage.accessPoint, "gone.root");
    const given = outputJob(storage, {
      out: [
        { lfn: "gone.root", path: gone },
        { lfn: "o.root", path },
      ],
    });
    expect(await stageOut(plugin(storage), given)).toEqual({ ok: false, dialog: `${gone} does not exist` });
    expect(given.outFiles.map(({ status, groupStatus }) => [status, groupStatus])).toEqual([
      ["failed", "failed"],
      ["finished", "failed"],
    ]);
    expect(await filesBelow(storage.destination)).toEqual(["o.root"]);
  });

  it("fails the file of a worker whose directory is gone, but waits while that of all workers is", async () => {
    const storage = await makeStorage();
    const make = await withOutput(storage);
    await rm(storage.accessPoint, { recursive: true });
    expect(await stageOut(plugin(storage), make())).toMatchObject({ ok: false });
    await rm(join(storage.accessPoint, ".."), { recursive: true });
    await plugin(storage).triggerStageOut(make(), call());
    expect(answerSchema.parse(await plugin(storage).checkStageOutStatus(make(), call())).ok).toBeNull();
  });

  it("compares with what the payload reported", async () => {
    const storage = await makeStorage();
    const path = await put(join(storage.accessPoint, "o.root"), "output");
    const damaged = outputJob(storage, { out: [{ lfn: "o.root", path, chksum: "00000001" }] });
    expect(await stageOut(plugin(storage), damaged)).toEqual({
      ok: false,
      dialog: `${path} has the checksum ad:${adler("output")}, the job says ad:00000001`,
    });
    const short = outputJob(storage, { out: [{ lfn: "o.root", path, fsize: 7 }] });
    expect((await stageOut(plugin(storage), short)).dialog).toBe(`${path} has 6 bytes, the job says 7`);
    expect(await filesBelow(storage.destination)).toEqual([]);
    expect(damaged.outFiles.map(({ status, chksum }) => [status, chksum])).toEqual([["failed", "00000001"]]);
  });

  it("never replaces another file of the same name, unless it is told to", async () => {
    const storage = await makeStorage();
    const make = await withOutput(storage);
    const other = await put(join(storage.destination, "user.jdoe", "o.root"), "another job's");
    expect((await stageOut(plugin(storage), make())).dialog).toBe(
      `${other} exists with another content, ad:${adler("another job's")}`,
    );
    expect(await readFile(other, "utf8")).toBe("another job's");
    expect(await stageOut(plugin(storage, { overwrite: true }), make())).toMatchObject({ ok: true });
    expect(await readFile(other, "utf8")).toBe("output");
  });

  it.each(["../o.root", "a/b", ".."])("refuses LFN %j by name and touches nothing", async (lfn) => {
    const storage = await makeStorage();
    const path = await put(join(storage.accessPoint, "o.root"), "output");
    const given = outputJob(storage, { out: [{ lfn, path }] });
    const { ok, dialog } = await stageOut(plugin(storage), given);
    expect([ok, dialog]).toEqual([false, expect.stringContaining(`LFN ${JSON.stringify(lfn)} is refused`)]);
    expect(await filesBelow(join(storage.destination, ".."))).toEqual(["workers/7/o.root"]);
  });

  it("publishes nothing from outside the worker's directory, not through a link either", async () => {
    const storage = await makeStorage();
    const secret = await put(join(storage.source, "secret"), "secret");
    await symlink(secret, join(storage.accessPoint, "linked"));
    await mkdir(join(storage.accessPoint, "sub"));
    for (const path of [
      secret,
      join(storage.accessPoint, "linked"),
      `${storage.accessPoint}/sub/../../../source/secret`,
    ]) {
      const given = outputJob(storage, { out: [{ lfn: "o.root", path }] });
      expect(await stageOut(plugin(storage), given)).toMatchObject({
        ok: false,
        dialog: expect.stringContaining(`${path} lies neither in a directory of the job's workers`),
      });
    }
    expect(await filesBelow(storage.destination)).toEqual([]);
    const allowed = plugin(storage, { sourceDirs: [storage.source] });
    expect(await stageOut(allowed, outputJob(storage, { out: [{ lfn: "o.root", path: secret }] }))).toMatchObject({
      ok: true,
    });
  });

  it("says why a file without path or worker cannot be staged out", async () => {
    const storage = await makeStorage();
    expect((await stageOut(plugin(storage), outputJob(storage, { out: [{ lfn: "o.root" }] }))).dialog).toContain(
      "no path",
    );
    expect(
      (await stageOut(plugin(storage), job({ out: [{ lfn: "o.root", path: "/etc/hostname" }] }))).dialog,
    ).toContain("(there are none)");
  });
});
