/**
 * The settings that every worker maker takes from its configuration (plugins.md 8 and 18). It must never decide what a
 * worker looks like: that is the maker's duty.
 */
import { z } from "zod";
import type { PluginOptions } from "../contract.ts";

const count = z.int().positive();

const settingsSchema = z.object({
  nJobsPerWorker: count.default(1),
  nWorkersPerJob: count.default(1),
  maxWorkersPerJobInTotal: count.default(10),
  maxWorkersPerJobPerCycle: count.nullable().default(null),
  nReadyResources: z.int().nonnegative().default(1),
  dynamicSizing: z.boolean().default(false),
  staticWorkers: z.int().nonnegative().exactOptional(),
  skipOnFail: z.boolean().default(false),
});

/** What a maker offers to the core besides `makeWorker`; the defaults are the original's. */
export interface WorkerMakerSettings extends Omit<z.output<typeof settingsSchema>, "nReadyResources"> {
  /** Resources that are free now; asked only with `dynamicSizing`. */
  numReadyResources(): number;
}

/** Reads the settings; a wrong type throws while the queue is loaded. */
export function workerMakerSettings(options: PluginOptions): WorkerMakerSettings {
  const { nReadyResources, ...settings } = settingsSchema.parse(options);
  return { ...settings, numReadyResources: () => nReadyResources };
}
