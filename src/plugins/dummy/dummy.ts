/**
 * Dummy plug-ins of every kind but the communicator: each says yes at once and moves nothing, so that a queue can be
 * tried, measured or simulated without a site. They must never touch anything outside the worker's directory.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { JobSpec } from "../../specs/jobSpec.ts";
import type { WorkSpec } from "../../specs/workSpec.ts";
import type {
  Answer,
  AuxInput,
  Extractor,
  Found,
  MakeContext,
  Messenger,
  Monitor,
  PluginOptions,
  Preparator,
  ReportRequest,
  Stager,
  Submitter,
  Sweeper,
  WorkerAnswer,
  WorkerDraft,
  WorkerMaker,
  WorkerReport,
  Zipper,
} from "../contract.ts";
import type { CredManager, FileSyncer, Throttler } from "../upkeep.ts";
import { type WorkerMakerSettings, workerMakerSettings } from "../workerMakers/settings.ts";

/** Says that every input is there, at a path that does not exist. */
export class DummyPreparator implements Preparator {
  readonly repeatable = ["triggerPreparation"];

  triggerPreparation(_job: JobSpec): Answer {
    return true;
  }

  checkStageInStatus(_job: JobSpec): Answer {
    return true;
  }

  resolveInputPaths(job: JobSpec): Answer {
    job.setInputFilePaths(Object.fromEntries(job.inFiles.map(({ lfn }) => [lfn, { path: `/dummy/${lfn}` }])));
    return true;
  }
}

/** Says that every output arrived; also zips, as a stager may. */
export class DummyStager implements Stager {
  readonly repeatable = ["triggerStageOut", "zipOutput", "asyncZipOutput", "postZipOutput"];
  readonly #zipper = new DummyZipper();

  triggerStageOut(_job: JobSpec): Answer {
    return true;
  }

  checkStageOutStatus(job: JobSpec): Answer {
    for (const file of job.getOutputFileSpecs({ skipDone: true })) file.status = "finished";
    return true;
  }

  zipOutput(job: JobSpec): Answer {
    return this.#zipper.zipOutput(job);
  }

  asyncZipOutput(job: JobSpec): Answer {
    return this.#zipper.asyncZipOutput(job);
  }

  postZipOutput(job: JobSpec): Answer {
    return this.#zipper.postZipOutput(job);
  }
}

/** Names an archive without making it. */
export class DummyZipper implements Zipper {
  readonly repeatable = ["zipOutput", "asyncZipOutput", "postZipOutput"];

  zipOutput(job: JobSpec): Answer {
    for (const file of job.outFiles) {
      file.path = `/dummy/${file.lfn}`;
      file.fsize = file.associatedFiles.reduce((sum, member) => sum + (member.fsize ?? 0), 0);
      file.chksum = "00000001";
    }
    return true;
  }

  asyncZipOutput(_job: JobSpec): Answer {
    return true;
  }

  postZipOutput(job: JobSpec): Answer {
    return this.zipOutput(job);
  }
}

/**
 * The keys submitted by this process. Dummy workers live nowhere else, so after a restart "never created" is the truth.
 * The oldest keys are forgotten at the limit; a key is only asked for shortly after its submission.
 */
const submitted = new Set<string>();
const submittedLimit = 100_000;

/** Accepts every worker; its batch id is derived from the key, so a repetition gives the same. */
export class DummySubmitter implements Submitter {
  submitWorkers(workers: readonly WorkSpec[]): readonly Answer[] {
    return workers.map((worker) => {
      submitted.add(worker.key);
      if (submitted.size > submittedLimit) for (const oldest of submitted.values().take(1)) submitted.delete(oldest);
      worker.batchID = dummyBatchID(worker.key);
      return true;
    });
  }

  find(workers: readonly WorkSpec[]): readonly Found[] {
    return workers.map(({ key }) =>
      submitted.has(key) ? { found: true, batchID: dummyBatchID(key) } : { found: false },
    );
  }
}

function dummyBatchID(key: string): string {
  return `dummy-${createHash("sha256").update(key).digest("hex").slice(0, 16)}`;
}

/**
 * Reads a status word from `status.txt` in the worker's directory; a worker without one has finished (plugins.md 20).
 */
export class DummyMonitor implements Monitor {
  async checkWorkers(workers: readonly WorkSpec[]): Promise<readonly [boolean, readonly WorkerAnswer[]]> {
    return [true, await Promise.all(workers.map(readStatus))];
  }
}

async function readStatus(worker: WorkSpec): Promise<WorkerAnswer> {
  try {
    const [first = ""] = (await readFile(join(worker.getAccessPoint(), "status.txt"), "utf8")).split("\n");
    return first.trim() === "" ? "finished" : first.trim();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    // Any other trouble is not an end of the worker: nobody knows.
    return code === "ENOENT" || code === "ENOTDIR" ? "finished" : [null, String(error)];
  }
}

/** Kills and sweeps nothing, successfully. */
export class DummySweeper implements Sweeper {
  killWorkers(workers: readonly WorkSpec[]): readonly Answer[] {
    return workers.map(() => true);
  }

  sweepWorker(_worker: WorkSpec): Answer {
    return true;
  }
}

export interface DummyWorkerMaker extends WorkerMakerSettings {}

/** A worker of one core whatever the jobs want. */
export class DummyWorkerMaker implements WorkerMaker {
  constructor(options: PluginOptions) {
    Object.assign(this, workerMakerSettings(options));
  }

  makeWorker(_jobs: readonly JobSpec[], _call: MakeContext): WorkerDraft {
    return { nCore: 1 };
  }
}

/** Delivers nothing and hears nothing; a payload that is asked for a heartbeat is alive. */
export class DummyMessenger implements Messenger {
  setupAccessPoints(_workers: readonly WorkSpec[]): Answer {
    return true;
  }

  feedJobs(_worker: WorkSpec, _jobs: readonly JobSpec[]): Answer {
    return true;
  }

  read(_worker: WorkSpec, request: ReportRequest): WorkerReport {
    return request.heartbeatMinutes === null ? {} : { alive: true };
  }

  acknowledgeEventsFiles(_worker: WorkSpec): Answer {
    return true;
  }

  feedEvents(_worker: WorkSpec): Answer {
    return true;
  }

  postProcessing(_worker: WorkSpec, _jobs: readonly JobSpec[]): Answer {
    return true;
  }

  cleanUp(_worker: WorkSpec): Answer {
    return true;
  }
}

/** Never throttles, or always with option `throttle: true`. */
export class DummyThrottler implements Throttler {
  readonly #throttle: boolean;

  constructor(options: PluginOptions) {
    this.#throttle = options["throttle"] === true;
  }

  toBeThrottled(): readonly [boolean, string] {
    return this.#throttle ? [true, "the dummy throttler is told to throttle"] : [false, ""];
  }
}

/** Finds no auxiliary input. */
export class DummyExtractor implements Extractor {
  getAuxInputs(_job: JobSpec): Readonly<Record<string, AuxInput>> {
    return {};
  }
}

/** A credential that is always valid. */
export class DummyCredManager implements CredManager {
  checkCredential(): boolean {
    return true;
  }

  renewCredential(): Answer {
    return true;
  }

  checkCredentialLifetime(): null {
    return null;
  }
}

/** Files that are always fresh. */
export class DummyFileSyncer implements FileSyncer {
  check(): boolean {
    return false;
  }

  update(): Answer {
    return true;
  }
}
