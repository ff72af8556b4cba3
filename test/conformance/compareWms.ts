/**
 * Compares the requests to the WMS of a round: per method the same content, jobs and workers by id; several updates of
 * one round may be merged or split (section 8). Worker statistics are compared by what was last said, not by when.
 */
import { sameValue } from "./compareState.ts";
import { canonical, type Difference, missingFrom } from "./difference.ts";
import type { WmsRecord } from "./scenario.ts";

/** Methods whose requests are lists of entities; all lists of a round are read as one. */
const lists: Readonly<Record<string, string>> = {
  update_jobs: "jobs",
  check_jobs: "jobs",
  update_workers: "workers",
  update_event_ranges: "items",
};

export function compareWms(
  r: number,
  expected: readonly WmsRecord[],
  observed: readonly WmsRecord[],
  options: { readonly bulk: boolean } = { bulk: false },
): Difference[] {
  const methods = new Set([...expected, ...observed].map(({ m }) => m));
  methods.delete("worker_stats");
  return [...methods].flatMap((method) => {
    const of = (records: readonly WmsRecord[]): WmsRecord[] => records.filter(({ m }) => m === method);
    const list = lists[method];
    if (!list) return compareWhole(r, method, of(expected), of(observed));
    return [
      ...(options.bulk && list === "jobs" ? compareSizes(r, method, of(expected), of(observed)) : []),
      ...compareEntities(r, method, entitiesIn(of(expected), list), entitiesIn(of(observed), list)),
    ];
  });
}

/** How many jobs each request had: only where the scenario sets the bulk size. */
function compareSizes(r: number, method: string, expected: readonly WmsRecord[], observed: readonly WmsRecord[]) {
  const sizes = (records: readonly WmsRecord[]): string =>
    canonical(records.map(({ jobs }) => (Array.isArray(jobs) ? jobs.length : 0)).sort());
  const [wanted, got] = [sizes(expected), sizes(observed)];
  return wanted === got ? [] : [{ r, what: `${method} sizes`, where: "", expected: wanted, observed: got }];
}

function compareWhole(
  r: number,
  m: string,
  expected: readonly WmsRecord[],
  observed: readonly WmsRecord[],
): Difference[] {
  const text = ({ m: _m, ...facts }: WmsRecord): string => canonical(facts);
  const missing = missingFrom(expected.map(text), observed.map(text));
  const surplus = missingFrom(observed.map(text), expected.map(text));
  return Array.from({ length: Math.max(missing.length, surplus.length) }, (_, i) => ({
    r,
    what: m,
    where: "",
    expected: missing[i] ?? "",
    observed: surplus[i] ?? "",
  }));
}

type Entity = Readonly<Record<string, unknown>>;

/** What was said of each entity in the round, in order; the reply to the request as a whole belongs to each. */
function entitiesIn(records: readonly WmsRecord[], list: string): Map<string, Entity[]> {
  const found = new Map<string, Entity[]>();
  for (const record of records) {
    const entities = record[list];
    for (const each of Array.isArray(entities) ? entities : []) {
      const entity: Entity = { ...each, ...(record["reply"] === undefined ? {} : { whole: record["reply"] }) };
      const id = list === "items" ? canonical(entity) : String(entity["id"]);
      found.set(id, [...(found.get(id) ?? []), entity]);
    }
  }
  return found;
}

function compareEntities(
  r: number,
  method: string,
  expected: ReadonlyMap<string, readonly Entity[]>,
  observed: ReadonlyMap<string, readonly Entity[]>,
): Difference[] {
  const ids = new Set([...expected.keys(), ...observed.keys()]);
  return [...ids].flatMap((id): Difference[] => {
    const wanted = expected.get(id) ?? [];
    const got = observed.get(id) ?? [];
    if (wanted.length === got.length && wanted.every((each, i) => sameValue(each, got[i]))) return [];
    if (wanted.length !== 1 || got.length !== 1) {
      const text = (all: readonly Entity[]): string => (all.length === 0 ? "" : canonical(all));
      return [{ r, what: method, where: id, expected: text(wanted), observed: text(got) }];
    }
    const [one = {}, other = {}] = [wanted[0], got[0]];
    return [...new Set([...Object.keys(one), ...Object.keys(other)])]
      .filter((name) => !sameValue(one[name], other[name]))
      .map((name) => ({
        r,
        what: `${method}.${name}`,
        where: id,
        expected: canonical(one[name]),
        observed: canonical(other[name]),
      }));
  });
}

type Stats = ReadonlyMap<string, string>;

/** Statistics without rows of nothing. */
function cleaned(stats: unknown): string {
  const kept: Record<string, Record<string, unknown>> = {};
  for (const [jobType, types] of Object.entries(Object(stats))) {
    for (const [resourceType, counts] of Object.entries(Object(types))) {
      if (!Object.values(Object(counts)).some((n) => n !== 0)) continue;
      kept[jobType] = { ...kept[jobType], [resourceType]: counts };
    }
  }
  return canonical(kept);
}

/** What was last said of each queue, round after round. */
export function statsByRound(rounds: readonly (readonly WmsRecord[])[]): readonly Stats[] {
  let last: Stats = new Map();
  return rounds.map((records) => {
    const next = new Map(last);
    for (const { m, queue, stats } of records) if (m === "worker_stats") next.set(String(queue), cleaned(stats));
    last = next;
    return last;
  });
}

/** Statistics may be sent a round earlier or later; nothing said is the same as nothing there. */
export function compareStats(expected: readonly Stats[], observed: readonly Stats[], r: number): Difference[] {
  const queues = new Set([...(expected[r - 1]?.keys() ?? []), ...(observed[r - 1]?.keys() ?? [])]);
  return [...queues].flatMap((queue): Difference[] => {
    const got = observed[r - 1]?.get(queue) ?? "{}";
    const near = [expected[r - 1], expected[r - 2], expected[r]].map((stats) => stats?.get(queue) ?? "{}");
    if (near.includes(got)) return [];
    return [{ r, what: "worker_stats", where: queue, expected: near[0] ?? "", observed: got }];
  });
}
