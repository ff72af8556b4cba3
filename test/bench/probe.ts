/**
 * What this machine can do at this moment: durable commits of SQLite and SHA-256. Absolute figures of the other
 * benchmarks mean nothing without it. It must never use Windrow's own code.
 */
import { hash } from "node:crypto";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Figure, inTemporary, median } from "./figure.ts";

const windowMs = 300;
const block = Buffer.alloc(1024 * 1024, "windrow");

/** Calls `once` for a while; calls a second, the median of three windows. */
function rate(once: () => void): number {
  once();
  const rates = [0, 1, 2].map(() => {
    const started = performance.now();
    let n = 0;
    while (performance.now() - started < windowMs) {
      once();
      n += 1;
    }
    return (n / (performance.now() - started)) * 1000;
  });
  return median(rates);
}

/** One small row a commit, on the disk before it counts, as the log's pragmas have it. */
function commitRate(dir: string): number {
  const db = new DatabaseSync(join(dir, "probe.db"));
  db.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
  db.exec("CREATE TABLE row (n INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;");
  const insert = db.prepare("INSERT INTO row (text) VALUES (?)");
  try {
    return rate(() => insert.run("x".repeat(100)));
  } finally {
    db.close();
  }
}

/** Probes the machine. Takes about two seconds. */
export async function probe(): Promise<readonly Figure[]> {
  const bare = { limit: null, ratio: null };
  // Ours uses two threads where the raw side uses one, so ratios suffer where others want the cores as well.
  const busy = (loadavg()[0] ?? Number.NaN) / availableParallelism();
  return [
    { name: "probe.busy", value: busy * 100, unit: "% of cores", ...bare },
    { name: "probe.commits", value: await inTemporary(async (dir) => commitRate(dir)), unit: "commits/s", ...bare },
    { name: "probe.sha256", value: rate(() => hash("sha256", block)), unit: "MiB/s", ...bare },
  ];
}
