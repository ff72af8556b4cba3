/**
 * The corpus: Windrow does what the original was seen to do, family by family. `WINDROW_CONFORMANCE` names another
 * folder.
 */
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { runScenario, scenariosOf } from "./corpus.ts";
import { isGood, sideBySide, totalsOf } from "./report.ts";

const dir = process.env["WINDROW_CONFORMANCE"] ?? fileURLToPath(new URL("../data/conformance", import.meta.url));

const scenarios = await scenariosOf(dir);
const families = [...new Set(scenarios.map(({ family }) => family))];

describe("conformance", () => {
  it.each(families)("%s", async (family) => {
    const outcomes = [];
    for (const scenario of scenarios) if (scenario.family === family) outcomes.push(await runScenario(scenario));
    const failed = outcomes.filter((outcome) => !outcome.informative && !isGood(outcome));
    const { passed } = totalsOf(outcomes);
    expect(
      failed
        .slice(0, 3)
        .flatMap((outcome) => sideBySide(outcome))
        .join("\n"),
    ).toBe("");
    expect(passed).toBeGreaterThan(0);
  });
});
