/**
 * Preparator: has inputs brought to the site (lifecycle 1.5, 2.3). Checks before it triggers. Never decides that a
 * transfer is lost: a plug-in that says "later" for ever is asked for ever.
 */
import type { WindrowEvent } from "../../events/events.ts";
import type { FileGroup, Job, World } from "../world.ts";
import {
  attemptKey,
  type Call,
  call,
  closing,
  create,
  creationWindowMs,
  type Due,
  type Duty,
  type FileArgument,
  type Part,
  type Run,
  record,
  verdictOf,
} from "./agent.ts";
import { regrouped } from "./grouping.ts";
import { asPatches, filesOf, jobData, patched } from "./handing.ts";
import { bySharedInputs, copied, share } from "./sharing.ts";

const STAGEINFAILED = 1099;

/** A limit of the configuration: zero, negative or unset means none. */
const limitOf = (value: number | null | undefined): number | null => (value && value > 0 ? value : null);

/** The group a job works on in this phase, and the plug-in that does it (1.5, auxInput). */
function phase(
  world: World,
  job: Job,
  step: "trigger" | "check",
): { group: FileGroup | undefined; plugin: "preparator" | "aux_preparator" } {
  const { aux, PandaID } = job.ctx;
  const main = step === "trigger" ? aux === null || aux === 0 : aux === null || aux === 2;
  const direction = main ? "in" : "aux";
  return { group: world.filesOf(PandaID, direction), plugin: main ? "preparator" : "aux_preparator" };
}

function callFor(
  job: Job,
  plugin: Call["plugin"],
  method: Call["method"],
  files: readonly FileArgument[],
  now: number,
): Call {
  const { queue, PandaID } = job.ctx;
  return {
    method,
    plugin,
    queue,
    key: `${method}:${PandaID}:${now}`,
    args: { job: { data: jobData(job), in: files, out: [] } },
  };
}

/** A job that was killed, or handed out anew, meanwhile: nothing of what was asked for it concerns it any more. */
const isWaiting = (world: World, job: Job, ...tags: readonly string[]): boolean =>
  world.jobs.get(job.ctx.PandaID) === job && tags.some((tag) => job.state.tags.has(tag));

const checkStageIn: Duty = {
  name: "checkStageIn",
  limit: (world) => world.settings.preparator.maxJobsToCheck,
  run: function* check(world, { ids, now }) {
    const job = world.jobs.get(ids[0] as number);
    if (!job) return;
    const { PandaID, queue } = job.ctx;
    const shard = world.shardOf(queue);
    const max = limitOf(world.settings.preparator.maxFilesPerJobToCheck);
    const { group, plugin } = phase(world, job, "check");
    const files = filesOf(group, (file) => file.status !== "ready", max);
    const wanted = callFor(job, plugin, "checkStageInStatus", files, now);
    const reply = yield* call(wanted);
    const groups = regrouped(world, shard, reply, now);
    // A crash between the parts of a long record leaves a job resolving: it is looked at as if it were preparing.
    const again = job.state.tags.has("due:resolve");
    const back: WindrowEvent[] = again ? [{ type: "job.pathsUnresolved", PandaID, dialog: "looked at again" }] : [];
    const note = (events: readonly WindrowEvent[]) =>
      record(
        shard,
        wanted.key,
        isWaiting(world, job, "due:check", "due:resolve") ? [...groups, ...back, ...events] : groups,
      );
    if (!reply.ok) return yield* note([{ type: "job.stageInTroubled", PandaID, why: reply.why }]);
    const { ok, dialog } = verdictOf(reply);
    if (ok === null) return yield* note([{ type: "job.stageInAwaited", PandaID, dialog }]);
    if (ok === false) {
      const error = { code: STAGEINFAILED, diag: `stage-in failed with ${dialog}` };
      return yield* note([{ type: "job.stageInRefused", PandaID, error, dialog }]);
    }
    const changed = reply.files[PandaID] ?? [];
    const resolving = callFor(job, plugin, "resolveInputPaths", patched(files, changed), now);
    const resolved = yield* call(resolving);
    groups.push(...regrouped(world, shard, resolved, now));
    const confirmed: WindrowEvent = { type: "job.stageInConfirmed", PandaID, ...(dialog === "" ? {} : { dialog }) };
    if (!resolved.ok) return yield* note([confirmed, { type: "job.stageInTroubled", PandaID, why: resolved.why }]);
    const paths = verdictOf(resolved);
    if (paths.ok === false)
      return yield* note([confirmed, { type: "job.pathsUnresolved", PandaID, dialog: paths.dialog }]);
    const patches = merged(files, [...changed, ...(resolved.files[PandaID] ?? [])], { status: "ready" });
    yield* note([
      confirmed,
      ...(group && patches.length > 0
        ? [{ type: "fileGroup.advanced" as const, group: group.ctx.group, patches }]
        : []),
      readiness(job, files.length > 0, max !== null),
    ]);
  },
};

/** Where a job stands after its files were found ready (1.5, check cycle). */
function readiness(job: Job, hadFiles: boolean, limited: boolean): WindrowEvent {
  const { aux, PandaID } = job.ctx;
  if (!limited && aux === null) return { type: "job.prepared", PandaID };
  if (hadFiles) return { type: "job.stageInAdvanced", PandaID };
  if (aux === null) return { type: "job.prepared", PandaID };
  return aux === 2 ? { type: "job.stageInAdvanced", PandaID, aux: 3 } : { type: "job.prepared", PandaID, aux: 4 };
}

/** One patch a file: what the plug-in set, then what the core sets on all of them. */
function merged(
  files: readonly FileArgument[],
  changes: readonly { key: string; set: Readonly<Record<string, unknown>> }[],
  core: Readonly<Record<string, unknown>>,
): { key: string; set: Record<string, unknown> }[] {
  const byKey = new Map<string, Record<string, unknown>>();
  for (const { key, set } of changes) byKey.set(key, { ...byKey.get(key), ...set });
  return files.flatMap(({ key }) => {
    const set = { ...byKey.get(key), ...core };
    return Object.keys(set).length > 0 ? [{ key, set }] : [];
  });
}

const triggerStageIn: Duty = {
  name: "triggerStageIn",
  // The limit bounds the jobs that are in preparation at the same time, over all queues (1.5, throttle).
  limit: (world) => {
    const max = limitOf(world.settings.preparator.maxJobsToTrigger);
    return max === null ? Number.MAX_SAFE_INTEGER : Math.max(0, max - (world.jobLives.get("preparing") ?? 0));
  },
  batches: (world, ids) => bySharedInputs(world, ids, (job) => phase(world, job, "trigger").group),
  run: function* trigger(world, { ids, now }) {
    const ready: Ready[] = [];
    for (const id of ids as readonly number[]) {
      const job = world.jobs.get(id);
      const files = job ? yield* shareOut(world, job, now) : null;
      if (job && files) ready.push({ job, files });
    }
    for (const { job, files } of ready) yield* triggerFor(world, job, files, now);
  } satisfies (world: World, due: Due) => Run,
};

/** A job whose turn it is, with the files to trigger. */
interface Ready {
  readonly job: Job;
  readonly files: readonly FileArgument[];
}

/** Takes over or leaves to others what several jobs want (2.3); null: the job waits for another one's copy. */
function* shareOut(world: World, job: Job, now: number): Part<readonly FileArgument[] | null> {
  const { PandaID, queue } = job.ctx;
  const shard = world.shardOf(queue);
  const max = limitOf(world.settings.preparator.maxFilesPerJobToPrepare);
  const { group } = phase(world, job, "trigger");
  const loaded = filesOf(group, (file) => file.status !== "triggered" && file.status !== "ready", max);
  const sharing = group ? share(world, group, loaded) : { patches: [], wait: false };
  if (group && sharing.patches.length > 0) {
    // Ready files are not looked at again: without this, one whose trigger is postponed now would never have a path.
    const patches = sharing.patches.map(({ key, status, from: { path } }) => ({
      key,
      set: path === undefined ? { status } : { status, copyPath: path },
    }));
    yield* record(shard, `share:${PandaID}:${now}`, [
      { type: "fileGroup.reassigned", group: group.ctx.group, patches },
    ]);
  }
  if (sharing.wait) {
    yield* record(shard, `share:${PandaID}:${now}`, [{ type: "job.inputsAwaited", PandaID }]);
    return null;
  }
  return patched(
    loaded,
    sharing.patches.map(({ key, status, from }) => ({ key, set: { status, ...from } })),
  );
}

function* triggerFor(world: World, job: Job, files: readonly FileArgument[], now: number): Part<void> {
  if (!isWaiting(world, job, "due:trigger")) return;
  const { PandaID, queue } = job.ctx;
  const shard = world.shardOf(queue);
  const max = limitOf(world.settings.preparator.maxFilesPerJobToPrepare);
  const { group, plugin } = phase(world, job, "trigger");
  const key = attemptKey("triggerPreparation", job.ctx, job.ctx.prepare, files);
  const wanted = { ...callFor(job, plugin, "triggerPreparation", files, now), key, notAfterAt: now + creationWindowMs };
  const reply = yield* create(world, wanted, { PandaID });
  const events = regrouped(world, shard, reply, now);
  if (!isWaiting(world, job, "due:trigger")) {
    const settled = !reply.ok && reply.kind === "timedOut" ? undefined : "repeated";
    return yield* record(shard, wanted.key, [...events, ...closing(wanted.key, reply, settled)]);
  }
  if (!reply.ok) {
    events.push({ type: "job.preparationTroubled", PandaID, why: reply.why });
    events.push(...closing(wanted.key, reply, reply.kind === "timedOut" ? undefined : "repeated"));
    return yield* record(shard, wanted.key, events);
  }
  const { ok, dialog } = verdictOf(reply);
  if (ok === null) events.push({ type: "job.preparationPostponed", PandaID, dialog });
  else if (ok === false) {
    const error = { code: STAGEINFAILED, diag: `stage-in failed with ${dialog}` };
    events.push({ type: "job.preparationRefused", PandaID, error, dialog });
  } else events.push(...triggered(job, group, files, reply.files[PandaID] ?? [], max !== null, dialog));
  yield* record(shard, wanted.key, [...events, ...closing(wanted.key, reply)]);
}

/** What a successful trigger means (1.5): the whole job at once, or the next files of it. */
function triggered(
  job: Job,
  group: FileGroup | undefined,
  files: readonly FileArgument[],
  changed: readonly { key: string; set: Readonly<Record<string, unknown>> }[],
  limited: boolean,
  dialog: string,
): WindrowEvent[] {
  const { PandaID, aux } = job.ctx;
  const stepwise = limited || aux !== null;
  const after = new Map(patched(files, changed).map((file) => [file.key, file.status]));
  const shared = files.flatMap((file) => {
    const set = file.status === "ready" ? copied(file) : {};
    return Object.keys(set).length > 0 ? [{ key: file.key, set }] : [];
  });
  const patches = merged(files, [...shared, ...changed], {}).map(({ key, set }) => ({ key, set }));
  if (stepwise) {
    for (const { key } of files) {
      if (after.get(key) !== "to_prepare") continue;
      const known = patches.find((patch) => patch.key === key);
      if (known) known.set["status"] = "triggered";
      else patches.push({ key, set: { status: "triggered" } });
    }
  }
  const events: WindrowEvent[] =
    group && patches.length > 0
      ? [{ type: "fileGroup.triggered", group: group.ctx.group, patches: asPatches(patches) }]
      : [];
  const said = dialog === "" ? {} : { dialog };
  if (!stepwise || (files.length === 0 && aux === null))
    return [...events, { type: "job.preparationTriggered", PandaID, ...said }];
  if (files.length > 0) return [...events, { type: "job.preparationAdvanced", PandaID, ...said }];
  return aux === 0
    ? [...events, { type: "job.preparationAdvanced", PandaID, aux: 1, ...said }]
    : [...events, { type: "job.preparationTriggered", PandaID, aux: 2, ...said }];
}

/** In the original's order: what is on its way first, then what is new. */
export const preparator: readonly Duty[] = [checkStageIn, triggerStageIn];
