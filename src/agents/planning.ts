/**
 * Planning of workers: how many each queue of a site gets, which jobs go to which of them, and their making (lifecycle
 * 1.6 steps 1 to 4, 6). The decision with its inputs and the limit that bound it is an event, so that "why is nothing
 * submitted?" has an answer. It must never make a worker outside: that is what the log has first.
 */
import type { WindrowEvent } from "../../events/events.ts";
import type { QueueConfig } from "../config/schema.ts";
import type { WorkerDraft } from "../plugins/contract.ts";
import { tableOf } from "../projection.ts";
import { queuedOf } from "../rules.ts";
import { cricEntry } from "../sizing/lists.ts";
import { type PlanEntry, planWorkers } from "../sizing/plan.ts";
import { type Chunk, chunkJobs, type MakerNumbers, sizeDynamically, workerCounts } from "../sizing.ts";
import type { Job, World } from "../world.ts";
import { resolveAccessPoint } from "./accessPoint.ts";
import {
  call,
  callAll,
  type Duty,
  type Part,
  type Reply,
  type Run,
  record,
  reserve,
  type Traits,
  take,
  traits,
} from "./agent.ts";
import { jobWithFiles } from "./handing.ts";
import { asking, askingFor, binding, bindsLate, refills } from "./lateBinding.ts";
import { throttling } from "./throttling.ts";

const SETUPFAILURE = 1110;

export const planning: Duty = {
  name: "planWorkers",
  limit: () => Number.MAX_SAFE_INTEGER,
  batches: (world, ids) => {
    const sites = new Map<string, string[]>();
    for (const queue of ids as readonly string[]) {
      const { siteName } = world.queueConfig(queue);
      sites.set(siteName, [...(sites.get(siteName) ?? []), queue]);
    }
    return [...sites.values()];
  },
  run: function* plan(world, { ids, now }): Run {
    for (const queue of (ids as readonly string[]).toSorted()) yield* planQueue(world, queue, now);
  },
};

function* planQueue(world: World, queue: string, now: number): Run {
  const config = world.queueConfig(queue);
  const shard = world.shardOf(queue);
  const throttled = yield* throttling(world, config, now);
  const plan = planWorkers({
    queue: config,
    workers: [...workerCounts(world.workerTallies.get(queue)), ...refills(world, queue)],
    ordered: world.queues.get(queue)?.ctx.plannable ?? {},
    lists: Object.fromEntries([...world.instance.lists].map(([name, { data }]) => [name, data])),
    submitter: world.settings.submitter,
    throttled,
  });
  const entries = plan.entries.map((entry) => ({ ...entry }));
  yield* record(shard, `plan:${queue}:${now}`, [{ type: "queue.planned", queue, plan: entries, bound: plan.bound }]);
  for (const entry of plan.entries) yield* makeWorkers(world, config, entry, now);
}

function* makeWorkers(world: World, config: QueueConfig, entry: PlanEntry, now: number): Run {
  const { queueName: queue } = config;
  const maker = yield* traits(queue, "workerMaker");
  const nWorkers = yield* sized(world, config, entry, maker, now);
  if (nWorkers <= 0) return;
  const numbers = numbersOf(maker);
  const ready = askingFor(world, queue, entry).slice(0, nWorkers);
  const slots = nWorkers + ready.length;
  const wanted =
    config.mapType === "OneToMany"
      ? Math.ceil(slots / numbers.nWorkersPerJob)
      : slots * numbersPerWorker(config, numbers);
  const queued = yield* take("submitJobs", queuedOf(queue), ready.length * numbersPerWorker(config, numbers));
  const others = config.mapType === "NoJob" ? [] : yield* take("submitJobs", queue, wanted - queued.length);
  const taken = [...queued, ...others].flatMap((id) => world.jobs.get(id as number) ?? []);
  const eligible = taken.map(({ ctx }) => ctx);
  const planned = chunkJobs(config, { nWorkers, nReady: ready.length }, numbers, eligible).chunks;
  if (planned.length === 0) return;
  const chunks = planned.slice(ready.length);
  const replies = yield* callAll(chunks.map((chunk) => makeCall(world, config, entry, chunk, now)));
  // As in the original, one exception of the maker spoils all that was to be made with it (lifecycle 1.6 step 2).
  const trouble = replies.find((reply) => !reply.ok);
  const workerIDs = yield* reserve(world.shardOf(queue), trouble ? 0 : chunks.length);
  const left = planned.map((chunk) => withoutGone(world, chunk, taken));
  const pairs = ready.flatMap((worker, i) => {
    const chunk = left[i];
    return chunk && asking(world, queue).includes(worker) ? [[worker, chunk] as const] : [];
  });
  const batch = `${queue}:${entry.resourceType}:${entry.pilotType}:${now}`;
  const unmade: number[] = [];
  const made = left.slice(ready.length).flatMap((chunk, i) => {
    const draft = trouble ? null : draftOf(replies[i]);
    if (!draft && chunk) unmade.push(...chunk.PandaIDs);
    return draft && chunk ? making(world, config, entry, { chunk, draft, batch, workerID: workerIDs[i] ?? 0 }) : [];
  });
  yield* record(world.shardOf(queue), `make:${batch}`, [
    ...binding(world, pairs, (chunk) => onEvents(world, chunk)),
    ...made,
    ...failing(world, unbound(unmade, made), trouble, maker["skipOnFail"] === true),
  ]);
}

/** Those of the jobs that get no worker of this decision either. */
function unbound(PandaIDs: readonly number[], made: readonly WindrowEvent[]): number[] {
  const bound = new Set(made.map((event) => (event.type === "job.bound" ? event.PandaID : null)));
  return [...new Set(PandaIDs)].filter((PandaID) => !bound.has(PandaID));
}

/**
 * The chunk without jobs that were killed, or handed out anew, while the maker was at work; null where none is left of
 * those that it had.
 */
function withoutGone(world: World, chunk: Chunk, taken: readonly Job[]): Chunk | null {
  const PandaIDs = chunk.PandaIDs.filter((PandaID) => {
    const job = world.jobs.get(PandaID);
    return job !== undefined && taken.includes(job) && tableOf("job").knows(job.state, "job.bound");
  });
  return PandaIDs.length > 0 || chunk.PandaIDs.length === 0 ? { ...chunk, PandaIDs } : null;
}

/** Workers to make, with the ready ones (lifecycle 6.4, end). */
function* sized(world: World, config: QueueConfig, entry: PlanEntry, maker: Traits, now: number): Part<number> {
  const { queueName: queue } = config;
  const planned = entry.n + entry.nReady;
  if (planned <= 0 || maker["dynamicSizing"] !== true) return planned;
  const reply = yield* call({
    method: "numReadyResources",
    plugin: "workerMaker",
    queue,
    key: `numReadyResources:${queue}:${now}`,
    args: { plain: [] },
  });
  const ready = reply.ok ? (reply.value as number) : 0;
  const staticWorkers = typeof maker["staticWorkers"] === "number" ? maker["staticWorkers"] : null;
  const present = { queued: 0, running: 0 };
  for (const { status, n } of workerCounts(world.workerTallies.get(queue))) {
    if (status === "running") present.running += n;
    else if (status === "submitted" || status === "idle" || status === "pending") present.queued += n;
  }
  return sizeDynamically(planned, ready, staticWorkers, present).value;
}

function numbersOf(maker: Traits): MakerNumbers {
  const numberOr = <T>(value: unknown, otherwise: T): number | T => (typeof value === "number" ? value : otherwise);
  return {
    nJobsPerWorker: numberOr(maker["nJobsPerWorker"], 1),
    nWorkersPerJob: numberOr(maker["nWorkersPerJob"], 1),
    maxWorkersPerJobInTotal: numberOr(maker["maxWorkersPerJobInTotal"], 10),
    maxWorkersPerJobPerCycle: numberOr(maker["maxWorkersPerJobPerCycle"], null),
  };
}

const numbersPerWorker = (config: QueueConfig, { nJobsPerWorker }: MakerNumbers): number =>
  config.mapType === "ManyToOne" ? Math.max(nJobsPerWorker, 1) : 1;

function makeCall(world: World, config: QueueConfig, entry: PlanEntry, chunk: Chunk, now: number) {
  const { queueName: queue } = config;
  const jobs = chunk.PandaIDs.flatMap((id) => world.jobs.get(id) ?? []);
  const { jobType, resourceType, prodSourceLabel } = entry;
  const resourceTypes = world.instance.lists.get("resource_types.json")?.data;
  const pandaQueue = cricEntry(world.instance.lists.get("panda_queues.json")?.data, queue);
  return {
    method: "makeWorker" as const,
    plugin: "workerMaker" as const,
    queue,
    key: `makeWorker:${chunk.PandaIDs[0] ?? queue}:${now}`,
    args: {
      jobs: jobs.map((job) => jobWithFiles(world, job)),
      extra: {
        jobType,
        resourceType,
        prodSourceLabel,
        queue: config,
        ...(Array.isArray(resourceTypes) ? { resourceTypes } : {}),
        ...(typeof pandaQueue === "object" && pandaQueue !== null ? { pandaQueue } : {}),
      },
    },
  };
}

const draftOf = (reply: Reply | undefined): WorkerDraft | null =>
  reply?.ok ? (reply.value as WorkerDraft | null) : null;

interface Making {
  readonly chunk: Chunk;
  readonly draft: WorkerDraft;
  readonly batch: string;
  readonly workerID: number;
}

function making(
  world: World,
  config: QueueConfig,
  entry: PlanEntry,
  { chunk, draft, batch, workerID }: Making,
): WindrowEvent[] {
  const { harvesterID } = world.instance;
  const { workAttributes, jobType = entry.jobType, resourceType = entry.resourceType, ...asked } = draft;
  const template = config.plugins.messenger["accessPoint"];
  const facts = { workerID, harvesterID, computingSite: config.queueName, ...asked, jobType, resourceType };
  const events = onEvents(world, chunk) && !bindsLate(config) ? { eventsRequest: 1 } : {};
  const synced = config.mapType === "NoJob" || config.truePilot || config.noHeartbeat.includes("finished");
  const { nWorkersLimit, maxWorkersInTotal } = chunk;
  return [
    {
      type: "worker.made",
      workerID,
      queue: config.queueName,
      key: `windrow:${harvesterID}:${workerID}`,
      batch,
      mapType: config.mapType,
      pandaIDs: [...chunk.PandaIDs],
      hasJob: config.mapType !== "NoJob" && !bindsLate(config),
      ...asked,
      jobType,
      resourceType,
      accessPoint: typeof template === "string" ? resolveAccessPoint(template, facts) : "",
      ...(synced ? { syncLevel: 1 } : {}),
      ...events,
      ...(workAttributes ? { attributes: { ...workAttributes } } : {}),
    },
    ...chunk.PandaIDs.map(
      (PandaID): WindrowEvent => ({
        type: "job.bound",
        PandaID,
        workerID,
        ...(nWorkersLimit === undefined ? {} : { nWorkersLimit }),
        ...(typeof maxWorkersInTotal === "number" ? { maxWorkersInTotal } : {}),
      }),
    ),
  ];
}

/** Whether the first job of the worker runs on event ranges (lifecycle 4.1). */
function onEvents(world: World, { PandaIDs: [first] }: Chunk): boolean {
  const params = first === undefined ? undefined : world.jobs.get(first)?.ctx.params;
  return ["eventService", "cloneJob", "isHPO"].some((name) => {
    const value = params?.[name];
    return value !== undefined && value !== null && value !== "" && value !== "NULL" && value !== false;
  });
}

/**
 * Jobs whose worker could not be made: tried again where the maker says so or gave no answer, else failed (D1). One
 * that has workers already goes on with them.
 */
function failing(world: World, PandaIDs: number[], trouble: Reply | undefined, skipOnFail: boolean): WindrowEvent[] {
  const knowing = (type: WindrowEvent["type"]): number[] =>
    PandaIDs.filter((PandaID) => {
      const job = world.jobs.get(PandaID);
      return job !== undefined && tableOf("job").knows(job.state, type);
    });
  const dialog = "failed to make a worker";
  const failed = skipOnFail || trouble ? [] : knowing("job.makingFailed");
  const waiting = knowing("job.makingSkipped").filter((PandaID) => !failed.includes(PandaID));
  const error = { code: SETUPFAILURE, diag: dialog };
  const events = failed.map((PandaID): WindrowEvent => ({ type: "job.makingFailed", PandaID, error, dialog }));
  if (waiting.length === 0) return events;
  return trouble && !trouble.ok && !skipOnFail
    ? [...events, { type: "job.makingTroubled", PandaIDs: waiting, why: trouble.why }]
    : [...events, { type: "job.makingSkipped", PandaIDs: waiting, dialog }];
}
