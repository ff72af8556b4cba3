/**
 * Scripted worker maker, submitter, monitor and sweeper (section 5 of the corpus).
 */
import { z } from "zod";
import type { Answered, Call, JobArgument, Reply, WorkerArgument } from "../../src/agents/agent.ts";
import type { QueueConfig } from "../../src/config/schema.ts";
import type { WorkerChanges } from "../../src/specs/workSpec.ts";
import type { Recorder } from "./recorder.ts";
import { outcomeOf, type Positions } from "./scripts.ts";

export const threw = (why: string): Reply => ({ ok: false, kind: "threw", why, afterMs: 0 });
export const answered = (value: unknown, workers: Answered["workers"] = {}): Answered => ({
  ok: true,
  value,
  files: {},
  workers,
});

const idsOf = (jobs: readonly JobArgument[]): number[] => jobs.map((job) => job.data.PandaID);

const pair = z.tuple([z.number(), z.string()]);
/** One worker's answer to check_workers; plain texts and null are given this form first. */
const checkElement = z.strictObject({
  status: z.string().nullable(),
  diag: z.string().default(""),
  set: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
  error: pair.optional(),
  pilotError: pair.optional(),
});

/** Pilot type of the labels that have one of their own. */
const pilotTypes: Readonly<Record<string, string>> = { rc_test: "RC", rc_test2: "RC", rc_alrb: "ALRB", ptest: "PT" };

export class ScriptedWorkers {
  readonly #positions: Positions;
  readonly #recorder: Recorder;
  readonly #queues: ReadonlyMap<string, QueueConfig>;

  constructor(positions: Positions, recorder: Recorder, queues: ReadonlyMap<string, QueueConfig>) {
    this.#positions = positions;
    this.#recorder = recorder;
    this.#queues = queues;
  }

  nameOf({ data }: WorkerArgument): string {
    return this.#recorder.names.nameOf(data.workerID, data.computingSite, data.pandaIDs);
  }

  make(call: Call, jobs: readonly JobArgument[], extra: Readonly<Record<string, unknown>>): Reply {
    const method = "workerMaker.make_worker";
    const entity = String(jobs[0]?.data.PandaID ?? "-");
    const { ret } = outcomeOf(this.#positions.pick(method, entity));
    const { jobType, resourceType, prodSourceLabel } = extra;
    this.#recorder.call(method, { jobs: idsOf(jobs), jt: jobType, rt: resourceType, ret });
    if (ret === "raise") return threw("scripted");
    if (ret !== true) return answered(null);
    const queue = call.queue ?? "";
    this.#recorder.names.made(queue, idsOf(jobs));
    const options = this.#queues.get(queue)?.plugins.workerMaker ?? {};
    const own = (name: string, otherwise: unknown): unknown =>
      Reflect.has(options, name) ? (Reflect.get(options, name) ?? undefined) : otherwise;
    const cores = jobs.reduce((sum, { data }) => sum + (data.nCore ?? 1), 0);
    const wanted = resourceType === "ANY" ? (jobs[0]?.data.resourceType ?? "ANY") : resourceType;
    return answered({
      nCore: own("nCore", Math.max(cores, 1)),
      minRamCount: 1000,
      jobType,
      resourceType: wanted,
      pilotType: own("pilotType", pilotTypes[String(prodSourceLabel)] ?? "PR"),
    });
  }

  submit(workers: readonly WorkerArgument[]): Reply {
    const names = workers.map((worker) => this.nameOf(worker));
    const method = "submitter.submit_workers";
    const call = this.#positions.nextCall(method);
    const outcomes = names.map((name) => outcomeOf(call === undefined ? this.#positions.next(method, name) : call));
    const raises = outcomes.some(({ ret }) => ret === "raise");
    this.#recorder.call(method, {
      ids: names,
      jobs: workers.map(({ data }) => data.pandaIDs),
      ret: raises ? "raise" : outcomes.map(({ ret }) => ret),
    });
    if (raises) return threw("scripted");
    const changes = workers.flatMap(({ data }, i) => {
      const outcome = outcomes[i];
      const set = { ...(outcome?.ret === true ? { batchID: `b-${names[i]}` } : {}), ...outcome?.set };
      return Object.keys(set).length > 0 ? [[data.workerID, { set }] as const] : [];
    });
    return answered(
      outcomes.map(({ ret, msg }) => ({ ok: ret === null ? null : ret === true, dialog: msg })),
      Object.fromEntries(changes),
    );
  }

  check(workers: readonly WorkerArgument[]): Reply {
    const method = "monitor.check_workers";
    const names = workers.map((worker) => this.nameOf(worker));
    const whole = this.#positions.nextCall(method);
    if (whole !== undefined && whole !== "ok") {
      this.#recorder.call(method, { ids: sorted(names), ret: whole });
      return whole === "raise" ? threw("scripted") : answered({ ok: false, dialog: "fatal" });
    }
    const elements = names.map((name) => {
      const element = this.#positions.next(method, name);
      return element === undefined ? "running" : element;
    });
    const raises = elements.includes("raise");
    const answers = raises
      ? []
      : elements.map((element) => checkElement.parse(isPlain(element) ? { status: element } : element));
    const byName = new Map(names.map((name, i) => [name, answers[i]?.status]));
    const ids = sorted(names);
    this.#recorder.call(method, { ids, ret: raises ? "raise" : ids.map((name) => byName.get(name)) });
    if (raises) return threw("scripted");
    const changes = workers.flatMap(({ data }, i) => {
      const one = changesOf(answers[i]);
      return Object.keys(one).length > 0 ? [[data.workerID, one] as const] : [];
    });
    const statuses = answers.map(({ status, diag }) => ({ status, diag }));
    return answered({ ok: true, workers: statuses }, Object.fromEntries(changes));
  }

  kill(workers: readonly WorkerArgument[]): Reply {
    const method = "sweeper.kill_workers";
    const names = workers.map((worker) => this.nameOf(worker));
    if (this.#positions.has("sweeper.kill_worker")) {
      return { ok: false, kind: "missing", why: "no such attribute", afterMs: 0 };
    }
    const call = this.#positions.nextCall(method);
    const outcomes = new Map(
      names.map((name) => [name, outcomeOf(call === undefined ? this.#positions.next(method, name) : call)]),
    );
    const raises = [...outcomes.values()].some(({ ret }) => ret === "raise");
    const ids = sorted(names);
    this.#recorder.call(method, { ids, ret: raises ? "raise" : ids.map((name) => outcomes.get(name)?.ret) });
    if (raises) return threw("scripted");
    return answered([...outcomes.values()].map(({ ret, msg }) => ({ ok: ret, dialog: msg })));
  }

  /** kill_worker and sweep_worker. */
  one(method: string, name: string): Reply {
    const { ret, msg } = outcomeOf(this.#positions.next(`sweeper.${method}`, name));
    this.#recorder.call(`sweeper.${method}`, { id: name, ret });
    return ret === "raise" ? threw("scripted") : answered({ ok: ret, dialog: msg });
  }
}

const isPlain = (element: unknown): boolean => typeof element === "string" || element === null;

function changesOf(answer: z.output<typeof checkElement> | undefined): WorkerChanges {
  const { set, error, pilotError } = answer ?? {};
  return {
    ...(set ? { set } : {}),
    ...(error ? { supplementalError: { code: error[0], diag: error[1] } } : {}),
    ...(pilotError ? { pilotError: { code: pilotError[0], diag: pilotError[1] } } : {}),
  };
}

/** By number: w2 before w10. */
export const sorted = (names: readonly string[]): string[] =>
  [...names].sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)) || a.localeCompare(b));
