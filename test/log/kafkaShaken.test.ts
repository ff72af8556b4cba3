/**
 * A journal on a real broker over a line that loses answers and requests, sends twice and stops reading: each decision
 * is folded once and in order, by the one who made it and by whoever reads the topic afterwards.
 */
import { describe, expect, it } from "vitest";
import { type KafkaClient, KafkaTrouble } from "../../src/log/kafka/client.ts";
import { connectKafka } from "../../src/log/kafka/connect.ts";
import { openKafkaLog, openOn } from "../../src/log/kafka/kafkaLog.ts";
import { noSecurity, parseKafkaAddress } from "../../src/log/kafka/settings.ts";
import { type Broker, freshAddress, theBroker } from "../broker/answer.ts";
import { journalOn, noted, numbers } from "./fixtures.ts";

/** Numbers below 1 that follow from the seed (mulberry32). */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const lost = (what: string) => new KafkaTrouble("REQUEST_TIMED_OUT", what, true);

/** A line on which a third of the produces and a tenth of the polls go wrong. */
function shaken(client: KafkaClient, seed: number): KafkaClient {
  const next = chance(seed);
  return {
    ...client,
    async produce(partition, records) {
      const fate = next();
      if (fate < 0.1) throw lost("the request was lost");
      const base = await client.produce(partition, records);
      if (fate < 0.2) throw lost("the answer was lost");
      if (fate < 0.3) return client.produce(partition, records);
      return base;
    },
    async poll(leader, positions, waitMs) {
      if (next() < 0.1) throw lost("the poll was lost");
      return client.poll(leader, positions, waitMs);
    },
  };
}

async function decideOver(broker: Broker, seed: number): Promise<number> {
  const address = freshAddress(broker);
  const at = parseKafkaAddress(address);
  const topic = `${at.prefix}.journal`;
  const client = connectKafka({ brokers: at.brokers, topic, security: noSecurity, requestMs: 5000 });
  const log = await openOn(shaken(client, seed), at, { shards: 3, giveUpMs: 30_000 });
  const { journal, folded } = await journalOn(log);
  const decideOn = async (worker: number) => {
    for (let n = worker; n < 400; n += 8) await journal.decide({ shard: n % 3, cause: "c", events: [noted(n)] });
  };
  await Promise.all(Array.from({ length: 8 }, (_, worker) => decideOn(worker)));
  const live = [0, 1, 2].map((shard) => numbers(folded, shard));
  expect(live.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: 400 }, (_, n) => n));
  const { discarded } = journal.counts();
  await journal.resign();

  const again = await openKafkaLog(address);
  const second = await journalOn(again, { owner: "a:2" });
  expect([0, 1, 2].map((shard) => numbers(second.folded, shard))).toEqual(live);
  await second.journal.resign();
  return discarded;
}

const answer = await theBroker();
const needs = "none" in answer ? ` (needs a broker: ${answer.none})` : "";
describe.skipIf(needs !== "")(`a bad line to Kafka${needs}`, () => {
  it.each([1, 2, 3])("loses no decision and doubles none (seed %i)", async (seed) => {
    if (!("none" in answer)) expect(await decideOver(answer, seed)).toBeGreaterThan(0);
  });
});
