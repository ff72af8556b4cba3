/** `windrow history job|worker ID`: a whole life, from the log alone. */
import { Argument, Command, InvalidArgumentError } from "commander";
import type { History, HistoryStep } from "../audit/history.ts";
import { historyOf } from "../queries.ts";
import { ask } from "./ask.ts";
import { acting, exitCodes, instant, print, printJson, style, table } from "./output.ts";

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
        else print(history.steps.length > 0 ? historyText(history) : `the log in ${dir} has no ${kind} ${id}`);
      }),
    );
}

function number(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError("it should be a number.");
}

function historyText({ subject, steps, unchangedLooks }: History): string {
  const first = steps[0]?.at ?? 0;
  const rows = steps.map((step) => [
    instant(step.at),
    `+${((step.at - first) / 1000).toFixed(1)} s`,
    step.kind === subject.kind && step.id === subject.id ? step.kind : `${step.kind} ${step.id}`,
    style("bold", step.type),
    turn(step),
    details(step),
  ]);
  const looks = unchangedLooks > 0 ? `\n${unchangedLooks} looks at the worker found nothing new` : "";
  return `${subject.kind} ${subject.id}: ${steps.length} steps, times in UTC\n\n${table(rows)}${looks}`;
}

/** The part of the state that changed. */
export function turn({ before, after }: Pick<HistoryStep, "before" | "after">): string {
  if (before === after) return "";
  if (before === "") return `-> ${after.split("|")[0]}`;
  const was = before.split("|");
  const is = after.split("|");
  return is.flatMap((state, i) => (state === was[i] ? [] : [`${was[i]} -> ${state}`])).join(", ");
}

/** What the event says, cut to what a line holds; `--json` has all of it. */
export function details({ says }: Pick<HistoryStep, "says">): string {
  const texts = Object.entries(says).flatMap(([name, value]) => {
    if (value === null || value === "" || name === "params" || name === "config") return [];
    const text = typeof value === "object" ? JSON.stringify(value) : String(value);
    return [`${name}: ${text.length > 60 ? `${text.slice(0, 57)}...` : text}`];
  });
  const all = texts.join("; ");
  return all.length > 160 ? `${all.slice(0, 157)}...` : all;
}
