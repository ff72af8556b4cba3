/**
 * What went wrong in the client library, in the words of client.ts. It must never make a passing trouble of a
 * lasting one, or the other way round: the first is tried again, the second stops a shard.
 */
import { LogRefused } from "../faults.ts";
import { rest } from "../rest.ts";
import { KafkaTrouble } from "./client.ts";
import { isForbidden } from "./rights.ts";

/** The error that the library wrapped, perhaps more than once. */
function rootOf(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  // The answer to a wish for several things, of which we never have more than one.
  if ("errors" in error && Array.isArray(error.errors) && error.errors.length > 0) return rootOf(error.errors[0]);
  return error.cause instanceof Error ? rootOf(error.cause) : error;
}

/** Whether a broker answered with an error, rather than not at all. */
export const isAnswer = (error: unknown): boolean => "type" in rootOf(error);

/** The trouble that an error of the library is. */
export function troubleOf(error: unknown): KafkaTrouble {
  if (error instanceof KafkaTrouble) return error;
  const root = rootOf(error);
  const named = "type" in root && typeof root.type === "string" ? root.type : undefined;
  const code = named ?? ("code" in root && typeof root.code === "string" ? root.code : root.name);
  // Trying again mends no bug, neither ours nor the library's.
  const bug = ["TypeError", "ReferenceError", "RangeError", "SyntaxError"].includes(root.name);
  const retriable = !bug && !("retriable" in root && root.retriable === false);
  return new KafkaTrouble(code, root.message, retriable);
}

/** What an operator reads where a topic cannot be opened; `readOnly` if it was only to be read. */
export function refusalOf(
  trouble: KafkaTrouble,
  topic: string,
  brokers: readonly string[],
  readOnly = false,
): LogRefused {
  const { code, message } = trouble;
  const where = `${brokers.join(",")} (${code}: ${message})`;
  if (isForbidden(trouble)) {
    const all = "Describe, DescribeConfigs, Read and Write, and Create where the topic is missing";
    const needed = readOnly ? "Describe, DescribeConfigs and Read" : all;
    return new LogRefused("misconfigured", `Kafka refuses ${topic} at ${where}. The user needs ${needed}`);
  }
  if (/SASL|CERT|SELF_SIGNED|TLS|SSL/i.test(`${code} ${message}`)) {
    const advice = "Check security.protocol, user, password, token and certificates in the file of client properties";
    return new LogRefused("unreachable", `no way in to Kafka at ${where}. ${advice}`);
  }
  if (/^[A-Z]+(_[A-Z]+)+$/.test(code))
    return new LogRefused("unreachable", `Kafka does not serve ${topic} at ${where}`);
  const advice = "Is it running, is the port that of a client listener, and does it want TLS or SASL?";
  return new LogRefused("unreachable", `no Kafka broker answers at ${where}. ${advice}`);
}

/** Asks until there is an answer that is no passing trouble. @throws KafkaTrouble if there is none in time. */
export async function insist<T>(
  ask: () => Promise<T>,
  giveUpMs: number,
  signal = new AbortController().signal,
): Promise<T> {
  const until = performance.now() + giveUpMs;
  for (let pause = 50; ; pause = Math.min(2 * pause, 1000)) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof KafkaTrouble) || !error.retriable || performance.now() + pause > until) throw error;
    }
    await rest(pause, signal);
  }
}
