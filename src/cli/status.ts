/** `windrow status`: where everything stands, while the daemon runs or after. */
import { Command } from "commander";
import type { QueueStatus, Status } from "../audit/status.ts";
import { statusOfLog } from "../queries.ts";
import { ask } from "./ask.ts";
import { acting, instant, print, printJson, table } from "./output.ts";

export function statusCommand(): Command {
  return new Command("status")
    .description("queues with their jobs and workers by state, what is in trouble, what waits for you")
    .argument("<log>", "directory of the log, or kafka://HOST:PORT[,HOST:PORT]/PREFIX")
    .option("--json", "one JSON object")
    .action((dir: string, { json }: { json?: true }) =>
      acting(async () => {
        const status = await ask<Status>(dir, "/status", statusOfLog);
        if (json) printJson(status);
        else print(statusText(status));
      }),
    );
}

const counts = (numbers: QueueStatus["jobs"]): string =>
  Object.entries(numbers)
    .map(([name, n]) => `${n} ${name}`)
    .join(", ") || "none";

function statusText({ harvesterID, at, queues, totals, unsettled, trouble, anomalies }: Status): string {
  const lines = [
    `${harvesterID || "(not configured)"}, as of ${instant(at)} UTC: ${totals.jobs} jobs, ${totals.workers} workers`,
    "",
    table([
      ["queue", "state", "shard", "jobs", "workers"],
      ...queues.map(({ queue, state, shard, jobs, workers }) => [queue, state, shard, counts(jobs), counts(workers)]),
    ]),
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
