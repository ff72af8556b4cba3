/**
 * A plug-in of which one method answers what it must not: whatever else is asked goes to a good one of the same kind.
 * The options say which method, and how it is bent.
 */
import type { PluginOptions } from "../../src/plugins/contract.ts";
import type { WorkSpec } from "../../src/specs/workSpec.ts";
import * as good from "../simulation/plugins.ts";

const cyclic: Record<string, unknown> = {};
cyclic["self"] = cyclic;

/** What a bent method does with its arguments, by name. */
const bends: Readonly<Record<string, (args: readonly unknown[]) => unknown>> = {
  undefined: () => undefined,
  yes: () => "yes",
  one: () => 1,
  rejects: () => Promise.reject(new Error("out of order")),
  throws: () => {
    throw new Error("out of order");
  },
  silent: () => new Promise(() => undefined),
  none: () => [],
  noneChecked: () => [true, []],
  verbose: () => [false, "x".repeat(2_000_000)],
  nan: (args) => onWorker(args, { nCore: Number.NaN }),
  date: (args) => onWorker(args, { batchID: new Date(0) }),
  flag: (args) => onWorker(args, { batchID: true }),
  cyclic: (args) => {
    const [workers] = args as [readonly WorkSpec[]];
    for (const worker of workers) worker.setWorkAttributes(cyclic);
    return workers.map(() => true);
  },
  attributesNan: () => ({ attributes: { 1: { cpuConsumptionTime: Number.NaN } } }),
  attributesFunction: () => ({ attributes: { 1: { later: () => 1 } } }),
  giant: (args) => {
    const [worker] = args as [WorkSpec];
    return { attributes: { [worker.pandaIDs[0] ?? 0]: { metaData: "x".repeat(2_000_000), nEvents: 7 } } };
  },
};

function onWorker(args: readonly unknown[], set: Readonly<Record<string, unknown>>): unknown {
  const [workers] = args as [readonly WorkSpec[]];
  for (const worker of workers) Object.assign(worker, set);
  return workers.map(() => true);
}

export class Bent {
  constructor(options: PluginOptions) {
    const inner: unknown = Reflect.get(good, String(options["inner"]));
    if (typeof inner !== "function") throw new Error(`no plug-in ${options["inner"]}`);
    const plugin: object = Reflect.construct(inner, [options]);
    const bend = bends[String(options["bend"])];
    // biome-ignore lint/correctness/noConstructorReturn: stands in for the good plug-in, whatever methods that has.
    return new Proxy(plugin, {
      get(target, name) {
        if (name === options["method"]) return (...args: readonly unknown[]) => bend?.(args);
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    }) as Bent;
  }
}
