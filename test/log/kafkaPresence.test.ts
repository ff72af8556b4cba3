/** Instances hear of each other through Kafka. */
import { describe, expect, it } from "vitest";
import { openKafkaPresence } from "../../src/log/kafkaPresence.ts";
import { freshAddress, theBroker } from "../broker/answer.ts";

const broker = await theBroker();

describe.skipIf("none" in broker)(`presence on Kafka (${"none" in broker ? broker.none : broker.kind})`, () => {
  it("carries words to everybody who listens since, in order, once", async () => {
    if ("none" in broker) return;
    const address = freshAddress(broker);
    const one = await openKafkaPresence(address);
    await one.say({ name: "one", here: true });
    const two = await openKafkaPresence(address);
    await two.say({ name: "two", here: true });
    await one.say({ name: "one", here: false });
    const heard = await two.heard();
    expect(heard.slice(-2)).toEqual([
      { name: "two", here: true },
      { name: "one", here: false },
    ]);
    expect(await two.heard()).toEqual([]);
    expect(await one.heard()).toHaveLength(3);
    await one.close();
    await two.close();
  });
});
