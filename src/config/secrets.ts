/**
 * Keeps secrets out of events, log lines and screens. It must never be bypassed: whatever of a configuration leaves the
 * memory of the process goes through `redact`. Plug-ins alone are given the original.
 */
import type { InstanceConfig, QueueConfig } from "./schema.ts";

const words = ["password", "passphrase", "secret", "token"];
const hidden = "(hidden)";

/** Whether a key of this name holds a secret: the original's three words (config 2), and token. */
export function isSecret(key: string): boolean {
  const lower = key.toLowerCase();
  return words.some((word) => lower.includes(word));
}

/**
 * A copy in which texts and numbers below a secret key, and user and password within an address, read `(hidden)`.
 * True, false, null and empty texts stay, since they hide nothing. This is the form that enters events.
 */
export function redact(config: InstanceConfig | QueueConfig): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [key, cover(value, isSecret(key))]));
}

/** The redacted configuration as indented JSON, for people. */
export function describe(config: InstanceConfig | QueueConfig): string {
  return JSON.stringify(redact(config), null, 2);
}

function cover(value: unknown, secret: boolean): unknown {
  if (Array.isArray(value)) return value.map((item) => cover(item, secret));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, cover(item, secret || isSecret(key))]));
  }
  if (secret && (typeof value === "number" || (typeof value === "string" && value !== ""))) return hidden;
  // An address may carry a login, whatever its key is called.
  if (typeof value === "string") return value.replace(/(\w:\/\/)[^/\s@]*:[^/\s@]*@/g, `$1${hidden}@`);
  return value;
}
