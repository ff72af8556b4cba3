/**
 * Runs one scenario: Windrow's engine, machines, scheduler and agents, on a log in memory, with the clock of section 2
 * of the corpus. It must never know what is expected.
 */
import { isDeepStrictEqual } from "node:util";
import { type AgentName, agents } from "../../src/agents/roster.ts";
import { memoryStore, openMemoryLog } from "../../src/log/memory.ts";
import { type Engine, openEngine } from "../../src/windrow.ts";
import { configurationOf } from "./configuration.ts";
import type { State } from "./expected.ts";
import { ScriptedPlugins } from "./plugins.ts";
import type { CallRecord, Scenario, WmsRecord } from "./scenario.ts";
import { StateReader } from "./state.ts";

/** What Windrow did in a round, and the state at its end. */
export interface ObservedRound {
  readonly r: number;
  readonly calls: readonly CallRecord[];
  readonly wms: readonly WmsRecord[];
  readonly state: State;
}

const start = Date.UTC(2026, 0, 1);
const isAgent = (name: string): name is AgentName => name in agents;

/** The original's agents in the order of a round. */
const order: readonly (readonly [string, string])[] = [
  ["JobFetcher", "jobFetcher"],
  ["CommandManager", "commandManager"],
  ["Preparator", "preparator"],
  ["Submitter", "submitter"],
  ["EventFeeder", "eventFeeder"],
  ["Monitor", "monitor"],
  ["Stager", "stager"],
  ["Propagator", "propagator"],
  ["Sweeper", "sweeper"],
];

/** A scenario may name the agents of a round, and their order. */
function agentsOf({ steps }: Scenario): typeof order {
  return steps.order?.map((name) => order.find(([original]) => original === name) ?? ([name, ""] as const)) ?? order;
}

export interface Driven {
  readonly rounds: readonly ObservedRound[];
  /** Events that no machine knew in the state it was in: always a bug. */
  readonly anomalies: readonly string[];
  readonly engine: Engine;
}

/** @throws what the engine throws: a bug of Windrow. */
export async function drive(scenario: Scenario): Promise<Driven> {
  const config = configurationOf(scenario);
  const plugins = new ScriptedPlugins(scenario, config.queues);
  const { recorder } = plugins;
  const { tickSeconds, roundSeconds, rounds } = scenario.steps;
  const stepMs = tickSeconds === undefined ? roundSeconds * 1000 : tickSeconds * 1000;
  recorder.now = start;
  const log = openMemoryLog(memoryStore(config.instance.windrow.shards));
  const engine = await openEngine({
    log,
    plugins,
    now: () => recorder.now,
    owner: "conformance",
    config,
    verifyEvents: true,
  });
  await seed(engine, scenario);
  // As the original, which reads its lists before it starts any other agent.
  await engine.cycle("cacher");
  const reader = new StateReader(scenario, recorder.names);
  const observed: ObservedRound[] = [];
  for (let r = 1; r <= rounds; r += 1) {
    recorder.round = r;
    recorder.now += stepMs;
    for (const [original, agent] of agentsOf(scenario)) {
      if (tickSeconds === undefined) recorder.now += 1000;
      recorder.agent = original;
      if (isAgent(agent)) await engine.cycle(agent);
    }
    observed.push({ r, ...recorder.take(), state: reader.read(engine.world, plugins.givenCommands()) });
  }
  engine.journal.detach();
  const anomalies = engine.world.anomalies.map(({ entity, state, type }) => `${entity} in ${state}: ${type}`);
  return { rounds: observed, anomalies, engine };
}

/** The lists of the WMS that the scenario says are known. */
async function seed(engine: Engine, { config: { cache } }: Scenario): Promise<void> {
  const events = Object.entries(cache).map(([list, data]) => ({ type: "instance.listRead" as const, list, data }));
  if (events.length > 0) await engine.journal.decide({ shard: 0, cause: "corpus", events });
}

/** Rounds in which nothing was done and nothing changed are not worth showing. */
export const isQuiet = (round: ObservedRound, before: ObservedRound | undefined): boolean =>
  round.calls.length === 0 && round.wms.length === 0 && isDeepStrictEqual(round.state, before?.state);
