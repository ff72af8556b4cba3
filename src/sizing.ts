/**
 * The arithmetic of how much: how many jobs to ask of the WMS and which jobs go to which worker (lifecycle 6). Every
 * result names what bound it, so that "why is nothing submitted?" has an answer. The number of new workers is in
 * sizing/plan.ts.
 *
 * Pure: plain data in, plain data out. It must never decide when, nor know anything of the World.
 */
import { isActive, type QueueConfig } from "./config/schema.ts";
import { type Bounded, jobCoreLimit, jobLimit, lesser } from "./sizing/limits.ts";

/** Number of jobs of a queue in one status, and the sum of their cores. */
export interface JobCount {
  readonly n: number;
  readonly cores: number;
}

/** What a decision was made from; it goes into the event beside `bound`. */
export type Inputs = Readonly<Record<string, number | string | null>>;

export interface Fetch {
  /** 0: ask for none. */
  readonly n: number;
  /** Attribute or circumstance that made `n` what it is. */
  readonly bound: string;
  readonly inputs: Inputs;
}

/**
 * Jobs to ask for (lifecycle 6.1), at most `maxJobs` ([jobfetcher] maxJobs). It is the limit less the starting jobs;
 * the original asks for the whole limit and overshoots (D5). Cores only say whether any job is fetched, not how many.
 */
export function jobsToFetch(
  queue: QueueConfig,
  counts: { readonly starting: JobCount; readonly running: JobCount },
  maxJobs: number,
): Fetch {
  const { starting, running } = counts;
  const jobs = jobLimit(queue, running.n);
  const cores = jobCoreLimit(queue, running.cores);
  const inputs: Inputs = {
    starting: starting.n,
    running: running.n,
    startingCores: starting.cores,
    runningCores: running.cores,
    limit: jobs?.value ?? null,
    coreLimit: cores?.value ?? null,
    maxJobs,
  };
  if (!isActive(queue)) return { n: 0, bound: "queueStatus", inputs };
  if (!jobs) return { n: 0, bound: queue.mapType === "NoJob" ? "mapType" : "nQueueLimitJob", inputs };
  if (starting.n >= jobs.value) return { n: 0, bound: jobs.bound, inputs };
  if (cores && starting.cores >= cores.value) return { n: 0, bound: cores.bound, inputs };
  const { value, bound } = lesser({ value: jobs.value - starting.n, bound: jobs.bound }, maxJobs, "maxJobs");
  return { n: value, bound, inputs };
}

/** Workers of a queue that are alike. */
export interface WorkerCount {
  readonly status: string;
  readonly jobType: string;
  readonly resourceType: string;
  readonly pilotType: string | null;
  readonly n: number;
  readonly cores: number;
  /** MB. */
  readonly memory: number;
  /** Running ones that want more jobs (lifecycle 3.8). */
  readonly refill?: number;
}

/** The counts that the projection keeps of a queue's workers, `status|jobType|resourceType|pilotType` -> numbers. */
export function workerCounts(
  tallies: ReadonlyMap<string, { readonly n: number; readonly cores: number; readonly memory: number }> | undefined,
): readonly WorkerCount[] {
  return [...(tallies ?? [])].map(([key, { n, cores, memory }]) => {
    const [status = "", jobType = "", resourceType = "", pilotType = ""] = key.split("|");
    return { status, jobType, resourceType, pilotType: pilotType || null, n, cores, memory };
  });
}

/** Numbers of workers by counting class (lifecycle 3.1), with cores and memory of the queued ones. */
export interface Classes {
  readonly queued: number;
  readonly ready: number;
  readonly running: number;
  readonly queuedCores: number;
  readonly queuedMemory: number;
  readonly runningCores: number;
  readonly runningMemory: number;
}

const queuedStatuses: ReadonlySet<string> = new Set(["submitted", "idle", "pending"]);

export function classify(workers: readonly WorkerCount[]): Classes {
  const sum = (of: (count: WorkerCount) => boolean, key: "n" | "cores" | "memory"): number =>
    workers.reduce((total, count) => (of(count) ? total + count[key] : total), 0);
  const queued = ({ status }: WorkerCount): boolean => queuedStatuses.has(status);
  const running = ({ status }: WorkerCount): boolean => status === "running";
  return {
    queued: sum(queued, "n"),
    ready: sum(({ status }) => status === "ready", "n"),
    running: sum(running, "n"),
    queuedCores: sum(queued, "cores"),
    queuedMemory: sum(queued, "memory"),
    runningCores: sum(running, "cores"),
    runningMemory: sum(running, "memory"),
  };
}

/** A job that may get a worker (lifecycle 6.5), in the order of the list: priority, task, PandaID. */
export interface EligibleJob {
  readonly PandaID: number;
  readonly taskID: number | null;
  /** subStatus is *queued*: late binding, it may only have a ready worker. */
  readonly queued?: boolean;
  /** OneToMany only, as in lifecycle 3.7. */
  readonly nWorkers?: number;
  readonly nWorkersInTotal?: number;
  readonly nWorkersLimit?: number | null;
}

/** What the worker maker says (plugins 8). */
export interface MakerNumbers {
  readonly nJobsPerWorker: number;
  readonly nWorkersPerJob: number;
  readonly maxWorkersPerJobInTotal: number | null;
  readonly maxWorkersPerJobPerCycle: number | null;
}

/** The jobs of one worker to be made; none for NoJob. */
export interface Chunk {
  readonly PandaIDs: readonly number[];
  /** OneToMany: what is to be kept on the job. */
  readonly nWorkersLimit?: number;
  readonly maxWorkersInTotal?: number | null;
}

export interface Chunks {
  readonly chunks: readonly Chunk[];
  /** Jobs that were looked at and go to no worker now; nothing holds them back in the next cycle (D12). */
  readonly released: readonly number[];
  readonly bound: string;
  readonly inputs: Inputs;
}

/**
 * Gives jobs to workers (lifecycle 6.6). `plan.nWorkers` counts the ready workers in; the first `nReady` chunks are
 * theirs. A chunk has jobs of one task unless `allowJobMixture`; only full chunks are made, save where the task
 * changes.
 */
export function chunkJobs(
  queue: QueueConfig,
  plan: { readonly nWorkers: number; readonly nReady: number },
  maker: MakerNumbers,
  jobs: readonly EligibleJob[],
): Chunks {
  const inputs: Inputs = {
    mapType: queue.mapType,
    nWorkers: plan.nWorkers,
    nReady: plan.nReady,
    eligible: jobs.length,
  };
  if (queue.mapType === "NoJob") {
    const chunks = Array.from({ length: Math.max(plan.nWorkers, 0) }, () => ({ PandaIDs: [] }));
    return { chunks, released: [], bound: "plannedWorkers", inputs };
  }
  if (queue.mapType === "OneToMany") return manyWorkersPerJob(plan, maker, jobs, inputs);
  const perWorker = queue.mapType === "ManyToOne" ? Math.max(maker.nJobsPerWorker, 1) : 1;
  return jobsPerWorker(queue, plan, perWorker, jobs, { ...inputs, nJobsPerWorker: perWorker });
}

type Slots = { readonly nWorkers: number; readonly nReady: number };

function jobsPerWorker(
  queue: QueueConfig,
  { nWorkers, nReady }: Slots,
  perWorker: number,
  jobs: readonly EligibleJob[],
  inputs: Inputs,
): Chunks {
  const slots = (nWorkers + nReady) * perWorker;
  const visits = Math.floor(Math.min(slots, jobs.length) / perWorker) * perWorker;
  const chunks: { PandaIDs: number[] }[] = [];
  const released: number[] = [];
  let open: number[] = [];
  let task: number | null | undefined;
  for (const job of jobs.slice(0, Math.max(visits, 0))) {
    if (open.length > 0 && job.taskID !== task && !queue.allowJobMixture) {
      chunks.push({ PandaIDs: open });
      open = [];
    }
    if (chunks.length >= nWorkers) break;
    task = job.taskID;
    if (job.queued && chunks.length >= nReady) {
      released.push(job.PandaID);
      continue;
    }
    open.push(job.PandaID);
    if (open.length < perWorker) continue;
    chunks.push({ PandaIDs: open });
    open = [];
  }
  released.push(...open);
  return { chunks, released, bound: chunkBound(chunks, nWorkers, jobs.length, "nJobsPerWorker"), inputs };
}

function manyWorkersPerJob(
  { nWorkers, nReady }: Slots,
  maker: MakerNumbers,
  jobs: readonly EligibleJob[],
  inputs: Inputs,
): Chunks {
  const perJob = Math.max(maker.nWorkersPerJob, 1);
  const visits = Math.max(Math.ceil((nWorkers + nReady) / perJob), 0);
  const chunks: Chunk[] = [];
  const released: number[] = [];
  for (const job of jobs.slice(0, visits)) {
    if (chunks.length >= nWorkers) break;
    const nWorkersLimit = job.nWorkersLimit ?? perJob;
    const maxWorkersInTotal = maker.maxWorkersPerJobInTotal;
    const late = job.queued === true && chunks.length >= nReady;
    const n = Math.min(
      nWorkersLimit - (job.nWorkers ?? 0),
      nWorkers - chunks.length,
      (maxWorkersInTotal ?? Number.POSITIVE_INFINITY) - (job.nWorkersInTotal ?? 0),
      maker.maxWorkersPerJobPerCycle ?? Number.POSITIVE_INFINITY,
    );
    if (late || n <= 0) released.push(job.PandaID);
    else for (let i = 0; i < n; i += 1) chunks.push({ PandaIDs: [job.PandaID], nWorkersLimit, maxWorkersInTotal });
  }
  const bound = chunkBound(chunks, nWorkers, jobs.length, "workersPerJob");
  return { chunks, released, bound, inputs: { ...inputs, ...maker } };
}

function chunkBound(made: readonly Chunk[], wanted: number, eligible: number, otherwise: string): string {
  if (made.length >= wanted) return "plannedWorkers";
  if (eligible === 0) return "noEligibleJob";
  return new Set(made.flatMap(({ PandaIDs }) => PandaIDs)).size >= eligible ? "eligibleJobs" : otherwise;
}

/**
 * Workers to make when the worker maker sizes dynamically (lifecycle 6.4, end): as many as resources are ready, else
 * up to `staticWorkers` in all. `ready` is the answer of `numReadyResources`.
 */
export function sizeDynamically(
  nWorkers: number,
  ready: number,
  staticWorkers: number | null,
  present: { readonly queued: number; readonly running: number },
): Bounded {
  const wanted: Bounded = { value: nWorkers, bound: "plannedWorkers" };
  if (ready > 0) return lesser(wanted, ready, "numReadyResources");
  if (staticWorkers === null) return { value: 0, bound: "numReadyResources" };
  return lesser(wanted, Math.max(staticWorkers - (present.queued + present.running), 0), "staticWorkers");
}
