/**
 * The public topics on a real broker where partitions fail one by one: every step is there, the first copies in order,
 * and what a partition has acknowledged is not sent to it again.
 */
import { describe, expect, it } from "vitest";
import { KafkaTrouble, type KafkaWriter, type Message } from "../../src/log/kafka/client.ts";
import { connectKafka } from "../../src/log/kafka/connect.ts";
import { openKafkaLog } from "../../src/log/kafka/kafkaLog.ts";
import { noSecurity, parseKafkaAddress } from "../../src/log/kafka/settings.ts";
import { type PublicKind, topics } from "../../src/publish/messages.ts";
import { topicsOn } from "../../src/publish/topics.ts";
import { type Broker, freshAddress, theBroker } from "../broker/answer.ts";
import { Chance } from "../simulation/chance.ts";
import { configure, instanceOn, live, quiet } from "./instance.ts";
import { judgePublished } from "./published.ts";

const answer = await theBroker();
const needs = "none" in answer ? ` (needs a broker: ${answer.none})` : "";
const broker = answer as Broker;

type Batches = ReadonlyMap<number, readonly Message[]>;

/** What went wrong with partitions. */
interface Losses {
  /** Writes of a partition that did not reach the broker. */
  requests: number;
  /** Writes of several partitions of which some were acknowledged. */
  partial: number;
  /** Messages that were written without that it was heard. */
  unheard: number;
}

/** A writer that loses the request for a partition, or the answer, every sixth time each. */
function shaken(writer: KafkaWriter, chance: Chance, losses: Losses): KafkaWriter {
  return {
    ...writer,
    async write(batches, acknowledge) {
      const fates = Map.groupBy(batches, () => ["lost", "unheard", "heard"][Math.min(chance.int(0, 5), 2)]);
      const unheard: Batches = new Map(fates.get("unheard"));
      const heard: Batches = new Map(fates.get("heard"));
      losses.requests += fates.get("lost")?.length ?? 0;
      losses.unheard += [...unheard.values()].flat().length;
      await writer.write(unheard, () => undefined);
      await writer.write(heard, acknowledge);
      if (heard.size === batches.size) return;
      if (heard.size > 0) losses.partial += 1;
      throw new KafkaTrouble("REQUEST_TIMED_OUT", "a leader is away", chance.hits(0.7));
    },
  };
}

describe.skipIf(needs !== "")(`public topics of which partitions fail${needs}`, { timeout: 60_000 }, () => {
  it.for([1, 2])("have every step, and a second copy only of what was not heard of (seed %i)", async (seed) => {
    const address = freshAddress(broker);
    const at = parseKafkaAddress(address);
    const losses: Losses = { requests: 0, partial: 0, unheard: 0 };
    const chance = new Chance(seed);
    const writerOf = (kind: PublicKind): KafkaWriter => {
      const topic = `${at.prefix}.${topics[kind]}`;
      return shaken(
        connectKafka({ brokers: at.brokers, topic, security: noSecurity, requestMs: 5000 }),
        chance,
        losses,
      );
    };
    const one = await instanceOn(await openKafkaLog(address, { shards: 4 }), topicsOn(writerOf, at, 4));
    one.publisher.start();
    await configure(one);
    // How much is sent together is not in the seed: it goes on until all of it has happened, and a whole round failed.
    for (let n = 1; !one.said.includes("the public topics are written again") || Object.values(losses).includes(0); ) {
      await live(one, [n, n + 1, n + 2, n + 3]);
      await quiet(one);
      n += 4;
    }
    await one.publisher.finish();
    await one.journal.resign();
    expect((await judgePublished(address)).copies).toBe(losses.unheard);
  });
});
