/**
 * Benchmark `takeover`: two daemons share 32 shards with 10,240 live workers, one is killed with -9. Measured is how
 * long each of its workers waits from then until the other one has asked the batch system about it.
 */
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { addressOf, withBroker } from "./broker.ts";
import { BenchDaemon, quantile, type Site } from "./daemons.ts";
import type { Figure } from "./figure.ts";

/** Seconds that are promised for 99 of 100 workers. */
const promised = 45;
const checkInterval = 5;
const site: Site = { shards: 32, queues: 32, workersPerQueue: 320, monitor: "RunningMonitor", checkInterval };
const startMs = 180_000;
const waitMs = 180_000;

/** The newest look at each worker. */
type Looks = Map<number, { readonly by: string; readonly at: number }>;

/** Runs until every worker was looked at again: about two minutes. */
export function benchTakeover(): Promise<Figure | string> {
  return withBroker(async (brokers, dir) => {
    const looks: Looks = new Map();
    const address = addressOf(brokers);
    const daemonOf = (by: string) =>
      new BenchDaemon(join(dir, by), address, site, ({ at, workerIDs }) => {
        for (const workerID of workerIDs) looks.set(workerID, { by, at });
      });
    const [killed, other] = [daemonOf("killed"), daemonOf("other")];
    try {
      await until(startMs, () => isSteady(looks), [killed, other]);
      await killed.kill();
      const killedAt = Date.now();
      const orphans = [...looks].filter(([, { by }]) => by === "killed").map(([workerID]) => workerID);
      if (orphans.length < looks.size / 3)
        throw new Error(`only ${orphans.length} workers of ${looks.size} were its own`);
      const first = new Map<number, number>();
      const note = () => {
        for (const id of orphans) {
          const look = looks.get(id);
          if (look?.by === "other" && !first.has(id)) first.set(id, look.at);
        }
        return first.size === orphans.length;
      };
      await until(waitMs, note, [other]);
      const seconds = [...first.values()].map((at) => (at - killedAt) / 1000);
      const value = quantile(seconds, 0.99);
      return { name: "takeover", value, unit: "s p99", limit: 1, ratio: value / promised, atMost: true };
    } finally {
      await Promise.all([killed.kill(), other.kill()]);
    }
  });
}

/** All workers are there, and both daemons looked at theirs lately. */
function isSteady(looks: Looks): boolean {
  if (looks.size < site.queues * site.workersPerQueue) return false;
  const since = Date.now() - 2 * checkInterval * 1000;
  const lately = [...looks.values()].filter(({ at }) => at > since);
  return lately.length === looks.size && new Set(lately.map(({ by }) => by)).size === 2;
}

async function until(ms: number, isSo: () => boolean, running: readonly BenchDaemon[]): Promise<void> {
  for (const since = Date.now(); !isSo(); await pause(200)) {
    for (const daemon of running) daemon.requireRunning();
    if (Date.now() - since > ms) throw new Error(`not within ${ms / 1000} s`);
  }
}
