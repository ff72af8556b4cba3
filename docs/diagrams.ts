/**
 * Draws the machines: docs/machines.md with one Mermaid diagram a region, made from the definitions that run.
 * `npm run diagrams` writes it, `npm run diagrams -- --check` says whether it is up to date. It must never draw
 * anything that is not in a machine, nor leave out anything that is.
 *
 * A diagram shows ways from state to state. What leaves a state as it is stands in the table below it, and an event
 * that leads to one state from many is drawn once.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { AnyStateMachine, StateNode } from "xstate";
import { tableOf } from "../src/projection.ts";
import type { Kind } from "../src/world.ts";

const kinds: readonly (readonly [Kind, title: string, what: string])[] = [
  ["job", "Job", "A payload that the WMS wants run, from the fetch to the end that the WMS knows."],
  ["fileGroup", "File group", "Files that are moved together; the status of each file is in its context."],
  ["worker", "Worker", "What is submitted to the batch system."],
  ["queue", "Queue", "A queue of this instance."],
  ["call", "Call", "A call of a plug-in that creates something outside, from its intent to its outcome."],
];

const regionTitles: Readonly<Record<string, string>> = {
  life: "What is done for it",
  report: "What the WMS knows of it",
  kill: "Whether its end was ordered",
};

/** From how many states an event must lead to one target to be drawn once. */
const manyStates = 4;

type Node = StateNode;
interface Way {
  readonly from: string;
  readonly to: string;
  readonly event: string;
}

/** Every transition of a region that leaves its state or comes back to it, in order of definition. */
function waysOf(nodes: readonly Node[]): { ways: readonly Way[]; stays: ReadonlyMap<string, readonly string[]> } {
  const ways: Way[] = [];
  const stays = new Map<string, string[]>();
  for (const node of nodes) {
    for (const [event, transitions] of node.transitions) {
      for (const { target } of transitions) {
        const to = target?.[0]?.key ?? node.key;
        if (to === node.key) stays.set(node.key, [...(stays.get(node.key) ?? []), event]);
        else ways.push({ from: node.key, to, event });
      }
    }
  }
  return { ways, stays };
}

/** The event without its entity: the chapter says it. */
const short = (event: string): string => event.slice(event.indexOf(".") + 1);

/** Items by a key, in order of first appearance. */
function grouped<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

const dueOf = (node: Node): readonly string[] => node.tags.map((tag) => tag.replace("due:", ""));

/** An event that leads to one target from many states. */
interface Bundle {
  readonly event: string;
  readonly to: string;
  readonly from: readonly string[];
}

/** Ways that are drawn one by one, and those that are drawn once for many states, by their states. */
function bundled(ways: readonly Way[]): { single: readonly Way[]; bundles: ReadonlyMap<string, readonly Bundle[]> } {
  const alike = [...grouped(ways, ({ to, event }) => `${event} ${to}`).values()];
  const many = alike.filter((group) => group.length >= manyStates);
  const bundles = many.map((group) => ({
    event: group[0]!.event,
    to: group[0]!.to,
    from: group.map((way) => way.from),
  }));
  const single = ways.filter((way) => !many.some((group) => group.includes(way)));
  return { single, bundles: grouped(bundles, ({ from }) => from.join(", ")) };
}

/** One region as Mermaid. */
function diagramOf(nodes: readonly Node[], initial: string): readonly string[] {
  const { single, bundles } = bundled(waysOf(nodes).ways);
  const arrows = [...grouped(single, ({ from, to }) => `${from} --> ${to}`)];
  const due = nodes.filter((node) => dueOf(node).length > 0);
  const label = (events: readonly { event: string }[]): string => events.map(({ event }) => short(event)).join("<br/>");
  return [
    "stateDiagram-v2",
    ...(due.length > 0 ? ["  classDef due fill:#fff3c4,stroke:#b58900,color:#333"] : []),
    ...(bundles.size > 0 ? ["  classDef many fill:none,stroke-dasharray:3 3"] : []),
    ...due.flatMap((node) => [`  ${node.key}: ${node.key}`, `  ${node.key}: due ${dueOf(node).join(", ")}`]),
    `  [*] --> ${initial}`,
    ...arrows.map(([arrow, events]) => `  ${arrow}: ${label(events)}`),
    ...[...bundles].flatMap(([states, members], i) => {
      const n = members[0]!.from.length;
      const targets = [...grouped(members, ({ to }) => to)];
      return [
        `  state "${n <= 5 ? states : `any of ${n} states`}" as many${i + 1}`,
        ...targets.map(([to, events]) => `  many${i + 1} --> ${to}: ${label(events)}`),
        `  class many${i + 1} many`,
      ];
    }),
    ...nodes.filter((node) => node.type === "final").map(({ key }) => `  ${key} --> [*]`),
    ...due.map(({ key }) => `  class ${key} due`),
  ];
}

const code = (words: readonly string[]): string => words.map((word) => `\`${word}\``).join(", ");

/** States by name, or all others by name where that is shorter. */
function statesIn(some: readonly string[], nodes: readonly Node[]): string {
  const others = nodes.map(({ key }) => key).filter((key) => !some.includes(key));
  return others.length < some.length ? `every state but ${code(others)}` : code(some);
}

/** The states of a region in words, with what the diagram leaves out or only hints at. */
function wordsOf(nodes: readonly Node[]): readonly string[] {
  const { ways, stays } = waysOf(nodes);
  const hinted = [...bundled(ways).bundles.values()].flat().filter(({ from }) => from.length > 5);
  const byEvent = grouped(
    [...stays].flatMap(([state, events]) => events.map((event) => ({ state, event: short(event) }))),
    ({ event }) => event,
  );
  const common = [...byEvent].filter(([, rows]) => rows.length >= manyStates);
  const alike = grouped(common, ([, rows]) => rows.map(({ state }) => state).join(" "));
  const isCommon = new Set(common.map(([event]) => event));
  const own = (state: string) => (stays.get(state) ?? []).map(short).filter((event) => !isCommon.has(event));
  return [
    ...hinted.map(({ event, to, from }) => `- \`${short(event)}\` leads to \`${to}\` from ${statesIn(from, nodes)}.`),
    ...[...alike].map(
      ([states, events]) =>
        `- Without a change of state: ${code(events.map(([event]) => event))}, ` +
        `in ${statesIn(states.split(" "), nodes)}.`,
    ),
    ...(hinted.length + alike.size > 0 ? [""] : []),
    "| state | due | what it is, how one gets out | also stays on |",
    "|---|---|---|---|",
    ...nodes.map((node) => {
      const end = node.type === "final" ? " (final)" : "";
      const cells = [`\`${node.key}\`${end}`, dueOf(node).join(", "), node.description ?? "", code(own(node.key))];
      return `| ${cells.join(" | ")} |`;
    }),
  ];
}

/** One machine as a chapter. */
function chapterOf(machine: AnyStateMachine, title: string, what: string): readonly string[] {
  const isParallel = machine.root.type === "parallel";
  const regions: readonly Node[] = isParallel ? Object.values(machine.root.states) : [machine.root];
  return [
    `## ${title}`,
    "",
    what,
    ...regions.flatMap((region) => {
      const nodes = Object.values(region.states);
      const initial = region.initial.target[0]!.key;
      const head = isParallel
        ? ["", `### ${title}: ${region.key}`, "", `${regionTitles[region.key] ?? region.key}.`]
        : [];
      return [...head, "", "```mermaid", ...diagramOf(nodes, initial), "```", "", ...wordsOf(nodes)];
    }),
    "",
  ];
}

/** The whole of docs/machines.md. */
export function machinesPage(): string {
  return [
    "# Machines",
    "",
    "What an event means for whom. This page is made from the definitions in `machines/` by `npm run diagrams`; do not",
    "edit it. Regions of a machine run side by side. A yellow state is due: an agent has something to do there. What",
    "leaves a state as it is stands in the table, not in the diagram. An event that a state does not name is an",
    "anomaly: it is recorded and changes nothing.",
    "",
    ...kinds.flatMap(([kind, title, what]) => chapterOf(tableOf(kind).machine, title, what)),
  ].join("\n");
}

/** Writes the page, or compares it. Gives the exit code. */
function run(path: string | URL, isCheck: boolean): number {
  const page = machinesPage();
  if (!isCheck) {
    writeFileSync(path, page);
    return 0;
  }
  if (existsSync(path) && readFileSync(path, "utf8") === page) return 0;
  console.error(
    "docs/machines.md does not show the machines as they are: run `npm run diagrams` and commit the result",
  );
  return 1;
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    options: { check: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  process.exitCode = run(positionals[0] ?? new URL("machines.md", import.meta.url), values.check);
}
