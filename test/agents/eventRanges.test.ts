/**
 * Events of event service jobs (lifecycle 4.2): what a report makes of them, and how they follow their output files.
 */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import type { FileRowEvent } from "../../events/fields.ts";
import { monitor } from "../../src/agents/monitor.ts";
import { stager } from "../../src/agents/stager.ts";
import type { ReportedEvent, ReportedFile } from "../../src/plugins/contract.ts";
import type { World } from "../../src/world.ts";
import { answered, configured, drive, worldOf } from "./drive.ts";
import { prepared, worker } from "./lives.ts";

const [lookAtWorkers] = monitor;
const esJob = (PandaID: number, workerID: number): WindrowEvent[] => [
  ...prepared(PandaID, { params: { eventService: "1" } }),
  ...worker(workerID, [PandaID], "running", { eventsRequest: 1 }),
];
const opened = (PandaID: number, files: readonly FileRowEvent[]): WindrowEvent => ({
  type: "fileGroup.opened",
  group: `${PandaID}/out`,
  PandaID,
  direction: "out",
  endpoint: "EPO",
  files: [...files],
});
const output = (
  lfn: string,
  status: string,
  eventRangeID?: string,
  more: Partial<FileRowEvent> = {},
): FileRowEvent => ({
  lfn,
  fileType: "es_output",
  status,
  ...(eventRangeID === undefined ? {} : { eventRangeID }),
  ...more,
});
const zip = (lfn: string, status: string): FileRowEvent => ({
  lfn,
  fileType: "zip_output",
  status,
  isZip: 1,
  zip: lfn,
});
const reported = (PandaID: number, ranges: Readonly<Record<string, readonly [string, string]>>): WindrowEvent => ({
  type: "job.eventsReported",
  PandaID,
  ranges: Object.entries(ranges).map(([eventRangeID, [eventStatus, subStatus]]) => ({
    eventRangeID,
    eventStatus,
    subStatus,
  })),
});
const rows = (world: World, PandaID = 1) =>
  Object.fromEntries(
    Object.entries(world.jobs.get(PandaID)?.ctx.ranges ?? {}).map(([id, row]) => [
      id,
      `${row.eventStatus}/${row.subStatus}`,
    ]),
  );

/** One look at worker 5 whose payload reports this. */
function look(world: World, events: readonly ReportedEvent[], files: readonly ReportedFile[] = []) {
  let atAcknowledgement: Record<string, string> = {};
  const driven = drive(lookAtWorkers!, world, [5], ({ method }) => {
    if (method === "acknowledgeEventsFiles") atAcknowledgement = rows(world);
    if (method === "checkWorkers") return answered({ ok: true, workers: [{ status: "running", diag: "" }] });
    if (method === "read") return answered({ events: { 1: events }, files: { 1: files } });
    return answered({ ok: true, dialog: "" });
  });
  expect(world.anomalies).toEqual([]);
  return { ...driven, atAcknowledgement };
}
const said = (eventRangeID: string, eventStatus: string, more: Partial<ReportedEvent> = {}): ReportedEvent => ({
  eventRangeID,
  eventStatus,
  ...more,
});
const file = (lfn: string, eventRangeID: string): ReportedFile => ({
  lfn,
  path: `/w/${lfn}`,
  type: "es_output",
  fsize: 1,
  chksum: "ad:1",
  guid: `g-${lfn}`,
  eventRangeID,
});

describe("a reported event", () => {
  type Case = readonly [string, readonly FileRowEvent[], Parameters<typeof reported>[1], ReportedEvent, string];
  const cases: readonly Case[] = [
    ["finished without output", [], {}, said("r", "finished"), "finished/finished"],
    ["finished, output stored", [output("f", "finished", "r")], {}, said("r", "finished"), "finished/finished"],
    ["finished, output on its way", [output("f", "defined", "r")], {}, said("r", "finished"), "finished/transferring"],
    [
      "finished, output to be zipped",
      [output("f", "pending", "r")],
      {},
      said("r", "finished"),
      "finished/transferring",
    ],
    ["finished, output lost", [output("f", "failed", "r")], {}, said("r", "finished"), "failed/failed"],
    ["failed, whatever its output", [output("f", "defined", "r")], {}, said("r", "failed"), "failed/failed"],
    ["running", [], {}, said("r", "running"), "running/running"],
    ["finished after running", [], { r: ["running", "running"] }, said("r", "finished"), "finished/finished"],
    ["failed after finished: too late", [], { r: ["finished", "finished"] }, said("r", "failed"), "finished/finished"],
    ["finished after told: known", [], { r: ["finished", "done"] }, said("r", "finished"), "finished/done"],
    ["whose name every object has", [], {}, said("constructor", "finished"), "finished/finished"],
  ];
  it.each(cases)("%s", (_name, files, before, event, after) => {
    const ranges = Object.keys(before).length > 0 ? [reported(1, before)] : [];
    const world = worldOf([
      ...configured(),
      ...esJob(1, 5),
      ...(files.length > 0 ? [opened(1, files)] : []),
      ...ranges,
    ]);
    look(world, [event]);
    expect(rows(world)).toEqual({ [event.eventRangeID]: after });
  });

  it("finds the output that came in the same look, and keeps what it used", () => {
    const world = worldOf([...configured(), ...esJob(1, 5)]);
    look(world, [said("r", "finished", { coreCount: 8, cpuConsumptionTime: 30, loss: "0.1" })], [file("f", "r")]);
    expect(world.jobs.get(1)?.ctx.ranges["r"]).toEqual({
      eventStatus: "finished",
      subStatus: "transferring",
      file: "f",
      coreCount: 8,
      cpuConsumptionTime: 30,
      loss: "0.1",
    });
  });

  it("twice in one look counts once, the last of those that may follow each other", () => {
    const world = worldOf([...configured(), ...esJob(1, 5)]);
    look(world, [said("a", "running"), said("a", "finished"), said("b", "finished"), said("b", "failed")]);
    expect(rows(world)).toEqual({ a: "finished/finished", b: "finished/finished" });
    expect(world.jobs.get(1)?.ctx.rangesOwed).toBe(2);
  });

  it("is acknowledged only when it is in the log, and again where it was known (C19, C20)", () => {
    const world = worldOf([...configured(), ...esJob(1, 5)]);
    for (const changes of [true, false]) {
      const { calls, records, atAcknowledgement } = look(world, [said("r", "finished")]);
      expect(calls.map(({ method }) => method)).toEqual(["checkWorkers", "read", "acknowledgeEventsFiles"]);
      expect(atAcknowledgement).toEqual({ r: "finished/finished" });
      expect(records.flatMap(({ events }) => events).some(({ type }) => type === "job.eventsReported")).toBe(changes);
    }
    expect(rows(world)).toEqual({ r: "finished/finished" });
  });

  it("with a name that no object can hold is left out, and the others are not lost with it", () => {
    const world = worldOf([...configured(), ...esJob(1, 5)]);
    look(world, [said("__proto__", "finished"), said("r", "finished")]);
    expect(rows(world)).toEqual({ r: "finished/finished" });
  });
});

describe("an event follows its output (1.8 step 2)", () => {
  const direct = [output("f", "F", "r1"), output("g", "F", "r2"), output("h", "F", "r3")];
  const zipped = [zip("z", "F"), ...["r1", "r2"].map((id) => output(`e.${id}`, "zipped", id, { zip: "z" }))];
  const moving = (...ids: string[]) =>
    reported(1, Object.fromEntries(ids.map((id) => [id, ["finished", "transferring"] as const])));
  const at = (files: readonly FileRowEvent[], status: string) =>
    files.map((row) => (row.status === "F" ? { ...row, status } : row));
  const set = (of: Readonly<Record<string, string>>) =>
    Object.entries(of).map(([key, status]) => ({ key, set: { status } }));

  function stage(
    name: string,
    files: readonly FileRowEvent[],
    ok: boolean | null,
    became: Record<string, string> = {},
  ) {
    const ids = files.flatMap(({ eventRangeID }) => eventRangeID ?? []);
    const world = worldOf([
      ...configured(),
      ...esJob(1, 5),
      opened(1, files),
      moving(...ids),
      // Another job of the same task has events of the same names (D20).
      ...esJob(2, 9),
      reported(2, Object.fromEntries(ids.map((id) => [id, ["finished", "transferring"] as const]))),
    ]);
    const duty = stager.find((one) => one.name === name)!;
    drive(duty, world, [1], () => answered({ ok, dialog: "" }, { files: { 1: set(became) } }));
    expect(world.anomalies).toEqual([]);
    expect(new Set(Object.values(rows(world, 2)))).toEqual(new Set(["finished/transferring"]));
    return rows(world);
  }

  it("to transferring when it is triggered", () => {
    expect(stage("triggerStageOut", at(direct, "defined"), true)).toEqual({
      r1: "transferring/transferring",
      r2: "transferring/transferring",
      r3: "transferring/transferring",
    });
  });

  it("to its end, each on its own", () => {
    const files = at(direct, "transferring");
    expect(stage("checkStageOut", files, true, { f: "finished", g: "failed" })).toEqual({
      r1: "finished/finished",
      r2: "failed/failed",
      r3: "transferring/transferring",
    });
  });

  it("with the zip file that holds it", () => {
    const files = at(zipped, "transferring");
    expect(stage("checkStageOut", files, true, { z: "finished" })).toEqual({
      r1: "finished/finished",
      r2: "finished/finished",
    });
    expect(stage("checkStageOut", files, true, { z: "failed" })).toEqual({ r1: "failed/failed", r2: "failed/failed" });
  });

  it.each(["checkStageOut transferring", "triggerStageOut defined", "zipOutput zipping"])(
    "to failed where the answer is no: %s",
    (each) => {
      const [name = "", status = ""] = each.split(" ");
      expect(stage(name, at(zipped, status), false)).toEqual({ r1: "failed/failed", r2: "failed/failed" });
    },
  );

  it("nowhere when a zip file is made, or where the answer is later", () => {
    const still = { r1: "finished/transferring", r2: "finished/transferring" };
    expect(stage("zipOutput", at(zipped, "zipping"), true)).toEqual(still);
    expect(stage("checkStageOut", at(zipped, "transferring"), null)).toEqual(still);
  });

  it("not once it failed, nor once the WMS knows it", () => {
    const files = at(direct, "transferring");
    const world = worldOf([
      ...configured(),
      ...esJob(1, 5),
      opened(1, files),
      reported(1, { r1: ["failed", "failed"], r2: ["finished", "done"], r3: ["finished", "transferring"] }),
    ]);
    const became = set({ f: "finished", g: "failed", h: "finished" });
    const duty = stager.find((one) => one.name === "checkStageOut")!;
    drive(duty, world, [1], () => answered({ ok: true, dialog: "" }, { files: { 1: became } }));
    expect(rows(world)).toEqual({ r1: "failed/failed", r2: "finished/done", r3: "finished/finished" });
  });

  it("tens of thousands of them in a moment", () => {
    const ids = Array.from({ length: 20_000 }, (_, i) => `1-2-3-${i}-5`);
    const files = ids.map((id) => output(id, "transferring", id));
    const done = stage("checkStageOut", files, true, Object.fromEntries(ids.map((id) => [id, "finished"])));
    expect(new Set(Object.values(done))).toEqual(new Set(["finished/finished"]));
    expect(Object.keys(done)).toHaveLength(ids.length);
  });
});
