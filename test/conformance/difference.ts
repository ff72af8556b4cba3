/**
 * One way in which Windrow and the original differ, in a form that a reader can take in at a glance, and the texts that
 * records are compared by.
 */

export interface Difference {
  readonly r: number;
  /** What kind of thing differs: the method, or the part and column of the state. */
  readonly what: string;
  /** Whose it is: entity, agent. */
  readonly where: string;
  readonly expected: string;
  readonly observed: string;
}

/** JSON with sorted keys: equal values give equal texts. */
export function canonical(value: unknown): string {
  if (value === undefined) return "";
  return JSON.stringify(value, (_key, each: unknown) =>
    typeof each === "object" && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}

/** Elements of one list that the other has not, each as often as it is there. */
export function missingFrom(list: readonly string[], other: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const each of other) left.set(each, (left.get(each) ?? 0) + 1);
  return list.filter((each) => {
    const n = left.get(each) ?? 0;
    if (n > 0) left.set(each, n - 1);
    return n === 0;
  });
}
