/**
 * What every benchmark yields, and how it compares: two sides in turn, three times each, medians, so that the machine
 * cancels out of the ratio. It must never know what is measured.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** One line of the report. */
export interface Figure {
  readonly name: string;
  /** Absolute, so only worth something beside the probe of the machine. */
  readonly value: number;
  readonly unit: string;
  /** Lowest ratio that passes, or the highest where `atMost` says so; null: nothing is asked. */
  readonly limit: number | null;
  /**
   * Ours against what nobody can do without, or against what is promised of this value; null where there is nothing to
   * compare with.
   */
  readonly ratio: number | null;
  readonly atMost?: true;
}

const rounds = 3;

/** The middle one of several measurements. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** How fast two ways are: medians of three, measured in turn. `raw` is given what `ours` just yielded. */
export async function compare<T extends { readonly perSecond: number }>(
  ours: (round: number) => Promise<T>,
  raw: (ours: T) => Promise<number> | number,
): Promise<{ readonly value: number; readonly ratio: number }> {
  const ourRates: number[] = [];
  const rawRates: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    const one = await ours(round);
    ourRates.push(one.perSecond);
    rawRates.push(await raw(one));
  }
  return { value: median(ourRates), ratio: median(ourRates) / median(rawRates) };
}

/** Runs `work` in a new temporary directory, which is gone afterwards. */
export async function inTemporary<T>(work: (dir: string) => Promise<T>): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), "windrow-bench-"));
  try {
    return await work(dir);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
