/**
 * Runs scenarios of a folder one after the other.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { compare } from "./compare.ts";
import { drive } from "./drive.ts";
import type { Outcome } from "./report.ts";
import { isInformative, parseScenario, readList, type Scenario } from "./scenario.ts";

/** Runs one scenario. Whatever the engine throws is part of the outcome. */
export async function runScenario(scenario: Scenario): Promise<Outcome> {
  const { id, family } = scenario;
  const informative = isInformative(scenario);
  try {
    const { rounds, anomalies } = await drive(scenario);
    const strange = anomalies.map((text) => ({ r: 0, what: "anomaly", where: "", expected: "", observed: text }));
    return { id, family, informative, differences: [...strange, ...compare(scenario, rounds)] };
  } catch (error) {
    const crash = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { id, family, informative, differences: [], crash };
  }
}

export interface Selection {
  readonly family?: string | undefined;
  readonly id?: string | undefined;
}

/**
 * Scenarios of every scenario file of the folder, in the order of file names. One that cannot be read goes to
 * `unreadable` as a failure and disturbs no other. @throws where the folder has none, or a file is no list.
 */
export async function scenariosOf(
  dir: string,
  { family, id }: Selection = {},
  unreadable?: Outcome[],
): Promise<readonly Scenario[]> {
  const files = (await readdir(dir)).filter((name) => name.endsWith(".json") && !name.endsWith(".schema.json")).sort();
  if (files.length === 0) throw new Error(`${dir} has no scenario file; name a folder with files like prepare.json`);
  const wanted: Scenario[] = [];
  for (const file of files) {
    for (const [i, raw] of (await readList(join(dir, file))).entries()) {
      try {
        const scenario = parseScenario(raw);
        if ((!family || scenario.family === family) && (!id || scenario.id === id)) wanted.push(scenario);
      } catch (error) {
        if (!unreadable) throw error;
        const crash = error instanceof Error ? error.message : String(error);
        unreadable.push({ id: `${file}, scenario ${i}`, family: file, informative: false, differences: [], crash });
      }
    }
  }
  if (wanted.length + (unreadable?.length ?? 0) === 0) {
    throw new Error(`${dir} has no scenario ${id ?? ""}${family ? ` of family ${family}` : ""}`);
  }
  return wanted;
}
