/**
 * What a Kafka log does when Kafka does not answer as it should, over a broker in memory whose every answer is
 * scripted.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LogFault, LogHalted } from "../../src/log/faults.ts";
import { KafkaTrouble } from "../../src/log/kafka/client.ts";
import { openOn } from "../../src/log/kafka/kafkaLog.ts";
import type { Log } from "../../src/log/log.ts";
import { Chain } from "./fixtures.ts";
import { address, type Fate, settled, Topic } from "./topic.ts";

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
    expect(fault).toMatchObject({ isAway: true });
    topic.fates.splice(0);
    const sent = topic.sent.length;
    await vi.advanceTimersByTimeAsync(10_000);
    expect(topic.sent.length).toBe(sent);
    await settled(log.append(1, new Chain().next({ shard: 1 })));
  });

  it("is taken again after that where it is a claim", async () => {
    topic.fates.push(...Array.from({ length: 30 }, (): Fate => "lost"));
    const chain = new Chain();
    const before = chain.peek();
    await settled(log.append(0, before).catch(() => undefined));
    topic.fates.splice(0);
    const claim = chain.claim("a:1");
    await settled(log.append(0, claim));
    await settled(log.append(0, chain.next()));
    expect(topic.partitions[0]?.map(({ hash }) => hash)).not.toContain(before.hash);
    expect(topic.partitions[0]?.[0]?.hash).toBe(claim.hash);
  });

  it("is not sent again when Kafka will never take it", async () => {
    topic.fates.push("refused");
    const said = {
      name: "LogRefused",
      message: expect.stringMatching(/takes no records: .*TOPIC_AUTHORIZATION_FAILED/),
    };
    await expect(settled(log.append(0, new Chain().next()))).rejects.toMatchObject(said);
    expect(topic.sent.length).toBe(1);
  });

  it.each<[string, Fate[], number]>([
    ["an attempt before may have been taken", ["late", "refused"], 1],
    ["another record is not read back yet", ["swallowed", "refused"], 2],
  ])("is unknown when Kafka will never take it and %s", async (_what, fates, count) => {
    topic.reading = false;
    topic.fates.push(...fates);
    const chain = new Chain();
    const appends: Promise<unknown>[] = [];
    for (let n = 1; n <= count; n += 1) {
      appends.push(log.append(0, chain.next()).catch((error: unknown) => error));
      await vi.waitFor(() => expect(topic.sent.length).toBe(n)); // each goes out alone
    }
    const unknown = { name: "LogFault", code: "unknown", message: expect.stringMatching(/may be in the log/) };
    for (const outcome of await settled(Promise.all(appends))) expect(outcome).toMatchObject(unknown);
    expect(topic.fates).toEqual([]);
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
