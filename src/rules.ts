/**
 * When each duty is due: one rule a duty (lifecycle 0.3). A rule looks at one entity and says from when on it is due
 * and which of several due ones goes first. All intervals come from the configuration in the World, all instants from
 * looks, so a due time is stored nowhere and is the same on every replay. Pure.  `null` of a plug-in is retried after
 * the activity's own interval, trouble after the section's lockInterval (D15, D16).
 */
import { openWork } from "../machines/fileGroup.ts";
import type { Look } from "../machines/look.ts";
import { tellDialogsAt } from "./rules/dialogs.ts";
import { listDueAt, mayPlan, wantedLists, workerIDsDueAt } from "./rules/lists.ts";
import type { Call, Job, Kind, PendingCommand, Queue, Worker, World } from "./world.ts";

/** Where an entity stands in the queue of a rule. */
export interface Place {
  /** Epoch ms; minus infinity: at once. */
  readonly dueAt: number;
  /** Smaller goes first among those that are due. */
  readonly order: readonly [number, number, number];
  /** Queue of its own inside the rule; "" where there is only one. */
  readonly partition: string;
}

/** One rule. `place` gives null for an entity that the duty does not concern now. */
export interface Rule {
  readonly name: string;
  readonly kind: Kind | "instance";
  /** Runs of rules with the same lock exclude each other on one entity. */
  readonly lock: string;
  readonly place: (world: World, entity: never, id: never) => Place | null;
}

/** The one id of rules of the instance as a whole. */
export const instanceID = "instance";

const hourMs = 3_600_000;

/** Due by a look (seconds). What was never tried goes first, then what is due at once, then the oldest try. */
function byLook(look: Look, interval: number, lockInterval: number, id: number | string, partition = ""): Place {
  const second = typeof id === "number" ? id : 0;
  if (look.at === null) return { dueAt: Number.NEGATIVE_INFINITY, order: [-1, second, 0], partition };
  if (look.how === "now") return { dueAt: Number.NEGATIVE_INFINITY, order: [look.at - hourMs, second, 0], partition };
  const waitMs = (look.how === "interval" ? interval : lockInterval) * 1000;
  // An interval has passed when more than its length has, as in the original (T < now - interval).
  return { dueAt: look.at + waitMs + 1, order: [look.at, second, 0], partition };
}

/** Due when this instant (epoch ms) has passed; the earliest goes first. */
const after = (at: number, id: number): Place => ({ dueAt: at + 1, order: [at, id, 0], partition: "" });

/** What is open in the job's outputs. */
const openOf = (world: World, job: Job): ReturnType<typeof openWork> => {
  const group = world.filesOf(job.ctx.PandaID, "out");
  return group ? openWork(group.ctx.counts) : null;
};

/** A creating call of this job has no outcome yet: the recoverer comes first. */
const unsettled = (world: World, job: Job): boolean => world.unsettledJobs.has(job.ctx.PandaID);

const job = (name: string, lock: string, place: (world: World, job: Job, id: number) => Place | null): Rule => ({
  name,
  kind: "job",
  lock,
  place,
});
const worker = (
  name: string,
  lock: string,
  place: (world: World, worker: Worker, id: number) => Place | null,
): Rule => ({ name, kind: "worker", lock, place });
const queue = (name: string, lock: string, place: (world: World, queue: Queue, id: string) => Place | null): Rule => ({
  name,
  kind: "queue",
  lock,
  place,
});
/** What concerns the instance as a whole is done by whoever leads the control shard. */
const instance = (name: string, place: (world: World) => Place | null): Rule => ({
  name,
  kind: "instance",
  lock: name,
  place: (world: World) => (world.owns(0) ? place(world) : null),
});

const queueRules: readonly Rule[] = [
  queue("fetchJobs", "fetch", ({ settings: { jobfetcher } }, { state, ctx }, id) =>
    state.tags.has("due:fetch") ? byLook(ctx.fetch, jobfetcher.lookupTime, jobfetcher.lookupTime, id) : null,
  ),
  queue("planWorkers", "submit", (world, { state, ctx }, id) => {
    const { submitter } = world.settings;
    if (!state.tags.has("due:plan") || !mayPlan(world, id)) return null;
    return byLook(ctx.submit, submitter.lookupTime, submitter.queueLockInterval ?? submitter.lockInterval, id);
  }),
  queue("tellWorkerStats", "stats", (_world, { ctx }, id) => byLook(ctx.stats, 300, 300, id)),
];

const preparationRules: readonly Rule[] = [
  job("checkStageIn", "prepare", ({ settings: { preparator } }, { state, ctx }, id) =>
    state.tags.has("due:check") || state.tags.has("due:resolve")
      ? byLook(ctx.prepare, preparator.checkInterval, preparator.lockInterval, id)
      : null,
  ),
  job("triggerStageIn", "prepare", (world, entity, id) => {
    const { preparator } = world.settings;
    if (!entity.state.tags.has("due:trigger") || unsettled(world, entity)) return null;
    return byLook(entity.ctx.prepare, preparator.triggerInterval, preparator.lockInterval, id);
  }),
];

/** Where jobs of the queue wait that only a worker which asks for jobs may have (late binding, lifecycle 3.8). */
export const queuedOf = (queue: string): string => `${queue} queued`;

/** Jobs that may get a worker, by queue, in the order of lifecycle 6.5. Taken by the submitter as it plans. */
const submission: Rule = job("submitJobs", "submit", (world, entity, id) => {
  const { ctx } = entity;
  if (!entity.state.tags.has("due:submit") && !mayGrow(entity)) return null;
  const { submitter } = world.settings;
  const { dueAt } = byLook(ctx.submit, submitter.checkInterval, submitter.lockInterval, id);
  const order = [-ctx.priority, ctx.taskID ?? -1, id] as const;
  return { dueAt, order, partition: entity.state.life === "queued" ? queuedOf(ctx.queue) : ctx.queue };
});

/** Whether a job with workers may have more of them (OneToMany, lifecycle 3.7). */
function mayGrow({ state, ctx }: Job): boolean {
  if (ctx.nWorkersLimit === null || !ctx.moreWorkers) return false;
  if (state.life !== "submitted" && state.life !== "running") return false;
  return (
    ctx.nWorkers < ctx.nWorkersLimit && (ctx.maxWorkersInTotal === null || ctx.nWorkersInTotal < ctx.maxWorkersInTotal)
  );
}

const stageRules: readonly Rule[] = [
  job("checkStageOut", "stage", (world, entity, id) => {
    const { stager } = world.settings;
    if (entity.state.life !== "transferring" && openOf(world, entity) !== "check") return null;
    return byLook(entity.ctx.stage, stager.checkInterval, stager.lockInterval, id);
  }),
  job("triggerStageOut", "stage", (world, entity, id) => {
    const { stager } = world.settings;
    const open = openOf(world, entity);
    if (open === "zip" || open === "postZip" || unsettled(world, entity)) return null;
    if (entity.state.life !== "toTransfer" && open !== "trigger") return null;
    return byLook(entity.ctx.stage, stager.triggerInterval, stager.lockInterval, id);
  }),
  job("zipOutput", "stage", (world, entity, id) => {
    const { zipper } = world.settings;
    const open = openOf(world, entity);
    if (open === "trigger" || open === "postZip" || unsettled(world, entity)) return null;
    if (entity.state.life !== "toTransfer" && open !== "zip") return null;
    return byLook(entity.ctx.stage, zipper.zipInterval, zipper.lockInterval, id);
  }),
  job("postZipOutput", "stage", (world, entity, id) => {
    const { zipper } = world.settings;
    if (!zipper.usePostZipping || openOf(world, entity) !== "postZip" || unsettled(world, entity)) return null;
    return byLook(entity.ctx.stage, zipper.zipInterval, zipper.lockInterval, id);
  }),
];

const reportRules: readonly Rule[] = [
  job("tellJobs", "report", ({ settings: { propagator } }, { state, ctx }, id) =>
    state.tags.has("due:report") ? byLook(ctx.report, propagator.updateInterval, propagator.lockInterval, id) : null,
  ),
  worker("tellWorkers", "report", ({ settings: { propagator } }, { state, ctx }, id) =>
    state.tags.has("due:report") ? byLook(ctx.report, propagator.updateInterval, propagator.updateInterval, id) : null,
  ),
];

/** Log files that the WMS has not got yet (3.10). */
const logs: Rule = worker("uploadLogs", "logs", ({ settings: { propagator } }, { ctx }, id) =>
  ctx.logs ? byLook(ctx.logs, propagator.lockInterval, propagator.lockInterval, id) : null,
);

const activeLives: ReadonlySet<string> = new Set(["submitted", "ready", "running", "idle"]);

const workerRules: readonly Rule[] = [
  worker("feedWorkers", "submission", (_world, { state, ctx }, id) =>
    state.life === "made" ? byLook(ctx.prepare, 0, 0, id) : null,
  ),
  // Not while the monitor reads what the payload asks for: a request is answered once (3.8).
  worker("feedAsking", "look", ({ settings: { submitter } }, { ctx }, id) =>
    ctx.toFeed.length > 0 ? byLook(ctx.prepare, 0, submitter.lockInterval, id) : null,
  ),
  worker("submitWorkers", "submission", (_world, { state, ctx }, id) =>
    state.life === "fed" ? byLook(ctx.prepare, 0, 0, id) : null,
  ),
  worker("lookAtWorkers", "look", ({ settings: { monitor } }, { state, ctx }, id) =>
    state.tags.has("due:look") ? byLook(ctx.check, monitor.checkInterval, monitor.lockInterval, id) : null,
  ),
  worker("feedEvents", "events", ({ settings: { eventfeeder } }, { state, ctx }, id) =>
    ctx.eventsRequest === 2 && (state.life === "submitted" || state.life === "running")
      ? byLook(ctx.feed, eventfeeder.lockInterval, eventfeeder.lockInterval, id)
      : null,
  ),
  worker("killWorkers", "kill", ({ settings: { sweeper } }, { state, ctx }, id) =>
    state.tags.has("due:kill") && activeLives.has(state.life)
      ? byLook(ctx.kill, sweeper.checkInterval, sweeper.checkInterval, id)
      : null,
  ),
  worker("sweepWorkers", "sweep", ({ settings: { sweeper } }, { state, ctx }, id) => {
    if (!state.tags.has("due:sweep") || state.regions["report"] !== "closed" || ctx.endAt === null) return null;
    const keep = { finished: sweeper.keepFinished, failed: sweeper.keepFailed, cancelled: sweeper.keepCancelled }[
      state.life
    ];
    const keptUntil = ctx.endAt + (keep ?? sweeper.keepMissed) * hourMs;
    const tried = Math.max(ctx.sweep.at ?? 0, ctx.check.at ?? 0);
    // A time of keeping is over when it is reached; an hour since the last try has to have passed (3.9).
    return after(Math.max(keptUntil - 1, tried + hourMs), id);
  }),
];

/** Hours after which a done job without workers leaves the World (lifecycle 1.12). */
const forgetting: Rule = job("forgetJobs", "report", ({ settings: { sweeper } }, entity, id) => {
  if (entity.state.life !== "done") return null;
  const { keepFinished, keepFailed, keepCancelled, keepMissed, keepPending } = sweeper;
  const keep = Math.max(keepFinished, keepFailed, keepCancelled, keepMissed, keepPending) + 1;
  return after((entity.ctx.report.at ?? entity.ctx.createdAt) + keep * hourMs, id);
});

const recovery: Rule = {
  name: "recoverCalls",
  kind: "call",
  lock: "recover",
  place: (_world, { state, ctx }: Call) => {
    if (!state.tags.has("due:recover")) return null;
    const again = ctx.ask.at === null ? 0 : ctx.ask.at + 60_000;
    return after(Math.max(ctx.notAfterAt, again), 0);
  },
};

/** Due at once while a command waits for this instance, of the sweeper or of the others. Few wait at any time. */
const obeying = (name: string, ofSweeper: boolean): Rule => ({
  name,
  kind: "instance",
  lock: name,
  place(world: World) {
    for (const command of world.instance.commands.values()) {
      const ours = (command.receiver === "sweeper") === ofSweeper && waitsForUs(world, command);
      if (ours) return byLook({ at: null, how: "now" }, 0, 0, 0);
    }
    return null;
  },
});

function waitsForUs(world: World, { shards, obeyed }: PendingCommand): boolean {
  if (shards === null) return world.owns(0);
  const left = shards.filter((shard) => !obeyed.includes(shard));
  return left.length === 0 ? world.owns(0) : left.some((shard) => world.owns(shard));
}

const instanceRules: readonly Rule[] = [
  instance("register", ({ instance: { registered, beat } }) => (registered ? null : byLook(beat, 600, 60, instanceID))),
  instance("beat", ({ instance: { registered, beat } }) => (registered ? byLook(beat, 600, 60, instanceID) : null)),
  instance("getCommands", ({ instance: { commandsLook }, settings: { commandmanager } }) =>
    byLook(commandsLook, commandmanager.sleepTime, commandmanager.sleepTime, instanceID),
  ),
  obeying("obey", false),
  obeying("obeyKills", true),
  instance("ackCommands", ({ instance: { toAcknowledge, acknowledgeLook }, settings: { commandmanager } }) =>
    toAcknowledge.size > 0
      ? byLook(acknowledgeLook, commandmanager.sleepTime, commandmanager.sleepTime, instanceID)
      : null,
  ),
];

/** Alone in its rule, so that nothing goes before it. */
const alone = (dueAt: number | null): Place | null =>
  dueAt === null || dueAt === Number.POSITIVE_INFINITY ? null : { dueAt, order: [0, 0, 0], partition: "" };

/** Each leader tells the messages of its shards. */
const dialogs: Rule = {
  name: "tellDialogs",
  kind: "instance",
  lock: "tellDialogs",
  place: (world: World) => alone(tellDialogsAt(world)),
};

/** What is read from outside for planning (config 3.17). */
const listRules: readonly Rule[] = [
  instance("seeWorkerIDs", (world) => alone(workerIDsDueAt(world))),
  instance("readLists", (world) => alone(Math.min(...wantedLists(world).map(({ name }) => listDueAt(world, name))))),
];

/** Every rule; names are those of the agents' duties, and of what they take. */
export const rules: readonly Rule[] = [
  ...queueRules,
  ...preparationRules,
  submission,
  ...stageRules,
  ...reportRules,
  logs,
  ...workerRules,
  forgetting,
  recovery,
  ...instanceRules,
  ...listRules,
  dialogs,
];
