/**
 * How the WMS hears of events: before their job, by zip file, until it knows each of them; and the job's end only then
 * (lifecycle 1.2, 1.10, 4.2).
 */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import type { FileRowEvent } from "../../events/fields.ts";
import type { Call, Reply } from "../../src/agents/agent.ts";
import type { Verdict } from "../../src/plugins/contract.ts";
import type { World } from "../../src/world.ts";
import { answered, configured, drive, start, threw, worldOf } from "./drive.ts";
import { prepared, stored, worker } from "./lives.ts";
import { life, tellJobs } from "./telling.ts";

type Ranges = Readonly<Record<string, readonly [string, string]>>;
const reported = (ranges: Ranges): WindrowEvent => ({
  type: "job.eventsReported",
  PandaID: 1,
  ranges: Object.entries(ranges).map(([eventRangeID, [eventStatus, subStatus]]) => ({
    eventRangeID,
    eventStatus,
    subStatus,
  })),
});
const finished = (n: number): Ranges =>
  Object.fromEntries(Array.from({ length: n }, (_, i) => [`r${i}`, ["finished", "finished"]]));
const opened = (files: readonly FileRowEvent[]): WindrowEvent => ({
  type: "fileGroup.opened",
  group: "1/out",
  PandaID: 1,
  direction: "out",
  endpoint: "EPO",
  files: [...files],
});
const running = [...prepared(1), ...worker(5, [1], "running")];
const ended: WindrowEvent[] = [{ type: "job.ended", PandaIDs: [1], verdict: "finished" }, ...stored(1)];

const sentTo = (call: Call | undefined): unknown => (call && "plain" in call.args ? call.args.plain[0] : undefined);
interface Sent {
  readonly eventRanges: readonly { readonly eventRangeID: string }[];
  readonly zipFile?: Readonly<Record<string, unknown>>;
}
const verdicts = (call: Call, verdict: Verdict): Reply => {
  const data = (sentTo(call) as readonly Sent[]).flatMap(({ eventRanges }) => eventRanges.map(() => verdict));
  return answered({ ok: true, data });
};
const taken = answered([{ StatusCode: 0, command: null }]);

/** Tells job 1; `events` answers for the events, `job` for the job. */
function tell(world: World, events: (call: Call) => Reply = (call) => verdicts(call, true), job: Reply = taken) {
  const driven = drive(tellJobs, world, [1], (call) => (call.method === "updateEventRanges" ? events(call) : job));
  expect(world.anomalies).toEqual([]);
  return driven;
}
const statusTold = (calls: readonly Call[]) =>
  (sentTo(calls.find(({ method }) => method === "updateJobs")) as { job_status: string }[])[0]?.job_status;
const subStatuses = (world: World) => Object.values(world.jobs.get(1)?.ctx.ranges ?? {}).map((row) => row.subStatus);

describe("events", () => {
  it("are told before their job, those alone that are at their end", () => {
    const world = worldOf([
      ...configured(),
      ...running,
      reported({ a: ["finished", "finished"], b: ["failed", "failed"], c: ["running", "running"] }),
      reported({ d: ["finished", "transferring"], e: ["finished", "done"] }),
    ]);
    const { calls } = tell(world);
    expect(calls.map(({ method }) => method)).toEqual(["updateEventRanges", "updateJobs"]);
    expect(sentTo(calls[0])).toEqual([
      {
        eventRanges: [
          { eventRangeID: "a", eventStatus: "finished" },
          { eventRangeID: "b", eventStatus: "failed" },
        ],
      },
    ]);
    expect(subStatuses(world)).toEqual(["done", "done", "running", "transferring", "done"]);
    expect(tell(world).calls.map(({ method }) => method)).toEqual(["updateJobs"]);
  });

  it("are told with what they used", () => {
    const used = { coreCount: 8, cpuConsumptionTime: 30, loss: "0.1" };
    const range = { eventRangeID: "a", eventStatus: "finished" };
    const world = worldOf([
      ...configured(),
      ...running,
      { type: "job.eventsReported", PandaID: 1, ranges: [{ ...range, subStatus: "finished", ...used }] },
    ]);
    expect(sentTo(tell(world).calls[0])).toEqual([{ eventRanges: [{ ...range, ...used }] }]);
  });

  type Zip = readonly [string, Partial<FileRowEvent>, Record<string, unknown>, Record<string, unknown> | undefined];
  it.each<Zip>([
    ["adler32", { fsize: 9, chksum: "ad:0a" }, {}, { lfn: "z", fsize: 9, adler32: "0a" }],
    ["a bare checksum", { fsize: 9, chksum: "0a" }, {}, { lfn: "z", fsize: 9, adler32: "0a" }],
    ["md5, no size", { fsize: 0, chksum: "md:ff" }, {}, { lfn: "z", md5: "ff" }],
    ["a store", {}, { objstoreID: 117 }, { lfn: "z", objstoreID: "117" }],
    ["a store and its names", {}, { objstoreID: 117, pathConvention: 1000 }, { lfn: "z", objstoreID: "117/1000" }],
    ["not stored yet", { status: "transferring" }, {}, undefined],
  ])("are grouped by zip file, which is named when it is safe: %s", (_name, zip, set, zipFile) => {
    const row: FileRowEvent = { lfn: "z", fileType: "zip_output", status: "finished", isZip: 1, zip: "z", ...zip };
    const member = (lfn: string): FileRowEvent => ({
      lfn,
      fileType: "es_output",
      status: "zipped",
      zip: "z",
      eventRangeID: lfn,
    });
    const world = worldOf([
      ...configured(),
      ...running,
      opened([row, member("a"), member("b")]),
      { type: "fileGroup.advanced", group: "1/out", patches: [{ key: "z", set }] },
      reported({ a: ["finished", "finished"], x: ["failed", "failed"], b: ["finished", "finished"] }),
    ]);
    const sent = sentTo(tell(world).calls[0]) as readonly Sent[];
    expect(sent.map(({ eventRanges }) => eventRanges.map(({ eventRangeID }) => eventRangeID))).toEqual([
      ["a", "b"],
      ["x"],
    ]);
    expect(sent.map((one) => one.zipFile)).toEqual([zipFile, undefined]);
    expect(subStatuses(world)).toEqual(["done", "done", "done"]);
  });
});

describe("an event", () => {
  type Case = readonly [string, (call: Call) => Reply, boolean];
  it.each<Case>([
    ["taken", (call) => verdicts(call, true), true],
    ["refused: it is not told again", (call) => verdicts(call, false), true],
    ["that nobody knows of, as after a 500", (call) => verdicts(call, null), false],
    ["of a call that was refused", () => answered({ ok: false, message: "no" }), false],
    ["of a call that failed", () => threw(), false],
    ["without a verdict", () => answered({ ok: true, data: [] }), false],
  ])("%s", (_name, events, known) => {
    const world = worldOf([...configured(), ...running, reported(finished(2)), ...ended]);
    const { calls } = tell(world, events);
    expect(subStatuses(world)).toEqual(known ? ["done", "done"] : ["finished", "finished"]);
    // The end is told only with the last event.
    expect(statusTold(calls)).toBe(known ? "finished" : "transferring");
    expect(life(world, 1)).toBe(known ? "done|closed|unasked" : "staged|told|unasked");
    if (known) return;
    tell(world);
    expect(life(world, 1)).toBe("done|closed|unasked");
  });

  it("is told again where the job's update was not taken (C26)", () => {
    const world = worldOf([...configured(), ...running, reported(finished(1)), ...ended]);
    tell(world, undefined, threw("down"));
    expect(subStatuses(world)).toEqual(["finished"]);
    expect(life(world, 1)).toBe("staged|troubled|unasked");
    expect(tell(world).calls.map(({ method }) => method)).toEqual(["updateEventRanges", "updateJobs"]);
    expect(life(world, 1)).toBe("done|closed|unasked");
  });
});

describe("a job with more events than one call takes", () => {
  it("is told of again at once once it has ended, until the WMS knows them all", () => {
    const world = worldOf([...configured(), ...running, reported(finished(25_000)), ...ended]);
    const told = [1, 2, 3].map(() => {
      const { calls } = tell(world);
      const { report } = world.jobs.get(1)!.ctx;
      const [first] = sentTo(calls[0]) as readonly Sent[];
      return [first?.eventRanges.length, statusTold(calls), report.how];
    });
    expect(told).toEqual([
      [10_000, "transferring", "now"],
      [10_000, "transferring", "now"],
      [5_000, "finished", "interval"],
    ]);
    expect(life(world, 1)).toBe("done|closed|unasked");
  });

  it("is not asked without a pause where the WMS says nothing of any of them", () => {
    const world = worldOf([...configured(), ...running, reported(finished(2)), ...ended]);
    tell(world, (call) => verdicts(call, null));
    expect(world.jobs.get(1)?.ctx.report).toEqual({ at: start + 1000, how: "interval" });
  });

  it("waits for its interval while it runs", () => {
    const world = worldOf([...configured(), ...running, reported(finished(10_001))]);
    tell(world);
    expect(world.jobs.get(1)?.ctx.rangesOwed).toBe(1);
    expect(world.jobs.get(1)?.ctx.report.how).toBe("interval");
  });
});

it("a killed job's end is told, whatever became of its events", () => {
  const killed: WindrowEvent = { type: "job.killed", PandaID: 1, error: { code: 1144, diag: "k" } };
  const world = worldOf([...configured(), ...running, reported(finished(1)), killed]);
  const { calls } = tell(world, (call) => verdicts(call, null));
  expect(statusTold(calls)).toBe("failed");
  expect(life(world, 1)).toBe("done|closed|unasked");
});
