/**
 * What a Kafka log does when Kafka does not answer as it should, over a broker in memory whose every answer is
 * scripted.
 */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LogFault, LogHalted } from "../../src/log/faults.ts";
import { type KafkaClient, KafkaTrouble } from "../../src/log/kafkaClient.ts";
import { openOn } from "../../src/log/kafkaLog.ts";
import type { Log } from "../../src/log/log.ts";
import type { StoredRecord } from "../../src/log/record.ts";
import { Chain, journalOn, noted, numbers } from "./fixtures.ts";

/** What becomes of one produce: written or not, answered or not, written a second time later. */
type Fate = "good" | "answer lost" | "lost" | "refused" | "late" | "doubled" | "swallowed";

/** A topic of one broker. Polls return at once where there is something, and otherwise when something is written. */
class Topic {
  readonly partitions: StoredRecord[][];
  readonly fates: Fate[] = [];
  /** Every produce in order: its partition and the hashes of its records. */
  readonly sent: { partition: number; hashes: string[] }[] = [];
  inFlight = 0;
  mostInFlight = 0;
  reading = true;
  #written = Promise.withResolvers<void>();
  #open = true;

  constructor(partitions: number) {
    this.partitions = Array.from({ length: partitions }, () => []);
  }

  readonly client: { -readonly [K in keyof KafkaClient]: KafkaClient[K] } = {
    describe: async () => ({ replicas: this.partitions.map(() => 1), config: new Map([["min.insync.replicas", "1"]]) }),
    create: async () => undefined,
    brokers: async () => 1,
    leaders: async () => new Map([[1, this.partitions.map((_, n) => n)]]),
    ends: async (asked) => new Map(asked.map((n) => [n, { start: 0, end: this.partitions[n]?.length ?? 0 }])),
    produce: (partition, records) => this.#produce(partition, records),
    read: async ({ partition, offset }) => this.#from(partition, offset),
    poll: async (_leader, positions) => {
      for (;;) {
        if (!this.#open) throw new KafkaTrouble("closed", "closed", false);
        const past = positions.find(({ partition, offset }) => offset > (this.partitions[partition]?.length ?? 0));
        if (past) throw new KafkaTrouble("OFFSET_OUT_OF_RANGE", "out of range", true);
        const fetched = positions.map(({ partition, offset }) => this.#from(partition, offset));
        if (this.reading && fetched.some(({ records }) => records.length > 0)) return fetched;
        await this.#written.promise;
      }
    },
    close: () => {
      this.#open = false;
      this.wake();
    },
  };

  wake(): void {
    this.#written.resolve();
    this.#written = Promise.withResolvers<void>();
  }

  #from(partition: number, offset: number) {
    const records = (this.partitions[partition] ?? [])
      .slice(offset)
      .map((record, n) => ({ offset: offset + n, record }));
    return { partition, records, next: offset + records.length };
  }

  write(partition: number, records: readonly StoredRecord[]): number {
    // As a broker would, other bytes of the same content.
    const copies = records.map(({ bytes, hash }) => ({ bytes: Uint8Array.from(bytes), hash }));
    const base = (this.partitions[partition]?.push(...copies) ?? 0) - records.length;
    this.wake();
    return base;
  }

  async #produce(partition: number, records: readonly StoredRecord[]): Promise<number> {
    this.sent.push({ partition, hashes: records.map(({ hash }) => hash) });
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    await Promise.resolve();
    this.inFlight -= 1;
    const fate = this.fates.shift() ?? "good";
    if (fate === "refused") throw new KafkaTrouble("TOPIC_AUTHORIZATION_FAILED", "not authorized", false);
    if (fate === "swallowed") return this.partitions[partition]?.length ?? 0;
    if (fate === "late") setTimeout(() => this.write(partition, records), 120);
    if (fate === "doubled") this.write(partition, records);
    if (fate === "lost" || fate === "late") throw new KafkaTrouble("REQUEST_TIMED_OUT", "timed out", true);
    const base = this.write(partition, records);
    if (fate === "answer lost") throw new KafkaTrouble("KafkaJSConnectionClosedError", "closed connection", true);
    return base;
  }
}

const address = { brokers: ["in memory"], prefix: "t", replication: 1 };
let topic: Topic;
let log: Log;
beforeEach(async () => {
  vi.useFakeTimers();
  topic = new Topic(2);
  log = await openOn(topic.client, address, { giveUpMs: 15_000 });
});
afterEach(async () => {
  const closing = log.close();
  await vi.advanceTimersByTimeAsync(20_000);
  await closing;
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

/** Lets time pass until it is settled. */
async function settled<T>(promise: Promise<T>): Promise<T> {
  let open = true;
  const over = promise.finally(() => {
    open = false;
  });
  over.catch(() => undefined);
  while (open) await vi.advanceTimersByTimeAsync(10);
  return over;
}

describe("an append to Kafka", () => {
  it("goes out in batches, one at a time", async () => {
    const chain = new Chain();
    const records = Array.from({ length: 30 }, () => chain.next());
    const appends = records.slice(0, 10).map((record) => log.append(0, record));
    await Promise.resolve();
    await Promise.resolve();
    appends.push(...records.slice(10).map((record) => log.append(0, record)));
    await settled(Promise.all(appends));
    expect(topic.sent.map(({ hashes }) => hashes.length)).toEqual([10, 20]);
    expect(topic.mostInFlight).toBe(1);
  });

  it("is not sent again when its bytes come back although the answer is lost", async () => {
    topic.fates.push("answer lost");
    await settled(log.append(0, new Chain().next()));
    expect(topic.sent.length).toBe(1);
  });

  it("is sent again with the same bytes, and nothing overtakes it", async () => {
    topic.fates.push("lost", "late", "lost");
    const chain = new Chain();
    const [first, second] = [chain.next(), chain.next()];
    const appends = [log.append(0, first)];
    await vi.advanceTimersByTimeAsync(1);
    appends.push(log.append(0, second));
    await settled(Promise.all(appends));
    const hashes = topic.sent.map((batch) => batch.hashes);
    expect(hashes.at(-1)).toEqual([second.hash]);
    expect(hashes.slice(0, -1).every((batch) => batch.length === 1 && batch[0] === first.hash)).toBe(true);
  });

  it("is unknown when it does not come back, and nothing of the shard is sent after it", async () => {
    topic.fates.push(...Array.from({ length: 100 }, (): Fate => "lost"));
    const chain = new Chain();
    const appends = [log.append(0, chain.next())];
    await vi.advanceTimersByTimeAsync(1);
    appends.push(log.append(0, chain.next()));
    const outcomes = await settled(Promise.allSettled(appends));
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    const fault = await log.append(0, chain.next()).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(LogFault);
    expect(String(fault)).toMatch(/2 records were sent .*timed out \(REQUEST_TIMED_OUT\).*may be in the log/);
    topic.fates.splice(0);
    const sent = topic.sent.length;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(topic.sent.length).toBe(sent);
    await settled(log.append(1, new Chain().next({ shard: 1 })));
  });

  it("is not sent again when Kafka will never take it", async () => {
    topic.fates.push("refused");
    await expect(settled(log.append(0, new Chain().next()))).rejects.toThrow(/TOPIC_AUTHORIZATION_FAILED/);
    expect(topic.sent.length).toBe(1);
  });

  it("is unknown when it was acknowledged and cannot be read", async () => {
    topic.reading = false;
    await expect(settled(log.append(0, new Chain().next()))).rejects.toThrow(LogFault);
  });

  it("is lost when another record is where it was acknowledged", async () => {
    topic.fates.push("swallowed");
    const chain = new Chain();
    const append = log.append(0, chain.next());
    append.catch(() => undefined);
    await vi.advanceTimersByTimeAsync(1);
    topic.write(0, [chain.next()]);
    await expect(settled(append)).rejects.toThrow(/acknowledged a record at offset 0, and it is not there/);
  });

  it("halts where the log becomes shorter than what was read of it; the other shard goes on", async () => {
    const chain = new Chain();
    await settled(Promise.all([log.append(0, chain.next()), log.append(0, chain.next())]));
    topic.partitions[0]?.pop();
    topic.wake();
    await vi.advanceTimersByTimeAsync(100);
    await expect(settled(log.append(0, chain.next()))).rejects.toThrow(LogHalted);
    await expect(log.tip(0)).rejects.toThrow(/stands at offset 2, and Kafka's log ends at 1/);
    await settled(log.append(1, new Chain().next({ shard: 1 })));
    expect(await log.tip(1)).toBe(1);
  });
});

describe("a log on Kafka that is followed", () => {
  it("waits for brokers that are away, however long that takes, if it was opened so", async () => {
    const chain = new Chain();
    topic.write(0, [chain.next(), chain.next()]);
    const patient = await openOn(topic.client, address, { readOnly: true, waits: true });
    const { read } = topic.client;
    topic.client.read = async () => {
      throw new KafkaTrouble("ECONNREFUSED", "away", true);
    };
    const reading = Array.fromAsync(patient.read(0));
    let isOver = false;
    void reading.finally(() => {
      isOver = true;
    });
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(isOver).toBe(false);
    await expect(settled(Array.fromAsync(log.read(0)))).rejects.toThrow("Kafka does not answer");
    topic.client.read = read;
    expect((await settled(reading)).flat()).toHaveLength(2);
  });

  it("says which shards lost records, and rests when all have", async () => {
    const told: number[] = [];
    for (const shard of [0, 1]) topic.write(shard, [new Chain().next({ shard })]);
    const followed = await openOn(topic.client, address, { halted: ({ shard }) => told.push(shard) });
    followed.follow(() => undefined);
    await vi.advanceTimersByTimeAsync(100);
    for (const partition of topic.partitions) partition.pop();
    topic.wake();
    await vi.advanceTimersByTimeAsync(100);
    expect(told).toEqual([0, 1]);
    await expect(followed.tip(1)).rejects.toThrow(LogHalted);
  });
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
      const again = await openOn(faulty.client, address, {});
      const second = await settled(journalOn(again, { owner: "a:2" }));
      expect(numbers(second.folded)).toEqual(all);
      await settled(shaken.close());
      await settled(again.close());
    }),
    { numRuns: runs },
  );
});
