/**
 * A whole Windrow on a log in memory, with a clock that the test moves, a batch system that counts what was created by
 * key, and a process that can die between an effect outside and its record: what the log does not hold is gone then.
 */
import { expect } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import type { Answered, Call, Reply, Traits } from "../../src/agents/agent.ts";
import type { AgentName } from "../../src/agents/roster.ts";
import type { Plugins } from "../../src/calls.ts";
import { instanceSchema } from "../../src/config/sections.ts";
import { LogFault } from "../../src/log/faults.ts";
import { memoryStore, openMemoryLog } from "../../src/log/memory.ts";
import { decode } from "../../src/log/record.ts";
import { type MethodName, methods, type WorkerReport } from "../../src/plugins/contract.ts";
import { type Engine, openEngine } from "../../src/windrow.ts";
import { answered, queueConfig, start } from "../agents/drive.ts";

const shards = 4;

const inputFields = ["inFiles", "GUID", "fsize", "checksum", "scopeIn", "ddmEndPointIn", "realDatasetsIn"];

/** A job as the server hands it out: no inputs, one output and a log. */
export const dictionary = (PandaID: number, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  PandaID,
  taskID: 1,
  attemptNr: 1,
  jobsetID: 7,
  currentPriority: 100,
  coreCount: 1,
  resource_type: "SCORE",
  prodSourceLabel: "managed",
  ...Object.fromEntries(inputFields.map((field) => [field, ""])),
  outFiles: `${PandaID}.out,${PandaID}.log`,
  scopeOut: "so",
  realDatasets: "do,do",
  ddmEndPointOut: "EPO,EPO",
  logFile: `${PandaID}.log`,
  logGUID: `g-log-${PandaID}`,
  scopeLog: "sl",
  ...more,
});

type Answer = (call: Call) => Reply | Promise<Reply>;
const yes = { ok: true, dialog: "" };
const workersOf = ({ args }: Call) => ("workers" in args ? args.workers : "worker" in args ? [args.worker] : []);
const listOf = ({ args }: Call): readonly unknown[] => {
  const [list] = "plain" in args ? args.plain : [];
  return Array.isArray(list) ? list : [];
};

export interface SiteOptions {
  readonly queue?: Record<string, unknown>;
  readonly cfg?: Record<string, unknown>;
  /** Dictionaries that the server hands out, once each. */
  readonly jobs?: readonly unknown[];
  /** Methods that the plug-ins do not offer. */
  readonly without?: readonly MethodName[];
  readonly traits?: Partial<Traits>;
}

export class Site implements Plugins {
  now = start;
  engine!: Engine;
  readonly calls: Call[] = [];
  /** What the batch system created, by key: how often, and the status that it tells. */
  readonly batch = new Map<string, { times: number; status: string | null }>();
  /** What payloads report, by workerID; missing: nothing. */
  readonly reports = new Map<number, WorkerReport>();
  /** Answers in the place of the ordinary ones. */
  readonly answers = new Map<MethodName, Answer>();
  readonly #options: SiteOptions;
  readonly #store = memoryStore(shards);
  readonly #jobs: unknown[];
  /** From now on the log cannot be written: nobody knows what became of an append. */
  broken = false;
  #boots = 0;
  #deadly: { readonly method: MethodName; readonly reached: () => void } | undefined;

  private constructor(options: SiteOptions) {
    this.#options = options;
    this.#jobs = [...(options.jobs ?? [])];
  }

  static async open(options: SiteOptions = {}): Promise<Site> {
    const site = new Site(options);
    await site.restart();
    return site;
  }

  /** Another process on the same log. */
  async restart(): Promise<void> {
    const { queue, cfg } = this.#options;
    if (this.#boots > 0) this.engine.journal.detach();
    this.#boots += 1;
    this.broken = false;
    const log = openMemoryLog(this.#store);
    const append: typeof log.append = (shard, record) =>
      this.broken ? Promise.reject(new LogFault("disk", "no space left")) : log.append(shard, record);
    this.engine = await openEngine({
      log: { ...log, append },
      plugins: this,
      now: () => this.now,
      owner: `boot ${this.#boots}`,
      config: {
        instance: instanceSchema.parse({ master: { harvester_id: "H" }, windrow: { shards }, ...cfg }),
        queues: [queueConfig("Q", { windrow: { shard: 1 }, ...queue })],
      },
    });
    // Nothing is submitted before it is known which worker ids the WMS has seen.
    const known = this.calls.length;
    await this.engine.cycle("cacher");
    this.calls.splice(known);
  }

  /** One cycle of each agent, in order; the clock stands still. */
  async cycle(...agents: readonly AgentName[]): Promise<void> {
    for (const agent of agents) await this.engine.cycle(agent);
    expect(this.engine.world.anomalies).toEqual([]);
  }

  /** The agent makes this call, its effect takes place, and the process dies before it knows. The next one starts. */
  async dieAfter(agent: AgentName, method: MethodName): Promise<void> {
    await this.hangAfter(agent, method);
    await this.restart();
  }

  /** The agent makes this call, its effect takes place, and the answer never comes. */
  async hangAfter(agent: AgentName, method: MethodName): Promise<void> {
    const reached = new Promise<void>((resolve) => {
      this.#deadly = { method, reached: resolve };
    });
    void this.engine.cycle(agent);
    await reached;
    this.#deadly = undefined;
  }

  /** The process died before the last `n` decisions about the queue were durable. The next one starts. */
  async forget(n: number): Promise<void> {
    const records = this.#store.shards[1];
    records?.splice(records.length - n);
    await this.restart();
  }

  /** Decisions about the queue that are in the log, each as the names of its events. */
  decisions(): string[][] {
    return (this.#store.shards[1] ?? []).flatMap((stored) => {
      const decoded = decode(stored);
      if (!decoded.ok || decoded.record.kind !== "decision") return [];
      return [decoded.record.events.map((event) => (event as WindrowEvent).type)];
    });
  }

  later(seconds: number): void {
    this.now += seconds * 1000;
  }

  async record(...events: readonly WindrowEvent[]): Promise<void> {
    await this.engine.journal.decide({ shard: 1, cause: "test", events });
  }

  /** Calls of a method since the last look at them. */
  made(method: MethodName): readonly Call[] {
    return this.calls.filter((call) => call.method === method);
  }

  life(PandaID: number): string | undefined {
    return this.engine.world.jobs.get(PandaID)?.state.life;
  }

  /** Workers in the World as `life`, in the order of their making. */
  workers(): string[] {
    return [...this.engine.world.workers.values()].map(({ state }) => state.life);
  }

  worker(n = 0) {
    const found = [...this.engine.world.workers.values()][n];
    if (!found) throw new Error(`there is no worker ${n}`);
    return found;
  }

  async invoke(call: Call): Promise<Reply> {
    this.calls.push(call);
    const reply = await (this.answers.get(call.method) ?? ((one: Call) => this.#ordinary(one)))(call);
    if (this.#deadly?.method !== call.method) return reply;
    this.#deadly.reached();
    return new Promise(() => undefined);
  }

  traits(): Traits {
    const { without = [], traits } = this.#options;
    const offered = (Object.keys(methods) as MethodName[]).filter((name) => !without.includes(name));
    return { methods: offered, repeatable: [], ...traits };
  }

  #ordinary(call: Call): Answered {
    const workers = workersOf(call);
    switch (call.method) {
      case "getJobs":
        return answered({ ok: true, data: this.#jobs.splice(0) });
      case "getMaxWorkerId":
        return answered({ ok: true, data: 0 });
      case "makeWorker":
        return answered({ nCore: 1, minRamCount: 1000 });
      case "submitWorkers":
        return answered(workers.map(({ data }) => this.create(data.key)));
      case "find":
        return answered(workers.map(({ data }) => ({ found: this.batch.has(data.key), batchID: `b-${data.key}` })));
      case "checkWorkers":
        return answered({
          ok: true,
          workers: workers.map(({ data }) => ({ status: this.batch.get(data.key)?.status ?? null, diag: "" })),
        });
      case "killWorkers":
        return answered(workers.map(() => yes));
      case "read":
        return answered(this.reports.get(workers[0]?.data.workerID ?? 0) ?? {});
      case "triggerStageOut":
      case "checkStageOutStatus":
        return this.#stored(call);
      case "updateJobs":
      case "checkJobs":
        return answered(listOf(call).map(() => ({ StatusCode: 0, command: null })));
      case "updateWorkers":
        return answered({ ok: true, data: listOf(call).map(() => true) });
      case "getCommands":
        return answered({ ok: true, data: [] });
      case "getEventRanges":
        return answered({ ok: true, data: {} });
      default:
        return answered(call.plugin === "communicator" ? { ok: true, data: null } : yes);
    }
  }

  /** The batch system creates a worker. */
  create(key: string): typeof yes {
    this.batch.set(key, { times: (this.batch.get(key)?.times ?? 0) + 1, status: "submitted" });
    return yes;
  }

  #stored({ args }: Call): Answered {
    const job = "job" in args ? args.job : undefined;
    if (!job) return answered(yes);
    return answered(yes, {
      files: { [job.data.PandaID]: job.out.map(({ key }) => ({ key, set: { status: "finished" } })) },
    });
  }
}
