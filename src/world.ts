/**
 * The World: everything that the log says, as one value in memory, with the counts that agents would otherwise have to
 * scan for. Only `projection.ts` changes it; agents and scheduler read it. It knows no clock but `at`.
 */
import type { CallContext } from "../machines/call.ts";
import type { FileGroupContext } from "../machines/fileGroup.ts";
import type { JobContext } from "../machines/jobContext.ts";
import { type Look, untried } from "../machines/look.ts";
import type { QueueContext } from "../machines/queue.ts";
import type { MachineState } from "../machines/step.ts";
import type { WorkerContext } from "../machines/workerContext.ts";
import type { InstanceConfig, QueueConfig } from "./config/schema.ts";
import { isAfter, type Point } from "./steps.ts";

/** One living thing: its state and what is known of it. */
export interface Entity<C> {
  state: MachineState;
  readonly ctx: C;
  /** Steps it has made. */
  steps: number;
  /** What the counts hold of it, so that they can be corrected by the difference. */
  tally: Counted | null;
  /** The life that a job is counted in. */
  life: string | null;
}

/** A share in some numbers. */
export interface Counted {
  /** null: it is counted elsewhere. */
  readonly of: Tally | null;
  readonly as: string;
  readonly cores: number;
  readonly memory: number;
}
export type Job = Entity<JobContext>;
export type Worker = Entity<WorkerContext>;
export type FileGroup = Entity<FileGroupContext>;
export type Queue = Entity<QueueContext>;
export type Call = Entity<CallContext>;

/** Kinds of entity, by the first word of their events. */
export type Kind = "job" | "worker" | "fileGroup" | "queue" | "call";

/** An event that a machine does not know in the state it was in: a bug, never ignored. */
export interface Anomaly {
  readonly position: string;
  readonly entity: string;
  readonly state: string;
  readonly type: string;
}

/** Numbers of one class of jobs or workers. */
export interface Tally {
  n: number;
  cores: number;
  memory: number;
}

/** Workers of a queue that could not be submitted, at one instant (epoch ms) and on one computing element. */
export interface MissedBatch {
  readonly computingElement: string | null;
  readonly submitAt: number;
  readonly n: number;
}

/** A message for people at the WMS that waits. */
export interface Dialog {
  /** Counts messages of the shard. */
  readonly n: number;
  /** Epoch ms. */
  readonly at: number;
  /** Section of the queue's configuration, or communicator. */
  readonly plugin: string;
  readonly queue: string;
  readonly level: "WARNING" | "ERROR";
  /** What it was about. */
  readonly identifier: string;
  readonly message: string;
  /** How often it was said since. */
  readonly times: number;
}

/** Messages of one shard. */
export interface DialogBox {
  readonly count: number;
  readonly waiting: readonly Dialog[];
  /** How many made room for others and were never told. */
  readonly dropped: number;
  readonly look: Look;
}

/** A command of the WMS that waits for its receiver. */
export interface PendingCommand {
  readonly command_id: number;
  readonly command: string;
  readonly receiver: string;
  readonly params: unknown;
  readonly ack: boolean;
  done: boolean;
  /** Shards that have to obey it where they are led by several instances; null: that is not so. */
  readonly shards: readonly number[] | null;
  readonly obeyed: readonly number[];
}

/** What concerns the instance as a whole: the control shard's part of the World. */
export interface Instance {
  harvesterID: string;
  config: InstanceConfig | null;
  registered: boolean;
  beat: Look;
  commandsLook: Look;
  /** `queues`: how many there were when the list was cut to them. */
  lists: Map<string, { readonly at: number; readonly data: unknown; readonly queues?: number }>;
  listLooks: Map<string, Look>;
  commands: Map<number, PendingCommand>;
  /** Ids whose acknowledgement the WMS has not taken yet. */
  toAcknowledge: Set<number>;
  acknowledgeLook: Look;
}

/** Everything the log says. */
export class World {
  /** Instant of the newest record (epoch ms). */
  at = 0;
  #owns: (shard: number) => boolean = () => true;
  readonly jobs = new Map<number, Job>();
  readonly workers = new Map<number, Worker>();
  readonly fileGroups = new Map<string, FileGroup>();
  readonly queues = new Map<string, Queue>();
  readonly calls = new Map<string, Call>();
  readonly instance: Instance = {
    harvesterID: "",
    config: null,
    registered: false,
    beat: untried(),
    commandsLook: untried(),
    lists: new Map(),
    listLooks: new Map(),
    commands: new Map(),
    toAcknowledge: new Set(),
    acknowledgeLook: untried(),
  };
  /** Shard of each queue, for good. */
  readonly placements = new Map<string, number>();
  /** Highest workerID that each shard has given away. */
  readonly workerIDs = new Map<number, number>();
  /** Jobs with creating calls that have no outcome yet, and how many. */
  readonly unsettledJobs = new Map<number, number>();
  /** `queue|class` -> numbers; class is starting or running for jobs. */
  readonly jobTallies = new Map<string, Tally>();
  /** Jobs by the state of their life. */
  readonly jobLives = new Map<string, number>();
  /** queue -> `status|jobType|resourceType|pilotType` -> numbers. */
  readonly workerTallies = new Map<string, Map<string, Tally>>();
  /** queue -> workers whose payloads ask for jobs (lifecycle 3.8). */
  readonly askingWorkers = new Map<string, Set<number>>();
  /** endpoint and lfn -> PandaID -> status, of the inputs of starting jobs (lifecycle 2.3). */
  readonly sharedInputs = new Map<string, Map<number, string>>();
  /** lfn -> how many jobs that are not done have it as an input: such a file is not deleted (lifecycle 2.5). */
  readonly neededInputs = new Map<string, number>();
  /** queue -> the latest batches of missed workers, in the order in which they were missed. */
  readonly missedWorkers = new Map<string, readonly MissedBatch[]>();
  /** Where each shard has its newest step of which subscribers hear. */
  readonly lastSteps = new Map<number, Point>();
  /** Up to where the public topics have each shard, as it was noted there. */
  readonly published = new Map<number, Point>();
  /** Messages for people at the WMS, by shard. */
  readonly dialogs = new Map<number, DialogBox>();
  readonly anomalies: Anomaly[] = [];
  anomalyCount = 0;

  /** Whether this instance leads the shard: only then may it act in it. All shards are in the World all the same. */
  owns(shard: number): boolean {
    return this.#owns(shard);
  }

  /** Says who knows which shards are led; every shard, where nobody says anything. */
  ownedBy(owns: (shard: number) => boolean): void {
    this.#owns = owns;
  }

  /** Whether the shard has steps of which nobody has noted that the public topics have them. */
  isUnpublished(shard: number): boolean {
    const last = this.lastSteps.get(shard);
    return last !== undefined && isAfter(last, this.published.get(shard));
  }

  /** Configuration of a queue that is known. */
  queueConfig(queue: string): QueueConfig {
    const config = this.queues.get(queue)?.ctx.config;
    if (!config) throw new Error(`no configuration of queue ${queue} in the World`);
    return config as unknown as QueueConfig;
  }

  /** Configuration of the instance. */
  get settings(): InstanceConfig {
    if (!this.instance.config) throw new Error("the instance is not configured yet");
    return this.instance.config;
  }

  /** Shard of a queue. */
  shardOf(queue: string): number {
    const shard = this.placements.get(queue);
    if (shard === undefined) throw new Error(`queue ${queue} has no shard`);
    return shard;
  }

  /** Workers of the job that are in the batch system: submitted, running or idle. */
  activeWorkersOf({ workers }: JobContext): Worker[] {
    return workers.flatMap((id) => {
      const worker = this.workers.get(id);
      return worker && activeLives.has(worker.state.life) ? worker : [];
    });
  }

  /** A job's group of this direction. */
  filesOf(PandaID: number, direction: "in" | "aux" | "out"): FileGroup | undefined {
    return this.fileGroups.get(`${PandaID}/${direction}`);
  }
}

const activeLives: ReadonlySet<string> = new Set(["submitted", "running", "idle"]);

const subStatuses: Readonly<Record<string, string>> = {
  resolving: "preparing",
  submitting: "prepared",
  toTransfer: "to_transfer",
  failedToStageOut: "failed_to_stage_out",
  failedToPrepare: "failed_to_prepare",
  failedToMake: "failed_to_make",
  refused: "failed_to_prepare",
};
const startingLives = new Set(["fetched", "preparing", "resolving", "prepared", "submitting", "queued", "submitted"]);

/** Harvester's subStatus of a job (lifecycle 1.1). */
export function subStatusOf(job: Job): string {
  return subStatuses[job.state.life] ?? job.state.life;
}

/** Harvester's status of a job (lifecycle 1.1). */
export function statusOf(job: Job): string {
  if (job.ctx.verdict) return job.ctx.verdict;
  return startingLives.has(job.state.life) ? "starting" : "running";
}

/**
 * The status that the WMS is told (lifecycle 1.2). `told`: events that it took just now and that count as owed still.
 */
export function reportedStatusOf(job: Job, told = 0): string {
  const { life } = job.state;
  const moving = life === "toTransfer" || life === "transferring";
  // The end is told only when the WMS knows every event.
  const owesEvents = job.ctx.verdict !== null && job.ctx.rangesOwed > told && life !== "killed";
  return moving || owesEvents ? "transferring" : statusOf(job);
}

/** Whether the job is still before its payload: its inputs count for sharing, its cores as starting. */
export const isStarting = (job: Job): boolean => job.ctx.verdict === null && startingLives.has(job.state.life);

/** Whether worker monitoring still changes the job (lifecycle 1.1, "only running"). */
export const isWithWorker = (job: Job): boolean =>
  job.state.life === "submitted" || job.state.life === "running" || job.state.life === "idle";

const finalLives = new Set(["finished", "failed", "cancelled", "missed"]);
/** Whether a worker has ended. */
export const isOver = (worker: Worker): boolean => finalLives.has(worker.state.life);

/** Whether its payload asks for jobs that nobody bound to it yet: late binding and refill (lifecycle 3.8). */
export const wantsJobs = ({ state, ctx }: Worker): boolean =>
  ctx.toFeed.length === 0 &&
  ctx.mapType !== "OneToMany" &&
  state.regions["kill"] === "unmarked" &&
  (state.life === "ready" || (state.life === "running" && ctx.nJobsToRefill > 0));

/** Harvester's status of a worker; what is being made or submitted counts as pending (lifecycle 3.1). */
export function workerStatusOf(worker: Worker): string {
  const { life } = worker.state;
  return life === "made" || life === "fed" || life === "submitting" || life === "held" ? "pending" : life;
}
