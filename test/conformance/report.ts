/**
 * What a run of the corpus says: a line a family, and the first differences side by side.
 */
import type { Difference } from "./difference.ts";

export interface Outcome {
  readonly id: string;
  readonly family: string;
  readonly informative: boolean;
  readonly differences: readonly Difference[];
  /** What the engine threw; always a failure. */
  readonly crash?: string;
}

export const isGood = ({ differences, crash }: Outcome): boolean => crash === undefined && differences.length === 0;

export interface Totals {
  readonly passed: number;
  readonly failed: number;
  /** Informative ones: same and not the same. */
  readonly same: number;
  readonly other: number;
}

export function totalsOf(outcomes: readonly Outcome[]): Totals {
  const count = (informative: boolean, good: boolean): number =>
    outcomes.filter((outcome) => outcome.informative === informative && isGood(outcome) === good).length;
  return {
    passed: count(false, true),
    failed: count(false, false),
    same: count(true, true),
    other: count(true, false),
  };
}

/** `family   12 passed, 3 failed; 2 informative (1 the same)`. */
export function familyLines(outcomes: readonly Outcome[]): string[] {
  const families = [...new Set(outcomes.map(({ family }) => family))].sort();
  const width = Math.max(...families.map((name) => name.length), 0);
  return families.map((family) => {
    const { passed, failed, same, other } = totalsOf(outcomes.filter((outcome) => outcome.family === family));
    const more = same + other > 0 ? `; informative: ${same + other}, ${same} the same` : "";
    return `${family.padEnd(width)}  ${String(passed).padStart(3)} passed, ${String(failed).padStart(3)} failed${more}`;
  });
}

const columnWidth = 56;

function wrapped(text: string): string[] {
  if (text === "") return ["-"];
  const lines: string[] = [];
  for (let rest = text; rest !== ""; rest = rest.slice(columnWidth)) lines.push(rest.slice(0, columnWidth));
  return lines;
}

/** Differences of one scenario: the original on the left, Windrow on the right. */
export function sideBySide({ id, differences, crash }: Outcome, limit = 6): string[] {
  const lines = [id];
  if (crash !== undefined)
    lines.push(
      ...crash
        .split("\n")
        .slice(0, 6)
        .map((line) => `  ${line}`),
    );
  for (const { r, what, where, expected, observed } of differences.slice(0, limit)) {
    lines.push(`  round ${r}: ${what}${where === "" ? "" : ` (${where})`}`);
    const [left, right] = [wrapped(expected), wrapped(observed)];
    for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
      lines.push(`    ${(left[i] ?? "").padEnd(columnWidth)} | ${right[i] ?? ""}`.trimEnd());
    }
  }
  if (differences.length > limit) lines.push(`  and ${differences.length - limit} more`);
  return lines;
}
