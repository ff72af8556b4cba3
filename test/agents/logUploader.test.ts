/** Log files go to the WMS after each update that it took, where they have anything new. */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import type { Call, Reply } from "../../src/agents/agent.ts";
import { uploadLogs } from "../../src/agents/logUploader.ts";
import { workerUpdate } from "../../src/agents/updates.ts";
import { fold } from "../../src/projection.ts";
import { Scheduler } from "../../src/scheduler.ts";
import type { World } from "../../src/world.ts";
import { answered, configured, drive, start, threw, worldOf } from "./drive.ts";
import { worker } from "./lives.ts";

const MiB = 1024 * 1024;
let seq = 8000;
const add = (world: World, at: number, ...events: readonly WindrowEvent[]): void =>
  fold(world, { shard: 1, seq: ++seq, at, events });
const logs = (logFiles: Record<string, string>): WindrowEvent => ({
  type: "worker.looked",
  queue: "Q",
  workers: [{ workerID: 4, status: "running", checked: true, changes: { logFiles } }],
  unchanged: [],
});
const ended: WindrowEvent = {
  type: "worker.looked",
  queue: "Q",
  workers: [{ workerID: 4, status: "finished", checked: true }],
  unchanged: [],
};
const told: WindrowEvent = { type: "worker.told", workerIDs: [4] };
const closed: WindrowEvent = { type: "worker.closed", workerIDs: [4] };

function running(logFiles: Record<string, string>): World {
  const cfg = { pandacon: { pandaCacheURL_R: "http://cache" } };
  return worldOf([...configured({ Q: {} }, cfg), ...worker(4, [], "running"), logs(logFiles)]);
}

function due(world: World, now: number): boolean {
  const scheduler = new Scheduler(world);
  scheduler.placeAll();
  return scheduler.take("uploadLogs", now, 9).length > 0;
}

/** Answers as `calls.ts` does for files of these sizes. */
const taking =
  (sizes: Readonly<Record<string, number>>) =>
  ({ args }: Call): Reply => {
    if (!("file" in args)) throw new Error("no file");
    const { path, known, maxBytes } = args.file;
    const size = sizes[path] ?? 0;
    if (size === 0 || size === known) return answered({ ok: true, data: "" });
    const from = Math.max(0, size - maxBytes);
    return { ...answered({ ok: true, data: `http://h/${args.name}` }), piece: { from, size } };
  };
const upload = (world: World, answer: (call: Call) => Reply, now = start + 1000) =>
  drive(uploadLogs, world, [4], answer, { now });
const asked = (calls: readonly Call[]) =>
  calls.map(({ args }) => ("file" in args ? [args.name, args.file.path, args.file.known] : []));

describe("log files", () => {
  it("are sent when the WMS took an update and they grew since; URLs are not", () => {
    const world = running({ stdout: "/w/4.out", stderr: "http://there/e" });
    expect(due(world, start + 1)).toBe(false);
    add(world, start + 10, told);
    expect(due(world, start + 11)).toBe(true);
    const first = upload(world, taking({ "/w/4.out": 100 }));
    expect(asked(first.calls)).toEqual([["H__4.out", "/w/4.out", null]]);
    expect(first.events).toEqual([
      {
        type: "worker.logSent",
        workerID: 4,
        kind: "stdout",
        path: "/w/4.out",
        from: 0,
        size: 100,
        url: "http://h/H__4.out",
      },
      { type: "worker.logsSettled", workerID: 4, of: start + 10 },
    ]);
    expect(due(world, start + 1e9)).toBe(false);
    add(world, start + 20, told);
    expect(asked(upload(world, taking({ "/w/4.out": 130 })).calls)).toEqual([["H__4.out", "/w/4.out", 100]]);
    add(world, start + 30, told);
    expect(upload(world, taking({ "/w/4.out": 130 })).events).toHaveLength(1);
    expect(world.anomalies).toEqual([]);
  });

  it("of which the WMS has a copy are linked where it says that it is, others where it will be", () => {
    const world = running({ stdout: "/w/4.out", batch_log: "/w/4.log" });
    add(world, start + 10, told);
    upload(world, taking({ "/w/4.out": 100 }));
    const entity = world.workers.get(4);
    expect(entity && workerUpdate(world, entity)).toMatchObject({
      stdOut: "http://h/H__4.out",
      batchLog: "http://cache/H__4.log",
    });
  });

  it("that are long are sent by their last MiB while the worker is alive, by their last 32 when it has ended", () => {
    const world = running({ stdout: "/w/4.out" });
    add(world, start + 10, told);
    upload(world, taking({ "/w/4.out": 3 * MiB }));
    expect(world.workers.get(4)?.ctx.sentLogs["stdout"]).toMatchObject({ from: 2 * MiB, size: 3 * MiB });
    add(world, start + 20, told);
    expect(upload(world, taking({ "/w/4.out": 3 * MiB })).events.map(({ type }) => type)).toEqual([
      "worker.logsSettled",
    ]);
    add(world, start + 30, ended, closed);
    const last = upload(world, taking({ "/w/4.out": 3 * MiB }));
    expect(asked(last.calls)).toEqual([["H__4.out", "/w/4.out", null]]);
    expect(world.workers.get(4)?.ctx.sentLogs["stdout"]).toMatchObject({ from: 0, size: 3 * MiB });
  });

  it("are in the log one by one, each before the next is sent", () => {
    const world = running({ stdout: "/w/o", stderr: "/w/e" });
    add(world, start + 10, told);
    const { records } = upload(world, taking({ "/w/o": 1, "/w/e": 2 }));
    expect(records.map(({ shard, events }) => [shard, events[0]?.type])).toEqual([
      [1, "worker.logSent"],
      [1, "worker.logSent"],
      [1, "worker.logsSettled"],
    ]);
  });

  it("begin anew under another path", () => {
    const world = running({ stdout: "/w/4.out" });
    add(world, start + 10, told);
    upload(world, taking({ "/w/4.out": 100 }));
    add(world, start + 20, logs({ stdout: "/w/5.out" }), told);
    expect(asked(upload(world, taking({ "/w/5.out": 7 })).calls)).toEqual([["H__5.out", "/w/5.out", null]]);
  });

  it("that the WMS did not take are tried again after lockInterval; what it took before stays", () => {
    const world = running({ stdout: "/w/a", stderr: "/w/b" });
    add(world, start + 10, told);
    const { events } = upload(world, (call) =>
      "file" in call.args && call.args.file.path === "/w/a" ? threw("down") : taking({ "/w/b": 9 })(call),
    );
    expect(events.at(-1)).toEqual({ type: "worker.logsUnsent", workerID: 4, why: "stdout: down" });
    const again = start + 1000 + 600_000;
    expect([due(world, again), due(world, again + 1)]).toEqual([false, true]);
    const second = upload(world, taking({ "/w/a": 3, "/w/b": 9 }), again + 1);
    expect(asked(second.calls).map(([, path, known]) => [path, known])).toEqual([
      ["/w/a", null],
      ["/w/b", 9],
    ]);
    expect(due(world, start + 1e9)).toBe(false);
  });

  it("are sent for the last time after the final update, also when it was taken meanwhile", () => {
    const world = running({ stdout: "/w/a" });
    add(world, start + 10, told);
    const { events } = upload(world, (call) => {
      add(world, start + 500, ended, closed);
      return taking({ "/w/a": 10 })(call);
    });
    expect(events.at(-1)).toEqual({ type: "worker.logsSettled", workerID: 4, of: start + 10 });
    expect(due(world, start + 501)).toBe(true);
    expect(asked(upload(world, taking({ "/w/a": 15 })).calls)).toEqual([["H__a", "/w/a", 10]]);
    expect(due(world, start + 1e9)).toBe(false);
    expect(world.anomalies).toEqual([]);
  });
});
