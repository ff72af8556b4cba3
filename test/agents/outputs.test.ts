/**
 * Reports of payloads as rows of the outputs: every initial status, repetitions, and which files are zipped when.
 */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import { type JobLook, reportOutputs, type WorkerFiles } from "../../src/agents/outputs.ts";
import type { ReportedFile } from "../../src/plugins/contract.ts";
import { fold } from "../../src/projection.ts";
import type { World } from "../../src/world.ts";
import { configured, fetched, start, worldOf } from "./drive.ts";

const megabyte = 2 ** 20;
const file = (lfn: string, more: Partial<ReportedFile> = {}): ReportedFile => ({
  lfn,
  path: `/out/${lfn}`,
  fsize: 1000,
  type: "output",
  guid: `g-${lfn}`,
  chksum: "ad:0a",
  isZip: 0,
  ...more,
});
/** A file that may be zipped. */
const event = (lfn: string, more: Partial<ReportedFile> = {}): ReportedFile => {
  const { isZip: _isZip, ...rest } = file(lfn, { type: "es_output", ...more });
  return rest;
};
const zipOf = (lfn: string, eventRangeID?: string): ReportedFile =>
  file(lfn, { type: "zip_output", isZip: 1, ...(eventRangeID === undefined ? {} : { eventRangeID }) });

const jobOf = (facts: Record<string, unknown> = {}) => worldOf([...configured(), fetched(1, facts)]);
const going: JobLook = { ending: false, activeWorkers: new Set([5, 6]) };
const ending: JobLook = { ending: true, activeWorkers: new Set([5, 6]) };

let seq = 1;
/** One look at the job, folded: its events. */
function look(world: World, reports: readonly WorkerFiles[], how: JobLook = going): readonly WindrowEvent[] {
  const events = reportOutputs(world, world.jobs.get(1)!, reports, how);
  fold(world, { shard: 1, seq: ++seq, at: start, events });
  expect(world.anomalies).toEqual([]);
  expect(world.anomalyCount).toBe(0);
  return events;
}
const by = (workerID: number, ...files: readonly ReportedFile[]): WorkerFiles => ({ workerID, files });
const rows = (world: World) => world.filesOf(1, "out")?.ctx.files ?? {};
const statuses = (world: World) =>
  Object.fromEntries(Object.entries(rows(world)).map(([key, { status }]) => [key, status]));
/** Members of each zip file. */
function zips(world: World): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const [key, { zip }] of Object.entries(rows(world)))
    if (zip !== undefined) found[zip] = [...(found[zip] ?? []), key];
  return found;
}

describe("new files (1.9)", () => {
  it("open the group with everything that is known of them", () => {
    const world = jobOf();
    const events = look(world, [by(5, file("1.out"), file("x", { guid: "", eventRangeID: "1-2-33-4-5" }))]);
    expect(events).toMatchObject([
      { type: "fileGroup.opened", group: "1/out", PandaID: 1, direction: "out", endpoint: "EPO" },
    ]);
    const [first, second] = Object.values(rows(world));
    expect(first).toEqual({
      lfn: "1.out",
      fileType: "output",
      status: "defined",
      scope: "so",
      path: "/out/1.out",
      fsize: 1000,
      chksum: "ad:0a",
      guid: "g-1.out",
      isZip: 0,
      workerID: 5,
      attemptNr: 0,
      todelete: false,
    });
    expect(second).toMatchObject({ lfn: "x", eventRangeID: "1-2-33-4-5", provenanceID: "33" });
    expect(second).not.toHaveProperty("scope");
    expect(second).not.toHaveProperty("guid");
  });

  it("name no endpoint for outputs that go to several", () => {
    const outputs = ["EP1", "EP2"].map((endpoint) => ({ lfn: `o${endpoint}`, scope: "s", dataset: "d", endpoint }));
    const world = jobOf({ outputs });
    expect(look(world, [by(5, file("oEP1"))])).toMatchObject([{ endpoint: null }]);
  });

  it("extend the group later on", () => {
    const world = jobOf();
    look(world, [by(5, file("a"))]);
    expect(look(world, [by(5, file("b"))])).toMatchObject([{ type: "fileGroup.extended", files: [{ lfn: "b" }] }]);
    expect(world.filesOf(1, "out")!.ctx.counts).toEqual({ defined: 2 });
  });

  for (const [zipPerMB, type, isZip, status] of [
    [null, "output", undefined, "defined"],
    [null, "es_output", undefined, "defined"],
    [0, "es_output", undefined, "pending"],
    [0, "es_output", 0, "defined"],
    [0, "zip_output", 1, "defined"],
    [5, "output", undefined, "pending"],
    [5, "log", 0, "defined"],
    [null, "checkpoint", 0, "renewed"],
    [5, "checkpoint", 0, "renewed"],
    [5, "checkpoint", undefined, "renewed"],
  ] as const) {
    it(`begin as ${status}: zipPerMB ${zipPerMB}, ${type}, isZip ${isZip}`, () => {
      const world = jobOf({ zipPerMB });
      look(world, [by(5, isZip === undefined ? event("a", { type }) : file("a", { type, isZip }))]);
      expect(statuses(world)).toEqual({ a: status });
    });
  }

  it("are nothing new the second time, whatever became of them", () => {
    const world = jobOf();
    look(world, [by(5, file("a"))]);
    const patches = [{ key: "a", set: { status: "finished" } }];
    fold(world, { shard: 1, seq: ++seq, at: start, events: [{ type: "fileGroup.advanced", group: "1/out", patches }] });
    expect(look(world, [by(5, file("a", { fsize: 7 }))])).toEqual([]);
    expect(look(world, [by(6, file("a"))])).toEqual([]);
    expect(statuses(world)).toEqual({ a: "finished" });
  });

  it("are one row when two workers report them in one look (D23)", () => {
    const world = jobOf();
    look(world, [by(5, file("a"), file("a")), by(6, file("a"), file("b"))]);
    expect(statuses(world)).toEqual({ a: "defined", b: "defined" });
    expect(rows(world)["a"]?.workerID).toBe(5);
    expect(rows(world)["b"]?.workerID).toBe(6);
  });

  it("upload a checkpoint again when it is reported again", () => {
    const world = jobOf();
    const checkpoint = file("c", { type: "checkpoint" });
    look(world, [by(5, checkpoint)]);
    expect(look(world, [by(5, checkpoint)])).toEqual([]);
    const patches = [{ key: "c", set: { status: "done" } }];
    fold(world, { shard: 1, seq: ++seq, at: start, events: [{ type: "fileGroup.advanced", group: "1/out", patches }] });
    look(world, [by(5, checkpoint, checkpoint)]);
    expect(statuses(world)).toEqual({ c: "renewed" });
  });

  it("of an empty look make no event", () => {
    const world = jobOf({ zipPerMB: 0 });
    expect(look(world, [], ending)).toEqual([]);
    expect(look(world, [by(5)], ending)).toEqual([]);
    expect(world.fileGroups.size).toBe(0);
  });
});

describe("zip files made by the payload", () => {
  it("belong to themselves, and each further event range has a row that nobody transfers", () => {
    const world = jobOf({ zipPerMB: 0 });
    look(world, [by(5, zipOf("Z", "1-2-3-1-1"))]);
    look(world, [by(5, zipOf("Z", "1-2-3-1-1"), zipOf("Z", "1-2-3-2-1"))]);
    look(world, [by(5, zipOf("Z", "1-2-3-2-1"), zipOf("Z"))]);
    expect(statuses(world)).toEqual({ Z: "defined", "Z#2": "zipped" });
    expect(rows(world)["Z"]).toMatchObject({ zip: "Z", isZip: 1, provenanceID: "3" });
    expect(rows(world)["Z#2"]).toMatchObject({ zip: "Z", isZip: 1, eventRangeID: "1-2-3-2-1", workerID: 5 });
  });

  it("get the rows of their event ranges also in their first look (D23)", () => {
    const world = jobOf();
    look(world, [by(5, zipOf("Z", "1-2-3-1-1"), zipOf("Z", "1-2-3-2-1"), zipOf("Z", "1-2-3-3-1"))]);
    expect(statuses(world)).toEqual({ Z: "defined", "Z#2": "zipped", "Z#3": "zipped" });
    expect(zips(world)).toEqual({ Z: ["Z", "Z#2", "Z#3"] });
    expect(look(world, [by(5, zipOf("Z", "1-2-3-3-1"))])).toEqual([]);
  });
});

describe("zip files made of pending files (1.9)", () => {
  it("zipPerMB 0: one a provenance and worker, at the end", () => {
    const world = jobOf({ zipPerMB: 0 });
    look(world, [
      by(5, event("e1", { eventRangeID: "1-2-33-1-1" }), event("e2", { eventRangeID: "1-2-34-1-1" })),
      by(6, event("e3", { eventRangeID: "1-2-33-2-1" })),
    ]);
    // Even the files of a worker that has gone wait for the end.
    expect(look(world, [], { ending: false, activeWorkers: new Set() })).toEqual([]);
    const last = event("e4", { eventRangeID: "1-2-33-3-1", fsize: 9000 * megabyte });
    look(world, [by(5, last)], ending);
    expect(zips(world)).toEqual({ "panda.e1.zip": ["e1", "e4"], "panda.e2.zip": ["e2"], "panda.e3.zip": ["e3"] });
    expect(rows(world)["panda.e1.zip"]).toEqual({
      lfn: "panda.e1.zip",
      fileType: "zip_output",
      status: "zipping",
      scope: "panda",
      isZip: 1,
      attemptNr: 0,
      todelete: false,
    });
    expect(world.filesOf(1, "out")!.ctx.counts).toEqual({ pending: 0, zipping: 3, zipped: 4 });
  });

  it("come in the order of provenance and worker, those without provenance first, as the original's", () => {
    const world = jobOf({ zipPerMB: 0 });
    const of = (lfn: string, provenance: number) => event(lfn, { eventRangeID: `1-2-${provenance}-1-1` });
    look(world, [by(6, of("e1", 34), of("e2", 33), event("e3")), by(5, of("e4", 34))], ending);
    const made = Object.keys(zips(world));
    expect(made.sort()).toEqual(["panda.e1.zip", "panda.e2.zip", "panda.e3.zip", "panda.e4.zip"]);
    const rowsOfZips = Object.keys(rows(world)).filter((key) => key.endsWith(".zip"));
    expect(rowsOfZips).toEqual(["panda.e3.zip", "panda.e2.zip", "panda.e4.zip", "panda.e1.zip"]);
  });

  it("are made in the very look that brings the first files and the end", () => {
    const world = jobOf({ zipPerMB: 0 });
    const events = look(world, [by(5, event("e1"), file("1.log", { type: "log" }), event("e2"))], ending);
    expect(events.map(({ type }) => type)).toEqual(["fileGroup.opened"]);
    expect(statuses(world)).toEqual({ e1: "zipped", "1.log": "defined", e2: "zipped", "panda.e1.zip": "zipping" });
  });

  it("zipPerMB 1: the size counts while the worker is active (D6), and what is left waits", () => {
    const world = jobOf({ zipPerMB: 1 });
    look(world, [by(5, event("e1", { fsize: 600_000 })), by(6, event("e4", { fsize: 100 }))]);
    expect(statuses(world)).toEqual({ e1: "pending", e4: "pending" });
    look(world, [by(5, event("e2", { fsize: 600_000 }))]);
    expect(zips(world)).toEqual({ "panda.e1.zip": ["e1"] });
    expect(statuses(world)).toMatchObject({ e2: "pending", e4: "pending" });
    look(world, [by(5, event("e3", { fsize: 10 }))]);
    look(world, [], ending);
    expect(zips(world)).toEqual({ "panda.e1.zip": ["e1"], "panda.e2.zip": ["e2", "e3"], "panda.e4.zip": ["e4"] });
  });

  for (const [what, sizes, expected] of [
    ["exactly the limit waits", [megabyte], {}],
    ["a single file above the limit goes alone", [megabyte + 1], { "panda.e1.zip": ["e1"] }],
    ["a sum above the limit closes the zip before it", [megabyte, 1], { "panda.e1.zip": ["e1"] }],
    ["a large one among small ones", [10, 2 * megabyte, 10], { "panda.e1.zip": ["e1"], "panda.e2.zip": ["e2"] }],
    ["several full ones at once", [megabyte, megabyte, megabyte], { "panda.e1.zip": ["e1"], "panda.e2.zip": ["e2"] }],
  ] as const) {
    it(`cutting: ${what}`, () => {
      const world = jobOf({ zipPerMB: 1 });
      look(world, [by(5, ...sizes.map((fsize, i) => event(`e${i + 1}`, { fsize })))]);
      expect(zips(world)).toEqual(expected);
    });
  }

  it("are made of the files of a worker that was no longer active before the look", () => {
    const world = jobOf({ zipPerMB: 1 });
    look(world, [by(5, event("e1")), by(6, event("e2"))]);
    look(world, [], { ending: false, activeWorkers: new Set([6]) });
    expect(zips(world)).toEqual({ "panda.e1.zip": ["e1"] });
    expect(statuses(world)).toEqual({ e1: "zipped", e2: "pending", "panda.e1.zip": "zipping" });
  });

  it("keep apart from a file of the same name", () => {
    const world = jobOf({ zipPerMB: 0 });
    look(world, [by(5, file("panda.e1.zip"), event("e1"))], ending);
    expect(zips(world)).toEqual({ "panda.e1.zip#2": ["e1"] });
  });

  it("are not made for a job that wants none", () => {
    const world = jobOf();
    look(world, [by(5, event("e1"))], ending);
    expect(statuses(world)).toEqual({ e1: "defined" });
  });
});
