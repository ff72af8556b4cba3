/**
 * Times as the real server writes and reads them: UTC without a zone. It never asks for the time; that is handed in.
 */
import type { PythonValue } from "./pythonJson.ts";

const FRACTION = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{1,6}$/;
const SECONDS = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/;

const isDate = (text: string): boolean => !Number.isNaN(Date.parse(`${text.replace(" ", "T")}Z`));

/** `2026-01-15 10:00:00`. */
export function timeText(at: number): string {
  return new Date(at).toISOString().slice(0, 19).replace("T", " ");
}

/** `datetime.isoformat()`, which leaves a fraction of zero out. */
export function isoText(at: number): string {
  const [seconds = "", fraction = "000"] = new Date(at).toISOString().slice(0, 23).split(".");
  return fraction === "000" ? seconds : `${seconds}.${fraction}000`;
}

/** Whether a text has the form `YYYY-MM-DD HH:MM:SS` and is a time. */
export const isSecondsTime = (text: string): boolean => SECONDS.test(text) && isDate(text);

/** Whether a text has that form with a fraction, which Python's `%f` demands. */
export const isFractionTime = (text: string): boolean => FRACTION.test(text) && isDate(text);

/**
 * What a time column takes: `datetime/` and a time with fraction, else any text that the database can read as a time.
 * Undefined: refused. A fraction of zero is left out, as the database shows it.
 */
export function columnTime(value: PythonValue): string | undefined {
  if (typeof value !== "string") return undefined;
  const [prefix, rest = ""] = value.startsWith("datetime/") ? ["datetime/", value.slice(9)] : ["", value];
  const good = prefix === "" ? isSecondsTime(rest) || isFractionTime(rest) : isFractionTime(rest);
  const text = prefix === "" ? value : rest;
  return good ? text.replace(/\.0+$/, "") : undefined;
}
