/**
 * Compares scenarios in ticks (family timing). A call may come a tick earlier or later than recorded, as long as the
 * time since the entity's call before it is the recorded one, give or take a tick; what follows from a call moves with
 * it. So calls are compared as sequences with distances, states and updates as sequences alone.
 */
import { callText, entitiesOf } from "./compareCalls.ts";
import { sameValue } from "./compareState.ts";
import { canonical, type Difference } from "./difference.ts";
import type { ObservedRound } from "./drive.ts";
import { type ExpectedAt, parts, type State } from "./expected.ts";
import type { CallRecord, Scenario, WmsRecord } from "./scenario.ts";

interface Timed {
  readonly at: number;
  readonly text: string;
}

type Lines = ReadonlyMap<string, readonly Timed[]>;

/** Calls by agent, method and entity. */
function callLines(rounds: readonly { readonly r: number; readonly calls: readonly CallRecord[] }[]): Lines {
  const lines = new Map<string, Timed[]>();
  for (const { r, calls } of rounds) {
    for (const call of calls) {
      const entities = entitiesOf(call);
      for (const entity of entities.length > 0 ? entities : ["-"]) {
        const name = `${call.a} ${call.m} ${entity}`;
        const text = Array.isArray(call["ids"]) ? batchText(call, entity) : callText(call);
        lines.set(name, [...(lines.get(name) ?? []), { at: r, text }]);
      }
    }
  }
  return lines;
}

/** Who shares a batch depends on ticks, so only the entity's own part counts. */
function batchText(call: CallRecord, entity: string): string {
  const { ids, ret, jobs } = call;
  const i = Array.isArray(ids) ? ids.indexOf(entity) : -1;
  const own = (list: unknown): unknown => (Array.isArray(list) ? list[i] : list);
  return `${call.m} ${canonical({ ret: own(ret), jobs: own(jobs) })}`;
}

/** Every value that a column of a row had, with the tick at which it came. */
function stateLines(rounds: readonly { readonly r: number; readonly state: State }[]): Lines {
  const lines = new Map<string, Timed[]>();
  const last = new Map<string, string>();
  for (const { r, state } of rounds) {
    const seen = new Set<string>();
    const note = (name: string, text: string): void => {
      seen.add(name);
      if (last.get(name) === text) return;
      last.set(name, text);
      lines.set(name, [...(lines.get(name) ?? []), { at: r, text }]);
    };
    for (const part of parts) {
      for (const [key, row] of Object.entries(state[part])) {
        for (const [column, value] of Object.entries(row)) note(`${part}.${column} ${key}`, canonical(value));
      }
    }
    for (const name of last.keys()) if (!seen.has(name) && last.get(name) !== "") note(name, "");
  }
  return lines;
}

/** What the WMS was told of each job and worker, and asked otherwise, repetitions apart. */
function wmsLines(rounds: readonly { readonly r: number; readonly wms: readonly WmsRecord[] }[]): Lines {
  const lines = new Map<string, Timed[]>();
  const note = (name: string, at: number, facts: unknown): void => {
    const line = lines.get(name) ?? [];
    const text = canonical(facts);
    if (line.at(-1)?.text !== text) lines.set(name, [...line, { at, text }]);
  };
  for (const { r, wms } of rounds) {
    for (const { m, jobs, workers, ...facts } of wms) {
      if (m === "worker_stats") continue;
      const entities = jobs ?? workers;
      if (!Array.isArray(entities)) note(m, r, facts);
      else for (const { id, ...told } of entities) note(`${m} ${id}`, r, { ...told, ...facts });
    }
  }
  return lines;
}

export function compareTicks(
  scenario: Scenario,
  expected: readonly ExpectedAt[],
  observed: readonly ObservedRound[],
): readonly Difference[] {
  const wanted = expected.map(({ record, state }, i) => ({
    r: i + 1,
    state,
    calls: record?.calls ?? [],
    wms: record?.wms ?? [],
  }));
  const end = scenario.steps.rounds;
  const differences = [
    ...compareLines(callLines(wanted), callLines(observed), (a, b) => compareTimed(a, b, end)),
    ...compareLines(stateLines(wanted), stateLines(observed), (a, b) => sequence(a, b, end)),
    ...compareLines(wmsLines(wanted), wmsLines(observed), (a, b) => sequence(a, b, end)),
  ];
  return differences.toSorted((a, b) => a.r - b.r);
}

type Compare = (wanted: readonly Timed[], got: readonly Timed[]) => { readonly at: number; readonly i: number } | null;

function compareLines(expected: Lines, observed: Lines, differs: Compare): Difference[] {
  const names = new Set([...expected.keys(), ...observed.keys()]);
  return [...names].flatMap((name) => {
    const wanted = expected.get(name) ?? [];
    const got = observed.get(name) ?? [];
    const where = differs(wanted, got);
    if (!where) return [];
    const [what = "", ...rest] = name.split(" ");
    return [
      { r: where.at, what, where: rest.join(" "), expected: around(wanted, where.i), observed: around(got, where.i) },
    ];
  });
}

const around = (line: readonly Timed[], i: number): string =>
  line
    .slice(Math.max(0, i - 1), i + 2)
    .map(({ at, text }) => `t${at} ${text}`)
    .join("; ");

const same = (a: string, b: string): boolean => a === b || sameValue(parsed(a), parsed(b));
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Same calls at the same distances; at the end one may be ahead by what the other still had to wait for. */
function compareTimed(wanted: readonly Timed[], got: readonly Timed[], end: number) {
  const common = Math.min(wanted.length, got.length);
  for (let i = 0; i < common; i += 1) {
    const [a, b] = [wanted[i], got[i]];
    if (!a || !b) break;
    const [before, other] = [wanted[i - 1]?.at ?? 0, got[i - 1]?.at ?? 0];
    // The first call waits for others before it, each of which may have moved by a tick.
    const near = i === 0 || Math.abs(a.at - before - (b.at - other)) <= 1;
    if (!same(a.text, b.text) || !near) return { at: b.at, i };
  }
  const rest = wanted.length > common ? wanted.slice(common) : got.slice(common);
  const shorter = wanted.length > common ? got : wanted;
  const longer = wanted.length > common ? wanted : got;
  const [next] = rest;
  if (!next) return null;
  // The shorter line must have run out of ticks: its next call, at the longer one's distance, is beyond the end.
  const distance = next.at - (longer[common - 1]?.at ?? 0);
  const due = (shorter[common - 1]?.at ?? 0) + distance + 1;
  return common > 0 && rest.length === 1 && due + 1 > end ? null : { at: next.at, i: common };
}

/** Same values in the same order; one of them may still be on its way to the last one. */
function sequence(wanted: readonly Timed[], got: readonly Timed[], end: number) {
  const common = Math.min(wanted.length, got.length);
  for (let i = 0; i < common; i += 1) {
    if (!same(wanted[i]?.text ?? "", got[i]?.text ?? "")) return { at: got[i]?.at ?? 0, i };
  }
  const longer = wanted.length > common ? wanted : got;
  const next = longer[common];
  if (!next) return null;
  // Each step before it may have moved by a tick.
  const isLate = longer.length === common + 1 && next.at + common + 1 > end;
  return isLate ? null : { at: next.at, i: common };
}
