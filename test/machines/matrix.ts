/**
 * Prints what each machine does in each state on each event, one table a region, for people to review. Regions are
 * independent (step.test.ts shows it), so their tables together say everything. It must never ask XState itself.
 */
import type { MachineState, Table } from "../../machines/step.ts";

/** An active state of each region of a machine, in order of definition. */
function regionsOf(state: MachineState): Readonly<Record<string, string>> {
  return { life: state.life, ...state.regions };
}

/**
 * Where a state of a region goes on an event, over everything that can be reached; more than one would be a surprise.
 */
function targetsOf(table: Table, region: string, from: string, type: string): ReadonlySet<string> {
  const targets = new Set<string>();
  for (const state of table.explore()) {
    if (regionsOf(state)[region] !== from) continue;
    const next = table.next(state, type);
    if (next) targets.add(regionsOf(next)[region]!);
  }
  return targets;
}

function cell(table: Table, region: string, from: string, type: string): string {
  const targets = [...targetsOf(table, region, from, type)];
  if (targets.length === 0) return ".";
  if (targets.length > 1) throw new Error(`${region} ${from} goes to ${targets.join(" or ")} on ${type}`);
  return targets[0] === from ? "=" : targets[0]!;
}

const maxWidth = 150;

function tableOfRegion(table: Table, region: string, types: readonly string[]): string[] {
  const reached = new Set(table.explore().map((state) => regionsOf(state)[region]!));
  const all = Object.keys(table.machine.states[region]?.states ?? table.machine.states);
  const states = all.filter((state) => reached.has(state));
  const rows = types
    .map((type) => [type, ...states.map((from) => cell(table, region, from, type))])
    .filter((row) => region === "life" || row.slice(1).some((text) => text !== "." && text !== "="));
  const nameWidth = Math.max(...rows.map(([type = ""]) => type.length));
  const wide = nameWidth + states.length * (Math.max(...states.map((state) => state.length)) + 2);
  const isNumbered = wide > maxWidth;
  const short = (state: string): string =>
    isNumbered && states.includes(state) ? String(states.indexOf(state) + 1) : state;
  const width = isNumbered ? 4 : Math.max(...states.map((state) => state.length)) + 2;
  const print = (first: string, cells: readonly string[]): string =>
    `${first.padEnd(nameWidth)}${cells.map((text) => text.padStart(width)).join("")}`;
  const head = [print("", states.map(short)), ...rows.map(([type = "", ...cells]) => print(type, cells.map(short)))];
  const legend = isNumbered ? ["", ...states.map((state, i) => `${String(i + 1).padStart(4)} ${state}`)] : [];
  const missing = all.filter((state) => !reached.has(state));
  return [
    region.toUpperCase(),
    ...legend,
    "",
    ...head,
    ...(missing.length > 0 ? ["", `never: ${missing.join(", ")}`] : []),
  ];
}

/** The machine's tables as text. `=` stays, `.` is an anomaly in life; other regions show what makes them react. */
export function matrixOf(table: Table): string {
  const types = [...table.eventTypes()];
  const chapters = Object.keys(regionsOf(table.initial)).map((region) => tableOfRegion(table, region, types));
  const meaning = '"=" stays, "." is not expected (an anomaly in LIFE)';
  const what = `${table.machine.id}: what each state does on each event. ${meaning}.`;
  return `${[what, ...chapters.flatMap((chapter) => ["", ...chapter])].join("\n")}\n`;
}
