/**
 * Whatever becomes of the batches of a Kafka log, lost, late or doubled: a journal on it folds what was decided once
 * and in order, and so does whoever reads the log afterwards.
 */
import fc from "fast-check";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ShardLost } from "../../src/log/faults.ts";
import type { KafkaClient } from "../../src/log/kafka/client.ts";
import { openOn } from "../../src/log/kafka/kafkaLog.ts";
import type { Log } from "../../src/log/log.ts";
import { journalOn, noted, numbers } from "./fixtures.ts";
import { address, type Fate, settled, Topic } from "./topic.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

const fate = fc.constantFrom<Fate>("good", "good", "answer lost", "lost", "late", "doubled");

it("whatever becomes of the batches, a journal folds each decision once and in order", async () => {
  const runs = Number(process.env["FUZZ_RUNS"] ?? 200);
  const history = fc.array(fate, { maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(history, fc.array(fc.nat(60), { minLength: 1, maxLength: 20 }), async (fates, pauses) => {
      const faulty = new Topic(1);
      const shaken = await openOn(faulty.client, address, { giveUpMs: 60_000 });
      const opening = journalOn(shaken);
      const { journal, folded } = await settled(opening);
      faulty.fates.push(...fates);
      const decided: Promise<unknown>[] = [];
      for (const [n, pause] of pauses.entries()) {
        decided.push(journal.decide({ shard: 0, cause: "c", events: [noted(2 * n)] }));
        decided.push(journal.decide({ shard: 0, cause: "c", events: [noted(2 * n + 1)] }));
        await vi.advanceTimersByTimeAsync(pause);
      }
      await settled(Promise.all(decided));
      await vi.advanceTimersByTimeAsync(1000); // what is late arrives
      const all = Array.from({ length: 2 * pauses.length }, (_, n) => n);
      expect(numbers(folded)).toEqual(all);
      journal.detach();
      await closeAndReadAgain(faulty.client, shaken, all);
    }),
    { numRuns: runs },
  );
});

const worse = fc.constantFrom<Fate>("good", "answer lost", "lost", "lost", "late", "very late", "doubled");

it("whatever is given up and claimed again, what was decided is folded once, and nothing halts", async () => {
  const runs = Number(process.env["FUZZ_RUNS"] ?? 200);
  await fc.assert(
    fc.asyncProperty(
      fc.array(worse, { maxLength: 60 }),
      fc.array(fc.nat(400), { minLength: 3 }),
      async (fates, pauses) => {
        const faulty = new Topic(1);
        const shaken = await openOn(faulty.client, address, { giveUpMs: 400 });
        const { journal, folded } = await settled(journalOn(shaken));
        faulty.fates.push(...fates);
        const made = new Set<number>();
        for (const [n, pause] of pauses.entries()) {
          if (!journal.owns(0) && !journal.standing(0).pending) journal.claim(0).catch(onlyLost);
          // Two at a time, so that one may be sent while the other waits.
          for (const number of [2 * n, 2 * n + 1]) {
            const decided = journal.decide({ shard: 0, cause: "c", events: [noted(number)] });
            decided.then(() => made.add(number), onlyLost);
          }
          await vi.advanceTimersByTimeAsync(pause);
        }
        await vi.advanceTimersByTimeAsync(20_000); // what is late arrives, or is given up
        faulty.fates.splice(0);
        await settled(journal.claim(0));
        await settled(journal.decide({ shard: 0, cause: "c", events: [noted(1e6)] }));
        const all = numbers(folded);
        expect(all).toEqual([...new Set(all)].toSorted((a, b) => a - b));
        expect(all).toEqual(expect.arrayContaining([...made, 1e6]));
        journal.detach();
        await closeAndReadAgain(faulty.client, shaken, all);
      },
    ),
    { numRuns: runs },
  );
});

/** Another start over the same topic folds the same, which is the last that is done with either log. */
async function closeAndReadAgain(client: KafkaClient, log: Log, all: readonly number[]): Promise<void> {
  const again = await openOn(client, address, {});
  const second = await settled(journalOn(again, { owner: "a:2" }));
  expect(numbers(second.folded)).toEqual(all);
  await settled(log.close());
  await settled(again.close());
}

function onlyLost(error: unknown): void {
  expect(error).toBeInstanceOf(ShardLost);
}
