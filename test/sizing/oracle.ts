/**
 * The formulas of lifecycle 6 written down once more, straight from the text and in its own letters, for what the
 * original does without a defect. It must not import anything of src/sizing.
 */
import type { QueueConfig } from "../../src/config/schema.ts";

/** 6.1: the limit on jobs and on cores; null: the queue is skipped. */
export function fetchLimits(
  q: QueueConfig,
  r: number,
  rc: number,
): { readonly L: number; readonly C: number | null } | null {
  if (q.nQueueLimitJob === null) return null;
  let L = q.nQueueLimitJob;
  if (q.nQueueLimitJobRatio !== null) {
    const b = Math.floor((r * q.nQueueLimitJobRatio) / 100);
    const m = q.nQueueLimitJobMin === null ? Math.min(1, q.nQueueLimitJob) : q.nQueueLimitJobMin;
    L = b < m ? Math.min(L, m) : Math.min(L, b);
  }
  return {
    L,
    C: ofSum(q.nQueueLimitJobCores, q.nQueueLimitJobCoresRatio, rc, q.nQueueLimitJobCoresMin, q.nQueueLimitJobMin),
  };
}

function ofSum(limit: number | null, ratio: number | null, running: number, min: number | null, other: number | null) {
  if (ratio === null) return limit;
  const b = Math.floor((running * ratio) / 100);
  const m = min === null && other === null ? null : Math.max(min ?? 0, other ?? 0);
  const X = m !== null && b < m ? m : b;
  return limit === null ? X : Math.min(limit, X);
}

/** 6.3. */
export function limits(q: QueueConfig, running: { n: number; core: number; mem: number }) {
  let Lw = q.nQueueLimitWorker ?? q.maxWorkers;
  const min = q.nQueueLimitWorkerMin;
  if (q.nQueueLimitWorkerRatio !== null) {
    const b = Math.floor((running.n * q.nQueueLimitWorkerRatio) / 100);
    Lw = min !== null && b < min ? Math.min(Lw, min) : Math.min(Lw, b);
  }
  return {
    Lw,
    Lc: ofSum(q.nQueueLimitWorkerCores, q.nQueueLimitWorkerCoresRatio, running.core, q.nQueueLimitWorkerCoresMin, min),
    Lm: ofSum(
      q.nQueueLimitWorkerMemory,
      q.nQueueLimitWorkerMemoryRatio,
      running.mem,
      q.nQueueLimitWorkerMemoryMin,
      min === null ? null : min * 1000,
    ),
  };
}

export interface Single {
  readonly q: QueueConfig;
  /** Queued, ready, running workers of pilot type PR; cores and memory of the queued. */
  readonly queued: number;
  readonly ready: number;
  readonly running: number;
  readonly core: number;
  readonly mem: number;
  readonly limits: { readonly Lw: number; readonly Lc: number | null; readonly Lm: number | null };
  readonly nNewWorkers: number;
  /** Activated jobs; undefined: no statistics; null: queue absent from them. */
  readonly activated: number | null | undefined;
  readonly f: number;
  readonly nmin: 0 | 1;
  readonly maxNewWorkers: number;
}

/** 6.4, 4 for a queue with one row, where all workers are of pilot type PR; a worker counts one core and one MB. */
export function newWorkers(one: Single): number {
  const { q, queued, ready, running, core, mem, f, nmin } = one;
  const { Lw, Lc, Lm } = one.limits;
  const def = q.runMode === "slave" ? one.nNewWorkers : null;
  if (def === 0) return 0;
  const all = queued + ready + running;
  if (Lw > 0 && queued >= Lw) return 0;
  if (q.maxWorkers > 0 && all >= q.maxWorkers) return 0;
  if (Lc !== null && core >= Lc) return 0;
  if (Lm !== null && mem >= Lm) return 0;
  let Q = Lw > 0 ? Lw : null;
  if (def !== null) Q = Q === null ? def + queued : Math.min(def + queued, Q);
  else if (q.mapType === "NoJob" && one.activated !== undefined) {
    const a = (one.activated ?? 0) * f;
    const A =
      one.activated === null ? (nmin === 0 ? 0 : Math.max(1 - all, 0)) : Math.max(Math.floor(a), a > 0 ? 1 : nmin);
    if (Q === null) return 0;
    Q = Math.min(A, Q);
  }
  Q ??= 1;
  let n = Math.max(Q - queued, 0);
  if (q.maxWorkers > 0) n = Math.min(n, Math.max(q.maxWorkers - all, 0));
  if (Lc !== null) n = Math.min(n, Math.max(Lc - core, 0));
  if (Lm !== null) n = Math.min(n, Math.max(Lm - mem, 0));
  if (q.maxNewWorkersPerCycle > 0) n = Math.min(n, q.maxNewWorkersPerCycle);
  if (one.maxNewWorkers > 0) n = Math.min(n, one.maxNewWorkers);
  return n;
}

export interface Candidate {
  readonly PandaID: number;
  readonly taskID: number;
  readonly queued: boolean;
  readonly nWorkers: number;
  readonly nWorkersInTotal: number;
  readonly nWorkersLimit: number | null;
}

/** 6.6, k mode: the chunks, without the partial one at the end. */
export function chunksOfK(q: QueueConfig, nW: number, y: number, k: number, jobs: readonly Candidate[]): number[][] {
  let maxJobs = (nW + y) * k;
  if (k > 1) maxJobs = Math.floor(Math.min(maxJobs, jobs.length) / k) * k;
  const chunks: number[][] = [];
  let chunk: number[] = [];
  let task: number | undefined;
  for (let visited = 0; visited < Math.min(maxJobs, jobs.length) && chunks.length < nW; visited += 1) {
    const job = jobs[visited]!;
    if (task !== undefined && job.taskID !== task && !q.allowJobMixture && chunk.length > 0) {
      chunks.push(chunk);
      chunk = [];
      if (chunks.length >= nW) break;
    }
    task = job.taskID;
    if (chunks.length >= y && job.queued) continue;
    chunk.push(job.PandaID);
    if (chunk.length === k) {
      chunks.push(chunk);
      chunk = [];
    }
  }
  return chunks;
}

/** 6.6, w mode: the job of each worker. */
export function chunksOfW(
  { nW, y, w, total, cycle }: { nW: number; y: number; w: number; total: number | null; cycle: number | null },
  jobs: readonly Candidate[],
): number[] {
  const workers: number[] = [];
  for (const job of jobs.slice(0, Math.ceil((nW + y) / w))) {
    if (workers.length >= nW) break;
    if (workers.length >= y && job.queued) continue;
    let c = Math.min((job.nWorkersLimit ?? w) - job.nWorkers, nW - workers.length);
    if (total !== null) c = Math.min(c, total - job.nWorkersInTotal);
    if (cycle !== null) c = Math.min(c, cycle);
    for (let i = 0; i < c; i += 1) workers.push(job.PandaID);
  }
  return workers;
}
