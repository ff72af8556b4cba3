/**
 * A job on its way through stage-out, and one run of a stager's duty with a given answer. Every run holds that no
 * machine was surprised by what the stager said.
 */
import { expect } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import type { FileRowEvent } from "../../events/fields.ts";
import type { Call, Duty, FileArgument, Reply } from "../../src/agents/agent.ts";
import { stager } from "../../src/agents/stager.ts";
import type { World } from "../../src/world.ts";
import { answered, configured, type Driven, drive, fetched, start, worldOf } from "./drive.ts";

export type Name = "checkStageOut" | "triggerStageOut" | "zipOutput" | "postZipOutput";
export const dutyNamed = (name: Name): Duty => stager.find((duty) => duty.name === name)!;
/** Each duty with the status of the files that it works on. */
export const anyDuty: readonly (readonly [Name, string])[] = [
  ["checkStageOut", "transferring"],
  ["triggerStageOut", "defined"],
  ["zipOutput", "zipping"],
  ["postZipOutput", "post_zipping"],
];
export const at = start + 1000;
export const out = "1/out";

export const row = (lfn: string, status: string, more: Partial<FileRowEvent> = {}): FileRowEvent => ({
  lfn,
  fileType: lfn.endsWith("log") ? "log" : "output",
  status,
  path: `/out/${lfn}`,
  fsize: 1000,
  chksum: "ad:0a",
  guid: `g-${lfn}`,
  workerID: 5,
  ...more,
});
export const zip = (lfn: string, status: string): FileRowEvent => ({
  lfn,
  fileType: "zip_output",
  status,
  scope: "panda",
  isZip: 1,
});

const made: WindrowEvent = {
  type: "worker.made",
  workerID: 5,
  queue: "Q",
  key: "windrow:H:5",
  batch: "b",
  mapType: "OneToOne",
  pandaIDs: [1],
  hasJob: true,
  jobType: "managed",
  resourceType: "SCORE",
  accessPoint: "/ap",
};
export const PandaID = 1;
const running: readonly WindrowEvent[] = [
  { type: "job.preparationTriggered", PandaID },
  { type: "job.stageInConfirmed", PandaID },
  { type: "job.prepared", PandaID },
  made,
  { type: "job.bound", PandaID, workerID: 5 },
  { type: "job.submitted", PandaID, workerID: 5 },
  { type: "job.started", PandaIDs: [1] },
];
export const ended: WindrowEvent = { type: "job.ended", PandaIDs: [1], verdict: "finished" };
export const killed: WindrowEvent = { type: "job.killed", PandaID, error: { code: 1144, diag: "killed" } };
const paths: Readonly<Record<string, readonly WindrowEvent[]>> = {
  running: [],
  toTransfer: [ended],
  transferring: [ended, { type: "job.transferStarted", PandaID }],
  killed: [ended, killed],
  done: [ended, killed, { type: "job.closed", PandaIDs: [1] }],
};

export interface Given {
  readonly life?: string;
  readonly files?: readonly FileRowEvent[];
  readonly cfg?: Readonly<Record<string, unknown>>;
  readonly queue?: Readonly<Record<string, unknown>>;
  readonly inputs?: readonly FileRowEvent[];
}

export function given({ life = "toTransfer", files = [], cfg = {}, queue = {}, inputs = [] }: Given): World {
  const world = worldOf([
    ...configured({ Q: queue }, cfg),
    fetched(1),
    ...running,
    ...(files.length > 0 ? [opened("out", files)] : []),
    ...paths[life]!,
    // Opened late: an end marks inputs as done.
    ...(inputs.length > 0 ? [opened("in", inputs)] : []),
  ]);
  expect(lifeOf(world)).toBe(life);
  return world;
}
export const opened = (direction: "in" | "out", files: readonly FileRowEvent[]): WindrowEvent => ({
  type: "fileGroup.opened",
  group: `1/${direction}`,
  PandaID,
  direction,
  endpoint: "EPO",
  files: [...files],
});

export const lifeOf = (world: World) => world.jobs.get(1)?.state.life;
export const statuses = (world: World) =>
  Object.fromEntries(
    Object.entries(world.fileGroups.get(out)?.ctx.files ?? {}).map(([key, file]) => [key, file.status]),
  );
export const file = (world: World, key: string) => world.fileGroups.get(out)?.ctx.files[key];
export const handed = (call: Call | undefined): readonly FileArgument[] =>
  call && "job" in call.args ? call.args.job.out : [];
export const types = ({ events }: Driven) => events.map(({ type }) => type);

/** Runs a duty with one answer and holds that nobody was surprised. */
export function run(name: Name, world: World, reply: Reply | ((call: Call) => Reply)): Driven {
  const driven = drive(dutyNamed(name), world, [1], typeof reply === "function" ? reply : () => reply, { now: at });
  expect(world.anomalies).toEqual([]);
  expect(world.anomalyCount).toBe(0);
  return driven;
}
export const says = (
  ok: boolean | null,
  dialog = "",
  set: Readonly<Record<string, Record<string, unknown>>> = {},
): Reply =>
  answered({ ok, dialog }, { files: { 1: Object.entries(set).map(([key, fields]) => ({ key, set: fields })) } });
export const refused: Reply = { ok: false, kind: "refused", why: 'its answer "other" is none', afterMs: 1 };
export const timedOut: Reply = { ok: false, kind: "timedOut", why: "no answer within 60 s", afterMs: 60_000 };
export const missing: Reply = { ok: false, kind: "missing", why: "the plug-in does not offer it", afterMs: 0 };

export const post = { zipper: { usePostZipping: true } };
export const finished = { status: "finished" };
export const failed = { status: "failed" };
export const a = (status: string) => [row("a", status)];
export const ab = (status: string) => [row("a", status), row("b", status)];
export const z = (status: string) => [zip("z", status)];
