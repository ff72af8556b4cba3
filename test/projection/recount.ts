/**
 * The counts of a World, made anew by looking at every entity: what the projection keeps up to date step by step must
 * be the same at any time. Written apart from src/tallies.ts on purpose; it must never call it.
 */
import { isStarting, statusOf, type World, wantsJobs, workerStatusOf } from "../../src/world.ts";

type Numbers = Record<string, unknown>;

/** Adds numbers under a key. */
function add(into: Map<string, number[]>, key: string, numbers: readonly number[]): void {
  const known = into.get(key) ?? numbers.map(() => 0);
  into.set(
    key,
    known.map((n, i) => n + (numbers[i] ?? 0)),
  );
}

const sorted = (entries: Iterable<readonly [string, unknown]>): Numbers =>
  Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));

/** Counts as a scan finds them. */
export function recounted(world: World): Numbers {
  const jobTallies = new Map<string, number[]>();
  const jobLives = new Map<string, number[]>();
  const workerTallies = new Map<string, number[]>();
  const askingWorkers = new Map<string, number[]>();
  const unsettledJobs = new Map<string, number[]>();
  const neededInputs = new Map<string, number[]>();
  const sharedInputs = new Map<string, string>();
  for (const job of world.jobs.values()) {
    add(jobLives, job.state.life, [1]);
    if (["starting", "running"].includes(statusOf(job)))
      add(jobTallies, `${job.ctx.queue}|${statusOf(job)}`, [1, job.ctx.nCore ?? 0, 0]);
  }
  for (const worker of world.workers.values()) {
    const { queue, jobType, resourceType, pilotType, nCore, minRamCount } = worker.ctx;
    const [status, asks] = [workerStatusOf(worker), wantsJobs(worker)];
    if (asks) add(askingWorkers, queue, [1]);
    const counted = status === "ready" && !asks ? "running" : status;
    const key = `${queue}:${counted}|${jobType}|${resourceType}|${pilotType ?? ""}`;
    add(workerTallies, key, [1, nCore ?? 0, minRamCount ?? 0]);
  }
  for (const { ctx } of world.calls.values()) if (ctx.PandaID !== null) add(unsettledJobs, `${ctx.PandaID}`, [1]);
  for (const { ctx } of world.fileGroups.values()) {
    const { PandaID, direction, endpoint, files } = ctx;
    if (PandaID === null || (direction !== "in" && direction !== "aux")) continue;
    const job = world.jobs.get(PandaID);
    for (const { lfn, fileType, status, todelete } of Object.values(files)) {
      if (!todelete) add(neededInputs, lfn, [1]);
      if (endpoint !== null && job && isStarting(job))
        sharedInputs.set(`${endpoint} ${fileType} ${lfn} ${PandaID}`, status);
    }
  }
  return {
    jobTallies: sorted(jobTallies),
    jobLives: sorted(jobLives),
    workerTallies: sorted(workerTallies),
    askingWorkers: sorted(askingWorkers),
    unsettledJobs: sorted(unsettledJobs),
    neededInputs: sorted(neededInputs),
    sharedInputs: sorted(sharedInputs),
  };
}

/** Counts as the projection keeps them, without those that have come to nothing. */
export function kept(world: World): Numbers {
  const rows = [...world.jobTallies].map(([key, { n, cores, memory }]) => [key, [n, cores, memory]] as const);
  const workers = [...world.workerTallies].flatMap(([queue, classes]) =>
    [...classes].map(([key, { n, cores, memory }]) => [`${queue}:${key}`, [n, cores, memory]] as const),
  );
  const counted = (numbers: ReadonlyMap<unknown, number>) =>
    [...numbers].map(([key, n]) => [String(key), [n]] as const);
  const some = (entries: readonly (readonly [string, readonly number[]])[]) =>
    sorted(entries.filter(([, numbers]) => numbers.some((n) => n !== 0)));
  const shared = [...world.sharedInputs].flatMap(([key, holders]) =>
    [...holders].map(([PandaID, status]) => [`${key.split("\0").join(" ")} ${PandaID}`, status] as const),
  );
  return {
    jobTallies: some(rows),
    jobLives: some(counted(world.jobLives)),
    workerTallies: some(workers),
    askingWorkers: some([...world.askingWorkers].map(([queue, ids]) => [queue, [ids.size]] as const)),
    unsettledJobs: some(counted(world.unsettledJobs)),
    neededInputs: some(counted(world.neededInputs)),
    sharedInputs: sorted(shared),
  };
}
