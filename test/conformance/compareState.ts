/**
 * Compares the state at the end of a round (section 8: all state parts, exactly).
 */
import { canonical, type Difference } from "./difference.ts";
import { type Part, parts, type Row, type State } from "./expected.ts";

/** The guid that the core made by itself is anybody's guess. */
const anyGuid = "*";

/** Whether a value is what is wanted; `*` as a guid is any. */
export function sameValue(wanted: unknown, got: unknown): boolean {
  if (typeof wanted !== "object" || wanted === null || typeof got !== "object" || got === null) {
    return canonical(wanted) === canonical(got);
  }
  const keys = new Set([...Object.keys(wanted), ...Object.keys(got)]);
  return [...keys].every((key) => {
    const a: unknown = Reflect.get(wanted, key);
    const b: unknown = Reflect.get(got, key);
    return (key === "guid" && a === anyGuid && typeof b === "string") || sameValue(a, b);
  });
}

export function compareStates(r: number, expected: State, observed: State): Difference[] {
  return parts.flatMap((part) => compareRows(r, part, expected[part], observed[part]));
}

function compareRows(
  r: number,
  part: Part,
  expected: Readonly<Record<string, Row>>,
  observed: Readonly<Record<string, Row>>,
): Difference[] {
  const keys = new Set([...Object.keys(expected), ...Object.keys(observed)]);
  return [...keys].flatMap((key) => {
    const wanted = expected[key];
    const got = observed[key];
    if (!wanted || !got) {
      return [{ r, what: `${part} row`, where: key, expected: shown(wanted), observed: shown(got) }];
    }
    const columns = new Set([...Object.keys(wanted), ...Object.keys(got)]);
    return [...columns]
      .filter((column) => !sameValue(wanted[column], got[column]))
      .map((column) => ({
        r,
        what: `${part}.${column}`,
        where: key,
        expected: canonical(wanted[column]),
        observed: canonical(got[column]),
      }));
  });
}

const shown = (row: Row | undefined): string => (row ? canonical(row) : "");
