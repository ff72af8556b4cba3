/**
 * `npm run -s conformance -- DIR`: runs every scenario of a folder against Windrow and says where it differs from the
 * original. Exit code 1 where a scenario that is not informative differs, 2 where nothing can be run.
 */
import { Command } from "commander";
import { runScenario, scenariosOf } from "./corpus.ts";
import { familyLines, isGood, type Outcome, sideBySide, totalsOf } from "./report.ts";

interface Options {
  readonly family?: string;
  readonly id?: string;
  readonly json?: true;
  readonly show: string;
}

async function main(dir: string, options: Options): Promise<void> {
  const outcomes: Outcome[] = [];
  for (const scenario of await scenariosOf(dir, options, outcomes)) outcomes.push(await runScenario(scenario));
  const totals = totalsOf(outcomes);
  process.exitCode = totals.failed > 0 ? 1 : 0;
  if (options.json) {
    console.log(JSON.stringify({ ...totals, scenarios: outcomes }, null, 1));
    return;
  }
  const failed = outcomes.filter((outcome) => !isGood(outcome) && (!outcome.informative || options.id));
  for (const outcome of failed.slice(0, Number(options.show))) console.log(`${sideBySide(outcome).join("\n")}\n`);
  if (failed.length > 0) console.log("(left: the original, right: Windrow)\n");
  for (const line of familyLines(outcomes)) console.log(line);
  const informative = totals.same + totals.other;
  if (informative > 0) console.log(`informative (defect: or quirk:): ${informative}, ${totals.same} the same`);
  console.log(`${totals.passed} passed, ${totals.failed} failed`);
}

try {
  await new Command("conformance")
    .description("Runs the conformance scenarios of a folder against Windrow's machines, scheduler and agents.")
    .argument("<dir>", "folder with scenario files (*.json)")
    .option("--family <name>", "only this family")
    .option("--id <id>", "only this scenario, e.g. prepare/check-false; shown even where it is informative")
    .option("--json", "one JSON document instead of a report")
    .option("--show <n>", "how many failed scenarios to show side by side", "5")
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .action(main)
    .parseAsync();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
