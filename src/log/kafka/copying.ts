/**
 * The mark of a copy that has not come to its end: the topic `<prefix>.copying`, made before the first record is
 * written and deleted behind the last. The journal beside it must never pass for a whole log, however the copy ended.
 */
import { LogRefused } from "../faults.ts";
import { KafkaTrouble } from "./client.ts";
import { connectKafka } from "./connect.ts";
import type { KafkaPlace } from "./settings.ts";
import { journalOf, openBeside } from "./topic.ts";
import { insist, refusalOf } from "./trouble.ts";

const name = "copying";
const giveUpMs = 15_000;

const topicOf = ({ address }: KafkaPlace): string => `${address.prefix}.${name}`;
const deletes = ({ address }: KafkaPlace, topics: string): string =>
  `kafka-topics.sh --bootstrap-server ${address.brokers[0]} --delete --topic ${topics}`;

function connect(place: KafkaPlace) {
  const { address, security } = place;
  return connectKafka({ brokers: address.brokers, topic: topicOf(place), security, requestMs: 5000 });
}

/** @throws LogRefused where the log is a copy that was cut off, or is still being made. */
export async function requireWhole(place: KafkaPlace): Promise<void> {
  const client = connect(place);
  const journal = journalOf(place.address.prefix);
  try {
    if ((await insist(() => client.describe(), giveUpMs)) === undefined) return;
  } catch (error) {
    throw error instanceof KafkaTrouble ? refusalOf(error, topicOf(place), place.address.brokers, true) : error;
  } finally {
    client.close();
  }
  const why = `${journal} is a copy that is under way or was cut off, so records may be missing`;
  const command = deletes(place, `${journal},${topicOf(place)}`);
  throw new LogRefused(
    "foreign",
    `${why}: ${topicOf(place)} says so. If it was cut off, delete both and copy again: ${command}`,
  );
}

/** Marks a log that is empty still. @throws LogRefused */
export async function beginCopy(place: KafkaPlace): Promise<void> {
  (await openBeside(place, name, { partitions: 1, config: {} })).close();
}

/** Takes the mark away. @throws LogRefused where Kafka does not let it */
export async function endCopy(place: KafkaPlace): Promise<void> {
  const client = connect(place);
  try {
    // Until it is gone, whatever became of the answers.
    await insist(async () => {
      if ((await client.describe()) === undefined) return;
      await client.remove();
      throw new KafkaTrouble("SLOW", "it was deleted and is still there", true);
    }, giveUpMs);
  } catch (error) {
    if (!(error instanceof KafkaTrouble)) throw error;
    const why = `${topicOf(place)} cannot be deleted (${error.code}: ${error.message})`;
    throw new LogRefused(
      "misconfigured",
      `all is copied and the same, but ${why}, and until then the log does not open: ${deletes(place, topicOf(place))}`,
    );
  } finally {
    client.close();
  }
}
