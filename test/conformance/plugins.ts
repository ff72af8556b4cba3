/**
 * The scripted plug-in host: answers every call of Windrow's agents as the scenario says, in the normal forms of the
 * contract, and records it in the original's words. It must never look at what the original is expected to do.
 */
import type { Answered, Call, JobArgument, Reply, Traits, WorkerArgument } from "../../src/agents/agent.ts";
import type { Plugins } from "../../src/calls.ts";
import type { QueueConfig } from "../../src/config/schema.ts";
import { type MethodName, methods, type PluginKind } from "../../src/plugins/contract.ts";
import { fileEffects, fileNames, groupEffects } from "./fileEffects.ts";
import { ScriptedMessenger } from "./messenger.ts";
import { Recorder } from "./recorder.ts";
import type { Scenario } from "./scenario.ts";
import { type Outcome, outcomeOf, Positions } from "./scripts.ts";
import { ScriptedWms } from "./wms.ts";
import { answered, ScriptedWorkers, threw } from "./workers.ts";

/** The original's name of a method. */
export const snake = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The answer of a method that gives a verdict; a text that is none is refused, as `calls.ts` refuses it. */
export function verdictReply({ ret, msg }: Outcome, changes: Partial<Answered> = {}): Reply {
  if (ret === "raise") return threw("scripted");
  if (typeof ret !== "boolean" && ret !== null) {
    return { ok: false, kind: "refused", why: msg, afterMs: 0 };
  }
  return { ...answered({ ok: ret, dialog: msg }), ...changes };
}

export class ScriptedPlugins implements Plugins {
  readonly recorder = new Recorder();
  readonly #positions: Positions;
  readonly #queues: ReadonlyMap<string, QueueConfig>;
  readonly #workers: ScriptedWorkers;
  readonly #messenger: ScriptedMessenger;
  readonly #wms: ScriptedWms;

  constructor(scenario: Scenario, queues: readonly QueueConfig[]) {
    this.#positions = new Positions(scenario.plugins);
    this.#queues = new Map(queues.map((queue) => [queue.queueName, queue]));
    this.#workers = new ScriptedWorkers(this.#positions, this.recorder, this.#queues);
    this.#messenger = new ScriptedMessenger(this.#positions, this.recorder);
    this.#wms = new ScriptedWms(scenario, this.recorder);
  }

  /** Commands that the WMS handed out in this round. */
  givenCommands(): readonly number[] {
    return this.#wms.givenNow();
  }

  async invoke(call: Call): Promise<Reply> {
    const { method, plugin, args } = call;
    if (plugin === "communicator") return this.#wms.answer(method, "plain" in args ? (args.plain ?? []) : []);
    if ("job" in args) return this.#ofJob(call, args.job);
    if ("jobs" in args) return this.#workers.make(call, args.jobs, args.extra);
    if ("workers" in args) return this.#ofWorkers(method, args.workers);
    if ("worker" in args) return this.#ofWorker(method, args.worker, args.plain ?? []);
    return this.#ofQueue(method, call.queue ?? "");
  }

  traits(queue: string, plugin: PluginKind): Traits {
    const config = this.#queues.get(queue);
    const section: object = (config && Reflect.get(config.plugins, plugin)) ?? {};
    const offered = (Object.keys(methods) as MethodName[]).filter((name) => this.#offers(name));
    return { ...section, methods: offered.flatMap((name) => [...methods[name].names]), repeatable: [] };
  }

  /** No scripted plug-in can be asked by key; kill_workers is missing where kill_worker is scripted. */
  #offers(method: MethodName): boolean {
    if (method === "killWorkers") return !this.#positions.has("sweeper.kill_worker");
    return method !== "find";
  }

  /** Preparators, stagers, zippers and the extractor. */
  #ofJob({ method, plugin }: Call, job: JobArgument): Reply {
    const id = job.data.PandaID;
    const name = `${plugin}.${snake(method)}`;
    const element = this.#positions.pick(name, String(id));
    if (method === "getAuxInputs") return this.#auxInputs(element);
    const files = [...job.in, ...job.out];
    const outcome = outcomeOf(element);
    this.recorder.call(name, { id, files: fileNames(files), ret: outcome.ret });
    if (outcome.ret === "raise") return threw("scripted");
    const own = fileEffects(method, outcome, files, this.recorder.now);
    return verdictReply(outcome, { files: { [id]: own }, groups: groupEffects(outcome, files) });
  }

  #auxInputs(element: unknown): Reply {
    if (element === "raise") return threw("scripted");
    const lfns = Array.isArray(element) ? element.map(String) : [];
    return answered(Object.fromEntries(lfns.map((lfn) => [lfn, { scope: "aux", url: `aux://${lfn}` }])));
  }

  #ofWorkers(method: MethodName, workers: readonly WorkerArgument[]): Reply {
    switch (method) {
      case "submitWorkers":
        return this.#workers.submit(workers);
      case "checkWorkers":
        return this.#workers.check(workers);
      case "killWorkers":
        return this.#workers.kill(workers);
      default:
        for (const worker of workers) this.#workers.nameOf(worker);
        return answered({ ok: true, dialog: "" });
    }
  }

  #ofWorker(method: MethodName, worker: WorkerArgument, plain: readonly unknown[]): Reply {
    const name = this.#workers.nameOf(worker);
    if (method === "killWorker" || method === "sweepWorker") return this.#workers.one(snake(method), name);
    return this.#messenger.answer(method, name, worker, plain);
  }

  #ofQueue(method: MethodName, _queue: string): Reply {
    if (method === "numReadyResources") {
      const n = this.#positions.next("workerMaker.num_ready_resources", "-");
      return answered(typeof n === "number" ? n : 1);
    }
    const element = this.#positions.nextCall("throttler.to_be_throttled") ?? false;
    this.recorder.call("throttler.to_be_throttled", { ret: element });
    if (element === "raise") return threw("scripted");
    return answered({ throttle: element === true, dialog: "" });
  }
}
