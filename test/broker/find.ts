/**
 * Where the tests' broker comes from, in this order: KAFKA_BROKERS (one that runs already), Docker where an engine
 * answers, Apache Kafka's jars on the local Java. It installs nothing but those jars, into a cache of the user; where
 * nothing works it says what would. It must never take another broker than the one that KAFKA_BROKERS asks for.
 */
import { Kafka } from "kafkajs";
import type { BrokerAnswer } from "./answer.ts";
import { startContainer } from "./container.ts";
import { startJars } from "./jars.ts";

export interface Found {
  readonly answer: BrokerAnswer;
  readonly stop: () => Promise<void>;
}

/** A way to a broker that is started: the broker, or why it is not to be had this way. */
export type Way = (dir: string) => Promise<Found | string>;

/**
 * Looks for a broker. `dir` is for its files and goes with the run.
 * @throws Error where KAFKA_BROKERS asks for one that cannot be used
 */
export async function findBroker(dir: string, ways: readonly Way[] = [startContainer, startJars]): Promise<Found> {
  const given = process.env["KAFKA_BROKERS"];
  if (given) return takeGiven(given);
  const reasons: string[] = [];
  for (const way of ways) {
    const found = await way(dir).catch((error: unknown) => String(error));
    if (typeof found !== "string") {
      if (reasons.length > 0) console.log(`Kafka for the tests: ${reasons.join("; ")}`);
      return found;
    }
    reasons.push(found);
  }
  return { answer: { none: ["KAFKA_BROKERS is not set", ...reasons].join("; ") }, stop: async () => undefined };
}

async function takeGiven(brokers: string): Promise<Found> {
  const list = brokers.split(",");
  const odd = list.find((one) => !/^[^\s:]+:\d+$/.test(one));
  const why = odd === undefined ? await unusable(list) : `\`${odd}\` is not HOST:PORT`;
  if (why !== undefined) throw new Error(`KAFKA_BROKERS is ${brokers}, and the tests cannot use it: ${why}`);
  return { answer: { brokers, kind: `what KAFKA_BROKERS says, ${brokers}` }, stop: async () => undefined };
}

/** Why these brokers cannot be asked without encryption and login; undefined if they can. */
async function unusable(brokers: string[]): Promise<string | undefined> {
  const retry = { retries: 2 * brokers.length, initialRetryTime: 100 };
  const admin = new Kafka({ brokers, logLevel: 0, connectionTimeout: 3000, retry }).admin();
  try {
    await admin.connect();
    await admin.describeCluster();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await admin.disconnect();
  }
}
