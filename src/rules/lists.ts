/**
 * Which lists of the WMS and of other places this instance needs, where each comes from, and when it is to be read
 * again (config 3.17). A list that no queue needs is not asked for. Pure, part of the rules.
 */
import type { Look } from "../../machines/look.ts";
import { isActive, type QueueConfig } from "../config/schema.ts";
import type { World } from "../world.ts";

/** Methods of the communicator that give a list, by the original's name (`panda_server:<name>`). */
const serverMethods = {
  get_job_stats: "getJobStats",
  get_job_stats_new: "getJobStatsNew",
  get_worker_stats_from_panda: "getWorkerStatsFromPanda",
  get_resource_types: "getResourceTypes",
} as const;
type ServerMethod = (typeof serverMethods)[keyof typeof serverMethods];

/** Lists that the WMS has itself: read from there unless a line of [cacher] data says otherwise. */
const ofServer: Readonly<Record<string, ServerMethod>> = {
  "job_statistics.json": "getJobStats",
  "job_statistics_new.json": "getJobStatsNew",
  "worker_statistics.json": "getWorkerStatsFromPanda",
  "resource_types.json": "getResourceTypes",
};
const pandaQueues = "panda_queues.json";

/** The lists that planning reads: these are kept in the World. Every other one is only written to its dump file. */
export const keptLists: ReadonlySet<string> = new Set([...Object.keys(ofServer), pandaQueues]);

/** Name under which the highest workerID is kept that the WMS has seen (3.3). */
export const maxWorkerID = "maxWorkerID";

/** Where a list comes from. */
export type Source =
  | { readonly from: "server"; readonly method: ServerMethod }
  | { readonly from: "keyPair"; readonly names: readonly [string, string] }
  | { readonly from: "listSource" }
  | { readonly from: "nowhere"; readonly why: string };

/** A list to be read. */
export interface WantedList {
  readonly name: string;
  readonly source: Source;
  readonly dump: boolean;
}

/** Lists that planning needs for this queue. */
function neededBy(queue: QueueConfig, world: World): readonly string[] {
  if (!isActive(queue)) return [];
  const { activateWorkerFactor } = world.settings.submitter;
  const pulls = queue.mapType === "NoJob";
  const slave = queue.runMode === "slave";
  const limits = [queue.nQueueLimitWorkerCores, queue.nQueueLimitWorkerMemory];
  const ratios = [queue.nQueueLimitWorkerCoresRatio, queue.nQueueLimitWorkerMemoryRatio];
  const bySize = [...limits, ...ratios].some((limit) => limit !== null && limit !== undefined);
  return [
    ...(pulls && !slave ? ["job_statistics.json"] : []),
    // What is ordered is shared among pilot types by the activated jobs of each.
    ...(slave && queue.prioritizedProdSourceLabels.length > 0 ? ["job_statistics_new.json"] : []),
    ...(pulls && !slave && activateWorkerFactor === "auto" ? ["worker_statistics.json"] : []),
    ...(pulls || bySize ? ["resource_types.json"] : []),
    // The WMS does not have this one.
    ...(world.settings.cacher.data.some((line) => line.startsWith(pandaQueues)) ? [pandaQueues] : []),
  ];
}

/** Lists to be kept fresh. */
export function wantedLists(world: World): readonly WantedList[] {
  const lines = linesOf(world);
  const names = new Set<string>();
  for (const { ctx, state } of world.queues.values()) {
    if (state.life !== "active") continue;
    for (const name of neededBy(world.queueConfig(ctx.queue), world)) names.add(name);
  }
  const needed = [...names].flatMap((name): WantedList[] => {
    const line = lines.get(name);
    const method = ofServer[name];
    if (line) return [line];
    return method ? [{ name, source: { from: "server", method }, dump: false }] : [];
  });
  return [...needed, ...[...lines.values()].filter(({ name, dump }) => dump && !names.has(name))];
}

/** Lines of [cacher] data by the name of their list; those with fewer than three fields say nothing. */
function linesOf(world: World): ReadonlyMap<string, WantedList> {
  return new Map(
    world.settings.cacher.data.flatMap((text): [string, WantedList][] => {
      const [mainKey = "", subKey = "", url = "", dumpFile = ""] = text.split("|").map((field) => field.trim());
      if (mainKey === "" || url === "") return [];
      const name = subKey === "" ? mainKey : `${mainKey}|${subKey}`;
      return [[name, { name, source: sourceOf(url), dump: dumpFile !== "" }]];
    }),
  );
}

function sourceOf(url: string): Source {
  const [scheme = "", rest = ""] = [url.slice(0, url.indexOf(":")), url.slice(url.indexOf(":") + 1)];
  if (scheme === "panda_server") {
    const method = Object.entries(serverMethods).find(([name]) => name === rest)?.[1];
    return method ? { from: "server", method } : { from: "nowhere", why: `the WMS has no list ${rest}` };
  }
  if (scheme !== "panda_cache") return { from: "listSource" };
  const [publicName, privateName] = rest.split("&");
  return publicName && privateName
    ? { from: "keyPair", names: [publicName, privateName] }
    : { from: "nowhere", why: "panda_cache: wants <public>&<private>" };
}

/** When a list is to be read (epoch ms; minus infinity: at once). */
export function listDueAt(world: World, name: string): number {
  const { instance, settings } = world;
  const { refreshInterval, sleepTime } = settings.cacher;
  const known = instance.lists.get(name);
  // It was cut to the queues of its time, and there is another one now.
  const short = known?.queues !== undefined && known.queues < world.queues.size;
  return dueAt(instance.listLooks.get(name), short ? sleepTime : refreshInterval * 60, sleepTime);
}

/** When the WMS is to be asked for the highest workerID that it has seen; null: it is known. */
export function workerIDsDueAt({ instance, settings }: World): number | null {
  if (instance.lists.has(maxWorkerID)) return null;
  const { sleepTime } = settings.cacher;
  return dueAt(instance.listLooks.get(maxWorkerID), sleepTime, sleepTime);
}

function dueAt(look: Look | undefined, interval: number, afterTrouble: number): number {
  if (!look || look.at === null || look.how === "now") return Number.NEGATIVE_INFINITY;
  return look.at + (look.how === "interval" ? interval : afterTrouble) * 1000 + 1;
}

/**
 * Whether workers may be planned for a queue: the ids that the WMS has seen are known, and every list that planning
 * reads was asked for once. Afterwards a list that cannot be read holds nothing up, as in the original.
 */
export function mayPlan(world: World, queue: string): boolean {
  const { lists, listLooks } = world.instance;
  if (!lists.has(maxWorkerID)) return false;
  const needed = neededBy(world.queueConfig(queue), world);
  if (needed.every((name) => listLooks.has(name))) return true;
  const wanted = new Set(wantedLists(world).map(({ name }) => name));
  return needed.every((name) => listLooks.has(name) || !wanted.has(name));
}
