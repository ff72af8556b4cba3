/**
 * The only place that invokes a plug-in. A call gets specs made of plain data, a deadline from outside, a place among
 * the calls its queue may make at once, and a check of its answer against the contract; whatever the plug-in does, the
 * result is a reply, never an exception. What it changed on its specs is read off and goes into the event. It must
 * never decide what a reply means, never touch the World, and never let a secret into a reply.
 */
import { setMaxListeners } from "node:events";
import { z } from "zod";
import type { Call, Reply, Traits } from "./agents/agent.ts";
import { checkedAnswer, checkedChanges, cut } from "./calls/checked.ts";
import { withPiece } from "./calls/filePiece.ts";
import { Gate } from "./calls/gate.ts";
import { Concealer, missingSecrets, putBack, takenOut, withoutQuotedSecrets } from "./calls/secrets.ts";
import { specsOf } from "./calls/specs.ts";
import type { InstanceConfig, QueueConfig } from "./config/schema.ts";
import { type CallContext, type MethodContract, methods, type PluginKind } from "./plugins/contract.ts";
import { loadPlugin, type PluginDefinition } from "./plugins/load.ts";
import { Vault } from "./vault.ts";

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
  /** Where lists come from that the WMS does not have; without it nobody can read them. */
  readonly listSource?: () => PluginDefinition;
  /** Directory that relative module paths begin at. */
  readonly configDir: string;
  /** Keeps the secrets of jobs; without it they are lost with the process. */
  readonly vault?: Vault;
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
  readonly #vault: Vault;
  readonly #concealer: Concealer;

  constructor(calling: Calling) {
    this.#calling = calling;
    this.#vault = calling.vault ?? new Vault(null);
    this.#concealer = new Concealer(this.#vault);
    // As many as calls run at once.
    setMaxListeners(0, this.#stopping.signal);
  }

  async invoke(call: Call): Promise<Reply> {
    const gate = this.#gateOf(call.queue);
    await gate.enter();
    const began = this.#calling.now();
    try {
      const { args } = call;
      const answer =
        "file" in args
          ? withPiece(args, (plain) => this.#answer({ ...call, args: { plain } }, began))
          : this.#answer(call, began);
      const reply = this.#concealer.hide(await answer);
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

  /** Forgets the plug-ins of a queue ("": one of the instance), because their configuration is another one now. */
  forget(queue: string, plugin = ""): void {
    for (const key of this.#loaded.keys()) if (key.startsWith(`${queue}/${plugin}`)) this.#loaded.delete(key);
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
      why: cut(`${call.plugin}.${call.method}: ${why}`),
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
    if (this.#stopping.signal.aborted) return trouble("threw", "the daemon stops; it was not called");
    const missing = missingSecrets(call.method, call.args, this.#vault);
    if (missing !== undefined) return trouble("threw", missing);
    const specs = specsOf(call.args, began, (data) => putBack(data, this.#vault));
    const seconds = this.#deadline(call, contract);
    let raw: unknown;
    try {
      const scope = new Scope(call, this.#stopping.signal);
      raw = invoke(loaded.plugin, name, [...specs.args, scope]);
      // Most answers are there at once, and then nothing has to be timed.
      if (isPromise(raw)) raw = await within(seconds, raw, scope);
    } catch (error) {
      if (error instanceof PassedDeadline) return trouble("timedOut", `no answer within ${seconds} s`);
      return trouble("threw", this.#quotable(call, messageOf(error)));
    }
    let answer: Pick<Extract<Reply, { ok: true }>, "value" | "files" | "workers">;
    try {
      const parsed = contract.answer.safeParse(raw);
      if (!parsed.success) {
        // Before it is cut, for half a secret is one.
        const shown = this.#quotable(call, textOf(raw)).slice(0, 200);
        return trouble("refused", `its answer ${shown} is none: ${z.prettifyError(parsed.error)}`);
      }
      answer = { value: checkedAnswer(parsed.data, call.method), ...checkedChanges(specs.changes()) };
    } catch (error) {
      return trouble("refused", this.#quotable(call, messageOf(error)));
    }
    try {
      const { value } = answer;
      return { ok: true, ...answer, value: call.method === "getJobs" ? await this.#withoutSecrets(value) : value };
    } catch (error) {
      return trouble("threw", `the secrets of its jobs cannot be kept: ${messageOf(error)}`);
    }
  }

  /** Puts the secrets of jobs away before anybody sees the jobs: the WMS hands them out once. */
  async #withoutSecrets(jobs: unknown): Promise<unknown> {
    const { answer, secrets } = takenOut(jobs);
    await this.#vault.put(secrets);
    return answer;
  }

  #quotable(call: Call, text: string): string {
    return this.#concealer.hide(call.method === "getJobs" ? withoutQuotedSecrets(text) : text);
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
        const { communicator, listSource } = this.#calling;
        const definition = plugin === "listSource" ? listSource?.() : communicator();
        if (!definition) return { why: "no source of lists is configured" };
        this.#concealer.learn(definition);
        return { plugin: await loadPlugin(plugin, definition, injected) };
      }
      const config = this.#calling.queue(queue);
      const definition = Reflect.get(config.plugins, plugin) as PluginDefinition | undefined;
      if (!definition) return { why: `queue ${queue} has no section ${plugin}; add one to its configuration` };
      this.#concealer.learn(definition);
      const options = plugin === "messenger" ? { ...this.#payload(), ...definition } : definition;
      return { plugin: await loadPlugin(plugin, options, { queueName: queue, siteName: config.siteName, configDir }) };
    } catch (error) {
      return { why: this.#concealer.hide(messageOf(error)) };
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

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

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

const textOf = (raw: unknown): string => (raw === undefined ? "undefined" : (JSON.stringify(raw) ?? typeof raw));
