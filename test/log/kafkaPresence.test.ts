/** Instances hear of each other through Kafka. */
import { describe, expect, it } from "vitest";
import { hashOf } from "../../src/log/hash.ts";
import { connectKafka } from "../../src/log/kafka/connect.ts";
import { openKafkaPresence } from "../../src/log/kafka/presence.ts";
import { noSecurity, parseKafkaAddress } from "../../src/log/kafka/settings.ts";
import { freshAddress, theBroker } from "../broker/answer.ts";

const broker = await theBroker();

describe.skipIf("none" in broker)(`presence on Kafka (${"none" in broker ? broker.none : broker.kind})`, () => {
  it("carries words to everybody who listens since, in order, once", async () => {
    if ("none" in broker) return;
    const place = { address: parseKafkaAddress(freshAddress(broker)), security: noSecurity };
    const one = await openKafkaPresence(place);
    await one.say({ name: "one", here: true });
    const two = await openKafkaPresence(place);
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

  it("passes over what is no word of an instance", async () => {
    if ("none" in broker) return;
    const address = parseKafkaAddress(freshAddress(broker));
    const one = await openKafkaPresence({ address, security: noSecurity });
    const topic = `${address.prefix}.instances`;
    const bare = connectKafka({ brokers: address.brokers, topic, security: noSecurity, requestMs: 5000 });
    for (const text of ["not JSON", '{"name":7}', '{"name":"other","here":true}']) {
      const bytes = Buffer.from(text);
      await bare.produce(0, [{ bytes, hash: hashOf(bytes) }]);
    }
    expect(await one.heard()).toEqual([{ name: "other", here: true }]);
    bare.close();
    await one.close();
  });
});
