/** What every sweeper is held to (plugins.md 7, lifecycle 3.9: a kill is repeated until the worker has ended). */
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { answerSchema, type Sweeper } from "../../src/plugins/contract.ts";
import type { WorkSpec } from "../../src/specs/workSpec.ts";
import { call } from "./fixtures.ts";

/** A site with workers to end. */
export interface SweeperSite {
  plugin(): Sweeper;
  /** `running`: until killed; `ended`: all by itself, before this returns. */
  worker(state: "running" | "ended"): Promise<WorkSpec>;
  /** True when nothing of the worker runs any more. */
  gone(worker: WorkSpec): Promise<boolean>;
}

const cases = {
  none: "takes an empty list",
  kill: "kills a running worker, and says so again when asked again",
  several: "answers each worker of a kill in order, ended ones among them",
  sweep: "sweeps an ended worker, and again",
  sweepKilled: "sweeps a killed worker once it has ended",
} as const;
export type SweeperCase = keyof typeof cases;

/** `skipped` names cases a maker does not meet, each with the reason. */
export function sweeperSuite(
  name: string,
  makeSite: () => Promise<SweeperSite>,
  skipped: Readonly<Partial<Record<SweeperCase, string>>> = {},
): void {
  const test = (which: SweeperCase, run: (site: SweeperSite) => Promise<void>): void => {
    const why = skipped[which];
    it.skipIf(why !== undefined)(why === undefined ? cases[which] : `${cases[which]} (skipped: ${why})`, async () =>
      run(await makeSite()),
    );
  };
  const kill = async (plugin: Sweeper, workers: readonly WorkSpec[]) => {
    if (plugin.killWorkers) return z.array(answerSchema).parse(await plugin.killWorkers(workers, call()));
    const answers = [];
    for (const worker of workers) answers.push(answerSchema.parse(await plugin.killWorker?.(worker, call())));
    return answers;
  };
  const sweep = async (plugin: Sweeper, worker: WorkSpec) =>
    answerSchema.parse(await plugin.sweepWorker(worker, call()));
  describe(`sweeper ${name}`, () => {
    test("none", async (site) => {
      expect(await kill(site.plugin(), [])).toEqual([]);
    });

    test("kill", async (site) => {
      const worker = await site.worker("running");
      expect(await site.gone(worker)).toBe(false);
      expect(await kill(site.plugin(), [worker])).toMatchObject([{ ok: true }]);
      expect(await kill(site.plugin(), [worker])).toMatchObject([{ ok: true }]);
      await expect.poll(() => site.gone(worker), { timeout: 10_000 }).toBe(true);
      expect(await kill(site.plugin(), [worker])).toMatchObject([{ ok: true }]);
    });

    test("several", async (site) => {
      const workers = [await site.worker("ended"), await site.worker("running")];
      expect(await kill(site.plugin(), workers)).toMatchObject([{ ok: true }, { ok: true }]);
      for (const worker of workers) await expect.poll(() => site.gone(worker), { timeout: 10_000 }).toBe(true);
    });

    test("sweep", async (site) => {
      const worker = await site.worker("ended");
      expect(await sweep(site.plugin(), worker)).toMatchObject({ ok: true });
      expect(await sweep(site.plugin(), worker)).toMatchObject({ ok: true });
    });

    test("sweepKilled", async (site) => {
      const worker = await site.worker("running");
      await kill(site.plugin(), [worker]);
      await expect.poll(async () => (await sweep(site.plugin(), worker)).ok, { timeout: 10_000 }).toBe(true);
      await expect.poll(() => site.gone(worker), { timeout: 10_000 }).toBe(true);
    });
  });
}
