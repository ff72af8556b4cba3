/**
 * What a Kafka user must be allowed to do, in the words of Kafka's ACLs. A broker says of every refusal the same, that
 * a topic is not for this user; here it is said which right was missing for what was asked. It must never change what
 * a call does.
 */
import { type KafkaClient, KafkaTrouble, type KafkaWriter } from "./client.ts";

/** Whether it was refused for want of a right; neither time nor another broker changes that. */
export const isForbidden = ({ code }: KafkaTrouble): boolean => /AUTHORIZATION/.test(code);

/** The same client, whose refusals name the right that is missing. */
export function sayingRights<Client extends KafkaClient & KafkaWriter>(topic: string, client: Client): Client {
  const lacking = (right: string) => (error: unknown) => {
    if (!(error instanceof KafkaTrouble) || !isForbidden(error)) throw error;
    throw new KafkaTrouble(error.code, `this user lacks the right ${right} on ${topic}`, false);
  };
  return {
    ...client,
    describe: () => client.describe().catch(lacking("Describe or DescribeConfigs")),
    create: (plan) => client.create(plan).catch(lacking("Create")),
    ends: (partitions) => client.ends(partitions).catch(lacking("Describe")),
    produce: (partition, records) => client.produce(partition, records).catch(lacking("Write")),
    write: (batches, acknowledge) => client.write(batches, acknowledge).catch(lacking("Write")),
    poll: (leader, positions, waitMs) => client.poll(leader, positions, waitMs).catch(lacking("Read")),
    read: (position) => client.read(position).catch(lacking("Read")),
  };
}
