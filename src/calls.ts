/**
 * The only place that invokes a plug-in. A call gets specs made of plain data, a deadline from outside, a place among
 * the calls its queue may make at once, and a check of its answer against the contract; whatever the plug-in does, the
 * result is a reply, never an exception. What it changed on its specs is read off and goes into the event. It must
 * never decide what a reply means, and never touch the World.
 */
import { setMaxListeners } from "node:events";
import { z } from "zod";
import type {
  Arguments,
  Call,
  FileArgument,
  JobArgument,
  KeyedPatch,
  Reply,
  Traits,
  WorkerArgument,
} from "./agents/agent.ts";
import type { InstanceConfig, QueueConfig } from "./config/schema.ts";
import { type CallContext, type MethodContract, methods, type PluginKind } from "./plugins/contract.ts";
import { loadPlugin, type PluginDefinition } from "./plugins/load.ts";
import { JobSpec } from "./specs/jobSpec.ts";
import { type WorkerChanges, WorkSpec } from "./specs/workSpec.ts";

/** What the engine needs of plug-ins; a simulation answers instead. */
export interface Plugins {
  invoke(call: Call): Promise<Reply>;
  traits(queue: string, plugin: PluginKind): Traits | Promise<Traits>;
}

export interface Calling {
  readonly now: () => number;
  readonly instance: () => InstanceConfig;
  readonly queue: (name: string) => QueueConfig;
  /** The communicator's section, made of the instance's configuration. */
  readonly communicator: () => PluginDefinition;
  /** Directory that relative module paths begin at. */
  readonly configDir: string;
  /** Told of every call that ended, for the operator's log. */
  readonly onReply?: (call: Call, reply: Reply, tookMs: number) => void;
}

/** A plug-in, or why it cannot be had. */
type Loaded = { readonly plugin: object } | { readonly why: string };

/** Calls that the instance itself may make at once: those of the communicator. */
const instanceConcurrency = 8;

/** Plug-ins made from the configuration. One instance a queue and section, made on first use. */
export class ConfiguredPlugins implements Plugins {
  readonly #calling: Calling;
  /** Bounded by queues x sections. */
  readonly #loaded = new Map<string, Promise<Loaded>>();
  readonly #gates = new Map<string, Gate>();
  readonly #stopping = new AbortController();

  constructor(calling: Calling) {
    this.#calling = calling;
    // As many as calls run at once.
    setMaxListeners(0, this.#stopping.signal);
  }

  async invoke(call: Call): Promise<Reply> {
    const gate = this.#gateOf(call.queue);
    await gate.enter();
    const began = this.#calling.now();
    try {
      const reply = await this.#answer(call, began);
      this.#calling.onReply?.(call, reply, this.#calling.now() - began);
      return reply;
    } finally {
      gate.leave();
    }
  }

  async traits(queue: string, plugin: PluginKind): Promise<Traits> {
    const loaded = await this.#plugin(queue, plugin);
    if ("why" in loaded) return { methods: [], repeatable: [], why: loaded.why };
    return traitsOf(loaded.plugin);
  }

  /** Forgets the plug-ins of a queue, because its configuration is another one now. */
  forget(queue: string): void {
    for (const key of this.#loaded.keys()) if (key.startsWith(`${queue}/`)) this.#loaded.delete(key);
    this.#gates.delete(queue);
  }

  /** Aborts the calls that still run: the daemon stops hard. */
  abort(): void {
    this.#stopping.abort(new Error("the daemon stops"));
  }

  async #answer(call: Call, began: number): Promise<Reply> {
    const contract: MethodContract = methods[call.method];
    const trouble = (kind: "threw" | "timedOut" | "refused" | "missing", why: string): Reply => ({
      ok: false,
      kind,
      why: `${call.plugin}.${call.method}: ${why}`,
      afterMs: this.#calling.now() - began,
    });
    const loaded = await this.#plugin(call.queue, call.plugin);
    if ("why" in loaded) return { ok: false, kind: "threw", why: loaded.why, afterMs: 0 };
    const name = contract.names.find((each) => typeof Reflect.get(loaded.plugin, each) === "function");
    if (name === undefined) return trouble("missing", "the plug-in does not offer it");
    if (call.notAfterAt !== undefined && this.#calling.now() > call.notAfterAt) {
      // Not "refused": that says what a plug-in answered, and a zipper's refused answer is a failure (1.8).
      return trouble("threw", "it waited for its turn until it was too late to begin; it was not called");
    }
    const specs = specsOf(call.args, began);
    const seconds = this.#deadline(call, contract);
    let raw: unknown;
    try {
      const scope = new Scope(call, this.#stopping.signal);
      raw = invoke(loaded.plugin, name, [...specs.args, scope]);
      // Most answers are there at once, and then nothing has to be timed.
      if (isPromise(raw)) raw = await within(seconds, raw, scope);
    } catch (error) {
      if (error instanceof PassedDeadline) return trouble("timedOut", `no answer within ${seconds} s`);
      return trouble("threw", error instanceof Error ? error.message : String(error));
    }
    const parsed = contract.answer.safeParse(raw);
    if (!parsed.success)
      return trouble("refused", `its answer ${shown(raw)} is none: ${z.prettifyError(parsed.error)}`);
    return { ok: true, value: parsed.data, ...specs.changes() };
  }

  #deadline(call: Call, contract: MethodContract): number {
    const own = call.queue === null ? undefined : this.#calling.queue(call.queue).windrow.deadlines[call.method];
    return own ?? contract.deadlineSeconds;
  }

  #plugin(queue: string | null, plugin: PluginKind): Promise<Loaded> {
    const key = `${queue ?? ""}/${plugin}`;
    let loaded = this.#loaded.get(key);
    if (!loaded) {
      loaded = this.#load(queue, plugin);
      this.#loaded.set(key, loaded);
    }
    return loaded;
  }

  async #load(queue: string | null, plugin: PluginKind): Promise<Loaded> {
    const { configDir } = this.#calling;
    try {
      if (queue === null) {
        const injected = { queueName: "(instance)", siteName: "(instance)", configDir };
        return { plugin: await loadPlugin(plugin, this.#calling.communicator(), injected) };
      }
      const config = this.#calling.queue(queue);
      const definition = Reflect.get(config.plugins, plugin) as PluginDefinition | undefined;
      if (!definition) return { why: `queue ${queue} has no section ${plugin}; add one to its configuration` };
      const options = plugin === "messenger" ? { ...this.#payload(), ...definition } : definition;
      return { plugin: await loadPlugin(plugin, options, { queueName: queue, siteName: config.siteName, configDir }) };
    } catch (error) {
      return { why: error instanceof Error ? error.message : String(error) };
    }
  }

  #payload(): { payloadInteraction: InstanceConfig["payload_interaction"] } {
    return { payloadInteraction: this.#calling.instance().payload_interaction };
  }

  #gateOf(queue: string | null): Gate {
    const key = queue ?? "";
    let gate = this.#gates.get(key);
    if (!gate) {
      gate = new Gate(queue === null ? instanceConcurrency : this.#calling.queue(queue).windrow.concurrency);
      this.#gates.set(key, gate);
    }
    return gate;
  }
}

class PassedDeadline extends Error {}

/** What a plug-in is told of a call. Its signal is made when somebody asks for it. */
class Scope implements CallContext {
  readonly key: string;
  readonly notAfterAt: number;
  readonly stopping: AbortSignal;
  #deadline: AbortController | undefined;

  constructor(call: Call, stopping: AbortSignal) {
    this.key = call.key;
    this.notAfterAt = call.notAfterAt ?? Number.POSITIVE_INFINITY;
    this.stopping = stopping;
    if ("jobs" in call.args) Object.assign(this, call.args.extra);
  }

  get signal(): AbortSignal {
    this.#deadline ??= new AbortController();
    return AbortSignal.any([this.#deadline.signal, this.stopping]);
  }

  pass(): void {
    this.#deadline ??= new AbortController();
    this.#deadline.abort();
  }
}

const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";

/** The answer, unless the deadline passes or the daemon stops hard before it. */
async function within(seconds: number, answer: PromiseLike<unknown>, scope: Scope): Promise<unknown> {
  const ended = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    scope.pass();
    ended.reject(new PassedDeadline());
  }, seconds * 1000);
  const stop = () => ended.reject(scope.stopping.reason);
  scope.stopping.addEventListener("abort", stop, { once: true });
  try {
    return await Promise.race([answer, ended.promise]);
  } finally {
    clearTimeout(timer);
    scope.stopping.removeEventListener("abort", stop);
  }
}

/** Lets at most `size` in at once; the others wait in the order they came. Bounded by the runs in flight. */
class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(size: number) {
    this.#free = size;
  }

  async enter(): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free += 1;
  }
}

function invoke(plugin: object, name: string, args: readonly unknown[]): unknown {
  const method: unknown = Reflect.get(plugin, name);
  if (typeof method !== "function") throw new Error(`${name} is no method`);
  return Reflect.apply(method, plugin, args);
}

const contractNames = [...new Set(Object.values(methods).flatMap(({ names }: MethodContract) => names))];

/** What the core may know of a plug-in without calling it: its methods and its plain attributes. */
function traitsOf(plugin: object): Traits {
  const attributes = Object.fromEntries(
    traitNames.flatMap((name) => {
      const value: unknown = Reflect.get(plugin, name);
      return value === undefined ? [] : [[name, value]];
    }),
  );
  const offered = contractNames.filter((name) => typeof Reflect.get(plugin, name) === "function");
  const repeatable: unknown = Reflect.get(plugin, "repeatable");
  return { ...attributes, methods: offered, repeatable: Array.isArray(repeatable) ? repeatable.map(String) : [] };
}

/** Attributes of plug-ins that the core reads (plugins.md 18). */
const traitNames = [
  "nJobsPerWorker",
  "nWorkersPerJob",
  "maxWorkersPerJobInTotal",
  "maxWorkersPerJobPerCycle",
  "dynamicSizing",
  "staticWorkers",
  "skipOnFail",
  "checkTimeout",
  "forcePostProcessing",
] as const;

const shown = (raw: unknown): string => {
  const text = raw === undefined ? "undefined" : JSON.stringify(raw);
  return (text ?? typeof raw).slice(0, 200);
};

interface Specs {
  readonly args: readonly unknown[];
  changes(): { files: Record<number, readonly KeyedPatch[]>; workers: Record<number, WorkerChanges> };
}

/** The specs that a method is called with, and what it changed on them. */
function specsOf(args: Arguments, now: number): Specs {
  const jobs: { spec: JobSpec; argument: JobArgument }[] = [];
  const workers: WorkSpec[] = [];
  const job = (argument: JobArgument): JobSpec => {
    const spec = new JobSpec(
      argument.data,
      { in: argument.in, out: argument.out },
      now,
      (argument.workers ?? []).map((data) => new WorkSpec(data)),
    );
    jobs.push({ spec, argument });
    return spec;
  };
  const worker = ({ data, jobs: its = [] }: WorkerArgument): WorkSpec => {
    const spec = new WorkSpec(data, its.map(job));
    workers.push(spec);
    return spec;
  };
  return {
    args: argumentsOf(args, job, worker),
    changes: () => ({
      files: Object.fromEntries(jobs.map(({ spec, argument }) => [spec.PandaID, patchesOf(spec, argument)])),
      workers: Object.fromEntries(
        workers.flatMap((spec) => {
          const changes = spec.changes();
          return changes ? [[spec.workerID, changes]] : [];
        }),
      ),
    }),
  };
}

function argumentsOf(
  args: Arguments,
  job: (argument: JobArgument) => JobSpec,
  worker: (argument: WorkerArgument) => WorkSpec,
): readonly unknown[] {
  if ("job" in args) return [job(args.job)];
  if ("jobs" in args) return [args.jobs.map(job)];
  if ("workers" in args) return [args.workers.map(worker)];
  if ("worker" in args) {
    const spec = worker(args.worker);
    return [spec, ...(args.withJobs ? [spec.jobspecList] : []), ...(args.plain ?? [])];
  }
  return args.plain;
}

function patchesOf(spec: JobSpec, argument: JobArgument): readonly KeyedPatch[] {
  const read = (files: JobSpec["inFiles"], given: readonly FileArgument[]): KeyedPatch[] =>
    files.flatMap((file, i) => {
      const set = file.changes()?.set;
      const { key, members = [] } = given[i] ?? {};
      return [...(set && key !== undefined ? [{ key, set }] : []), ...read(file.associatedFiles, members)];
    });
  return [...read(spec.inFiles, argument.in), ...read(spec.outFiles, argument.out)];
}
