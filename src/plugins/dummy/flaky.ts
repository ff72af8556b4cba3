/**
 * A wrapper that makes a plug-in of a demo or test site fail now and then, from a seed. The same seed and the same
 * calls give the same failures. It must never decide anything by a clock or by chance.
 *
 * `noneRate` is the share of calls that are answered null. It is decided by the call's key, so the next attempt, which
 * has another key, is decided anew: no job waits for ever. `falseRate` is the share of jobs whose trigger or submission
 * is refused for good. It is decided by the PandaID alone, so that `isDoomed` can tell beforehand which jobs must fail.
 */
import { createHash } from "node:crypto";
import { z } from "zod";
import type { JobSpec } from "../../specs/jobSpec.ts";
import type { WorkSpec } from "../../specs/workSpec.ts";
import type { Answer, CallContext, PluginKind, Preparator, Stager, Submitter } from "../contract.ts";

/** Option `flaky` of a preparator, stager or submitter. */
export const flakySchema = z.strictObject({
  seed: z.union([z.string(), z.number()]).transform(String),
  /** 0 to 0.9: with 1 nothing would ever end. */
  noneRate: z.number().min(0).max(0.9).default(0),
  falseRate: z.number().min(0).max(1).default(0),
});

/** How flaky, and from which seed. */
export type Flaky = z.output<typeof flakySchema>;

/** Plug-in kinds that can be made flaky. */
export type FlakyKind = "preparator" | "stager" | "submitter";

/** A number in [0, 1) that depends on the words alone. */
export function chance(...words: readonly (string | number)[]): number {
  return createHash("sha256").update(words.join("\n")).digest().readUIntBE(0, 6) / 2 ** 48;
}

/** Whether the flaky plug-in of this kind refuses this job for good; the demo uses it to know what to expect. */
export function isDoomed(flaky: Flaky, kind: FlakyKind, pandaID: number): boolean {
  return chance(flaky.seed, kind, pandaID) < flaky.falseRate;
}

/** Wraps an instance, or says that its kind cannot be flaky. */
export function makeFlaky(kind: PluginKind, inner: object, flaky: Flaky): object {
  if (kind === "preparator" || kind === "aux_preparator") return flakyPreparator(inner, flaky);
  if (kind === "stager") return flakyStager(inner, flaky);
  if (kind === "submitter") return flakySubmitter(inner, flaky);
  throw new Error(`the option "flaky" works on preparator, stager and submitter, not on ${kind}; take it out`);
}

/** Stands in front of one method; `undefined` lets the call through. */
type Gate = (job: JobSpec, call: CallContext) => Answer | undefined;

function gates(kind: FlakyKind, flaky: Flaky): { readonly trigger: Gate; readonly check: Gate } {
  const check: Gate = (_job, call) =>
    chance(flaky.seed, "none", call.key) < flaky.noneRate ? [null, `flaky ${kind}: not now`] : undefined;
  const trigger: Gate = (job, call) =>
    isDoomed(flaky, kind, job.PandaID) ? [false, `flaky ${kind}: job ${job.PandaID} is refused`] : check(job, call);
  return { trigger, check };
}

function flakyPreparator(inner: object, flaky: Flaky): object {
  const { trigger, check } = gates("preparator", flaky);
  return gated(inner, {
    triggerPreparation: trigger,
    checkStageInStatus: check,
    checkStatus: check,
  } satisfies Partial<Record<keyof Preparator, Gate>>);
}

function flakyStager(inner: object, flaky: Flaky): object {
  const { trigger, check } = gates("stager", flaky);
  return gated(inner, {
    triggerStageOut: trigger,
    checkStageOutStatus: check,
    checkStatus: check,
  } satisfies Partial<Record<keyof Stager, Gate>>);
}

/** The same object with gates in front of some of its methods; everything else is the inner plug-in's own. */
function gated(inner: object, methods: Readonly<Record<string, Gate>>): object {
  return new Proxy(inner, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      const gate = typeof name === "string" && Object.hasOwn(methods, name) ? methods[name] : undefined;
      // Bound to the target, because a proxy cannot reach the private fields of the inner plug-in.
      if (!gate) return value.bind(target);
      return (job: JobSpec, call: CallContext) => gate(job, call) ?? value.call(target, job, call);
    },
  });
}

function flakySubmitter(inner: object, flaky: Flaky): object {
  const refused = (worker: WorkSpec, call: CallContext): Answer | undefined => {
    const doomed = worker.pandaIDs.find((pandaID) => isDoomed(flaky, "submitter", pandaID));
    if (doomed !== undefined) return [false, `flaky submitter: job ${doomed} is refused`];
    if (chance(flaky.seed, "none", call.key, worker.key) >= flaky.noneRate) return undefined;
    return [null, "flaky submitter: not now"];
  };
  return new Proxy(inner, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      if (name !== ("submitWorkers" satisfies keyof Submitter)) return value.bind(target);
      return async (workers: readonly WorkSpec[], call: CallContext) => {
        const answers = new Map(workers.map((worker) => [worker.key, refused(worker, call)]));
        const through = workers.filter((worker) => answers.get(worker.key) === undefined);
        const inside: unknown = through.length > 0 ? await value.call(target, through, call) : [];
        // An inner answer of a wrong shape is handed on as it is, so that the core refuses it in its own words.
        if (!Array.isArray(inside) || inside.length !== through.length) return inside;
        through.forEach((worker, index) => {
          answers.set(worker.key, inside[index]);
        });
        return workers.map((worker) => answers.get(worker.key));
      };
    },
  });
}
