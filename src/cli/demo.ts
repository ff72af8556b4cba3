/** `windrow demo`: everything at once on this machine, in under a minute. */
import { relative, resolve } from "node:path";
import { stderr } from "node:process";
import { Command, InvalidArgumentError } from "commander";
import { type DemoResult, runDemo } from "../demo/demo.ts";
import { isKafkaAddress, parseKafkaAddress } from "../log/kafka/settings.ts";
import { acting, exitCodes, print, printJson, style, table } from "./output.ts";
import { verificationText } from "./verify.ts";

interface Options {
  readonly dir: string;
  readonly log?: string;
  readonly seed: string;
  readonly timeout: number;
  readonly json?: true;
}

export function demoCommand(): Command {
  return new Command("demo")
    .description("64 jobs with real payloads through three queues, against a stand-in PanDA server on loopback")
    .option("--dir <dir>", "where everything goes; started again on the same directory, it goes on", "windrow-demo")
    .option("--log <address>", "kafka://HOST:PORT/PREFIX, a prefix of its own: the log on Kafka (default: in <dir>)")
    .option("--seed <text>", "decides how the flaky queue fails", "windrow")
    .option("--timeout <seconds>", "give up after so long", seconds, 180)
    .option("--json", "one JSON object at the end")
    .addHelpText(
      "after",
      "\nExit code 0 only if the server's view is what the jobs must become, and the log is verified.",
    )
    .action((options: Options) => acting(() => demo(options)));
}

function seconds(text: string): number {
  const n = Number(text);
  if (n > 0) return n;
  throw new InvalidArgumentError("it should be a number of seconds.");
}

async function demo({ dir, log, seed, timeout, json }: Options): Promise<void> {
  if (log !== undefined) parseKafkaAddress(log);
  const say = (line: string): void => void stderr.write(`${line}\n`);
  const result = await runDemo({
    dir: resolve(dir),
    ...(log === undefined ? {} : { log }),
    seed,
    timeoutSeconds: timeout,
    say,
  });
  if (!result.ok) process.exitCode = exitCodes.failed;
  if (json) printJson(result);
  else print(resultText(result));
}

function resultText({ ok, logDir, seconds, queues, verification, complaints, example }: DemoResult): string {
  // Some shells would look for files behind the question mark of an address.
  const log = isKafkaAddress(logDir) ? `'${logDir}'` : relative(process.cwd(), logDir) || logDir;
  const rows = queues.map((each) => [each.queue, each.jobs, each.finished, each.failed, each.workers, each.outputs]);
  const lines = [
    "",
    table([["queue", "jobs", "finished", "failed as they had to", "workers run", "outputs checked"], ...rows]),
    "",
    ...(verification ? [verificationText(verification), ""] : []),
    ...complaints.slice(0, 20).map((complaint) => style("red", `  ${complaint}`)),
    ok
      ? style("green", `demo passed in ${seconds.toFixed(0)} s: the server's view is what the jobs had to become`)
      : style("red", `demo FAILED after ${seconds.toFixed(0)} s`),
    "",
    `The log is in ${log}. Try next:`,
    `  npm run -s windrow -- history job ${example.PandaID} ${log}`,
    `  npm run -s windrow -- status ${log}`,
    `  npm run -s windrow -- verify ${log}`,
  ];
  return lines.join("\n");
}
