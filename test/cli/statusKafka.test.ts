/**
 * `windrow status` of a log on Kafka that nobody writes any more: what it says of those who led there.
 */
import { expect, it, onTestFinished } from "vitest";
import { openKafkaLog } from "../../src/log/kafka/kafkaLog.ts";
import { type Broker, freshAddress, theBroker } from "../broker/answer.ts";
import { journalOn } from "../log/fixtures.ts";
import { windrowDone } from "./windrow.ts";

const answer = await theBroker();
const needs = "none" in answer ? ` (needs a broker: ${answer.none})` : "";
const broker = answer as Broker;

it.skipIf(needs !== "")(
  `says who has been silent for long, and who has given its shards up${needs}`,
  async () => {
    const address = freshAddress(broker);
    const log = await openKafkaLog(address, { shards: 4 });
    onTestFinished(() => log.close());
    const [long, now] = [Date.now() - 3 * 3_600_000, Date.now()];
    await journalOn(log, { owner: "killed:1", now: () => long, claim: [0, 2] });
    await journalOn(log, { owner: "living:1", now: () => now, claim: [1] });
    const { journal } = await journalOn(log, { owner: "stopped:1", now: () => long, claim: [3] });
    await journal.release(3);

    const [text, json] = await Promise.all([windrowDone("status", address), windrowDone("status", address, "--json")]);
    expect(text.lines.slice(1, 4)).toEqual([
      "killed:1 leads shards 0, 2, last record 3 h ago, though one that lives writes every 10 s",
      expect.stringMatching(/^living:1 leads shard 1, last record \d+ s ago$/),
      "nobody leads shard 3, last record 3 h ago",
    ]);
    expect(JSON.parse(json.lines.join(""))).toMatchObject({
      answeredBy: "kafka",
      leaders: [
        { owner: "killed:1", shards: [0, 2], lastRecordAt: long },
        { owner: "living:1", shards: [1], lastRecordAt: now },
        { owner: null, shards: [3], lastRecordAt: long },
      ],
    });
  },
  60_000,
);
