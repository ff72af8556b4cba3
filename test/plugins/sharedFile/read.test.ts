import { execFile } from "node:child_process";
import { mkdir, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { methods } from "../../../src/plugins/contract.ts";
import { adler } from "../file/storage.ts";
import { call, worker } from "../fixtures.ts";
import { makeSite, type Site } from "./site.ts";

const run = promisify(execFile);
const dump = "event_status.dump.json";
const updates = "worker_updateevents.json";

/** Names of a file and what became of it, with the time of its retirement left out. */
async function states(site: Site, name: string, directory = "."): Promise<string[]> {
  const own = (await site.names(directory)).filter((each) => each.startsWith(name));
  return own.map((each) => each.slice(name.length).replace(/\.\d{4}-\d\d-\d\d_\d\d_\d\d_\d\d\.\d{6}$/, ".<time>"));
}

async function complaints(site: Site): Promise<(readonly [string, string])[]> {
  const report = await site.read();
  expect(methods.read.answer.safeParse(report)).toMatchObject({ success: true });
  return (report.complaints ?? []).map(({ where, why }) => [where, why]);
}

describe("attributes", () => {
  it("are the payload's, then the job report, then what post-processing found", async () => {
    const site = await makeSite();
    expect(await site.read()).toEqual({});
    await site.put("worker_attributes.json", { jobStatus: "running", coreCount: 8, skippedInputs: [] });
    await site.put("jobReport.json", { exitCode: 0, files: { output: [] } });
    await site.put("post_process_job_attrs.json", { skippedInputs: ["b.root"] });
    const expected = {
      jobStatus: "running",
      coreCount: 8,
      metaData: { exitCode: 0, files: { output: [] } },
      skippedInputs: ["b.root"],
    };
    expect(await site.read()).toEqual({ attributes: { "101": expected } });
    // Not consumed: every look gives them again (messenger.md 2).
    expect(await site.read()).toEqual({ attributes: { "101": expected } });
    expect(await site.read({ attributes: false })).toEqual({});
  });

  it("come from each job's directory where a worker has several", async () => {
    const site = await makeSite({ mapType: "ManyToOne", PandaIDs: [101, 102] });
    await site.put("101/worker_attributes.json", { jobStatus: "finished" });
    await site.put("102/jobReport.json", { exitCode: 65 });
    await site.put("worker_attributes.json", { jobStatus: "failed" });
    expect(await site.read()).toEqual({
      attributes: { "101": { jobStatus: "finished" }, "102": { metaData: { exitCode: 65 } } },
    });
  });

  it("follow changes, by a rename or in place, also of equal size", async () => {
    const site = await makeSite();
    const path = await site.put("worker_attributes.json", { n: 1 });
    await utimes(path, 1_000_000, 1_000_000);
    expect((await site.read()).attributes).toEqual({ "101": { n: 1 } });
    expect((await site.read()).attributes).toEqual({ "101": { n: 1 } });
    await site.put("worker_attributes.json", { n: 2 });
    expect((await site.read()).attributes).toEqual({ "101": { n: 2 } });
    await rename(await site.put("new", { n: 3 }), path);
    expect((await site.read()).attributes).toEqual({ "101": { n: 3 } });
  });

  it("are left out with one complaint while they are not whole, and read when they are", async () => {
    const site = await makeSite();
    await site.put("worker_attributes.json", '{"jobStatus": "runn');
    await site.put("jobReport.json", { exitCode: 0 });
    const report = await site.read();
    expect(report.attributes).toEqual({ "101": { metaData: { exitCode: 0 } } });
    expect(report.complaints).toEqual([
      { where: "worker_attributes.json", why: expect.stringContaining("no whole JSON (yet)") },
    ]);
    await site.put("worker_attributes.json", { jobStatus: "running" });
    expect((await site.read()).attributes).toMatchObject({ "101": { jobStatus: "running" } });
  });

  it("are never read through a link, from a pipe, a directory or an endless file", async () => {
    const site = await makeSite({ options: { maxFileBytes: 1000 } });
    await symlink("/etc/hostname", join(site.point, "worker_attributes.json"));
    await run("mkfifo", [join(site.point, "jobReport.json")]);
    await mkdir(join(site.point, "post_process_job_attrs.json"));
    await site.put(dump, `{"101": "${"x".repeat(2000)}"}`);
    expect(await complaints(site)).toEqual([
      ["worker_attributes.json", "it is no regular file"],
      ["jobReport.json", "it is no regular file"],
      ["post_process_job_attrs.json", "it is no regular file"],
      [dump, "it has 2011 bytes, above 1000"],
    ]);
    expect((await site.read()).attributes).toBeUndefined();
  });
});

describe("outputs and events", () => {
  it("come from the dump, with what the payload did not give made up (messenger.md 4.2)", async () => {
    const site = await makeSite();
    const [es, out] = [await site.put("es.1", "ab"), await site.put("o.root", "output")];
    await site.put(dump, {
      "101": [
        {
          eventRangeID: "11-55-777-1-4",
          eventStatus: "finished",
          path: es,
          type: "es_output",
          fsize: 2,
          chksum: "00f100f1",
          guid: "6A2B",
        },
        { eventRangeID: "11-55-777-2-4", eventStatus: "failed" },
        {
          eventRangeID: "11-55-777-3-4",
          eventStatus: "finished",
          path: "z.zip",
          type: "zip_output",
          fsize: 9,
          chksum: "01",
        },
        { path: out, type: "output" },
        { path: "l.log.tgz", type: "log", fsize: 5, chksum: "02", isZip: 1 },
      ],
    });
    const report = await site.read();
    expect(report.complaints).toBeUndefined();
    expect(report.events).toEqual({
      "101": [
        { eventRangeID: "11-55-777-1-4", eventStatus: "finished" },
        { eventRangeID: "11-55-777-2-4", eventStatus: "failed" },
        { eventRangeID: "11-55-777-3-4", eventStatus: "finished" },
      ],
    });
    const uuid = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(report.files).toEqual({
      "101": [
        {
          lfn: "es.1",
          path: es,
          fsize: 2,
          chksum: "00f100f1",
          type: "es_output",
          guid: "6A2B",
          eventRangeID: "11-55-777-1-4",
        },
        {
          lfn: "z.zip",
          path: join(site.point, "z.zip"),
          fsize: 9,
          chksum: "01",
          type: "zip_output",
          guid: uuid,
          isZip: 1,
          eventRangeID: "11-55-777-3-4",
        },
        { lfn: "o.root", path: out, fsize: 6, chksum: adler("output"), type: "output", guid: uuid, isZip: 0 },
        {
          lfn: "l.log.tgz",
          path: join(site.point, "l.log.tgz"),
          fsize: 5,
          chksum: "02",
          type: "log",
          guid: uuid,
          isZip: 0,
        },
      ],
    });
    // Not acknowledged: the same again, GUIDs too, whatever crashed in between.
    expect(await site.read()).toEqual(report);
  });

  it("are taken, kept until acknowledged, then retired; the next dump waits its turn (messenger.md 4.4)", async () => {
    const site = await makeSite();
    await site.put(dump, { "101": [{ eventRangeID: "r-1", eventStatus: "finished" }] });
    await site.put(updates, {
      "101": [{ eventRangeID: "r-0", eventStatus: "running", coreCount: 8, cpuConsumptionTime: 30 }],
    });
    const first = await site.read();
    expect(first.events).toEqual({
      "101": [
        { eventRangeID: "r-1", eventStatus: "finished" },
        { eventRangeID: "r-0", eventStatus: "running", coreCount: 8, cpuConsumptionTime: 30 },
      ],
    });
    expect([await states(site, dump), await states(site, updates)]).toEqual([[".read"], [".read"]]);
    await site.put(dump, { "101": [{ eventRangeID: "r-2", eventStatus: "finished" }] });
    expect(await site.read()).toEqual(first);
    await site.plugin.acknowledgeEventsFiles(site.worker, call());
    expect([await states(site, dump), await states(site, updates)]).toEqual([["", ".read.<time>"], [".read.<time>"]]);
    expect((await site.read()).events).toEqual({ "101": [{ eventRangeID: "r-2", eventStatus: "finished" }] });
    await site.plugin.acknowledgeEventsFiles(site.worker, call());
    await site.plugin.acknowledgeEventsFiles(site.worker, call());
    expect(await states(site, dump)).toEqual([".read.<time>", ".read.<time>"]);
    expect(await site.read()).toEqual({});
  });

  it("use that protocol in each job's directory", async () => {
    const site = await makeSite({ mapType: "ManyToOne", PandaIDs: [101, 102] });
    await site.put(`101/${dump}`, { "101": [{ path: "o.1", type: "output", fsize: 1, chksum: "1" }] });
    await site.put(`102/${dump}`, { "102": [{ path: "o.2", type: "output", fsize: 1, chksum: "1" }] });
    const { files } = await site.read();
    expect(files).toMatchObject({
      "101": [{ lfn: "o.1", path: join(site.point, "101", "o.1") }],
      "102": [{ lfn: "o.2", path: join(site.point, "102", "o.2") }],
    });
    await site.plugin.acknowledgeEventsFiles(site.worker, call());
    expect(await states(site, dump, "101")).toEqual([".read.<time>"]);
    expect(await site.read()).toEqual({});
  });

  it("stay where they are while nobody asks for them", async () => {
    const site = await makeSite();
    await site.put(dump, { "101": [{ eventRangeID: "r", eventStatus: "finished" }] });
    await site.put(updates, { "101": [{ eventRangeID: "r", eventStatus: "finished" }] });
    expect(await site.read({ files: false, events: false })).toEqual({});
    expect([await states(site, dump), await states(site, updates)]).toEqual([[""], [""]]);
  });

  it("wait while a file is half written, and nothing of it is lost", async () => {
    const site = await makeSite();
    const whole = JSON.stringify({ "101": [{ path: "o.root", type: "output", fsize: 1, chksum: "1" }] });
    await site.put("worker_attributes.json", { n: 1 });
    for (const part of ["", whole.slice(0, 20)]) {
      await site.put(dump, part);
      expect(await site.read()).toEqual({
        attributes: { "101": { n: 1 } },
        complaints: [{ where: dump, why: expect.stringContaining("no whole JSON (yet)") }],
      });
      expect(await states(site, dump)).toEqual([""]);
    }
    await site.put(dump, whole);
    expect((await site.read()).files).toMatchObject({ "101": [{ lfn: "o.root" }] });
  });

  it("of a taken file that is damaged wait too, with a complaint that names it", async () => {
    const site = await makeSite();
    await site.put(`${dump}.read`, "damaged");
    expect((await complaints(site)).map(([where]) => where)).toEqual([`${dump}.read`]);
    expect(await states(site, dump)).toEqual([".read"]);
  });

  it("give one complaint for each entry that cannot be used; the others arrive", async () => {
    const site = await makeSite();
    await site.put("o.root", "x");
    await mkdir(join(site.point, "directory"));
    await symlink("/etc/hostname", join(site.point, "linked"));
    await site.put(dump, {
      "101": [
        7,
        { path: "o.root" },
        { path: 5, type: "output" },
        { path: "../../../etc/passwd", type: "output" },
        { path: "/etc/hostname", type: "output" },
        { path: "linked", type: "output" },
        { path: "directory", type: "output" },
        { path: "gone", type: "output" },
        { path: "gone", type: "output", fsize: 1 },
        { path: "x\u0000", type: "output" },
        { path: "o.root", type: "output", lfn: "../../evil" },
        { path: "a\nb", type: "output", fsize: 1, chksum: "1" },
        { eventStatus: "finished" },
        { eventRangeID: 5, eventStatus: "finished" },
        { eventRangeID: "r-1" },
        { eventRangeID: "r-2", eventStatus: "finished", coreCount: "8" },
        { path: "o.root", type: "output", fsize: "1", guid: 5 },
      ],
      "102": [{ eventRangeID: "r", eventStatus: "finished" }],
      __proto__x: [],
      "103": 5,
    });
    const at = (index: number): string => `${dump}["101"][${index}]`;
    const outside = `lies outside ${site.point}, /tmp/workdir; name its directory in outputDirs if it may`;
    expect(await complaints(site)).toEqual([
      [at(0), "it is no object"],
      [at(1), "type is nothing, which an entry with a path must name"],
      [at(2), "path is 5"],
      [at(3), `../../../etc/passwd ${outside}`],
      [at(4), `/etc/hostname ${outside}`],
      [at(5), `linked ${outside}`],
      [at(6), "directory: it is no regular file"],
      [at(7), `${site.point}/gone does not exist, and its size is not given`],
      [at(8), `${site.point}/gone does not exist, and its checksum is not given`],
      [at(9), "path holds a zero byte"],
      [at(10), 'lfn is "../../evil", but the LFN is the base name of the path, o.root'],
      [at(11), 'LFN "a\\nb": the name holds a control character'],
      [at(12), "it reports no event, since eventRangeID is nothing"],
      [at(13), "it reports no event, since eventRangeID is 5"],
      [at(14), "it reports no event, since eventStatus is nothing"],
      [at(15), 'coreCount is "8", which it cannot be; it counts as not given'],
      [at(16), 'fsize is "1", which it cannot be; it counts as not given'],
      [at(16), "guid is 5, which it cannot be; it counts as not given"],
      [`${dump}["102"]`, "the worker has no such job"],
      [`${dump}["103"]`, "the worker has no such job"],
      [`${dump}["__proto__x"]`, "the key is no PandaID"],
    ]);
    const { files, events } = await site.read();
    expect(files).toMatchObject({ "101": [{ lfn: "o.root", fsize: 1, chksum: adler("x") }] });
    expect(events).toEqual({ "101": [{ eventRangeID: "r-2", eventStatus: "finished" }] });
  });

  it("keep the file of an entry whose event is wrong, as the original does (messenger.md 4.2)", async () => {
    const site = await makeSite();
    await site.put(dump, { "101": [{ path: "es.1", type: "es_output", fsize: 1, chksum: "1", eventRangeID: "r" }] });
    const report = await site.read();
    expect(report.files).toMatchObject({ "101": [{ lfn: "es.1", eventRangeID: "r" }] });
    expect(report.events).toBeUndefined();
    expect(report.complaints).toHaveLength(1);
  });

  it("may lie in directories that the options name", async () => {
    const site = await makeSite();
    await writeFile(join(site.inputs, "o.root"), "x");
    const wide = await makeSite({ options: { outputDirs: [site.inputs] } });
    await wide.put(dump, { "101": [{ path: join(site.inputs, "o.root"), type: "output" }] });
    expect((await wide.read()).files).toMatchObject({ "101": [{ path: join(site.inputs, "o.root") }] });
  });

  it.each([[[1, 2]], ["text"], [null], [{ "999": [] }], [{ nonsense: [] }]])(
    "of a whole file without anything to use (%j) give one complaint, and the file is retired, not lost",
    async (content) => {
      const site = await makeSite();
      await site.put(dump, JSON.stringify(content));
      expect(await complaints(site)).toHaveLength(1);
      expect(await states(site, dump)).toEqual([".read.<time>"]);
      expect(await site.read()).toEqual({});
    },
  );

  it("are not worth a complaint when there are none", async () => {
    const site = await makeSite();
    await site.put(dump, {});
    await site.put(updates, { "101": [] });
    expect(await site.read()).toEqual({});
    expect([await states(site, dump), await states(site, updates)]).toEqual([[".read.<time>"], [".read.<time>"]]);
  });

  it("that wait behind a file without use arrive in the same look, which may be the last", async () => {
    const site = await makeSite();
    for (const name of [dump, updates]) await site.put(`${name}.read`, {});
    await site.put(dump, { "101": [{ path: "o.root", type: "output", fsize: 1, chksum: "1" }] });
    await site.put(updates, { "101": [{ eventRangeID: "r", eventStatus: "finished" }] });
    expect(await site.read()).toMatchObject({ files: { "101": [{ lfn: "o.root" }] }, events: { "101": [{}] } });
  });

  it("of a worker that runs no events are left out by name, and do not block the next dump", async () => {
    const site = await makeSite();
    await site.put(dump, { "101": [{ eventRangeID: "r", eventStatus: "finished" }] });
    expect(await site.read({ events: false })).toEqual({
      complaints: [{ where: `${dump}["101"][0]`, why: "the worker runs no events; the entry is left out" }],
    });
    expect(await states(site, dump)).toEqual([".read.<time>"]);
  });

  it("cannot flood the log with complaints", async () => {
    const site = await makeSite();
    await site.put(dump, { "101": Array.from({ length: 5000 }, () => 7) });
    const told = await complaints(site);
    expect(told).toHaveLength(201);
    expect(told.at(-1)).toEqual(["this look", "4800 further complaints are left off"]);
  });

  it("arrive in one look however many they are", async () => {
    const site = await makeSite();
    const entries = Array.from({ length: 5000 }, (_, n) => ({
      eventRangeID: `11-55-777-${n}-4`,
      eventStatus: "finished",
      path: join(site.point, "z.zip"),
      type: "zip_output",
      fsize: 1,
      chksum: "1",
    }));
    await site.put(dump, { "101": entries });
    const { files, events } = await site.read();
    expect([files?.["101"]?.length, events?.["101"]?.length]).toEqual([5000, 5000]);
  });
});

describe("requests of the payload", () => {
  it.each([
    [{ nJobs: 3 }, 3, 0],
    [{ nJobs: 0 }, undefined, 0],
    [{}, 1, 0],
    [[], 1, 0],
    [{ nJobs: "3" }, 1, 1],
    [{ nJobs: -1 }, 1, 1],
  ])("for jobs: %j asks for %s", async (content, asked, complained) => {
    const site = await makeSite();
    await site.put("worker_requestjob.json", content);
    const report = await site.read();
    expect([report.jobsRequested, report.complaints?.length ?? 0]).toEqual([asked, complained]);
  });

  it("for jobs without readable number: one, but not while the file may be being written", async () => {
    const site = await makeSite();
    const path = await site.put("worker_requestjob.json", '{"nJobs": 1');
    expect((await site.read()).jobsRequested).toBeUndefined();
    await utimes(path, 1_000_000, 1_000_000);
    expect((await site.read()).jobsRequested).toBe(1);
  });

  it("for events: by job, strange ones with a complaint", async () => {
    const site = await makeSite();
    await site.put("worker_requestevents.json", { "101": { pandaID: 101, nRanges: 5 }, "102": {}, "-1": {} });
    expect(await site.read()).toMatchObject({
      eventsRequest: { "101": { pandaID: 101, nRanges: 5 } },
      complaints: [
        { where: 'worker_requestevents.json["102"]', why: "the worker has no such job" },
        { where: 'worker_requestevents.json["-1"]', why: "the worker has no such job" },
      ],
    });
    await site.put("worker_requestevents.json", { "101": 5 });
    expect(await complaints(site)).toEqual([['worker_requestevents.json["101"]', "it is no object"]]);
    await site.put("worker_requestevents.json", [1]);
    expect(await complaints(site)).toEqual([["worker_requestevents.json", "it is no object"]]);
    expect(await site.names()).toContain("worker_requestevents.json");
  });

  it("to be killed: the file's existence counts", async () => {
    const site = await makeSite();
    await site.put("kill_worker.json", "");
    expect(await site.read()).toEqual({ killRequested: true });
    expect(await site.read({ killRequested: false })).toEqual({});
  });
});

describe("pull mode", () => {
  it("learns the jobs from the payload, and waits with reports until the core knows them", async () => {
    const site = await makeSite({ mapType: "NoJob", worker: { pandaIDs: [] } });
    expect(await site.names()).toEqual([".windrow-worker"]);
    await site.put("worker_pandaids.json", [201, "202", 203]);
    await site.put(dump, { "201": [{ path: "o", type: "output", fsize: 1, chksum: "1" }] });
    const first = await site.read();
    expect(first).toEqual({
      pandaIDs: [201, 203],
      complaints: [{ where: "worker_pandaids.json[1]", why: '"202" is no PandaID' }],
    });
    expect(await states(site, dump)).toEqual([""]);
    const related = worker({ ...site.worker, pandaIDs: [201, 203] });
    await site.put("worker_attributes.json", { n: 1 });
    const everything = { attributes: true, files: true, events: true, eventsRequest: true, pandaIDs: true };
    const rest = { jobsRequested: true, killRequested: true, heartbeatMinutes: null, now: 0 };
    expect(await site.plugin.read(related, { ...everything, ...rest }, call())).toMatchObject({
      pandaIDs: [201, 203],
      files: { "201": [{ lfn: "o" }] },
      attributes: { "201": { n: 1 }, "203": { n: 1 } },
    });
  });

  it("says what a strange list is", async () => {
    const site = await makeSite({ mapType: "NoJob", worker: { pandaIDs: [] } });
    await site.put("worker_pandaids.json", { "201": 1 });
    expect(await complaints(site)).toEqual([["worker_pandaids.json", "it is no list of PandaIDs"]]);
  });

  it("does not take its own list for the payload's in push mode", async () => {
    const site = await makeSite();
    expect((await site.read({ pandaIDs: true })).pandaIDs).toBeUndefined();
  });
});

describe("heartbeat", () => {
  const minute = 60_000;

  it("counts by the age of the file", async () => {
    const site = await makeSite();
    const path = await site.put("worker_heartbeat.json", "");
    await utimes(path, 1000, 1000);
    const now = 1_000_000;
    expect(await site.read({ heartbeatMinutes: 10, now: now + 10 * minute })).toEqual({ alive: true });
    expect(await site.read({ heartbeatMinutes: 10, now: now + 10 * minute + 1 })).toEqual({ alive: false });
    expect(await site.read({ now })).toEqual({});
  });

  it("before the first one, by the start of the worker", async () => {
    const waiting = await makeSite();
    expect(await waiting.read({ heartbeatMinutes: 10 })).toEqual({ alive: true });
    const started = await makeSite({ worker: { startAt: 1_000_000 } });
    expect(await started.read({ heartbeatMinutes: 10, now: 1_000_000 + 9 * minute })).toEqual({ alive: true });
    expect(await started.read({ heartbeatMinutes: 10, now: 1_000_000 + 10 * minute })).toEqual({ alive: null });
  });
});

it("looks at a worker whose directory is gone or unreadable without an exception", async () => {
  const site = await makeSite();
  await rm(site.point, { recursive: true });
  expect(await site.read()).toEqual({});
  await writeFile(site.point, "a file in its place");
  expect(await site.read()).toEqual({});
});
