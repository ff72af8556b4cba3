/**
 * All agents by Harvester's names, each with its duties in the order in which one cycle does them.
 */
import type { Duty } from "./agent.ts";
import { cacher } from "./cacher.ts";
import { commandManager } from "./commandManager.ts";
import { eventFeeder } from "./eventFeeder.ts";
import { jobFetcher } from "./jobFetcher.ts";
import { monitor } from "./monitor.ts";
import { preparator } from "./preparator.ts";
import { propagator } from "./propagator.ts";
import { recoverer } from "./recoverer.ts";
import { stager } from "./stager.ts";
import { submitter } from "./submitter.ts";
import { sweeper } from "./sweeper.ts";

export const agents = {
  jobFetcher,
  commandManager,
  cacher,
  preparator,
  submitter,
  eventFeeder,
  monitor,
  stager,
  propagator,
  sweeper,
  recoverer,
} as const satisfies Record<string, readonly Duty[]>;

/** Name of an agent. */
export type AgentName = keyof typeof agents;
