/**
 * Scenarios of the corpus with other answers than those they were recorded with: whatever plug-ins and the WMS say, no
 * machine meets an event that it does not know, and the engine never throws. What is right there nobody recorded.
 */
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { scenariosOf } from "./corpus.ts";
import { drive } from "./drive.ts";
import type { Scenario } from "./scenario.ts";

const dir = fileURLToPath(new URL("../data/conformance", import.meta.url));
const verdicts = [true, false, null, "raise", true, true];
const statuses = ["submitted", "running", "idle", "finished", "failed", "cancelled", null, "missed", "weird"];

/** What else a method may answer; nothing where other answers would need other scripts too. */
const others = (method: string): readonly unknown[] => {
  if (method === "monitor.check_workers") return statuses;
  if (method === "messenger.get_files_to_stage_out" || method === "messenger.get_work_attributes") return [{}, "raise"];
  return /^(preparator|aux_preparator|stager|zipper|sweeper|submitter)\./.test(method) ? verdicts : [];
};
/** Methods that are scripted where the scenario leaves them alone. */
const quiet = [
  ...["preparator.check_stage_in_status", "stager.trigger_stage_out", "stager.check_stage_out_status"],
  ...["submitter.submit_workers", "messenger.post_processing", "messenger.feed_jobs", "sweeper.sweep_worker"],
];

/** The same numbers for the same seed. */
function dice(seed: number): <T>(of: readonly T[]) => T {
  let state = seed;
  return (of) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return of[Math.floor((state / 2_147_483_648) * of.length)]!;
  };
}

function shuffled(scenario: Scenario, seed: number): Scenario {
  const draw = dice(seed);
  const chance = (percent: number): boolean => draw(Array.from({ length: 100 }, (_, i) => i)) < percent;
  const plugins = Object.entries(scenario.plugins).map(([method, scripts]) => {
    const choice = others(method);
    const changed = Object.entries(scripts).map(([entity, script]) => {
      if (entity === "@call" || choice.length === 0) return [entity, script];
      const list: readonly unknown[] = Array.isArray(script) ? script : [script];
      return [entity, list.map((element) => (chance(25) ? draw(choice) : element))];
    });
    return [method, Object.fromEntries(changed)];
  });
  const more = quiet.flatMap((method) =>
    method in scenario.plugins || chance(70) ? [] : [[method, { "*": [draw(verdicts), draw(verdicts), true] }]],
  );
  const replies = scenario.jobs.map(({ id }) => [
    String(id),
    [...Array.from({ length: 8 }, () => draw([0, 0, 0, 999, "tobekilled", 0])), 0],
  ]);
  const trouble = chance(20) ? { "@call": ["ok", "down", "ok", "refused", "ok"] } : {};
  const keep = { keepFinished: 3, keepFailed: 3, keepCancelled: 3, keepMissed: 3, keepPending: 3 };
  return {
    ...scenario,
    plugins: Object.fromEntries([...more, ...plugins]),
    wms: { ...scenario.wms, update_jobs: { ...Object.fromEntries(replies), ...trouble } },
    config: { ...scenario.config, cfg: { ...scenario.config.cfg, ...(chance(30) ? { sweeper: keep } : {}) } },
    steps: { ...scenario.steps, rounds: 16 },
  };
}

it.each([1, 2])("surprises no machine (seed %i)", async (seed) => {
  const all = (await scenariosOf(dir)).filter(({ steps }) => steps.tickSeconds === undefined);
  const surprises: string[] = [];
  for (const [i, scenario] of all.entries()) {
    if (i % 5 !== seed % 5) continue;
    const { anomalies } = await drive(shuffled(scenario, seed * 1000 + i));
    surprises.push(...anomalies.map((anomaly) => `${scenario.id} (${i}): ${anomaly}`));
  }
  expect(surprises).toEqual([]);
});
