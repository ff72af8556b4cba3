/**
 * An engine in virtual time with a good queue and one that is given bad input, until the good queue's jobs have ended.
 * What the log says afterwards is the result.
 */
import { isDeepStrictEqual } from "node:util";
import { vi } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import { canonical, freeze } from "../../src/frozen.ts";
import { memoryStore } from "../../src/log/memory.ts";
import type { World } from "../../src/world.ts";
import { Chance } from "../simulation/chance.ts";
import { openDelayedLog } from "../simulation/delayedLog.ts";
import { begin, configurationOf, crash, replay, settle, start } from "../simulation/simulate.ts";
import { calm, isEnd, Site } from "../simulation/site.ts";
import { addSite } from "../simulation/sites.ts";

export interface Outcome {
  /** Statuses of the good queue's jobs at the WMS. */
  readonly good: readonly string[];
  readonly bad: readonly string[];
  readonly events: readonly WindrowEvent[];
  /** Every reason, dialog and complaint of the log. */
  readonly said: string;
  readonly anomalies: World["anomalies"];
  readonly world: World;
  /** Whether a replay gives the World that the engine had. */
  readonly equal: boolean;
  readonly violations: readonly string[];
}

let runs = 0;
const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** `section` lies over the queue BAD; `strange` is handed out by the WMS for it among the first jobs. */
export async function runWith(
  section: (site: string) => Readonly<Record<string, unknown>>,
  strange: readonly unknown[] = [],
): Promise<Outcome> {
  vi.setSystemTime(start);
  const site = new Site(new Chance(1), calm);
  const name = `bad-${runs++}`;
  addSite(name, site);
  site.addJob(1, "BAD", ["a"]);
  for (const PandaID of [2, 3, 4]) site.addJob(PandaID, "GOOD", ["a"]);
  site.strange.set("BAD", [...strange]);
  const config = configurationOf(name, { GOOD: {}, BAD: section(name) }, 2);
  const store = memoryStore(config.instance.windrow.shards);
  const life = await begin(
    site,
    name,
    config,
    openDelayedLog(store, () => 2),
  );
  let failure: unknown;
  life.ended.catch((error: unknown) => {
    failure = error;
  });
  const statuses = (queue: string) => [...site.jobs.values()].flatMap((job) => (job.queue === queue ? job.status : []));
  // Ten minutes more for what the bad queue has to say.
  for (let until = start + 3_600_000; Date.now() < until && failure === undefined; ) {
    vi.advanceTimersToNextTimer();
    await settle();
    if (statuses("GOOD").every(isEnd)) until = Math.min(until, Math.max(Date.now(), start + 600_000));
  }
  if (failure !== undefined) throw failure;
  const live = asJson(canonical(freeze(life.engine.world)));
  await crash(life, site, 0);
  const { world, events } = await replay(store);
  return {
    good: statuses("GOOD"),
    bad: statuses("BAD"),
    events,
    said: events
      .map((event) => JSON.stringify(event))
      .filter((text) => /"(why|dialog|complaint)/.test(text))
      .join("\n"),
    anomalies: world.anomalies,
    world,
    equal: isDeepStrictEqual(asJson(canonical(freeze(world))), live),
    violations: site.violations,
  };
}
