/**
 * Compares what Windrow did with what the original did (section 8 of the corpus). It must never forgive what that
 * section does not name.
 */
import { compareCalls } from "./compareCalls.ts";
import { compareStates } from "./compareState.ts";
import { compareTicks } from "./compareTicks.ts";
import { compareStats, compareWms, statsByRound } from "./compareWms.ts";
import type { Difference } from "./difference.ts";
import type { ObservedRound } from "./drive.ts";
import { expectedRounds } from "./expected.ts";
import type { Scenario } from "./scenario.ts";

/** Differences of the first round that has any; none: Windrow did the same. */
export function compare(scenario: Scenario, observed: readonly ObservedRound[]): readonly Difference[] {
  const expected = expectedRounds(scenario);
  if (scenario.steps.tickSeconds !== undefined) return compareTicks(scenario, expected, observed);
  const wantedStats = statsByRound(expected.map(({ record }) => record?.wms ?? []));
  const gotStats = statsByRound(observed.map(({ wms }) => wms));
  const bulk = scenario.config.cfg["propagator"]?.["nJobsInBulk"] !== undefined;
  for (const [i, { record, state }] of expected.entries()) {
    const got = observed[i];
    if (!got) return [{ r: i + 1, what: "round", where: "", expected: "a round", observed: "" }];
    const differences = [
      ...compareCalls(got.r, record?.calls ?? [], got.calls),
      ...compareStates(got.r, state, got.state),
      ...compareWms(got.r, record?.wms ?? [], got.wms, { bulk }),
      ...compareStats(wantedStats, gotStats, got.r),
    ];
    if (differences.length > 0) return differences;
  }
  return [];
}
