/**
 * docs/differences.md is complete, and what it says is shown: every defect and crash window has one row, and every test
 * that a row names exists under that title and runs.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const page = readFileSync(join(root, "docs/differences.md"), "utf8");

interface Row {
  readonly id: string;
  readonly cells: readonly string[];
  readonly shown: readonly (readonly [file: string, title: string])[];
}

const rows: readonly Row[] = page
  .split("\n")
  .filter((line) => /^\| [CD]\d+ \|/.test(line))
  .map((line) => {
    const cells = line.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, "").trim());
    const shown = [...(cells.at(-1) ?? "").matchAll(/`([^`]+)` "([^"]+)"/g)].map(
      ([, file = "", title = ""]) => [file, title] as const,
    );
    return { id: cells[0] ?? "", cells, shown };
  });
const numbers = (letter: string, n: number) => Array.from({ length: n }, (_, i) => `${letter}${i + 1}`);
const texts = new Map<string, string>();

/** Source of a test file. @throws where there is none. */
function sourceOf(file: string): string {
  const text = texts.get(file) ?? readFileSync(join(root, file), "utf8");
  texts.set(file, text);
  return text;
}

it("has each defect and crash window once, in order", () => {
  expect(rows.map(({ id }) => id)).toEqual([...numbers("D", 23), ...numbers("C", 38)]);
});

describe.each(rows)("$id", ({ cells, shown }) => {
  it("says what Harvester does, what Windrow does, and what shows it", () => {
    expect(cells).toHaveLength(4);
    for (const cell of cells) expect(cell.length).toBeGreaterThan(1);
    expect(shown.length).toBeGreaterThan(0);
    expect(cells[3]?.replaceAll(/`[^`]+` "[^"]+"/g, "")).toMatch(/^(; )*$/);
  });

  it.each(shown)("%s: %s", (file, title) => {
    expect(file).toMatch(/^test\/.*\.ts$/);
    const source = sourceOf(file);
    // The title of a test, or the name of a row of a table of tests.
    expect(source.split(`"${title}"`).length - 1).toBe(1);
    expect(source).not.toMatch(/\b(?:it|test|describe)\.(?:skip|todo|fails|only|skipIf|runIf)\b/);
  });
});

it("says in words that a window is not closed", () => {
  const narrowed = rows.filter(({ cells }) => cells[2]?.includes("*narrowed*") || cells[2]?.includes("*Narrowed*"));
  expect(narrowed.map(({ id }) => id)).toEqual(["C1", "C5", "C8", "C9", "C16", "C25", "C31", "C36"]);
});
