/**
 * Windrow's World in the words of the corpus (its section 8): rows of jobs, files, workers, events and commands. Only a
 * reader.
 */
import type { FileRow } from "../../machines/fileGroup.ts";
import type { FileGroup, Job, Worker, World } from "../../src/world.ts";
import { statusOf, subStatusOf, workerStatusOf } from "../../src/world.ts";
import { manyWorkerJobs, observed, type Part, type Row, type State } from "./expected.ts";
import type { WorkerNames } from "./recorder.ts";
import type { Scenario } from "./scenario.ts";

/** Reads the World of one scenario, round after round. */
export class StateReader {
  readonly #names: WorkerNames;
  readonly #many: ReadonlySet<string>;
  readonly #commands: CommandRows;

  constructor(scenario: Scenario, names: WorkerNames) {
    this.#names = names;
    this.#many = manyWorkerJobs(scenario);
    this.#commands = new CommandRows(scenario);
  }

  /** `given`: commands that were handed out in this round. */
  read(world: World, given: readonly number[]): State {
    return {
      jobs: this.#rows(
        "jobs",
        [...world.jobs.values()].map((job) => [String(job.ctx.PandaID), this.#job(job)]),
      ),
      files: this.#rows(
        "files",
        [...world.fileGroups.values()].flatMap((group) => this.#files(group)),
      ),
      workers: this.#rows(
        "workers",
        [...world.workers.values()].filter(isSeen).map((worker) => this.#worker(world, worker)),
      ),
      events: this.#rows("events", [...world.jobs.values()].flatMap(eventRows)),
      commands: this.#rows("commands", this.#commands.read(world, given)),
    };
  }

  #rows(part: Part, rows: readonly (readonly [string, Row])[]): Record<string, Row> {
    return Object.fromEntries(rows.map(([key, row]) => [key, observed(part, row, this.#many.has(key))]));
  }

  #job(job: Job): Row {
    const { ctx } = job;
    const { pilotErrorCode, pilotErrorDiag, exeErrorCode, jobStatus } = ctx.attributes;
    return {
      status: statusOf(job),
      subStatus: subStatusOf(job),
      pilotErrorCode,
      pilotErrorDiag: typeof pilotErrorDiag === "string" ? this.#names.inText(pilotErrorDiag) : pilotErrorDiag,
      exeErrorCode,
      jobStatusAttr: jobStatus,
      submissionAttempts: ctx.submissionAttempts,
      nWorkers: ctx.nWorkers,
      nWorkersInTotal: ctx.nWorkersInTotal,
      nCore: ctx.nCore,
      nRemainingEvents: ctx.nRemainingEvents,
      metaData: ctx.metaData,
      outputFilesToReport: ctx.outputReport === null ? null : JSON.parse(ctx.outputReport),
    };
  }

  #files({ ctx }: FileGroup): (readonly [string, Row])[] {
    const { PandaID, files } = ctx;
    if (PandaID === null) return [];
    const taken = new Set<string>();
    return Object.values(files).map((file) => {
      const key = fileKey(PandaID, file, taken);
      const zip = file.zip === undefined ? undefined : files[file.zip]?.lfn;
      return [key, this.#file(file, zip)] as const;
    });
  }

  #file(file: FileRow, zip: string | undefined): Row {
    const { status, fileType, groupID, groupStatus, isZip, path, fsize, eventRangeID, todelete, workerID } = file;
    return {
      status,
      groupID,
      groupStatus,
      isZip,
      zip,
      path,
      // Inputs have a size in Windrow; the original keeps it in the job's dictionary alone.
      fsize: fileType === "input" || fileType === "aux_input" ? undefined : fsize,
      eventRangeID,
      todelete: todelete ? 1 : 0,
      worker: workerID === undefined ? undefined : this.#names.known(workerID),
    };
  }

  #worker(world: World, worker: Worker): readonly [string, Row] {
    const { ctx, state } = worker;
    const { pilotErrorCode, pilotErrorDiag } = ctx.attributes;
    const text = (value: unknown): unknown => (typeof value === "string" ? this.#names.inText(value) : value);
    // The original forgets within the round what a worker without jobs says it runs (1.12); only the WMS is told.
    const pulls = ctx.mapType === "NoJob";
    const linked = pulls ? [] : ctx.pandaIDs.filter((id) => isLinked(world, id, ctx.workerID));
    return [
      this.#names.nameOf(ctx.workerID, ctx.queue, ctx.pandaIDs),
      {
        status: workerStatusOf(worker),
        mapType: ctx.mapType,
        nJobs: pulls ? 0 : ctx.pandaIDs.length,
        jobs: [...linked].sort((a, b) => a - b),
        pilotErrorCode,
        pilotErrorDiag: text(pilotErrorDiag),
        errorCode: ctx.error?.code,
        errorDiag: ctx.error?.diag,
        diag: text(ctx.diag === "" ? null : ctx.diag),
        kill: state.regions["kill"] === "marked",
        nJobsToReFill: ctx.nJobsToRefill,
        nCore: ctx.nCore,
        pilotType: ctx.pilotType,
        jobType: ctx.jobType,
        resourceType: ctx.resourceType,
        nativeStatus: ctx.settings["nativeStatus"],
      },
    ];
  }
}

/** The original has no row of a worker before it was submitted (D2). */
const isSeen = (worker: Worker): boolean => workerStatusOf(worker) !== "pending";

const isLinked = (world: World, PandaID: number, workerID: number): boolean =>
  world.jobs.get(PandaID)?.ctx.workers.includes(workerID) ?? false;

/** A second row of the same type and name is told apart by its event range, further ones by a number. */
function fileKey(PandaID: number, { fileType, lfn, eventRangeID }: FileRow, taken: Set<string>): string {
  const plain = `${PandaID}|${fileType}|${lfn}`;
  const second = `${plain}|${eventRangeID ?? "None"}`;
  let key = taken.has(plain) ? second : plain;
  for (let n = 2; taken.has(key); n += 1) key = `${second}#${n}`;
  taken.add(key);
  return key;
}

/** Events of event service jobs. */
function eventRows({ ctx: { PandaID, ranges } }: Job): (readonly [string, Row])[] {
  return Object.entries(ranges).map(([id, { eventStatus, subStatus, file }]) => [
    `${PandaID}|${id}`,
    { eventStatus, subStatus, file },
  ]);
}

/** Receivers by the beginning of a command. */
const receivers: readonly (readonly [string, string])[] = [
  ["REPORT_WORKER_STATS", "propagator"],
  ["SET_N_WORKERS_JOBTYPE", "submitter"],
  ["KILL_WORKERS", "sweeper"],
  ["SYNC_WORKERS_KILL", "sweeper"],
];

/**
 * Rows of commands. Windrow forgets a command that nobody wants acknowledged as soon as it is done; the original at the
 * next cycle of its command manager, so such a row counts as there until the end of the round.
 */
class CommandRows {
  readonly #texts = new Map<number, string>();

  constructor({ wms }: Scenario) {
    for (const list of Object.values(wms["commands"] ?? {})) {
      for (const { id, command } of Array.isArray(list) ? list : []) this.#texts.set(Number(id), String(command));
    }
  }

  read({ instance }: World, given: readonly number[]): (readonly [string, Row])[] {
    const ids = new Set([...instance.commands.keys(), ...instance.toAcknowledge, ...given]);
    return [...ids].flatMap((id) => {
      const command = this.#texts.get(id) ?? "";
      const receiver = receivers.find(([start]) => command.startsWith(start))?.[1];
      if (!receiver) return [];
      return [[String(id), { command, receiver, processed: instance.commands.has(id) ? 0 : 1 }] as const];
    });
  }
}
