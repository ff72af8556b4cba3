/**
 * Plug-ins of every kind over a simulated site, loaded by Windrow as any other: each call takes its time, and goes
 * wrong as the site's weather says, before or after its effect. What an earlier life of the engine asked for is never
 * answered.
 */
import type {
  Answer,
  CallContext,
  Found,
  PluginOptions,
  ReportedFile,
  WorkerAnswer,
  WorkerDraft,
  WorkerReport,
} from "../../src/plugins/contract.ts";
import type { JobSpec } from "../../src/specs/jobSpec.ts";
import type { WorkSpec } from "../../src/specs/workSpec.ts";
import type { Site } from "./site.ts";
import { siteNamed } from "./sites.ts";

/** How the calls of one plug-in go at its site. */
class Conduct {
  readonly site: Site;
  readonly #boot: number;

  constructor(options: PluginOptions) {
    this.site = siteNamed(String(options["site"]));
    this.#boot = this.site.boot;
  }

  /** Waits as long as something outside would take; never ends where the engine crashed meanwhile, or at random. */
  async pass(): Promise<void> {
    const { weather, chance, stormy } = this.site;
    if (weather.slowest > 0 && chance.hits(0.7)) {
      const slowest = stormy ? weather.slowest : 1;
      await new Promise((resolve) => setTimeout(resolve, chance.int(1, slowest * 1000)));
    }
    if (this.#boot !== this.site.boot || this.site.strikes("silence")) await new Promise(() => undefined);
  }

  /** The effect happens; before or after it something may go wrong. */
  async does<T>(effect: () => T): Promise<T> {
    await this.pass();
    if (this.site.strikes("throws")) throw new Error("simulated: before the effect");
    const result = effect();
    await this.pass();
    if (this.site.strikes("throws")) throw new Error("simulated: after the effect");
    if (this.site.strikes("nonsense")) return "nonsense" as T;
    return result;
  }

  /** A verdict: yes, unless the weather is against it. */
  async verdict(effect: () => void = () => undefined): Promise<Answer> {
    if (this.site.strikes("later")) return this.does((): Answer => [null, "simulated: later"]);
    if (this.site.strikes("fatal")) return this.does((): Answer => [false, "simulated: never"]);
    return this.does((): Answer => {
      effect();
      return true;
    });
  }
}

export class SimulatedPreparator {
  readonly #conduct: Conduct;

  constructor(options: PluginOptions) {
    this.#conduct = new Conduct(options);
  }

  readonly repeatable = ["triggerPreparation"];

  triggerPreparation(_job: JobSpec): Promise<Answer> {
    return this.#conduct.verdict();
  }

  checkStageInStatus(_job: JobSpec): Promise<Answer> {
    return this.#conduct.verdict();
  }

  resolveInputPaths(job: JobSpec): Promise<Answer> {
    return this.#conduct.verdict(() =>
      job.setInputFilePaths(Object.fromEntries(job.inFiles.map(({ lfn }) => [lfn, { path: `/in/${lfn}` }]))),
    );
  }
}

export class SimulatedStager {
  readonly #conduct: Conduct;

  constructor(options: PluginOptions) {
    this.#conduct = new Conduct(options);
  }

  readonly repeatable = ["triggerStageOut", "zipOutput"];

  triggerStageOut(_job: JobSpec): Promise<Answer> {
    return this.#conduct.verdict();
  }

  checkStageOutStatus(job: JobSpec): Promise<Answer> {
    return this.#conduct.verdict(() => {
      for (const file of job.getOutputFileSpecs({ skipDone: true })) file.status = "finished";
    });
  }

  zipOutput(_job: JobSpec): Promise<Answer> {
    return this.#conduct.verdict();
  }
}

export class SimulatedSubmitter {
  readonly #conduct: Conduct;

  constructor(options: PluginOptions) {
    this.#conduct = new Conduct(options);
  }

  async submitWorkers(workers: readonly WorkSpec[], { notAfterAt }: CallContext): Promise<readonly Answer[]> {
    const { site } = this.#conduct;
    return this.#conduct.does(() =>
      workers.map((worker): Answer => {
        if (site.strikes("later")) return [null, "simulated: later"];
        if (site.strikes("fatal")) return [false, "simulated: never"];
        if (Date.now() > notAfterAt) return [null, "simulated: too late"];
        site.create(worker.key, worker.computingSite, worker.pandaIDs);
        worker.batchID = `b-${worker.workerID}`;
        return true;
      }),
    );
  }

  async find(workers: readonly WorkSpec[]): Promise<readonly Found[]> {
    return this.#conduct.does(() =>
      workers.map(({ key, workerID }) =>
        this.#conduct.site.strikes("later")
          ? { found: null, dialog: "simulated: nobody knows" }
          : this.#conduct.site.workers.has(key)
            ? { found: true, batchID: `b-${workerID}` }
            : { found: false },
      ),
    );
  }
}

/** The batch system cannot be asked by key. */
export class BlindSubmitter {
  readonly #inner: SimulatedSubmitter;

  constructor(options: PluginOptions) {
    this.#inner = new SimulatedSubmitter(options);
  }

  submitWorkers(workers: readonly WorkSpec[], call: CallContext): Promise<readonly Answer[]> {
    return this.#inner.submitWorkers(workers, call);
  }
}

export class SimulatedMonitor {
  readonly #conduct: Conduct;

  constructor(options: PluginOptions) {
    this.#conduct = new Conduct(options);
  }

  async checkWorkers(workers: readonly WorkSpec[]): Promise<readonly [boolean, readonly WorkerAnswer[] | string]> {
    if (this.#conduct.site.strikes("later"))
      return this.#conduct.does((): [boolean, string] => [false, "simulated: no answer"]);
    return this.#conduct.does((): [boolean, WorkerAnswer[]] => [
      true,
      workers.map(({ key }) =>
        this.#conduct.site.strikes("later") ? [null, "simulated"] : [this.#conduct.site.statusOf(key), ""],
      ),
    ]);
  }
}

export class SimulatedSweeper {
  readonly #conduct: Conduct;

  constructor(options: PluginOptions) {
    this.#conduct = new Conduct(options);
  }

  async killWorkers(workers: readonly WorkSpec[]): Promise<readonly Answer[]> {
    return this.#conduct.does(() =>
      workers.map(({ key }): Answer => {
        if (this.#conduct.site.strikes("fatal")) return [false, "simulated: cannot"];
        this.#conduct.site.kill(key);
        return true;
      }),
    );
  }

  sweepWorker(_worker: WorkSpec): Promise<Answer> {
    return this.#conduct.verdict();
  }
}

export class SimulatedMaker {
  readonly #conduct: Conduct;

  readonly nJobsPerWorker: number;
  readonly nWorkersPerJob: number;
  readonly maxWorkersPerJobInTotal = 3;

  constructor(options: PluginOptions) {
    this.#conduct = new Conduct(options);
    this.nJobsPerWorker = Number(options["nJobsPerWorker"] ?? 1);
    this.nWorkersPerJob = Number(options["nWorkersPerJob"] ?? 1);
  }

  async makeWorker(jobs: readonly JobSpec[]): Promise<WorkerDraft | null> {
    if (this.#conduct.site.strikes("fatal")) return this.#conduct.does(() => null);
    return this.#conduct.does(() => ({ nCore: Math.max(jobs.length, 1) }));
  }
}

export class SimulatedMessenger {
  readonly #conduct: Conduct;

  constructor(options: PluginOptions) {
    this.#conduct = new Conduct(options);
  }

  setupAccessPoints(_workers: readonly WorkSpec[]): Promise<Answer> {
    return this.#conduct.verdict();
  }

  feedJobs(_worker: WorkSpec): Promise<Answer> {
    return this.#conduct.verdict();
  }

  async read(worker: WorkSpec): Promise<WorkerReport> {
    const status = this.#conduct.site.statusOf(worker.key);
    const known = this.#conduct.site.workers.get(worker.key);
    return this.#conduct.does(() => {
      if (!known || status === "submitted") return {};
      const attributes = Object.fromEntries(known.PandaIDs.map((id) => [id, { nEvents: 1 }]));
      if (status !== "finished" || known.acknowledged) return { attributes };
      const files = Object.fromEntries(known.PandaIDs.map((id) => [id, outputsOf(id)]));
      return { attributes, files, ...(this.#conduct.site.strikes("later") ? { killRequested: true } : {}) };
    });
  }

  async acknowledgeEventsFiles(worker: WorkSpec): Promise<Answer> {
    return this.#conduct.does((): Answer => {
      const known = this.#conduct.site.workers.get(worker.key);
      if (known && this.#conduct.site.statusOf(worker.key) === "finished") known.acknowledged = true;
      return true;
    });
  }

  postProcessing(_worker: WorkSpec): Promise<Answer> {
    return this.#conduct.verdict();
  }

  cleanUp(_worker: WorkSpec): Promise<Answer> {
    return this.#conduct.verdict();
  }
}

const outputsOf = (PandaID: number): readonly ReportedFile[] =>
  ["out", "log"].map((suffix) => ({
    lfn: `${PandaID}.${suffix}`,
    path: `/out/${PandaID}.${suffix}`,
    fsize: 1,
    type: suffix === "log" ? "log" : "output",
    guid: "g",
    chksum: "00000001",
  }));
