/** `windrow status`: where everything stands, while the daemon runs or after. */
import { Command } from "commander";
import type { QueueStatus, Status } from "../audit/status.ts";
import { statusOfLog } from "../queries.ts";
import { ask } from "./ask.ts";
import { acting, instant, print, printJson, table, terminalWidth } from "./output.ts";

export function statusCommand(): Command {
  return new Command("status")
    .description("queues with their jobs and workers by state, what is in trouble, what waits for you")
    .argument("<log>", "directory of the log, or kafka://HOST:PORT[,HOST:PORT]/PREFIX")
    .option("--json", "one JSON object")
    .action((dir: string, { json }: { json?: true }) =>
      acting(async () => {
        const status = await ask<Status>(dir, "/status", statusOfLog);
        if (json) printJson(status);
        else print(statusText(status, terminalWidth()));
      }),
    );
}

const counts = (numbers: QueueStatus["jobs"]): string =>
  Object.entries(numbers)
    .map(([name, n]) => `${n} ${name}`)
    .join(", ") || "none";

/** The status in lines of at most so many columns, where words allow it. */
export function statusText(
  { harvesterID, at, leaders, queues, totals, unsettled, trouble, anomalies }: Status,
  width: number,
): string {
  const lines = [
    `${harvesterID || "(not configured)"}, as of ${instant(at)} UTC: ${totals.jobs} jobs, ${totals.workers} workers`,
    ...leaders.map(({ owner, shards }) => `${owner ?? "nobody"} leads ${rangesOf(shards)}`),
    "",
    ...(queues.length > 0 ? queueLines(queues, width) : ["no queues"]),
  ];
  const troubled = Object.entries(trouble);
  if (troubled.length > 0) {
    lines.push("", "in trouble, tried again after lockInterval:");
    for (const [what, n] of troubled) lines.push(`  ${n} ${what}`);
  }
  if (unsettled.length > 0) {
    lines.push("", "calls whose outcome is not known:");
    for (const { key, state, queue } of unsettled) lines.push(`  ${key} (${queue || "instance"}): ${state}`);
  }
  if (anomalies > 0) lines.push("", `${anomalies} events that a machine did not expect: please report them`);
  return lines.join("\n");
}

/** `shards 0-3, 7`, from ascending numbers. */
function rangesOf(shards: readonly number[]): string {
  const ranges: [from: number, to: number][] = [];
  for (const shard of shards) {
    const last = ranges.at(-1);
    if (last?.[1] === shard - 1) last[1] = shard;
    else ranges.push([shard, shard]);
  }
  const said = ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`));
  return `${shards.length === 1 ? "shard" : "shards"} ${said.join(", ")}`;
}

/** A line a queue; where one does not fit, a paragraph a queue. */
function queueLines(queues: readonly QueueStatus[], width: number): string[] {
  const rows = queues.map(({ queue, state, shard, jobs, workers }) => ({
    name: [queue, state, shard] as const,
    jobs: counts(jobs),
    workers: counts(workers),
  }));
  const lines = table([
    ["queue", "state", "shard", "jobs", "workers"],
    ...rows.map(({ name, jobs, workers }) => [...name, jobs, workers]),
  ]).split("\n");
  if (lines.every((line) => line.length <= width)) return lines;
  return rows.flatMap(({ name: [queue, state, shard], jobs, workers }) => [
    `${queue}, ${state}, shard ${shard}`,
    ...wrapped("  jobs     ", jobs, width),
    ...wrapped("  workers  ", workers, width),
  ]);
}

/** Counts behind a label, in lines that break between two counts. */
function wrapped(label: string, text: string, width: number): string[] {
  const lines: string[] = [];
  let line = label;
  for (const [i, part] of text.split(", ").entries()) {
    const next = i === 0 ? `${line}${part}` : `${line}, ${part}`;
    if (next.length <= width || i === 0) {
      line = next;
      continue;
    }
    lines.push(`${line},`);
    line = " ".repeat(label.length) + part;
  }
  return [...lines, line];
}
