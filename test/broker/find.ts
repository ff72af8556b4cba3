/**
 * Where the tests' broker comes from, in this order: KAFKA_BROKERS (one that runs already), Docker where an engine
 * answers, Apache Kafka's jars on the local Java. It installs nothing but those jars, into a cache of the user; where
 * nothing works it says what would.
 */
import type { BrokerAnswer } from "./answer.ts";
import { startContainer } from "./container.ts";
import { startJars } from "./jars.ts";

export interface Found {
  readonly answer: BrokerAnswer;
  readonly stop: () => Promise<void>;
}

/** A way to a broker: the broker, or why it is not to be had this way. */
export type Way = (dir: string) => Promise<Found | string>;

const given: Way = async () => {
  const brokers = process.env["KAFKA_BROKERS"];
  if (!brokers) return "KAFKA_BROKERS is not set";
  return { answer: { brokers, kind: `what KAFKA_BROKERS says, ${brokers}` }, stop: async () => undefined };
};

/** Looks for a broker. `dir` is for its files and goes with the run. Never rejects. */
export async function findBroker(dir: string): Promise<Found> {
  const reasons: string[] = [];
  for (const way of [given, startContainer, startJars]) {
    const found = await way(dir).catch((error: unknown) => String(error));
    if (typeof found !== "string") {
      if (reasons.length > 1) console.log(`Kafka for the tests: ${reasons.slice(1).join("; ")}`);
      return found;
    }
    reasons.push(found);
  }
  return { answer: { none: reasons.join("; ") }, stop: async () => undefined };
}
