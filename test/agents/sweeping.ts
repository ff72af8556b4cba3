/**
 * The sweeper's duties in tests: its plug-in's answers, its calls in short, and when a duty is due.
 */
import type { Call } from "../../src/agents/agent.ts";
import { sweeper } from "../../src/agents/sweeper.ts";
import { rules } from "../../src/rules.ts";
import type { World } from "../../src/world.ts";
import { start } from "./drive.ts";

export const duty = (name: string) => {
  const found = sweeper.find((one) => one.name === name);
  if (!found) throw new Error(name);
  return found;
};
export const now = start + 1000;
export const yes = { ok: true, dialog: "" };
export const later = { ok: null, dialog: "later" };
export const no = { ok: false, dialog: "fatal" };
export const bulk = { traits: { methods: ["killWorkers", "sweepWorker"] } };
export const idsOf = ({ args }: Call): number[] => {
  if ("workers" in args) return args.workers.map(({ data }) => data.workerID);
  return "worker" in args ? [args.worker.data.workerID] : [];
};
export const made = (calls: readonly Call[]) => calls.map((call) => [call.plugin, call.method, idsOf(call)]);
export const due = (world: World, name: string, id: number): number | undefined => {
  const rule = rules.find((one) => one.name === name);
  const found = rule?.kind === "job" ? world.jobs.get(id) : world.workers.get(id);
  return rule?.place(world, found as never, id as never)?.dueAt;
};
