/**
 * How commands speak: results on standard output, everything else on standard error, and one exit code a kind of end.
 */
import { stderr, stdout } from "node:process";
import { stripVTControlCharacters, styleText } from "node:util";
import { ConfigError } from "../config/refusal.ts";
import { PlacementRefused } from "../configure.ts";
import { LogFault, LogHalted, LogRefused, SnapshotRefused } from "../log/faults.ts";
import { FilterRefused } from "../publish/filter.ts";
import { PositionRefused } from "../publish/position.ts";

/** 0: done. */
export const exitCodes = {
  /** The command did its work and the answer is no: a verification or a demo failed. */
  failed: 1,
  /** The command was called wrongly, or its configuration cannot be used. */
  usage: 2,
  /** The log cannot be opened: in use, missing, on a wrong file system. */
  refused: 3,
  /** The log is damaged, or its store failed. */
  damaged: 4,
} as const;

const afterFault =
  "What was being written may be in the log or not: mend disk or brokers, then run `windrow verify`, or start again.";

/** The text as people should see it, with the exit code. A bug keeps its stack. */
export function failureOf(error: unknown): { readonly text: string; readonly code: number } {
  if (error instanceof ConfigError || error instanceof PlacementRefused)
    return { text: error.message, code: exitCodes.usage };
  if (error instanceof PositionRefused || error instanceof FilterRefused)
    return { text: error.message, code: exitCodes.usage };
  if (error instanceof LogRefused) return { text: error.message, code: exitCodes.refused };
  if (error instanceof LogFault) return { text: `${error.message}. ${afterFault}`, code: exitCodes.damaged };
  if (error instanceof LogHalted || error instanceof SnapshotRefused)
    return { text: error.message, code: exitCodes.damaged };
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { text: `Windrow has a bug here: ${text}`, code: exitCodes.failed };
}

/** Runs a command's action and turns what it throws into text and exit code. */
export async function acting(action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    const { text, code } = failureOf(error);
    stderr.write(`windrow: ${text}\n`);
    process.exitCode = code;
  }
}

/** One JSON value on a line of its own. */
export const printJson = (value: unknown): void => void stdout.write(`${JSON.stringify(value)}\n`);

/** Lines for people. */
export const print = (text: string): void => void stdout.write(`${text}\n`);

/** Columns of equal width with two blanks between them; numbers to the right. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) => Math.max(...rows.map((row) => width(row[i] ?? ""))));
  const line = (row: readonly (string | number)[]): string =>
    row
      .map((cell, i) => {
        const blanks = " ".repeat((widths[i] ?? 0) - width(cell));
        return typeof cell === "number" ? blanks + cell : cell + blanks;
      })
      .join("  ")
      .trimEnd();
  return rows.map(line).join("\n");
}

const width = (cell: string | number): number => stripVTControlCharacters(String(cell)).length;

/** Columns of the terminal that standard output is; infinity where it is none. */
export const terminalWidth = (): number => (stdout.isTTY ? stdout.columns : Number.POSITIVE_INFINITY);

/** The text in at most so many characters, with a mark where some are missing. */
export const cut = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, Math.max(most - 3, 0))}...`.slice(0, Math.max(most, 0));

/** Colours where standard output is a terminal. */
export const style = (format: Parameters<typeof styleText>[0], text: string): string =>
  styleText(format, text, { stream: stdout });

/** `2026-01-01 00:00:00.000` in UTC. */
export const instant = (at: number): string => new Date(at).toISOString().replace("T", " ").replace("Z", "");
