/** What every monitor is held to (plugins.md 5). */
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { type Monitor, methods } from "../../src/plugins/contract.ts";
import type { WorkSpec } from "../../src/specs/workSpec.ts";
import { call } from "./fixtures.ts";

/** A site with workers of a known fate. */
export interface MonitorSite {
  plugin(): Monitor;
  /** A worker just submitted that will come to this state by itself (`running`: and stay there for the test). */
  worker(fate: "running" | "finished" | "failed" | "cancelled"): Promise<WorkSpec>;
  /** A worker about which this instance of the plug-in cannot find out anything. */
  unreachable(): Promise<{ readonly plugin: Monitor; readonly worker: WorkSpec }>;
}

/** The normal form of an answer that holds statuses. */
const checked = z.object({
  ok: z.literal(true),
  workers: z.array(z.object({ status: z.string().nullable(), diag: z.string() })),
});

const cases = {
  none: "takes an empty list",
  running: "says running",
  finished: "says finished",
  failed: "says failed, and why",
  cancelled: "says cancelled",
  order: "answers each worker in order",
  final: "gives the same final answer again, also after a restart",
  unknown: "answers null where nobody knows: unknown is never gone",
} as const;
export type MonitorCase = keyof typeof cases;

/** Statuses that the core accepts (lifecycle 3.1); anything else aborts a whole batch. */
const words = ["submitted", "running", "finished", "failed", "cancelled", "idle", "ready", "missed"];

/** `skipped` names cases a maker does not meet, each with the reason. */
export function monitorSuite(
  name: string,
  makeSite: () => Promise<MonitorSite>,
  skipped: Readonly<Partial<Record<MonitorCase, string>>> = {},
): void {
  const test = (which: MonitorCase, run: (site: MonitorSite) => Promise<void>): void => {
    const why = skipped[which];
    it.skipIf(why !== undefined)(why === undefined ? cases[which] : `${cases[which]} (skipped: ${why})`, async () =>
      run(await makeSite()),
    );
  };
  const check = async (plugin: Monitor, workers: readonly WorkSpec[]) => {
    const answer = checked.parse(methods.checkWorkers.answer.parse(await plugin.checkWorkers(workers, call())));
    expect(answer.workers).toHaveLength(workers.length);
    for (const { status } of answer.workers) if (status !== null) expect(words).toContain(status);
    return answer.workers;
  };
  const reaches = async (plugin: Monitor, worker: WorkSpec, status: string) => {
    await expect.poll(async () => (await check(plugin, [worker]))[0]?.status, { timeout: 10_000 }).toBe(status);
    return (await check(plugin, [worker]))[0];
  };
  describe(`monitor ${name}`, () => {
    test("none", async (site) => {
      expect(await check(site.plugin(), [])).toEqual([]);
    });

    for (const fate of ["running", "finished", "cancelled"] as const) {
      test(fate, async (site) => {
        const answer = await reaches(site.plugin(), await site.worker(fate), fate);
        expect(answer?.status).toBe(fate);
      });
    }

    test("failed", async (site) => {
      const answer = await reaches(site.plugin(), await site.worker("failed"), "failed");
      expect(answer?.diag).not.toBe("");
    });

    test("order", async (site) => {
      const plugin = site.plugin();
      const fates = ["failed", "finished", "failed"] as const;
      const workers: WorkSpec[] = [];
      for (const fate of fates) workers.push(await site.worker(fate));
      const statuses = async () => (await check(plugin, workers)).map(({ status }) => status);
      await expect.poll(statuses, { timeout: 10_000 }).toEqual([...fates]);
    });

    test("final", async (site) => {
      const worker = await site.worker("finished");
      const first = await reaches(site.plugin(), worker, "finished");
      expect((await check(site.plugin(), [worker]))[0]).toEqual(first);
    });

    test("unknown", async (site) => {
      const { plugin, worker } = await site.unreachable();
      expect((await check(plugin, [worker]))[0]?.status).toBeNull();
    });
  });
}
