/**
 * Monitor: looks at workers (lifecycle 3.4). The batch system is asked once for all of them, the payload of each by its
 * messenger; looking.ts judges what they said, observation.ts says what it means for the jobs. One worker's bad answer
 * disturbs no other (D17), and files are acknowledged only when the record that holds them is durable (C19).
 */
import type { EventOf, WindrowEvent } from "../../events/events.ts";
import { isOver, isWithWorker, type Worker, type World } from "../world.ts";
import { type Answered, call, callAll, type Duty, type Part, type Run, record, traits, verdictOf } from "./agent.ts";
import { workerArgument } from "./handing.ts";
import { givenBack } from "./lateBinding.ts";
import { type Judgement, judge, type Seen, troubles } from "./looking.ts";
import { observed } from "./observation.ts";
import { askPayloads } from "./payloadReports.ts";
import { plain } from "./submission.ts";

const lookAtWorkers: Duty = {
  name: "lookAtWorkers",
  limit: (world) => world.settings.monitor.maxWorkers,
  batches: (world, ids) => {
    const queues = new Map<string, number[]>();
    for (const id of ids as readonly number[]) {
      const queue = world.workers.get(id)?.ctx.queue ?? "";
      const its = queues.get(queue);
      if (its) its.push(id);
      else queues.set(queue, [id]);
    }
    return [...queues.values()];
  },
  run: function* look(world, { ids, now }): Run {
    const workers = withSiblings(world, ids as readonly number[]);
    const [first] = workers;
    if (!first) return;
    const { queue } = first.ctx;
    const config = world.queueConfig(queue);
    const key = `look:${queue}:${now}`;
    const shard = world.shardOf(queue);
    const answers = yield* askBatchSystem(workers, world, key);
    yield* record(shard, key, ends(world, answers.said));
    const asked = workers.filter((worker) => !answers.troubled.has(worker.ctx.workerID));
    const reports = yield* askPayloads(world, asked, now);
    const { checkTimeout } = yield* traits(queue, "monitor");
    const judging = {
      config,
      monitor: world.settings.monitor,
      checkTimeout: typeof checkTimeout === "number" ? checkTimeout : world.settings.monitor.checkTimeout,
      now,
    };
    const seen: Seen[] = [];
    const troubled = new Map(answers.troubled);
    for (const worker of asked) {
      const { workerID } = worker.ctx;
      const report = reports.get(workerID);
      if (typeof report === "string") troubled.set(workerID, report);
      else seen.push({ worker, answer: answers.said.get(workerID), report: report ?? {} });
    }
    const judged = seen.map((each) => judge(each, judging));
    yield* postProcess(world, judged, troubled, now);
    const good = judged.filter(({ worker }) => !troubled.has(worker.ctx.workerID) && !isOver(worker));
    yield* record(shard, key, [
      ...looked(queue, good),
      ...marks(good),
      ...observed(world, good, now),
      ...givenBack(world, good),
      ...troubles(world, troubled),
    ]);
    yield* acknowledge(world, good, now);
  },
};

/** The workers with those that share a job with them (OneToMany): a job is judged by all of its workers at once. */
function withSiblings(world: World, ids: readonly number[]): Worker[] {
  const all = new Set(ids);
  for (const id of ids) {
    const worker = world.workers.get(id);
    if (worker?.ctx.mapType !== "OneToMany") continue;
    for (const PandaID of worker.ctx.pandaIDs) {
      const job = world.jobs.get(PandaID);
      if (job) for (const { ctx } of world.activeWorkersOf(job.ctx)) all.add(ctx.workerID);
    }
  }
  return [...all]
    .toSorted((a, b) => a - b)
    .flatMap((id) => {
      const worker = world.workers.get(id);
      return worker?.state.tags.has("due:look") ? worker : [];
    });
}

type Answers = ReadonlyMap<number, NonNullable<Seen["answer"]>>;

interface Said {
  readonly said: Answers;
  readonly troubled: ReadonlyMap<number, string>;
}

/**
 * A worker with a first final status is not asked again (3.4 B). One that waits for its first job is asked, other than
 * in the original, which would never learn that it is gone.
 */
const isAsked = ({ ctx }: Worker): boolean => ctx.finalStatus === null;

function* askBatchSystem(
  workers: readonly Worker[],
  world: World,
  key: string,
): Part<Said & { changes: Answered["workers"] }> {
  const asked = workers.filter(isAsked);
  const [first] = asked;
  if (!first) return { said: new Map(), troubled: new Map(), changes: {} };
  const reply = yield* call({
    method: "checkWorkers",
    plugin: "monitor",
    queue: first.ctx.queue,
    key: `checkWorkers:${key}`,
    args: { workers: asked.map((worker) => workerArgument(world, worker)) },
  });
  const all = (why: string) => ({
    said: new Map(),
    troubled: new Map(asked.map(({ ctx }) => [ctx.workerID, why])),
    changes: {},
  });
  if (!reply.ok) return all(reply.why);
  const value = reply.value as
    | { ok: true; workers: readonly { status: string | null; diag: string }[] }
    | { ok: false; dialog: string };
  if (!value.ok) return all(`monitor.checkWorkers: ${value.dialog}`);
  if (value.workers.length !== asked.length) {
    return all(`monitor.checkWorkers: ${value.workers.length} answers for ${asked.length} workers`);
  }
  const said = new Map<number, { status: string | null; diag: string; changes?: Answered["workers"][number] }>();
  const troubled = new Map<number, string>();
  asked.forEach(({ ctx }, i) => {
    const answer = value.workers[i];
    if (!answer) return;
    if (answer.status !== null && !known.has(answer.status)) {
      troubled.set(ctx.workerID, `monitor.checkWorkers: unknown status ${answer.status}`);
      return;
    }
    const changes = reply.workers[ctx.workerID];
    said.set(ctx.workerID, changes ? { ...answer, changes } : answer);
  });
  return { said, troubled, changes: reply.workers };
}

/** Ends that are heard of for the first time. */
function ends(world: World, said: Answers): EventOf<"worker.endSaid">[] {
  return [...said].flatMap(([workerID, { status, diag, changes }]): EventOf<"worker.endSaid">[] => {
    if (status !== "finished" && status !== "failed" && status !== "cancelled") return [];
    if (world.workers.get(workerID)?.ctx.endSaid !== null) return [];
    return [{ type: "worker.endSaid", workerID, status, diag, ...(changes ? { changes: plain(changes) } : {}) }];
  });
}

/** Statuses that a monitor may give (lifecycle 3.1). */
const known: ReadonlySet<string> = new Set([
  "submitted",
  "running",
  "idle",
  "finished",
  "failed",
  "cancelled",
  "missed",
  "ready",
]);

/** Post-processes those whose end the batch system reported and that owe nothing more (3.4 B7). */
function* postProcess(world: World, judged: Judgement[], troubled: Map<number, string>, now: number): Part<void> {
  const queue = judged[0]?.worker.ctx.queue;
  if (queue === undefined) return;
  const config = world.queueConfig(queue);
  const { forcePostProcessing } = yield* traits(queue, "messenger");
  const due = judged.filter(({ wantsPostProcessing }) => wantsPostProcessing);
  const called = due.filter(
    ({ look, worker }) =>
      forcePostProcessing === true ||
      !(config.truePilot || config.noHeartbeat.includes(worker.ctx.finalStatus ?? look.finalStatus ?? "")),
  );
  const replies = yield* callAll(
    called.map(({ worker }) => ({
      method: "postProcessing" as const,
      plugin: "messenger" as const,
      queue,
      key: `postProcessing:${worker.ctx.workerID}:${now}`,
      args: { worker: runningJobs(world, worker), withJobs: true },
    })),
  );
  const timeoutMs = world.settings.monitor.postProcessTimeout * 60_000;
  for (const judgement of due) {
    const { worker, look } = judgement;
    const reply = replies[called.indexOf(judgement)];
    if (reply && !reply.ok) troubled.set(worker.ctx.workerID, reply.why);
    const later = reply?.ok && verdictOf(reply).ok === null && timeoutMs > 0;
    if (later && (worker.ctx.endAt === null || worker.ctx.endAt > now - timeoutMs)) {
      look.endAt = worker.ctx.endAt ?? now;
    } else {
      look.postProcessed = true;
      look.again = true;
    }
  }
}

/** The worker with its jobs that are still with it. */
function runningJobs(world: World, worker: Worker) {
  const { data, jobs = [] } = workerArgument(world, worker, true);
  const running = jobs.filter((argument) => {
    const job = world.jobs.get(argument.data.PandaID);
    return job !== undefined && isWithWorker(job);
  });
  return { data, jobs: running };
}

function looked(queue: string, judged: readonly Judgement[]): WindrowEvent[] {
  if (judged.length === 0) return [];
  const unchanged = judged.filter((judgement) => judgement.unchanged).map(({ worker }) => worker.ctx.workerID);
  const workers = judged.filter((judgement) => !judgement.unchanged).map(({ look }) => look);
  return [{ type: "worker.looked", queue, workers, unchanged }];
}

function marks(judged: readonly Judgement[]): WindrowEvent[] {
  return judged.flatMap(({ worker, kill }): WindrowEvent[] => {
    if (!kill) return [];
    const { why, error } = kill;
    return [{ type: "worker.killMarked", workerIDs: [worker.ctx.workerID], why, ...(error ? { error } : {}) }];
  });
}

/**
 * What was reported is durable: the payload's files may go. Trouble here only means that they are read again. Workers
 * of one job are acknowledged together, as the original does.
 */
function* acknowledge(world: World, judged: readonly Judgement[], now: number): Part<void> {
  const told = new Set(judged.flatMap(({ reported, worker }) => (reported ? worker.ctx.pandaIDs : [])));
  const reporting = judged.filter(
    ({ reported, worker: { ctx } }) =>
      reported || (ctx.mapType === "OneToMany" && ctx.pandaIDs.some((PandaID) => told.has(PandaID))),
  );
  yield* callAll(
    reporting.map(({ worker }) => ({
      method: "acknowledgeEventsFiles" as const,
      plugin: "messenger" as const,
      queue: worker.ctx.queue,
      key: `acknowledge:${worker.ctx.workerID}:${now}`,
      args: { worker: workerArgument(world, worker) },
    })),
  );
}

export const monitor: readonly Duty[] = [lookAtWorkers];
