/** Post-processing of an ended worker: its log archive is made once, reported once, and the same after a crash. */
import { execFile } from "node:child_process";
import { mkdir, rm, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { answerSchema } from "../../../src/plugins/contract.ts";
import { listArchive, writeArchive } from "../../../src/plugins/file/archive.ts";
import { adler } from "../file/storage.ts";
import { call, job } from "../fixtures.ts";
import { jobFacts, makeSite, type Site, type SiteFixture } from "./site.ts";

const run = promisify(execFile);
const dump = "event_status.dump.json";

async function ended(site: Site, jobs = site.jobs): Promise<{ ok: boolean | null; dialog: string }> {
  return answerSchema.parse(await site.plugin.postProcessing(site.worker, jobs, call()));
}

async function members(path: string): Promise<string[]> {
  const { stdout } = await run("tar", ["-tzf", path]);
  return stdout.split("\n").filter((line) => line !== "");
}

/** A payload's directory after its end: logs at two depths, outputs, things that do not belong into a log. */
async function afterPayload(fixture: SiteFixture = {}, directory = "."): Promise<Site> {
  const site = await makeSite(fixture);
  const files = [
    "payload.log",
    "stdout.txt",
    "log.extra",
    "metadata.xml",
    "o.root",
    "sub/deep/step.log",
    "sub/es.11-1-1",
    "sub/HPCJobs.json",
  ];
  for (const name of files) await site.put(join(directory, name), `content of ${name}`);
  await symlink("/etc/passwd", join(site.point, directory, "linked.log"));
  return site;
}

describe("log tarball", () => {
  it("holds the logs of the job and its sub-directories, for GNU tar, and not the job's specification", async () => {
    const site = await afterPayload();
    expect(await ended(site)).toEqual({ ok: true, dialog: "" });
    const path = join(site.point, "l.101.log.tgz");
    expect(await members(path)).toEqual(
      [
        "PoolFileCatalog_H.xml",
        "log.extra",
        "metadata.xml",
        "payload.log",
        "stdout.txt",
        "sub.subdir.tar.gz",
        "worker_pandaids.json",
      ].map((name) => `./${name}`),
    );
    expect(await members(join(site.point, "sub.subdir.tar.gz"))).toEqual(["./deep/step.log"]);
    const { stdout } = await run("tar", ["-xzOf", path, "./payload.log"]);
    expect(stdout).toBe("content of payload.log");
  });

  it("is reported through the dump, with the GUID of the job's log, and arrives with the next look", async () => {
    const site = await afterPayload();
    await ended(site);
    const path = join(site.point, "l.101.log.tgz");
    expect(await site.json(dump)).toEqual({ "101": [{ path, type: "log", isZip: 0, guid: "LOG-101" }] });
    const { size } = await stat(path);
    const chksum = expect.stringMatching(/^[0-9a-f]{8}$/);
    expect(await site.read()).toEqual({
      files: { "101": [{ lfn: "l.101.log.tgz", path, fsize: size, chksum, type: "log", guid: "LOG-101", isZip: 0 }] },
    });
  });

  it("is the same when post-processing is repeated after a crash, before and after the dump was taken", async () => {
    const site = await afterPayload();
    await ended(site);
    const path = join(site.point, "l.101.log.tgz");
    const { ino } = await stat(path);
    const first = await site.text(dump);
    await site.put("late.log", "written after the end");
    await ended(site);
    expect(await site.text(dump)).toBe(first);
    const report = await site.read();
    await ended(site);
    expect(await site.read()).toEqual(report);
    expect((await stat(path)).ino).toBe(ino);
    expect(await site.names()).not.toContain(dump);
  });

  it("is made once: a job whose log is known gets none", async () => {
    const site = await afterPayload();
    const known = job({ ...jobFacts(101, site.inputs), out: [{ lfn: "l.101.log.tgz", fileType: "log" }] });
    expect(await ended(site, [known])).toEqual({ ok: true, dialog: "" });
    expect(await site.names()).not.toContain("l.101.log.tgz");
    expect(await site.names()).not.toContain(dump);
  });

  it("lies in each job's directory where a worker has several", async () => {
    const site = await afterPayload({ mapType: "ManyToOne", PandaIDs: [101, 102] }, "101");
    await ended(site);
    expect(await members(join(site.point, "101", "l.101.log.tgz"))).toContain("./payload.log");
    expect(await members(join(site.point, "102", "l.102.log.tgz"))).toEqual(["./PoolFileCatalog_H.xml"]);
    const { files } = await site.read();
    expect(Object.entries(files ?? {}).map(([PandaID, [file]]) => [PandaID, file?.lfn])).toEqual([
      ["101", "l.101.log.tgz"],
      ["102", "l.102.log.tgz"],
    ]);
  });

  it("is named after the worker where a job has several, and then has a GUID of its own", async () => {
    const site = await afterPayload({ mapType: "OneToMany" });
    await ended(site);
    const { files } = await site.read();
    expect(files?.["101"]?.map(({ lfn, guid }) => [lfn, guid === "LOG-101"])).toEqual([["l.101.log.tgz._7", false]]);
  });

  it("may be empty, as the original's", async () => {
    const site = await makeSite();
    for (const name of ["PoolFileCatalog_H.xml", "worker_pandaids.json"]) await rm(join(site.point, name));
    expect(await ended(site)).toEqual({ ok: true, dialog: "" });
    expect(await members(join(site.point, "l.101.log.tgz"))).toEqual([]);
  });

  it("takes a sub-directory's own tarball where the payload made one", async () => {
    const site = await afterPayload({ options: { subTarballName: "logs.tgz" } });
    await writeArchive(join(site.point, "sub", "logs.tgz"), [{ path: join(site.inputs, "a.root"), name: "own" }], true);
    await ended(site);
    expect(await members(join(site.point, "sub.subdir.tar.gz"))).toEqual(["own"]);
    expect(await site.names("sub")).not.toContain("logs.tgz");
  });

  it("may be a name that would match itself (log.41000001...), and cannot be a path", async () => {
    const log = { lfn: "log.41000001._1.job.log.tgz.1", guid: "G" };
    const site = await afterPayload({ job: { log } });
    await ended(site);
    await ended(site);
    expect(await members(join(site.point, log.lfn))).not.toContain(`./${log.lfn}`);
    const evil = await afterPayload({ job: { log: { lfn: "../../evil.tgz", guid: "G" } } });
    expect((await ended(evil)).dialog).toBe('log "../../evil.tgz" is refused: the name holds a path separator');
    expect(await evil.names("../..")).toEqual(["inputs", "workers"]);
  });

  it("is asked for again while the directory cannot be read, and does not keep other jobs from theirs", async () => {
    const site = await makeSite({ mapType: "ManyToOne", PandaIDs: [101, 102] });
    await rm(join(site.point, "101"), { recursive: true });
    expect(await ended(site)).toEqual({ ok: null, dialog: `job 101: ${join(site.point, "101")} is no directory` });
    expect((await site.read()).files).toMatchObject({ "102": [{ lfn: "l.102.log.tgz" }] });
  });
});

describe("what the payload left", () => {
  it("in an unread dump is kept, and reported together with the log", async () => {
    const site = await makeSite();
    await site.put(dump, { "101": [{ path: "o.root", type: "output", fsize: 1, chksum: "1" }] });
    await ended(site);
    expect((await site.read()).files?.["101"]?.map(({ lfn }) => lfn)).toEqual(["o.root", "l.101.log.tgz"]);
  });

  it("half written is kept aside by name, and the log is reported all the same", async () => {
    const site = await makeSite();
    await site.put(dump, '{"101": [{"path"');
    const { ok, dialog } = await ended(site);
    expect([ok, dialog]).toEqual([true, expect.stringContaining(`${dump} could not be read and is kept as`)]);
    const aside = (await site.names()).find((name) => name.includes(".unreadable.")) ?? "";
    expect(await site.text(aside)).toBe('{"101": [{"path"');
    expect((await site.read()).files).toMatchObject({ "101": [{ type: "log" }] });
  });

  it("unreported is found in the sub-directories by patterns (messenger.md 5.2)", async () => {
    const site = await makeSite({
      options: {
        scanInPostProcess: true,
        leftOverPatterns: ["^es\\.", "%OUTPUT_FILE\\."],
        leftOverZipPatterns: ["^%PANDAID\\.zip$"],
      },
      job: { log: null },
    });
    await site.put("sub/es.11-55-777-1-4", "one");
    await site.put("sub/deep/o.root.11-55-777-2-4", "two");
    await site.put("sub/oXroot.11-55-777-9-4", "the dot of an LFN is a dot");
    await site.put("sub/core", "not asked for");
    await site.put("es.at-the-top", "only sub-directories count");
    const inside = ["3", "4"].map((n) => ({ path: join(site.inputs, "a.root"), name: `x/es.11-55-777-${n}-4` }));
    await writeArchive(join(site.point, "sub", "101.zip"), inside.slice(0, 1), false);
    await ended(site);
    const found = ((await site.json(dump)) as Record<string, Record<string, unknown>[]>)["101"] ?? [];
    expect(
      found.map(({ path, type, eventRangeID, eventStatus }) => [
        String(path).slice(site.point.length),
        type,
        eventRangeID,
        eventStatus,
      ]),
    ).toEqual([
      ["/sub/101.zip", "zip_output", "11-55-777-3-4", "finished"],
      ["/sub/deep/o.root.11-55-777-2-4", "es_output", "11-55-777-2-4", "finished"],
      ["/sub/es.11-55-777-1-4", "es_output", "11-55-777-1-4", "finished"],
    ]);
    expect(found[2]).toMatchObject({ fsize: 3, chksum: adler("one") });
    const report = await site.read();
    expect(report.complaints).toBeUndefined();
    expect(report.events?.["101"]).toHaveLength(3);
  });

  it("counts as a whole without patterns, within outputSubDir if one is named", async () => {
    const site = await makeSite({ options: { scanInPostProcess: true, outputSubDir: "out" }, job: { log: null } });
    await site.put("sub/out/any.r1", "1");
    await site.put("sub/other.r2", "2");
    await mkdir(join(site.point, "sub2"));
    await ended(site);
    expect((await site.read()).files?.["101"]?.map(({ lfn }) => lfn)).toEqual(["any.r1"]);
  });

  it("merged on the site is reported once, and skipped inputs become an attribute (messenger.md 5.4)", async () => {
    const base = await makeSite({ bare: true });
    const options = { payloadInteraction: { taskWorkBaseDir: base.inputs } };
    const facts = { jobParams: { onSiteMerging: true }, log: null };
    const site = await makeSite({ options, job: facts });
    const merged = await base.put("../../inputs/11/o.merged", "merged");
    const output = { path: merged, fsize: 6, guid: "G", chksum: "01" };
    await base.put("../../inputs/11/state.json", { merged: { "a.root": { "o.root": output } } });
    await ended(site);
    const report = await site.read();
    expect(report).toEqual({
      attributes: { "101": { skippedInputs: ["b.root"] } },
      files: {
        "101": [{ lfn: "o.merged", path: merged, fsize: 6, guid: "G", chksum: "01", type: "output", isZip: 0 }],
      },
    });
    await base.put("../../inputs/11/state.json", "{");
    expect((await ended(site)).ok).toBeNull();
  });

  it("in the job's own sub-directory is looked for there, its attributes too (postProcessInSubDir)", async () => {
    const site = await makeSite({ options: { postProcessInSubDir: true } });
    expect(await ended(site)).toMatchObject({ ok: null });
    await site.put("101/payload.log", "log");
    await site.put("101/post_process_job_attrs.json", { skippedInputs: ["x"] });
    await ended(site);
    expect(await members(join(site.point, "101", "l.101.log.tgz"))).toEqual([
      "./payload.log",
      "./post_process_job_attrs.json",
    ]);
    expect(await site.read()).toMatchObject({
      attributes: { "101": { skippedInputs: ["x"] } },
      files: { "101": [{ path: join(site.point, "101", "l.101.log.tgz") }] },
    });
    expect((await listArchive(join(site.point, "101", "l.101.log.tgz"))).length).toBe(2);
  });
});
