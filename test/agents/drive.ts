/**
 * Runs one duty of an agent over a World made of events: every call is answered by the test, every record is folded at
 * once. What the duty asked for, in order, is the result.
 */
import type { WindrowEvent } from "../../events/events.ts";
import type { Answered, Ask, Call, Duty, Reply, Traits } from "../../src/agents/agent.ts";
import { queueSchema } from "../../src/config/schema.ts";
import { instanceSchema } from "../../src/config/sections.ts";
import { fold } from "../../src/projection.ts";
import { World } from "../../src/world.ts";

/** 2026-01-01T00:00:00Z in epoch ms. */
export const start = Date.UTC(2026, 0, 1);
const shards = 4;

const placeholder = (name: string) => ({ module: "windrow/dummy", name });
const plugins = {
  preparator: placeholder("DummyPreparator"),
  stager: placeholder("DummyStager"),
  monitor: placeholder("DummyMonitor"),
  submitter: placeholder("DummySubmitter"),
  sweeper: placeholder("DummySweeper"),
  workerMaker: placeholder("DummyWorkerMaker"),
  messenger: placeholder("DummyMessenger"),
};

/** The configuration of a queue with its limits at 100, and what is different in a test. */
export const queueConfig = (queueName: string, attributes: Record<string, unknown> = {}) =>
  queueSchema.parse({
    queueName,
    siteName: queueName,
    siteFamily: queueName,
    nQueueLimitJob: 100,
    nQueueLimitWorker: 100,
    maxWorkers: 100,
    ddmEndpointIn: "EP",
    plugins,
    ...attributes,
  });

/** Events that configure the instance and its queues; `cfg` is laid over the template by section. */
export function configured(
  queues: Readonly<Record<string, Record<string, unknown>>> = { Q: {} },
  cfg: Readonly<Record<string, unknown>> = {},
): WindrowEvent[] {
  const config = instanceSchema.parse({ master: { harvester_id: "H" }, windrow: { shards }, ...cfg });
  const names = Object.keys(queues);
  return [
    { type: "instance.configured", harvesterID: "H", config },
    { type: "instance.workerIDsSeen", max: 0 },
    ...names.map((queue): WindrowEvent => ({ type: "instance.queuePlaced", queue, shard: 1 })),
    ...names.map(
      (queue): WindrowEvent => ({ type: "queue.configured", queue, config: queueConfig(queue, queues[queue]) }),
    ),
  ];
}

/** A job as PanDA hands it out: one input unless told otherwise, one output, a log. */
export const fetched = (PandaID: number, facts: Record<string, unknown> = {}): WindrowEvent =>
  ({
    type: "job.fetched",
    PandaID,
    queue: "Q",
    taskID: 1,
    attemptNr: 1,
    jobsetID: 7,
    priority: 100,
    nCore: 1,
    resourceType: "SCORE",
    prodSourceLabel: "managed",
    zipPerMB: null,
    inputs: [],
    outputs: [{ lfn: `${PandaID}.out`, scope: "so", dataset: "do", endpoint: "EPO" }],
    log: { lfn: `${PandaID}.log`, guid: `g-log-${PandaID}` },
    schedulerID: "harvester-H",
    params: {},
    ...facts,
  }) as WindrowEvent;

/** A World in which this has happened, all at one instant. */
export function worldOf(events: readonly WindrowEvent[], at = start): World {
  const world = new World();
  fold(world, { shard: 1, seq: 1, at, events });
  return world;
}

/** A plain answer of a plug-in, with what it changed. */
export const answered = (value: unknown, changes: Partial<Pick<Answered, "files" | "workers">> = {}): Answered => ({
  ok: true,
  value,
  files: {},
  workers: {},
  ...changes,
});

/** A plug-in that threw. */
export const threw = (why = "boom"): Reply => ({ ok: false, kind: "threw", why, afterMs: 1 });

export interface Driven {
  readonly calls: Call[];
  readonly records: { shard: number; cause: string; events: readonly WindrowEvent[] }[];
  /** All events, in order. */
  readonly events: WindrowEvent[];
}

/** Entities that `take` gives a duty, by the name of the rule and its partition. */
export type Ready = Readonly<Record<string, readonly (number | string)[]>>;

/** Runs the duty for these entities to its end. */
export function drive(
  duty: Duty,
  world: World,
  ids: readonly (number | string)[],
  answer: (call: Call, n: number) => Reply,
  options: { now?: number; traits?: Partial<Traits>; ready?: Ready } = {},
): Driven {
  const { now = start + 1000, ready = {} } = options;
  const driven: Driven = { calls: [], records: [], events: [] };
  let seq = 1000;
  const reply = (ask: Ask): unknown => {
    switch (ask.ask) {
      case "call":
        return answer(ask.call, driven.calls.push(ask.call) - 1);
      case "calls":
        return ask.calls.map((call) => answer(call, driven.calls.push(call) - 1));
      case "record":
        driven.records.push({ shard: ask.shard, cause: ask.cause, events: ask.events });
        driven.events.push(...ask.events);
        fold(world, { shard: ask.shard, seq: ++seq, at: now, events: ask.events });
        return undefined;
      case "traits":
        return { methods: [], repeatable: [], ...options.traits };
      case "reserve":
        return Array.from({ length: ask.n }, (_, i) => (100 + i) * shards + ask.shard);
      case "take":
        return (ready[`${ask.rule}/${ask.partition}`] ?? []).slice(0, ask.n);
    }
  };
  const run = duty.run(world, { ids, now });
  for (let step = run.next(undefined); !step.done; ) step = run.next(reply(step.value));
  return driven;
}
