/**
 * Processes that belong to another one: they stop when their standard input closes, which it does however that one
 * ends.
 */
import { stdin } from "node:process";
import { Option } from "commander";

/** The option that says so. */
export const attachedOption = (): Option =>
  new Option("--attached", "stop when standard input closes").default(undefined);

/** Calls `stop` when standard input closes. It keeps nothing running by itself. */
export function whenParentEnds(stop: () => void): void {
  stdin.on("end", stop).on("error", stop).resume();
  stdin.unref?.();
}
