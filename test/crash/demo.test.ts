/**
 * `kill -9` at any moment, and the same command again: the demo comes to its end, no worker was submitted twice, and
 * the log is verified. Moments come from a seed, which a failure shows. WINDROW_CRASHES=20 kills that often; without it
 * there are two kills one after the other on one directory.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { queues } from "../../src/demo/jobs.ts";
import { placesOf } from "../../src/demo/site.ts";
import { judge } from "../../src/plugins/local/journal.ts";
import { verifyLog } from "../../src/verify.ts";
import { Chance } from "../simulation/chance.ts";
import { type Moment, runDemo, type Victims } from "./killing.ts";

const crashes = Number(process.env["WINDROW_CRASHES"] ?? 2);
const firstSeed = Number(process.env["WINDROW_SEED"] ?? 1);
const victims: readonly Victims[] = ["daemon", "all", "demo and server"];

/** Two kills a directory: amid submissions, and while outputs are stored; every fourth time at any second. */
function momentsOf(seed: number): readonly Moment[] {
  const chance = new Chance(seed);
  const anywhere = (): Moment => ({ after: "seconds", n: 1 + chance.next() * 9, victims: chance.pick(victims) });
  if (seed % 4 === 0) return [anywhere(), anywhere()];
  return [
    { after: "submissions", n: chance.int(1, 30), victims: victims[seed % victims.length] ?? "daemon" },
    { after: "stored", n: chance.int(1, 10), victims: victims[(seed + 1) % victims.length] ?? "all" },
  ];
}

const seeds = Array.from({ length: Math.ceil(crashes / 2) }, (_, i) => firstSeed + i);
const ended = z.object({ ok: z.boolean(), complaints: z.array(z.string()) });

describe("the demo, killed and started again on its directory", () => {
  it.each(seeds)("seed %i: finishes, nothing twice, verified", { timeout: 600_000 }, async (seed) => {
    const dir = await mkdtemp(join(tmpdir(), "windrow-crash-"));
    const moments = momentsOf(seed);
    const killed: string[] = [];
    for (const moment of moments) {
      const ran = await runDemo(dir, moment);
      killed.push(
        `${JSON.stringify(moment)}: ${ran.killed ? "killed" : "ended before"} at ${ran.seconds.toFixed(1)} s`,
      );
      if (!ran.killed) break;
    }
    const last = await runDemo(dir);
    const told = `seed ${seed}, ${dir}\n${killed.join("\n")}\n${last.stderr}`;
    const result = ended.parse(JSON.parse(last.stdout || '{"ok":false,"complaints":["it said nothing"]}'));
    expect(result.complaints, told).toEqual([]);
    expect({ code: last.code, ok: result.ok }, told).toEqual({ code: 0, ok: true });
    for (const queue of queues) {
      const { createdTwice, startedTwice, startedUncreated } = await judge(placesOf(dir).journalOf(queue));
      expect({ createdTwice, startedTwice, startedUncreated }, told).toEqual({
        createdTwice: [],
        startedTwice: [],
        startedUncreated: [],
      });
    }
    const { ok, anomalies, snapshot } = await verifyLog(placesOf(dir).log, () => undefined);
    expect({ ok, anomalies, equal: snapshot?.equal }, told).toEqual({ ok: true, anomalies: 0, equal: true });
    if (crashes > 2) console.log(`seed ${seed}: ${killed.join("; ")}; then ${last.seconds.toFixed(1)} s to the end`);
    await rm(dir, { recursive: true });
  });
});
