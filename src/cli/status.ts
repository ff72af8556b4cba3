/** `windrow status`: where everything stands, while the daemon runs or after. */
import { Command } from "commander";
import type { LeaderStatus, QueueStatus, Status } from "../audit/status.ts";
import { isKafkaAddress } from "../log/kafka/settings.ts";
import { statusOfLog } from "../queries.ts";
import { usualPatience } from "../windrow/ownership.ts";
import { ask } from "./ask.ts";
import { acting, instant, print, printJson, table, terminalWidth } from "./output.ts";

/**
 * Who answered, and so what is known of those who lead: the log's daemon lives; nobody has a directory that could be
 * read; on Kafka whoever lives writes every few seconds.
 */
export type AnsweredBy = "daemon" | "directory" | "kafka";

export function statusCommand(): Command {
  return new Command("status")
    .description("queues with their jobs and workers by state, what is in trouble, what waits for you")
    .argument("<log>", "directory of the log, or kafka://HOST:PORT[,HOST:PORT]/PREFIX")
    .option("--json", "one JSON object")
    .action((dir: string, { json }: { json?: true }) =>
      acting(async () => {
        let answeredBy: AnsweredBy = "daemon";
        const status = await ask<Status>(dir, "/status", (log) => {
          answeredBy = isKafkaAddress(dir) ? "kafka" : "directory";
          return statusOfLog(log);
        });
        if (json) printJson({ answeredBy, ...status });
        else print(statusText(status, { answeredBy, now: Date.now(), width: terminalWidth() }));
      }),
    );
}

const counts = (numbers: QueueStatus["jobs"]): string =>
  Object.entries(numbers)
    .map(([name, n]) => `${n} ${name}`)
    .join(", ") || "none";

interface Telling {
  readonly answeredBy: AnsweredBy;
  /** Epoch ms. */
  readonly now: number;
  readonly width: number;
}

/** The status in lines of at most `width` columns, where words allow it. */
export function statusText(
  { harvesterID, at, leaders, queues, totals, unsettled, trouble, anomalies }: Status,
  { answeredBy, now, width }: Telling,
): string {
  const lines = [
    `${harvesterID || "(not configured)"}, as of ${instant(at)} UTC: ${totals.jobs} jobs, ${totals.workers} workers`,
    ...leaders.flatMap((leader) => wrapped("", leaderText(leader, answeredBy, now), width)),
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

/** Who leads what, with what tells whether it still lives. */
function leaderText({ owner, shards, lastRecordAt }: LeaderStatus, answeredBy: AnsweredBy, now: number): string {
  const silence = Math.max(now - lastRecordAt, 0);
  const record = `last record ${duration(silence)} ago`;
  if (owner === null) return `nobody leads ${rangesOf(shards)}, ${record}`;
  if (answeredBy === "directory") {
    return `${owner} led ${rangesOf(shards)}, ${record}, and has ended without giving them up`;
  }
  const leads = `${owner} leads ${rangesOf(shards)}, ${record}`;
  if (answeredBy === "daemon" || silence <= usualPatience.silence) return leads;
  return `${leads}, though one that lives writes every ${usualPatience.heartbeat / 1000} s`;
}

/** A length of time in its largest unit of which there are two: `90 s`, `2 h`. */
function duration(ms: number): string {
  const units = [
    ["days", 86_400_000],
    ["h", 3_600_000],
    ["min", 60_000],
  ] as const;
  const [unit, length] = units.find((each) => ms >= 2 * each[1]) ?? ["s", 1000];
  return `${Math.floor(ms / length)} ${unit}`;
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
