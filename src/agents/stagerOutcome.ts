/**
 * What an answer of a stager or zipper means for the files and for their job (lifecycle 1.8). Pure. What happened to
 * the files always stays; the job is moved on only from the state it is in now, since it may have ended, or have been
 * killed, while the plug-in was at work.
 */
import type { WindrowEvent } from "../../events/events.ts";
import type { FilePatch } from "../../events/fields.ts";
import { type FileGroupContext, openWork } from "../../machines/fileGroup.ts";
import type { MethodName } from "../plugins/contract.ts";
import type { Job, World } from "../world.ts";
import { type FileArgument, type KeyedPatch, type Reply, verdictOf } from "./agent.ts";
import { movedEvents } from "./eventRanges.ts";
import { asPatches, patched } from "./handing.ts";
import { outputReport } from "./stagerReport.ts";

const STAGEOUTFAILED = 1137;

/** One of the four loops; zipping is two, because what follows it depends on who finishes the zip file. */
export interface Loop {
  readonly step: "check" | "trigger" | "zip" | "postZip";
  readonly method: MethodName;
  /** Status of the files that it works on. */
  readonly status: string;
  /** Status of those that are not done after `true`; null: as the plug-in left them. */
  readonly next: string | null;
  readonly zips: boolean;
  /** `true` ends the transfer groups that the plug-in made of the files. */
  readonly ungroups: boolean;
  /** Name of the event of the files after `true`. */
  readonly files: "fileGroup.advanced" | "fileGroup.triggered" | "fileGroup.zipped";
  readonly job: "job.stageOutChecked" | "job.stageOutTriggered" | "job.zipped";
  readonly failure: string;
}

const zipping = { zips: true, files: "fileGroup.zipped", job: "job.zipped" } as const;

export const loops = {
  check: {
    step: "check",
    method: "checkStageOutStatus",
    status: "transferring",
    next: null,
    zips: false,
    ungroups: false,
    files: "fileGroup.advanced",
    job: "job.stageOutChecked",
    failure: "stage-out failed with",
  },
  trigger: {
    step: "trigger",
    method: "triggerStageOut",
    status: "defined",
    next: "transferring",
    zips: false,
    ungroups: false,
    files: "fileGroup.triggered",
    job: "job.stageOutTriggered",
    failure: "stage-out failed with",
  },
  zip: {
    ...zipping,
    step: "zip",
    method: "zipOutput",
    status: "zipping",
    next: "defined",
    ungroups: true,
    failure: "zip-output failed with",
  },
  asyncZip: {
    ...zipping,
    step: "zip",
    method: "asyncZipOutput",
    status: "zipping",
    next: "post_zipping",
    ungroups: false,
    failure: "zip-output failed with",
  },
  postZip: {
    ...zipping,
    step: "postZip",
    method: "postZipOutput",
    status: "post_zipping",
    next: "defined",
    ungroups: true,
    failure: "post-zipping failed with",
  },
} as const satisfies Record<string, Loop>;

/** The events of one answer, without those of the call. */
export function outcome(
  world: World,
  job: Job,
  loop: Loop,
  files: readonly FileArgument[],
  reply: Reply,
): WindrowEvent[] {
  const { PandaID } = job.ctx;
  const { step } = loop;
  const group = world.filesOf(PandaID, "out")?.ctx;
  const tried = attempted(PandaID, files);
  if (!reply.ok) {
    // A zipper whose answer is none of the three has failed, as in the original; a stager is asked again.
    if (reply.kind === "refused" && loop.zips) return refused(world, job, loop, files, [], reply.why);
    return [...tried, { type: "job.stageOutTroubled", PandaID, step, why: reply.why }];
  }
  const changes = reply.files[PandaID] ?? [];
  const { ok, dialog } = verdictOf(reply);
  if (ok === false) return refused(world, job, loop, files, changes, dialog);
  if (ok === null) {
    const events = changed(group, "fileGroup.advanced", asPatches(changes));
    return [...tried, ...events, { type: "job.stageOutAwaited", PandaID, step, dialog }];
  }
  const patches = merged(changes, files, (file) => (isDone(file) ? {} : succeeded(loop, file)));
  const said = dialog === "" ? {} : { dialog };
  return [
    ...tried,
    ...changed(group, loop.files, patches),
    ...(loop.zips ? [] : movedEvents(job, group, patched(files, patches))),
    { type: loop.job, PandaID, ...said },
    ...onward(world, job, group, patches),
  ];
}

/** `false`: the files of this attempt are given up. A zipper's failure leaves alone what it had brought further. */
function refused(
  world: World,
  job: Job,
  loop: Loop,
  files: readonly FileArgument[],
  changes: readonly KeyedPatch[],
  dialog: string,
): WindrowEvent[] {
  const { PandaID } = job.ctx;
  const group = world.filesOf(PandaID, "out")?.ctx;
  const isLost = ({ status }: FileArgument) => (loop.zips ? status === loop.status : status !== "finished");
  const patches = merged(changes, files, (file) => (isLost(file) ? { status: "failed" } : {}));
  const error = { code: STAGEOUTFAILED, diag: `${loop.failure} ${dialog}` };
  return [
    ...attempted(PandaID, files),
    ...changed(group, "fileGroup.advanced", patches),
    ...movedEvents(job, group, patched(files, patches)),
    { type: "job.stageOutRefused", PandaID, step: loop.step, error, dialog },
    ...onward(world, job, group, patches),
  ];
}

const isDone = ({ status }: FileArgument): boolean => status === "finished" || status === "failed";

/** What the core sets on a file that goes on to the next step: its attempts count anew. */
function succeeded({ next, ungroups }: Loop, file: FileArgument): Record<string, unknown> {
  if (next === null) return {};
  const isGrouped = [file.groupID, file.groupStatus, file.groupUpdateAt].some((field) => field !== undefined);
  const groups = ungroups && isGrouped ? { groupID: null, groupStatus: null, groupUpdateAt: null } : {};
  return { status: next, attemptNr: 0, ...groups };
}

function attempted(PandaID: number, files: readonly FileArgument[]): WindrowEvent[] {
  if (files.length === 0) return [];
  return [{ type: "fileGroup.attempted", group: `${PandaID}/out`, keys: files.map(({ key }) => key) }];
}

function changed(group: FileGroupContext | undefined, type: Loop["files"], patches: FilePatch[]): WindrowEvent[] {
  return group && patches.length > 0 ? [{ type, group: group.group, patches }] : [];
}

/** One patch a file: what the plug-in set, on the files and on members of them, then what the core sets. */
function merged(
  changes: readonly KeyedPatch[],
  files: readonly FileArgument[],
  core: (file: FileArgument) => Record<string, unknown>,
): FilePatch[] {
  const sets = new Map<string, Record<string, unknown>>();
  for (const { key, set } of changes) sets.set(key, { ...sets.get(key), ...set });
  for (const file of patched(files, changes)) {
    const set = { ...sets.get(file.key), ...core(file) };
    if (Object.keys(set).length > 0) sets.set(file.key, set);
  }
  return [...sets].map(([key, set]) => ({ key, set }));
}

/** Where the job goes from where it is now (1.8, update step 4). Elsewhere the files are all that changes. */
function onward(
  world: World,
  job: Job,
  group: FileGroupContext | undefined,
  patches: readonly FilePatch[],
): WindrowEvent[] {
  const { PandaID } = job.ctx;
  const counts = countsAfter(group, patches);
  const open = openWork(counts);
  if (job.state.life === "toTransfer")
    return open === null || open === "check" ? [{ type: "job.transferStarted", PandaID }] : [];
  if (job.state.life !== "transferring" || open !== null) return [];
  // The original counts every failed file of the job, inputs included.
  const inputs = [world.filesOf(PandaID, "in"), world.filesOf(PandaID, "aux")];
  const failed = inputs.reduce((sum, each) => sum + (each?.ctx.counts["failed"] ?? 0), counts["failed"] ?? 0);
  if (failed > 0) return [{ type: "job.stageOutFailed", PandaID }];
  return [{ type: "job.staged", PandaID, outputReport: outputReport(world.instance.harvesterID, job, group, patches) }];
}

/** The group's counts once the patches are applied. */
function countsAfter(group: FileGroupContext | undefined, patches: readonly FilePatch[]): Record<string, number> {
  const counts = { ...group?.counts };
  for (const { key, set } of patches) {
    const before = group?.files[key]?.status;
    const after = set["status"];
    if (before === undefined || typeof after !== "string") continue;
    counts[before] = (counts[before] ?? 0) - 1;
    counts[after] = (counts[after] ?? 0) + 1;
  }
  return counts;
}
