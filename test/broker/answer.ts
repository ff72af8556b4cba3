/**
 * How a test comes to the Kafka broker of its run: it asks, and the first to ask has it started (global.ts). A test
 * must use a prefix of its own, since all share the broker.
 */
import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { inject } from "vitest";
import { z } from "zod";

const address = z.string().regex(/:\d+$/);
const brokerSchema = z.object({
  /** `host:port,...`, neither encrypted nor authenticated. */
  brokers: address,
  /** What it is, for people. */
  kind: z.string(),
  /** Other ways in, where this broker has them (secure.ts). */
  secure: z.object({ sasl: address, mutual: address, dir: z.string() }).optional(),
});
const answerSchema = z.union([brokerSchema, z.object({ none: z.string() })]);
/** The same, or why the broker that KAFKA_BROKERS asks for cannot be used. */
const saidSchema = z.union([answerSchema, z.object({ broken: z.string() })]);

export type Broker = z.output<typeof brokerSchema>;
/** A broker, or why there is none. */
export type BrokerAnswer = z.output<typeof answerSchema>;
/** What the socket of the run says. */
export type Said = z.output<typeof saidSchema>;

declare module "vitest" {
  interface ProvidedContext {
    /** The socket of the run's broker. */
    readonly brokerSocket: string;
  }
}

/** Waits for the broker of this run. @throws where KAFKA_BROKERS asks for one that cannot be used */
export async function theBroker(socket = inject("brokerSocket")): Promise<BrokerAnswer> {
  const said = saidSchema.parse(JSON.parse(await text(connect(socket))));
  if ("broken" in said) throw new Error(said.broken);
  return said;
}

/** The address of a log that no other test has. */
export const freshAddress = ({ brokers }: Broker): string => `kafka://${brokers}/test-${randomUUID()}?replication=1`;
