/**
 * Job fetcher: asks the WMS for jobs as far as the queue's limits allow (lifecycle 1.4, 6.1). Each job of the answer is
 * judged alone: a dictionary that cannot be used is reported as failed and disturbs no other. It must never ask again
 * before the first answer is settled: every request hands out other jobs.
 */
import type { WindrowEvent } from "../../events/events.ts";
import type { FileRowEvent } from "../../events/fields.ts";
import type { QueueConfig } from "../config/schema.ts";
import { jobsToFetch } from "../sizing.ts";
import { sharedKey } from "../tallies.ts";
import type { World } from "../world.ts";
import {
  type Answered,
  type Call,
  callAll,
  closing,
  create,
  creationWindowMs,
  type Duty,
  type Part,
  quiet,
  type Run,
  record,
} from "./agent.ts";
import { chanceOf } from "./chance.ts";
import { type DictionaryReading, readJob } from "./jobDictionary.ts";

type Wms<T> = { readonly ok: true; readonly data: T } | { readonly ok: false; readonly message: string };
type Facts = Extract<DictionaryReading, { ok: true }>["job"];

const none = { n: 0, cores: 0, memory: 0 };

/**
 * Queues with the same endpoint for inputs one after the other: of two jobs that want the same file, the second must
 * see that the first one brings it (2.2).
 */
function byEndpoint(world: World, ids: readonly (number | string)[]): readonly (readonly string[])[] {
  const groups = new Map<string, string[]>();
  for (const queue of (ids as readonly string[]).toSorted()) {
    const { ddmEndpointIn } = world.queueConfig(queue);
    const key = ddmEndpointIn === null ? `queue ${queue}` : `endpoint ${ddmEndpointIn}`;
    groups.set(key, [...(groups.get(key) ?? []), queue]);
  }
  return [...groups.values()];
}

const fetchJobs: Duty = {
  name: "fetchJobs",
  limit: (world) => world.settings.jobfetcher.nQueues,
  batches: byEndpoint,
  run: function* fetch(world, { ids, now }): Run {
    for (const queue of ids as readonly string[]) yield* fetchFor(world, queue, now);
  },
};

function* fetchFor(world: World, queue: string, now: number): Part<void> {
  const config = world.queueConfig(queue);
  const shard = world.shardOf(queue);
  const counts = {
    starting: world.jobTallies.get(`${queue}|starting`) ?? none,
    running: world.jobTallies.get(`${queue}|running`) ?? none,
  };
  const { n, bound, inputs } = jobsToFetch(config, counts, world.settings.jobfetcher.maxJobs);
  const key = `getJobs:${queue}:${now}`;
  if (n <= 0) return yield* record(shard, key, [{ type: "queue.fetchSkipped", queue, bound, inputs }]);
  const request = {
    siteName: config.siteName,
    nodeName: world.settings.master.harvester_id,
    prodSourceLabel: labelOf(config, key),
    computingElement: world.settings.master.harvester_id,
    nJobs: n,
    criteria: config.getJobCriteria,
  };
  const wanted: Call = { method: "getJobs", plugin: "communicator", queue: null, key, args: { plain: [request] } };
  const reply = yield* create(world, { ...wanted, notAfterAt: now + creationWindowMs }, {}, queue);
  const closed = closing(key, reply, "lost");
  if (!reply.ok) {
    return yield* record(shard, key, [{ type: "queue.fetchTroubled", queue, why: reply.why }, ...closed]);
  }
  const answer = reply.value as Wms<readonly unknown[]>;
  if (!answer.ok) {
    return yield* record(shard, key, [{ type: "queue.fetchTroubled", queue, why: answer.message }, ...closed]);
  }
  const read = answer.data.map((raw) => readJob(raw));
  const aux = yield* auxInputs(config, read, now);
  // What becomes of an earlier life of a job may be on its way into the log.
  yield* quiet({ jobs: read.flatMap((reading) => (reading.ok ? reading.job.PandaID : (reading.PandaID ?? []))) });
  const events: WindrowEvent[] = [
    { type: "queue.jobsFetched", queue, asked: n, got: answer.data.length, bound },
    ...fetched(world, config, read, aux),
  ];
  yield* record(shard, key, [...events, ...closed]);
}

/** The label to ask for: the queue's, or by its permille weights another one, drawn from the call's key. */
function labelOf(config: QueueConfig, key: string): string {
  const weights = Object.entries(config.prodSourceLabelRandomWeightsPermille);
  const sum = weights.reduce((total, [, weight]) => total + weight, 0);
  let drawn = chanceOf(key) * Math.max(sum, 1000);
  for (const [label, weight] of weights) {
    drawn -= weight;
    if (drawn < 0) return label;
  }
  return config.prodSourceLabel;
}

type Aux = Readonly<Record<string, { readonly scope: string; readonly url: string }>>;

/** Auxiliary inputs by PandaID, where the queue has an extractor. */
function* auxInputs(
  config: QueueConfig,
  read: readonly DictionaryReading[],
  now: number,
): Part<ReadonlyMap<number, Aux>> {
  if (!config.plugins.extractor) return new Map();
  const { queueName: queue } = config;
  const jobs = read.flatMap((reading) => (reading.ok ? reading.job : []));
  const replies = yield* callAll(
    jobs.map(
      (job): Call => ({
        method: "getAuxInputs",
        plugin: "extractor",
        queue,
        key: `getAuxInputs:${job.PandaID}:${now}`,
        args: { job: { data: dataOf(queue, job), in: [], out: [] } },
      }),
    ),
  );
  const answers = jobs.map((job, i): [number, Aux] => {
    const reply = replies[i];
    return [job.PandaID, reply?.ok ? ((reply as Answered).value as Aux) : {}];
  });
  return new Map(answers);
}

const dataOf = (queue: string, job: Facts) => ({
  ...job,
  status: "starting",
  subStatus: "fetched",
  currentPriority: job.priority,
  computingSite: queue,
  jobParams: job.params,
  jobAttributes: {},
  startAt: null,
  endAt: null,
});

/** What the answer means, in its order. Jobs that share an input within the answer wait for the first of them (2.2). */
function fetched(
  world: World,
  config: QueueConfig,
  read: readonly DictionaryReading[],
  aux: ReadonlyMap<number, Aux>,
): WindrowEvent[] {
  const { queueName: queue, ddmEndpointIn: endpoint } = config;
  const assigned = new Set<string>();
  const seen = new Set<number>();
  return read.flatMap((reading): WindrowEvent[] => {
    if (!reading.ok) return refused(world, queue, reading, seen);
    const { job, remarks } = reading;
    const extra = aux.get(job.PandaID) ?? {};
    const hasAux = Object.keys(extra).length > 0;
    const again = before(world, job.PandaID, seen);
    if (again === "twice") return [{ type: "queue.jobRefused", queue, why: `job ${job.PandaID} is there twice` }];
    const status = (lfn: string, fileType: string) => initialStatus(world, endpoint, lfn, fileType, assigned);
    const inputs = job.inputs.map(
      ({ lfn, guid, checksum, scope }): FileRowEvent => ({
        lfn,
        fileType: "input",
        status: status(lfn, "input"),
        scope,
        guid,
        chksum: checksum,
      }),
    );
    const auxRows = Object.entries(extra).map(
      ([lfn, { scope, url }]): FileRowEvent => ({
        lfn,
        fileType: "aux_input",
        status: status(lfn, "aux_input"),
        scope,
        url,
      }),
    );
    return [
      ...again,
      {
        type: "job.fetched",
        queue,
        ...job,
        zipPerMB: job.zipPerMB ?? config.zipPerMB,
        schedulerID: `harvester-${world.instance.harvesterID}`,
        ...(hasAux ? { hasAux } : {}),
        ...(remarks.length > 0 ? { remarks: [...remarks] } : {}),
      },
      ...opened(job.PandaID, "in", endpoint, inputs),
      ...opened(job.PandaID, "aux", endpoint, auxRows),
    ];
  });
}

function refused(
  world: World,
  queue: string,
  reading: Extract<DictionaryReading, { ok: false }>,
  seen: Set<number>,
): WindrowEvent[] {
  const { PandaID, attemptNr, why } = reading;
  if (PandaID === null) return [{ type: "queue.jobRefused", queue, why }];
  const again = before(world, PandaID, seen);
  if (again === "twice") return [{ type: "queue.jobRefused", queue, why: `job ${PandaID} is there twice` }];
  return [...again, { type: "job.refused", PandaID, queue, attemptNr, why }];
}

/** Ends the earlier life of a job that is handed out again. */
function before(world: World, PandaID: number, seen: Set<number>): readonly WindrowEvent[] | "twice" {
  if (seen.has(PandaID)) return "twice";
  seen.add(PandaID);
  return world.jobs.has(PandaID) ? [{ type: "job.superseded", PandaID }] : [];
}

const opened = (
  PandaID: number,
  direction: "in" | "aux",
  endpoint: string | null,
  files: FileRowEvent[],
): WindrowEvent[] =>
  files.length > 0
    ? [{ type: "fileGroup.opened", group: `${PandaID}/${direction}`, PandaID, direction, endpoint, files }]
    : [];

const preparedElsewhere = new Set(["ready", "preparing", "to_prepare", "triggered"]);

/** `to_prepare` for the job that is to bring the file, `preparing` for those that wait for its copy (2.2). */
function initialStatus(
  world: World,
  endpoint: string | null,
  lfn: string,
  fileType: string,
  assigned: Set<string>,
): string {
  const key = sharedKey(endpoint ?? "", lfn, fileType);
  const holders = [...(world.sharedInputs.get(key)?.values() ?? [])];
  const waits = assigned.has(key) || holders.some((status) => preparedElsewhere.has(status));
  assigned.add(key);
  return waits ? "preparing" : "to_prepare";
}

export const jobFetcher: readonly Duty[] = [fetchJobs];
