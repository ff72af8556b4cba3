/**
 * `npm run bench`: measures what Windrow promises about its speed. Each promise is a ratio between Windrow and what
 * nobody can do without, taken in one run on one machine, or between what was measured and what is promised, where only
 * absolute figures say something; those stand beside a probe of that machine. It must never test behaviour.
 *
 * A benchmark is a function beside this file that yields a `Figure` (figure.ts has what it needs), or says why this
 * machine cannot run it, and an entry in `benches`.
 */
import { Command, Option } from "commander";
import { benchAppend } from "./append.ts";
import type { Figure } from "./figure.ts";
import { benchKafkaAppend } from "./kafkaAppend.ts";
import { benchKafkaLifecycle } from "./kafkaLifecycle.ts";
import { benchKafkaRestore } from "./kafkaRestore.ts";
import { benchGrowth, benchLifecycle } from "./lifecycle.ts";
import { probe } from "./probe.ts";
import { benchReplay } from "./replay.ts";
import { benchSubscriber } from "./subscriber.ts";
import { benchTakeover } from "./takeover.ts";

/** In the order in which they run. */
const benches: Readonly<Record<string, () => Promise<Figure | string>>> = {
  append: () => benchAppend(),
  replay: () => benchReplay(),
  lifecycle: () => benchLifecycle(),
  growth: () => benchGrowth(),
  "kafka-append": () => benchKafkaAppend(),
  "kafka-restore": () => benchKafkaRestore(),
  "kafka-lifecycle": () => benchKafkaLifecycle(),
  takeover: () => benchTakeover(),
  subscriber: () => benchSubscriber(),
};

const passed = ({ limit, ratio, atMost }: Figure): boolean =>
  limit === null || (ratio !== null && (atMost ? ratio <= limit : ratio >= limit));

const number = (value: number | null, digits: number): string =>
  value === null ? "" : value.toLocaleString("en", { maximumFractionDigits: digits, minimumFractionDigits: digits });

/** One line of the table for people. */
function lineOf(figure: Figure): string {
  const { name, value, unit, limit, ratio, atMost } = figure;
  const verdict = limit === null ? "" : passed(figure) ? "ok" : "TOO SLOW";
  const cells = [
    number(value, 0).padStart(12),
    unit.padEnd(10),
    number(ratio, 2).padStart(6),
    (limit === null ? "" : `${atMost ? "<" : ">"}=${number(limit, 2)}`).padStart(6),
  ];
  return `${name.padEnd(15)} ${cells.join("  ")}  ${verdict}`.trimEnd();
}

async function run(names: readonly string[], json: boolean): Promise<boolean> {
  if (!json)
    console.log(`${"".padEnd(15)} ${"value".padStart(12)}  ${"unit".padEnd(10)}  ${"ratio".padStart(6)}   limit`);
  let good = true;
  const show = (figure: Figure): void => {
    const { name, value, unit, limit, ratio } = figure;
    console.log(json ? JSON.stringify({ name, value, unit, limit, ratio }) : lineOf(figure));
    good &&= passed(figure);
  };
  for (const figure of await probe()) show(figure);
  for (const name of names) {
    const bench = benches[name];
    const figure = await bench?.();
    if (typeof figure === "string") console.error(`${name} is left out: ${figure}`);
    else if (figure) show(figure);
  }
  return good;
}

const command = new Command("bench")
  .description(
    "Measures whole lives of jobs, append and replay of the log against bare SQLite, JSON and SHA-256, and the same " +
      "on Kafka against its client library, with what several instances and subscribers wait for.",
  )
  .option("--json", "one JSON object a line: name, value, unit, limit, ratio (null: none)", false)
  .addOption(
    new Option("--only <name>", "run one benchmark; the probe of the machine always runs").choices(
      Object.keys(benches),
    ),
  )
  .addHelpText("after", "\nThe exit code is 1 where a ratio misses its limit. Files go to the directory of TMPDIR.")
  .parse();
const { only, json } = command.opts<{ only?: string; json: boolean }>();
process.exitCode = (await run(only === undefined ? Object.keys(benches) : [only], json)) ? 0 : 1;
