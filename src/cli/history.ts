/**
 * `windrow history job|worker ID`: a whole life, from the log alone. On a terminal it keeps to the terminal's width;
 * elsewhere every step is one line. `--json` leaves nothing out.
 */
import { Argument, Command, InvalidArgumentError } from "commander";
import type { History, HistoryStep } from "../audit/history.ts";
import { historyOf } from "../queries.ts";
import { ask } from "./ask.ts";
import { acting, cut, exitCodes, instant, print, printJson, style, table, terminalWidth } from "./output.ts";

export function historyCommand(): Command {
  return new Command("history")
    .description("every step of a job or worker with what was answered, read off the log")
    .addArgument(new Argument("<kind>", "whose life").choices(["job", "worker"]))
    .argument("<id>", "PandaID or workerID", number)
    .argument("<log>", "directory of the log, or kafka://HOST:PORT[,HOST:PORT]/PREFIX")
    .option("--json", "one JSON object")
    .action((kind: "job" | "worker", id: number, dir: string, { json }: { json?: true }) =>
      acting(async () => {
        const history = await ask<History>(dir, `/history/${kind}/${id}`, (log) => historyOf(log, { kind, id }));
        if (history.steps.length === 0) process.exitCode = exitCodes.failed;
        if (json) printJson(history);
        else
          print(
            history.steps.length > 0 ? historyText(history, terminalWidth()) : `the log in ${dir} has no ${kind} ${id}`,
          );
      }),
    );
}

function number(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError("it should be a number.");
}

/** Columns below which what was said gets a line of its own. */
const wide = 120;
/** What was said, in a line that goes to no terminal (characters). */
const longest = 160;

/** On a terminal the date is in the title alone. */
const dateLength = "2026-01-01 ".length;

/** The history in lines of at most so many columns; infinity: one line a step. */
export function historyText({ subject, steps, unchangedLooks }: History, width: number): string {
  const [first] = steps;
  if (!first) return "";
  const names = namesOf(steps, subject);
  const rows = steps.map((step, i) => {
    const before = steps[i - 1];
    // Steps that follow from one event would say the same again.
    const said = before && sameSaying(before, step) ? "" : details(step);
    const passed = `+${((step.at - first.at) / 1000).toFixed(1)} s`;
    return { step, said, passed, who: names[i] ?? "", became: turn(step) };
  });
  const last = steps.at(-1) ?? first;
  const title =
    `${subject.kind} ${subject.id}: ${steps.length} steps in ${((last.at - first.at) / 1000).toFixed(1)} s ` +
    `from ${instant(first.at)} UTC`;
  const looks = unchangedLooks > 0 ? `\n${unchangedLooks} looks at the worker found nothing new` : "";
  const lines = width < wide ? narrowLines(rows, width) : wideLines(rows, width);
  return `${title}\n\n${lines.join("\n")}${looks}`;
}

interface Row {
  readonly step: HistoryStep;
  readonly passed: string;
  readonly who: string;
  readonly became: string;
  readonly said: string;
}

function wideLines(rows: readonly Row[], width: number): string[] {
  const from = width === Number.POSITIVE_INFINITY ? 0 : dateLength;
  const cells = rows.map(({ step, passed, who, became }) => {
    return [instant(step.at).slice(from), passed, step.type, who, became];
  });
  const starts = table(cells.map((row) => [...row, "|"])).split("\n");
  return starts.map((start, i) => {
    const { said, step } = rows[i] as Row;
    const fixed = start.slice(0, -1);
    return `${fixed}${cut(said, Math.min(width - fixed.length, longest))}`
      .trimEnd()
      .replace(step.type, style("bold", step.type));
  });
}

function narrowLines(rows: readonly Row[], width: number): string[] {
  const starts = table(rows.map(({ step, passed, who, became }) => [passed, step.type, who, became])).split("\n");
  return starts.flatMap((start, i) => {
    const { said, step } = rows[i] as Row;
    const line = cut(start, width).replace(step.type, style("bold", step.type));
    return said === "" ? [line] : [line, style("dim", cut(`    ${said}`, width))];
  });
}

/** Short names of those who made the steps; nothing where it is the subject. Calls are numbered by method. */
function namesOf(steps: readonly HistoryStep[], subject: History["subject"]): string[] {
  const calls = new Map<string, string>();
  const counts = new Map<string, number>();
  return steps.map(({ kind, id }) => {
    if (kind === subject.kind && id === subject.id) return "";
    const text = String(id);
    if (kind === "fileGroup") return text.replace(`${subject.id}/`, "");
    if (kind !== "call") return text;
    const method = text.split(":", 1).join();
    const n = (counts.get(method) ?? 0) + 1;
    if (!calls.has(text)) {
      counts.set(method, n);
      calls.set(text, `${method} #${n}`);
    }
    return calls.get(text) ?? text;
  });
}

const sameSaying = (a: HistoryStep, b: HistoryStep): boolean =>
  a.position.slice(0, a.position.lastIndexOf("/")) === b.position.slice(0, b.position.lastIndexOf("/")) &&
  JSON.stringify(a.says) === JSON.stringify(b.says);

/** The part of the state that changed. */
export function turn({ before, after }: Pick<HistoryStep, "before" | "after">): string {
  if (before === after) return "";
  if (before === "") return `-> ${after.split("|")[0]}`;
  const was = before.split("|");
  const is = after.split("|");
  return is.flatMap((state, i) => (state === was[i] ? [] : [`${was[i]} -> ${state}`])).join(", ");
}

/** Fields that nobody reads in a line: long ones, and what the name of a call says already. */
const unsaid = new Set(["params", "config", "method", "plugin"]);

/** What the event says, as words that fit into a line; `--json` has all of it. */
export function details({ says }: Pick<HistoryStep, "says">, most = longest): string {
  const texts = Object.entries(says).flatMap(([name, value]) => {
    const text = unsaid.has(name) ? "" : inWords(value, name);
    return text === "" ? [] : [`${name}: ${cut(text, 60)}`];
  });
  return cut(texts.join("; "), most);
}

/** A value of an event in words; lists are cut after two. */
function inWords(value: unknown, name = ""): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "number" && name.endsWith("At")) return instant(value).slice(dateLength);
  if (Array.isArray(value)) {
    const first = value.slice(0, 2).map((each) => inWords(each));
    return first.join(", ") + (value.length > 2 ? ` and ${value.length - 2} more` : "");
  }
  if (typeof value !== "object") return String(value).replaceAll(/\s+/g, " ");
  if ("key" in value && "set" in value) return `${inWords(value.key)} (${inWords(value.set)})`;
  if ("lfn" in value) return `${inWords(value.lfn)}${"status" in value ? ` (${inWords(value.status)})` : ""}`;
  return Object.entries(value)
    .flatMap(([field, each]) => {
      const text = inWords(each, field);
      return text === "" ? [] : [`${field} ${text}`];
    })
    .join(", ");
}
