/** What every submitter is held to (plugins.md 6, design 3: claim, read back, act). */
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { answerSchema, type CallContext, methods, type Submitter } from "../../src/plugins/contract.ts";
import type { WorkSpec } from "../../src/specs/workSpec.ts";
import { call } from "./fixtures.ts";

/** A site that takes workers. */
export interface SubmitterSite {
  /** An instance that knows nothing of the ones made before, as after a restart. */
  plugin(): Submitter;
  /** A worker with a key never used before. */
  worker(): WorkSpec;
  /** How many workers of this key the batch system was really given. */
  created(key: string): Promise<number>;
}

const submitted = z.array(answerSchema);
/** The normal form of `find`'s answer. */
const finds = z.array(z.object({ found: z.boolean().nullable(), batchID: z.string().optional() }));

const cases = {
  answers: "answers each worker in order and sets a batch id of its own",
  none: "takes an empty list",
  found: "finds what was submitted, with the same batch id, after a restart",
  notFound: "does not find what was never submitted",
  once: "creates a key once however often one call is repeated",
  together: "creates a key once when one call is repeated at the same time",
  taken: "does not create a key again for another call",
  late: "creates nothing after notAfterAt, and then does not find it",
  again: "creates a worker under the same key after it was not found",
} as const;
export type SubmitterCase = keyof typeof cases;

/** `skipped` names cases a maker does not meet, each with the reason. */
export function submitterSuite(
  name: string,
  makeSite: () => Promise<SubmitterSite>,
  skipped: Readonly<Partial<Record<SubmitterCase, string>>> = {},
): void {
  const test = (which: SubmitterCase, run: (site: SubmitterSite) => Promise<void>): void => {
    const why = skipped[which];
    it.skipIf(why !== undefined)(why === undefined ? cases[which] : `${cases[which]} (skipped: ${why})`, async () =>
      run(await makeSite()),
    );
  };
  const submit = async (plugin: Submitter, workers: readonly WorkSpec[], how: CallContext = call()) =>
    submitted.parse(await plugin.submitWorkers(workers, how));
  const find = async (plugin: Submitter, worker: WorkSpec) => {
    if (!plugin.find) throw new Error("this submitter has no find: skip the cases that need it");
    const [found, ...others] = finds.parse(methods.find.answer.parse(await plugin.find([worker], call())));
    expect(others).toEqual([]);
    return found;
  };
  describe(`submitter ${name}`, () => {
    test("answers", async (site) => {
      const workers = [site.worker(), site.worker(), site.worker()];
      expect(await submit(site.plugin(), workers)).toMatchObject(workers.map(() => ({ ok: true })));
      expect(new Set(workers.map(({ batchID }) => batchID)).size).toBe(workers.length);
      for (const { batchID } of workers) expect(batchID).toBeTruthy();
    });

    test("none", async (site) => {
      expect(await submit(site.plugin(), [])).toEqual([]);
    });

    test("found", async (site) => {
      const worker = site.worker();
      await submit(site.plugin(), [worker]);
      await expect
        .poll(() => find(site.plugin(), worker), { timeout: 10_000 })
        .toMatchObject({ found: true, batchID: worker.batchID });
    });

    test("notFound", async (site) => {
      expect(await find(site.plugin(), site.worker())).toMatchObject({ found: false });
    });

    test("once", async (site) => {
      const worker = site.worker();
      const how = call();
      expect(await submit(site.plugin(), [worker], how)).toMatchObject([{ ok: true }]);
      const { batchID } = worker;
      expect(await submit(site.plugin(), [worker], how)).toMatchObject([{ ok: true }]);
      expect(worker.batchID).toBe(batchID);
      expect(await site.created(worker.key)).toBe(1);
    });

    test("together", async (site) => {
      const worker = site.worker();
      const how = call();
      const answers = await Promise.all(Array.from({ length: 8 }, () => submit(site.plugin(), [worker], how)));
      expect(answers).toMatchObject(answers.map(() => [{ ok: true }]));
      expect(await site.created(worker.key)).toBe(1);
    });

    test("taken", async (site) => {
      const worker = site.worker();
      await submit(site.plugin(), [worker]);
      const [answer] = await submit(site.plugin(), [worker]);
      expect(answer?.dialog).not.toBe("");
      expect(await site.created(worker.key)).toBe(1);
    });

    test("late", async (site) => {
      const worker = site.worker();
      const [answer] = await submit(site.plugin(), [worker], call({ notAfterAt: Date.now() - 1 }));
      expect(answer?.ok).not.toBe(true);
      expect(await find(site.plugin(), worker)).toMatchObject({ found: false });
      expect(await site.created(worker.key)).toBe(0);
    });

    test("again", async (site) => {
      const worker = site.worker();
      await submit(site.plugin(), [worker], call({ notAfterAt: Date.now() - 1 }));
      expect(await find(site.plugin(), worker)).toMatchObject({ found: false });
      expect(await submit(site.plugin(), [worker])).toMatchObject([{ ok: true }]);
      expect(await site.created(worker.key)).toBe(1);
    });
  });
}
