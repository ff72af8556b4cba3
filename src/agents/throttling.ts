/**
 * Asks the throttler of a queue whether it is to be held back, with the counts that it may look at (lifecycle 6.4). It
 * must never look at single workers: the World keeps what is needed.
 */
import type { QueueConfig } from "../config/schema.ts";
import type { FamilyMember, MissedWorkers, ThrottleCounts } from "../plugins/upkeep.ts";
import { coreFactor } from "../sizing/plan.ts";
import { workerCounts } from "../sizing.ts";
import type { World } from "../world.ts";
import { call, type Part } from "./agent.ts";

/**
 * Why the queue is held back; null where it is not, or has no throttler. A throttler that gives no answer holds it back
 * as well (plugins.md 10).
 */
export function* throttling(world: World, config: QueueConfig, now: number): Part<string | null> {
  if (!config.plugins.throttler) return null;
  const { queueName: queue } = config;
  const reply = yield* call({
    method: "toBeThrottled",
    plugin: "throttler",
    queue,
    key: `toBeThrottled:${queue}:${now}`,
    args: { plain: [config, throttleCounts(world, config, now)] },
  });
  if (!reply.ok) return `no answer: ${reply.why}`;
  const { throttle, dialog } = reply.value as { throttle: boolean; dialog: string };
  return throttle ? dialog || "throttled" : null;
}

/** Cost: the queues of the instance, and what is remembered of those of the site. */
export function throttleCounts(world: World, config: QueueConfig, now: number): ThrottleCounts {
  const given = config.plugins.submitter["computingElements"];
  const elements: ReadonlySet<unknown> = new Set(Array.isArray(given) ? given : []);
  const missed: MissedWorkers[] = [];
  const family: FamilyMember[] = [];
  for (const queue of world.queues.keys()) {
    const other = world.queueConfig(queue);
    if (other.siteFamily === config.siteFamily) family.push(memberOf(world, other));
    const site = other.siteName;
    for (const batch of world.missedWorkers.get(queue) ?? []) {
      if (site === config.siteName || elements.has(batch.computingElement)) missed.push({ queue, site, ...batch });
    }
  }
  return { now, missed, family };
}

function memberOf(world: World, { queueName: queue, plugins }: QueueConfig): FamilyMember {
  const sums = { submitted: 0, running: 0, submittedCores: 0, runningCores: 0 };
  for (const { status, jobType, resourceType, n } of workerCounts(world.workerTallies.get(queue))) {
    if (status !== "submitted" && status !== "running") continue;
    sums[status] += n;
    sums[`${status}Cores`] += n * coreFactor(plugins.submitter["nCoreFactor"], { jobType, resourceType });
  }
  return { queue, ...sums };
}
