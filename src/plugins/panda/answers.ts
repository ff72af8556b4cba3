/**
 * From an envelope to an answer of the contract: a refusal stays a refusal with the server's words, data of another
 * shape than the API has are a failure of the call. Nothing here may show data: some of it is secret.
 */
import type { z } from "zod";
import type { WmsAnswer } from "../contract.ts";
import type { Envelope } from "./transport.ts";
import { CallFailed, complaint } from "./troubles.ts";

/** What nearly every failure below a function of the server reads like (panda-api 2.1). */
export const databaseError = "database error in the PanDA server";

/** Reads data that must fit `schema` where the call succeeded. Throws `CallFailed` where they do not. */
export function answered<T>(envelope: Envelope, schema: z.ZodType<T>): WmsAnswer<T> {
  return envelope.success ? { ok: true, data: dataOf(envelope, schema) } : refused(envelope);
}

/** For calls whose data say nothing. */
export function done(envelope: Envelope): WmsAnswer<null> {
  return envelope.success ? { ok: true, data: null } : refused(envelope);
}

export function refused(envelope: Envelope): { readonly ok: false; readonly message: string } {
  return { ok: false, message: complaint(envelope.where, envelope.message) };
}

export function dataOf<T>(envelope: Envelope, schema: z.ZodType<T>): T {
  const parsed = schema.safeParse(envelope.data);
  if (parsed.success) return parsed.data;
  const at = parsed.error.issues.slice(0, 3).map((issue) => `${["data", ...issue.path].join(".")}: ${issue.message}`);
  throw new CallFailed(complaint(envelope.where, `the data are not what /api/v1 says: ${at.join("; ")}`), 200);
}

/** Cuts a list into pieces of at most `size`. */
export function pieces<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size));
}

/** Database time of the API, UTC: `2026-01-15 10:00:00.000000`; the fraction is demanded (panda-api 7). */
export function timeOf(at: number): string {
  return `${new Date(at).toISOString().replace("T", " ").replace("Z", "")}000`;
}

/** A text as the server's database takes it: of at most `longest` characters, and none that it cannot store. */
export function storable(text: string, longest = Number.POSITIVE_INFINITY): string {
  return text.replaceAll("\0", "").slice(0, longest).toWellFormed();
}
