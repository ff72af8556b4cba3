/**
 * What the operator reads when a configuration cannot be used: one sentence a mistake, with the place, what is there
 * and what should be. It must never show the value of a secret.
 */
import type { z } from "zod";
import { isSecret } from "./secrets.ts";

/** A configuration that cannot be used. The message has one line a mistake and is meant for the operator. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/** The mistakes that a schema found in `raw`, each as a sentence that begins with `place(path)`. */
export function mistakes(
  error: z.ZodError,
  raw: unknown,
  place: (path: readonly PropertyKey[]) => string,
): readonly string[] {
  return error.issues.map((issue) => {
    if (issue.code === "unrecognized_keys") {
      return `${place(issue.path)} has unknown keys: ${issue.keys.join(", ")}; remove or correct them`;
    }
    const value = issue.path.reduce(step, raw);
    if (value === undefined) return `${place(issue.path)} is missing, it should be ${issue.message}`;
    const shown = issue.path.some((key) => isSecret(String(key))) ? "a value that is not shown" : show(value);
    return `${place(issue.path)} is ${shown}, it should be ${issue.message}`;
  });
}

function step(value: unknown, key: PropertyKey): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}

/** A value with its kind, short enough for a line. */
export function show(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object") return "an object";
  const text = JSON.stringify(value);
  const short = text.length > 80 ? `${text.slice(0, 80)}...` : text;
  return typeof value === "string" ? `${short} (a text)` : `${short} (a ${typeof value})`;
}

/** Length of what V8 quotes before the place of a JSON error. */
const quotedBefore = 10;

/** What is wrong with a JSON text, and in which line; without V8's quotation of the text, which may hold a secret. */
export function jsonFault(error: unknown, text: string): string {
  const message = error instanceof Error ? error.message : String(error);
  const [, fault, dots, quoted] = /^(.*?), (\.\.\.)?"(.*)"(?:\.\.\.)? is not valid JSON$/s.exec(message) ?? [];
  if (fault === undefined || quoted === undefined) return message;
  const at = text.indexOf(quoted) + (dots ? quotedBefore : 0);
  return `${fault} in line ${text.slice(0, at).split("\n").length}`;
}
