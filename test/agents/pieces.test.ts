/**
 * Long events in pieces: they fit into a record, mean what the whole event means, and short ones stay as they are.
 */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import { inPieces } from "../../src/agents/pieces.ts";
import { fold } from "../../src/projection.ts";
import type { World } from "../../src/world.ts";
import { configured, start, worldOf } from "./drive.ts";
import { prepared, worker } from "./lives.ts";

/** What a record takes is 512 KiB; a piece leaves room for others. */
const small = 140 * 1024;
const many = Array.from({ length: 6000 }, (_, i) => `12345-6789012-3456-${i}-10`);
const group = "1/out";
const row = (eventRangeID: string, status = "pending") => ({
  lfn: `e.${eventRangeID}`,
  fileType: "es_output",
  status,
  path: `/data/a/long/enough/path/e.${eventRangeID}`,
  fsize: 1000,
  chksum: "ad:0a1b2c3d",
  eventRangeID,
});
const keys = many.map((id) => `e.${id}`);
const patches = (set: Record<string, unknown>) => keys.map((key) => ({ key, set }));
const opened: WindrowEvent = {
  type: "fileGroup.opened",
  group,
  PandaID: 1,
  direction: "out",
  endpoint: "EPO",
  files: many.map((id) => row(id)),
};
const few: WindrowEvent = { ...opened, files: [row("1-2-3-4-5")] };
const zipped: WindrowEvent = {
  type: "fileGroup.extended",
  group,
  files: [{ lfn: "z", fileType: "zip_output", status: "zipping", scope: "panda", isZip: 1 }],
  patches: patches({ status: "zipped", zip: "z" }),
};
const reported: WindrowEvent = {
  type: "job.eventsReported",
  PandaID: 1,
  ranges: many.map((eventRangeID) => ({ eventRangeID, eventStatus: "finished", subStatus: "transferring" })),
};
const withWorker = (): WindrowEvent[] => [...configured(), ...prepared(1), ...worker(5, [1], "running")];
const range = { LFN: "a.root", GUID: "0e0e0e0e-1111-2222-3333-444444444444", scope: "mc", startEvent: 1, lastEvent: 1 };

const cases: readonly (readonly [string, readonly WindrowEvent[], WindrowEvent])[] = [
  ["reported", [], reported],
  ["moved", [reported], { type: "job.eventsMoved", PandaID: 1, eventRangeIDs: many, status: "finished" }],
  ["told", [reported], { type: "job.eventsTold", PandaID: 1, eventRangeIDs: many }],
  ["opened", [], opened],
  ["extended", [few], { type: "fileGroup.extended", group, files: many.map((id) => row(id)) }],
  ["zips", [opened], zipped],
  ["triggered", [opened], { type: "fileGroup.triggered", group, patches: patches({ status: "transferring" }) }],
  ["advanced", [opened], { type: "fileGroup.advanced", group, patches: patches({ status: "finished" }) }],
  ["attempted", [opened], { type: "fileGroup.attempted", group, keys }],
  [
    "received",
    [],
    {
      type: "worker.eventsReceived",
      workerID: 5,
      ranges: { 1: many.map((eventRangeID) => ({ eventRangeID, ...range })), 2: [], 3: [range] },
    },
  ],
];

/** What a World knows, without how many steps it took: a whole event is one step, its pieces are several. */
const known = (world: World) => ({
  jobs: [...world.jobs.values()].map(({ ctx, state }) => [state.key, ctx]),
  files: [...world.fileGroups.values()].map(({ ctx, state }) => [state.key, ctx]),
  workers: [...world.workers.values()].map(({ ctx, state }) => [state.key, ctx]),
});

describe("a long event", () => {
  it.each(cases)("is cut and means the same: %s", (_name, given, event) => {
    const pieces = inPieces(event);
    expect(pieces.length).toBeGreaterThan(1);
    for (const piece of pieces) expect(Buffer.byteLength(JSON.stringify(piece))).toBeLessThan(small);
    const whole = worldOf([...withWorker(), ...given, event]);
    const cut = worldOf([...withWorker(), ...given]);
    // Each piece in a record of its own: a large decision becomes several.
    pieces.forEach((piece, i) => {
      fold(cut, { shard: 1, seq: 2 + i, at: start, events: [piece] });
    });
    expect(known(cut)).toEqual(known(whole));
    expect([...cut.anomalies, ...whole.anomalies]).toEqual([]);
  });

  it("of a look names every worker once, those without news last", () => {
    const workers = many.slice(0, 500).map((_, i) => ({
      workerID: i + 1,
      status: "running" as const,
      checked: true,
      diag: "x".repeat(500),
    }));
    const pieces = inPieces({ type: "worker.looked", queue: "Q", workers, unchanged: [901, 902] });
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.flatMap((piece) => (piece.type === "worker.looked" ? piece.workers : []))).toEqual(workers);
    expect(pieces.map((piece) => piece.type === "worker.looked" && piece.unchanged.length)).toEqual([
      ...pieces.slice(1).map(() => 0),
      2,
    ]);
  });
});

it.each([
  { type: "job.eventsTold", PandaID: 1, eventRangeIDs: [] },
  { type: "fileGroup.extended", group, files: [], patches: [{ key: "a", set: { status: "zipped" } }] },
  { type: "fileGroup.extended", group, files: [row("1-2-3-4-5")] },
  { type: "worker.looked", queue: "Q", workers: [], unchanged: [1, 2, 3] },
  { type: "worker.eventsReceived", workerID: 5, ranges: {} },
  { type: "worker.eventsReceived", workerID: 5, ranges: { 1: [range], 2: [] } },
  { type: "job.started", PandaIDs: [1] },
] as const satisfies readonly WindrowEvent[])("a short one stays as it is: $type", (event) => {
  expect(inPieces(event as unknown as WindrowEvent)).toEqual([event]);
});
