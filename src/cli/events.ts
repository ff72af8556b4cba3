/** `windrow events LOG`: every step of jobs, file groups and workers, as it was published and as it comes. */
import { once } from "node:events";
import { stderr, stdout } from "node:process";
import { Command } from "commander";
import { requireTypes } from "../publish/filter.ts";
import { readFrom } from "../publish/from.ts";
import { typePrefix } from "../publish/messages.ts";
import type { Published } from "../publish/stream.ts";
import { details, turn } from "./history.ts";
import { acting, instant, style } from "./output.ts";
import { subscribed } from "./subscription.ts";

interface Options {
  readonly follow?: boolean;
  readonly type: readonly string[];
  readonly queue: readonly string[];
  readonly from?: string;
  readonly json?: true;
}

/** An option that is given several times, or once with commas. */
const names = (text: string, before: readonly string[]): readonly string[] => [
  ...before,
  ...text.split(",").filter((name) => name !== ""),
];

export function eventsCommand(): Command {
  return new Command("events")
    .description(
      "every step of jobs, file groups and workers: the public stream, from a running daemon or from the log",
    )
    .argument("<log>", "directory of the log, or kafka://HOST:PORT[,HOST:PORT]/PREFIX")
    .option("--follow", "go on with what comes, from now on unless --from says otherwise; Ctrl-C ends it")
    .option("--type <names>", "steps, with * for any part: worker.*,job.fetched", names, [])
    .option("--queue <names>", "queues", names, [])
    .option("--from <where>", "a position that this command gave, a time (ISO 8601), `start` or `now`")
    .option("--json", "one CloudEvent a line, with the position that goes on behind it")
    .addHelpText(
      "after",
      "\nDelivered at least once: drop an id that is not above the last one of its subject. The position to go on\n" +
        "from is in each line of --json, and is said at the end.",
    )
    .action((log: string, options: Options) => acting(() => events(log, options)));
}

async function events(log: string, { follow = false, type, queue, from, json }: Options): Promise<void> {
  const begin = from ?? (follow ? "now" : "start");
  const filter = { types: type, queues: queue };
  // Mistakes are said before anything is opened.
  const start = readFrom(begin);
  requireTypes(filter);
  const notice = (text: string): void => void stderr.write(`windrow: ${text}\n`);
  if (start.kind === "time" && start.at > Date.now()) notice(`--from ${begin} is still to come: no step is so new`);
  const stop = new AbortController();
  const end = (): void => stop.abort();
  process.once("SIGINT", end).once("SIGTERM", end);
  stdout.on("error", end); // whoever read this has enough
  let position: string | undefined;
  try {
    for await (const one of subscribed(log, { from: begin, filter, follow, signal: stop.signal, notice })) {
      position = one.position;
      const line = json ? JSON.stringify({ ...one.event, position }) : lineOf(one);
      if (!stdout.write(`${line}\n`)) await once(stdout, "drain", { signal: stop.signal }).catch(() => undefined);
      if (stop.signal.aborted) break;
    }
  } finally {
    process.off("SIGINT", end).off("SIGTERM", end);
    stdout.off("error", end);
  }
  if (position && !json) stderr.write(`windrow: go on with --from ${position}\n`);
}

/** One step as people read it: when, who, what, from where to where, in which queue, and what was said. */
function lineOf({ event }: Published): string {
  const { kind, id, before, after, queue, says } = event.data;
  const step = event.type.slice(typePrefix.length);
  const change = turn({ before: before?.state ?? "", after: after.state });
  const status = "subStatus" in after ? `${after.status}/${after.subStatus}` : "status" in after ? after.status : "";
  return [
    instant(Date.parse(event.time)),
    `${kind} ${id}`.padEnd(18),
    style("bold", step.padEnd(24)),
    queue ?? "-",
    status,
    change,
    details({ says }),
  ]
    .filter((part) => part !== "")
    .join("  ")
    .trimEnd();
}
