/**
 * The contract of every plug-in kind: what Windrow calls, with what, and which answers it accepts. Everything a plug-in
 * answers is checked by the schemas below in `src/calls.ts`; nothing is ever coerced, so `undefined`, 1 or "yes" is a
 * refused answer that names the plug-in, never a success. Sources: the plug-in API of 2018 (seed) and plugins.md.
 *
 * A method may return its answer or a promise of it. A verdict is `true` (done), `false` (fatal) or `null` (later),
 * alone or as `[verdict, dialog]`. A plug-in keeps no state that matters between calls: instances may be made anew.
 * Harvester's fifo back-ends have no kind here: the log takes their place.
 */
import { z } from "zod";
import type { JobSpec } from "../specs/jobSpec.ts";
import type { WorkSpec } from "../specs/workSpec.ts";
import type { CredManager, FileSyncer, ListSource, Throttler } from "./upkeep.ts";

/** true: done; false: fatal, give up; null: temporary, ask again later. */
export type Verdict = boolean | null;
/** What a verdict method returns. */
export type Answer = Verdict | readonly [Verdict, string?];
export type Maybe<T> = T | Promise<T>;

/** Handed to every method as its last argument. */
export interface CallContext {
  /** Stable key of this call: the same after a crash, so that a plug-in can recognise a repetition. */
  readonly key: string;
  /** Last instant (epoch ms) at which an outside effect may begin; the plug-in checks it as late as it can. */
  readonly notAfterAt: number;
  /** Aborted at the call's deadline and when the daemon stops hard. */
  readonly signal: AbortSignal;
}

/** What a plug-in's constructor is given: its configuration plus what the core injects (plugins.md 1). */
export interface PluginOptions {
  readonly module: string;
  readonly name: string;
  readonly queueName: string;
  readonly siteName: string;
  readonly [option: string]: unknown;
}

/** Stage-in, also for auxiliary inputs (plugins.md 2). The names of 2018 are accepted in `checkStatus`. */
export interface Preparator {
  triggerPreparation(job: JobSpec, call: CallContext): Maybe<Answer>;
  checkStageInStatus?(job: JobSpec, call: CallContext): Maybe<Answer>;
  /** Name of 2018 for `checkStageInStatus`. */
  checkStatus?(job: JobSpec, call: CallContext): Maybe<Answer>;
  /** Only `false` counts as failure: asked again after checkInterval. */
  resolveInputPaths(job: JobSpec, call: CallContext): Maybe<Answer>;
  /** Creating methods that may be called again with the same key after an unknown outcome. */
  readonly repeatable?: readonly string[];
}

/** Stage-out (plugins.md 3); may also zip where the queue has no zipper. */
export interface Stager extends Partial<Zipper> {
  triggerStageOut(job: JobSpec, call: CallContext): Maybe<Answer>;
  checkStageOutStatus?(job: JobSpec, call: CallContext): Maybe<Answer>;
  /** Name of 2018 for `checkStageOutStatus`. */
  checkStatus?(job: JobSpec, call: CallContext): Maybe<Answer>;
  readonly repeatable?: readonly string[];
}

/** Bundles output files (plugins.md 4). Sets path, fsize and chksum of each zip file. */
export interface Zipper {
  zipOutput(job: JobSpec, call: CallContext): Maybe<Answer>;
  asyncZipOutput?(job: JobSpec, call: CallContext): Maybe<Answer>;
  postZipOutput?(job: JobSpec, call: CallContext): Maybe<Answer>;
  readonly repeatable?: readonly string[];
}

/** Status of one worker: a status alone (2018) or with a diagnosis; null says that nobody knows. */
export type WorkerAnswer = string | null | readonly [string | null, string?];

/** Watches workers (plugins.md 5). */
export interface Monitor {
  /** One answer a worker, in order. `false` first: the check as a whole failed. */
  checkWorkers(
    workers: readonly WorkSpec[],
    call: CallContext,
  ): Maybe<readonly [boolean, readonly WorkerAnswer[] | string]>;
  /** Event based monitoring: who changed within the last `windowSeconds`. */
  reportUpdatedWorkers?(windowSeconds: number, call: CallContext): Maybe<readonly (readonly [number, number])[]>;
  /** Seconds after which a worker that cannot be checked is given up; overrides the configuration. */
  readonly checkTimeout?: number;
}

/** What `find` says of one worker key: true with the batch id, false (never created), null (cannot say). */
export interface Found {
  readonly found: Verdict;
  readonly batchID?: string;
  readonly dialog?: string;
}

/** Creates workers in the batch system (plugins.md 6). */
export interface Submitter {
  /** One answer a worker, in order; sets `batchID` on success. null is a temporary failure. */
  submitWorkers(workers: readonly WorkSpec[], call: CallContext): Maybe<readonly Answer[]>;
  /** After an unknown outcome: was a worker of this key created? Without it the queue's `onUnknown` decides. */
  find?(workers: readonly WorkSpec[], call: CallContext): Maybe<readonly Found[]>;
}

/** Kills and cleans up (plugins.md 7). */
export interface Sweeper {
  killWorkers?(workers: readonly WorkSpec[], call: CallContext): Maybe<readonly Answer[]>;
  /** Name of 2018, used where `killWorkers` is missing. */
  killWorker?(worker: WorkSpec, call: CallContext): Maybe<Answer>;
  sweepWorker(worker: WorkSpec, call: CallContext): Maybe<Answer>;
}

/** The worker a maker wants (plugins.md 8). */
export interface WorkerDraft {
  readonly nCore?: number;
  /** Megabytes. */
  readonly minRamCount?: number;
  /** Megabytes. */
  readonly maxDiskCount?: number;
  /** Seconds. */
  readonly maxWalltime?: number;
  readonly ioIntensity?: number;
  readonly jobType?: string;
  readonly resourceType?: string;
  readonly pilotType?: string;
  readonly workAttributes?: Readonly<Record<string, unknown>>;
}

/** What a maker is told besides the jobs. */
export interface MakeContext extends CallContext {
  readonly jobType: string;
  readonly resourceType: string;
  readonly prodSourceLabel: string;
  /** The queue's configuration, and PanDA's description of the queue and resource types where they are known. */
  readonly queue: Readonly<Record<string, unknown>>;
  readonly pandaQueue?: Readonly<Record<string, unknown>>;
  readonly resourceTypes?: readonly Readonly<Record<string, unknown>>[];
}

/** Turns jobs into workers (plugins.md 8). */
export interface WorkerMaker {
  /** null: no worker can be made of these jobs. An empty list asks for a worker without jobs (NoJob). */
  makeWorker(jobs: readonly JobSpec[], call: MakeContext): Maybe<WorkerDraft | null>;
  numReadyResources?(call: CallContext): Maybe<number>;
  /** Name of 2018: true counts as 1. */
  isResourceReady?(call: CallContext): Maybe<boolean>;
  readonly nJobsPerWorker?: number;
  readonly nWorkersPerJob?: number;
  readonly maxWorkersPerJobInTotal?: number;
  readonly maxWorkersPerJobPerCycle?: number | null;
  readonly dynamicSizing?: boolean;
  readonly staticWorkers?: number;
  /** Jobs whose worker cannot be made are tried again instead of failing. */
  readonly skipOnFail?: boolean;
}

/** A file that the payload reports (messenger.md 4.2). */
export interface ReportedFile {
  readonly lfn: string;
  readonly path: string;
  readonly fsize: number;
  readonly type: string;
  readonly guid: string;
  readonly chksum: string;
  readonly isZip?: number;
  readonly eventRangeID?: string | null;
}

/** An event status that the payload reports (messenger.md 4.3). */
export interface ReportedEvent {
  readonly eventRangeID: string;
  readonly eventStatus: string;
  readonly coreCount?: number;
  readonly cpuConsumptionTime?: number;
  readonly loss?: string;
}

/** One entry that could not be used; the others are. */
export interface Complaint {
  readonly where: string;
  readonly why: string;
}

/** What a messenger found in one look at a worker's directory. */
export interface WorkerReport {
  /** By PandaID: attributes, `metaData` among them. */
  readonly attributes?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Attributes of the worker as a whole; its error codes hold for each job without a code of its own. */
  readonly workerAttributes?: Readonly<Record<string, unknown>>;
  readonly files?: Readonly<Record<string, readonly ReportedFile[]>>;
  readonly events?: Readonly<Record<string, readonly ReportedEvent[]>>;
  readonly eventsRequest?: Readonly<Record<string, unknown>>;
  readonly pandaIDs?: readonly number[];
  readonly jobsRequested?: number;
  readonly killRequested?: boolean;
  /** false and null both count as dead; asked only where the queue sets a heartbeat. */
  readonly alive?: Verdict;
  /** Malformed or foreign files, each by name; they disturb nothing else. */
  readonly complaints?: readonly Complaint[];
}

/** What the core wants to know in this look (lifecycle 3.4 B5, B6). */
export interface ReportRequest {
  readonly attributes: boolean;
  readonly files: boolean;
  readonly events: boolean;
  readonly eventsRequest: boolean;
  readonly pandaIDs: boolean;
  readonly jobsRequested: boolean;
  readonly killRequested: boolean;
  /** Minutes; null: do not ask. */
  readonly heartbeatMinutes: number | null;
  /** Epoch ms of the worker's start, for the heartbeat. */
  readonly now: number;
}

/**
 * Speaks with the payload (plugins.md 9, messenger.md). Harvester's eight reading methods are one here, `read`, because
 * the core always asks them together and one event keeps what was found.
 */
export interface Messenger {
  setupAccessPoints(workers: readonly WorkSpec[], call: CallContext): Maybe<Answer>;
  /** A false answer is recorded, the submission goes on (lifecycle 1.6 step 5). */
  feedJobs(worker: WorkSpec, jobs: readonly JobSpec[], call: CallContext): Maybe<Answer>;
  read(worker: WorkSpec, request: ReportRequest, call: CallContext): Maybe<WorkerReport>;
  /** Called after the report of `read` is durable: consumed files may go. */
  acknowledgeEventsFiles(worker: WorkSpec, call: CallContext): Maybe<Answer>;
  feedEvents?(worker: WorkSpec, events: Readonly<Record<string, readonly unknown[]>>, call: CallContext): Maybe<Answer>;
  /** null: not finished, try again until postProcessTimeout. */
  postProcessing(worker: WorkSpec, jobs: readonly JobSpec[], call: CallContext): Maybe<Answer>;
  cleanUp(worker: WorkSpec, call: CallContext): Maybe<Answer>;
  /** Post-process even where heartbeats are suppressed. */
  readonly forcePostProcessing?: boolean;
}

/** Finds auxiliary inputs of a job (plugins.md 11). */
export interface Extractor {
  getAuxInputs(job: JobSpec, call: CallContext): Maybe<Readonly<Record<string, AuxInput>>>;
}

/** One auxiliary input. */
export interface AuxInput {
  readonly scope: string;
  readonly url: string;
}

/** Answer to an update or check of one job (panda-api 4.2). StatusCode 0: accepted; 999: no usable answer. */
export interface JobReply {
  readonly StatusCode: number;
  readonly ErrorDiag?: string;
  /** `tobekilled` among others, null where there is none. */
  readonly command?: string | null;
}

/** One job update, in the words of the API (panda-api 4.2). */
export interface JobUpdate {
  readonly job_id: number;
  readonly job_status: string;
  readonly attempt_nr?: number;
  readonly [attribute: string]: unknown;
}

/** What `getJobs` asks for (panda-api 4.1). */
export interface JobsRequest {
  readonly siteName: string;
  readonly nodeName: string;
  readonly prodSourceLabel: string;
  readonly computingElement: string;
  readonly nJobs: number;
  readonly criteria: Readonly<Record<string, unknown>> | null;
}

/** A command of the WMS (panda-api 7). */
export interface WmsCommand {
  readonly command_id: number;
  readonly command: string;
  readonly params: unknown;
  readonly ack_requested: number;
}

/** A dialog message of a plug-in for the server (specs.md 6, DiagSpec). `createdAt` is epoch ms. */
export interface DialogMessage {
  readonly diagID: number;
  readonly moduleName: string;
  readonly identifier: string;
  readonly createdAt: number;
  readonly messageLevel: string;
  readonly diagMessage: string;
}

/** An answer of the WMS that carries data, or what was wrong. A refusal is `ok: false`; no answer at all throws. */
export type WmsAnswer<T> = { readonly ok: true; readonly data: T } | { readonly ok: false; readonly message: string };

/**
 * Speaks with the WMS (plugins.md 12, panda-api). A refusal is an answer; a transport failure (no connection, time-out,
 * 403, 500, unreadable body) throws, because then nobody knows what the server did.
 */
export interface Communicator {
  checkPanda(call: CallContext): Maybe<WmsAnswer<null>>;
  isAlive(data: Readonly<Record<string, unknown>>, call: CallContext): Maybe<WmsAnswer<null>>;
  /**
   * Not repeatable: every call hands out other jobs (panda-api 4.1). Data is the raw list: each job is judged alone.
   */
  getJobs(request: JobsRequest, call: CallContext): Maybe<WmsAnswer<readonly unknown[]>>;
  /** One reply a job, in order. */
  updateJobs(updates: readonly JobUpdate[], call: CallContext): Maybe<readonly JobReply[]>;
  checkJobs(pandaIDs: readonly number[], call: CallContext): Maybe<readonly JobReply[]>;
  getEventRanges(
    requests: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
    scattered: boolean,
    call: CallContext,
  ): Maybe<WmsAnswer<Readonly<Record<string, readonly unknown[]>>>>;
  updateEventRanges(
    ranges: readonly Readonly<Record<string, unknown>>[],
    call: CallContext,
  ): Maybe<WmsAnswer<readonly Verdict[]>>;
  checkEventAvailability(
    job: { readonly PandaID: number; readonly jobsetID: number; readonly taskID: number },
    call: CallContext,
  ): Maybe<WmsAnswer<number>>;
  getCommands(n: number, call: CallContext): Maybe<WmsAnswer<readonly WmsCommand[]>>;
  ackCommands(ids: readonly number[], call: CallContext): Maybe<WmsAnswer<null>>;
  /** Workers in the words of the API (panda-api 7); never an empty list. */
  updateWorkers(
    workers: readonly Readonly<Record<string, unknown>>[],
    call: CallContext,
  ): Maybe<WmsAnswer<readonly boolean[]>>;
  updateWorkerStats(
    queue: string,
    stats: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, number>>>>>>,
    call: CallContext,
  ): Maybe<WmsAnswer<null>>;
  updateServiceMetrics(
    metrics: readonly (readonly [number, string, Readonly<Record<string, unknown>>])[],
    call: CallContext,
  ): Maybe<WmsAnswer<null>>;
  sendDialogMessages(dialogs: readonly DialogMessage[], call: CallContext): Maybe<WmsAnswer<null>>;
  getResourceTypes(call: CallContext): Maybe<WmsAnswer<readonly Readonly<Record<string, unknown>>[]>>;
  getJobStats(call: CallContext): Maybe<WmsAnswer<Readonly<Record<string, unknown>>>>;
  getJobStatsNew(call: CallContext): Maybe<WmsAnswer<Readonly<Record<string, unknown>>>>;
  getWorkerStatsFromPanda(call: CallContext): Maybe<WmsAnswer<Readonly<Record<string, unknown>>>>;
  /** Fails on an instance without workers: 0 then. */
  getMaxWorkerId(call: CallContext): Maybe<WmsAnswer<number>>;
  uploadFile(name: string, content: Uint8Array, call: CallContext): Maybe<WmsAnswer<string>>;
  getProxy(role: string, dn: string, call: CallContext): Maybe<WmsAnswer<string>>;
  getTokenKey(clientName: string, call: CallContext): Maybe<WmsAnswer<string>>;
  getKeyPair(
    publicName: string,
    privateName: string,
    call: CallContext,
  ): Maybe<WmsAnswer<{ readonly publicKey: string; readonly privateKey: string }>>;
  forceCredentialRenewal(): void;
}

/** Every kind by the name of its section in the queue configuration; `communicator`, `listSource`: the instance's. */
export interface PluginKinds {
  preparator: Preparator;
  aux_preparator: Preparator;
  stager: Stager;
  zipper: Zipper;
  monitor: Monitor;
  submitter: Submitter;
  sweeper: Sweeper;
  workerMaker: WorkerMaker;
  messenger: Messenger;
  throttler: Throttler;
  extractor: Extractor;
  communicator: Communicator;
  credManager: CredManager;
  fileSyncer: FileSyncer;
  listSource: ListSource;
}

/** Name of a plug-in kind. */
export type PluginKind = keyof PluginKinds;

// Answers. Each schema yields one normal form; what does not fit is refused with a path that says where.

const verdict = z.union([z.boolean(), z.null()]);

/** `[verdict, dialog]`, whichever of the accepted forms the plug-in used. */
export const answerSchema = z.union([
  verdict.transform((ok): { ok: Verdict; dialog: string } => ({ ok, dialog: "" })),
  z.tuple([verdict]).transform(([ok]) => ({ ok, dialog: "" })),
  z.tuple([verdict, z.string()]).transform(([ok, dialog]) => ({ ok, dialog })),
]);

/** Normal form of a verdict. */
export type VerdictAnswer = z.output<typeof answerSchema>;

const workerStatus = z.string().min(1).nullable();
const workerAnswer = z.union([
  workerStatus.transform((status) => ({ status, diag: "" })),
  z.tuple([workerStatus]).transform(([status]) => ({ status, diag: "" })),
  z.tuple([workerStatus, z.string()]).transform(([status, diag]) => ({ status, diag })),
]);

const checkWorkersAnswer = z.union([
  z.tuple([z.literal(true), z.array(workerAnswer)]).transform(([, workers]) => ({ ok: true as const, workers })),
  z
    .tuple([z.literal(false), z.unknown()])
    .transform(([, why]) => ({ ok: false as const, dialog: typeof why === "string" ? why : "" })),
]);

const foundSchema = z.object({
  found: verdict,
  batchID: z.string().optional(),
  dialog: z.string().optional(),
});

const draftSchema = z
  .strictObject({
    nCore: z.int().positive().optional(),
    minRamCount: z.number().nonnegative().optional(),
    maxDiskCount: z.number().nonnegative().optional(),
    maxWalltime: z.number().nonnegative().optional(),
    ioIntensity: z.number().nonnegative().optional(),
    jobType: z.string().optional(),
    resourceType: z.string().optional(),
    pilotType: z.string().optional(),
    workAttributes: z.record(z.string(), z.unknown()).optional(),
  })
  .nullable();

const reportedFile = z.strictObject({
  lfn: z.string().min(1),
  path: z.string(),
  fsize: z.number().nonnegative(),
  type: z.string(),
  guid: z.string(),
  chksum: z.string(),
  isZip: z.number().optional(),
  eventRangeID: z.string().nullish(),
});
const reportedEvent = z.strictObject({
  eventRangeID: z.string(),
  eventStatus: z.string(),
  coreCount: z.number().optional(),
  cpuConsumptionTime: z.number().optional(),
  loss: z.string().optional(),
});
const reportSchema = z.strictObject({
  attributes: z.record(z.string(), z.record(z.string(), z.unknown())).optional(),
  workerAttributes: z.record(z.string(), z.unknown()).optional(),
  files: z.record(z.string(), z.array(reportedFile)).optional(),
  events: z.record(z.string(), z.array(reportedEvent)).optional(),
  eventsRequest: z.record(z.string(), z.unknown()).optional(),
  pandaIDs: z.array(z.int()).optional(),
  jobsRequested: z.int().nonnegative().optional(),
  killRequested: z.boolean().optional(),
  alive: verdict.optional(),
  complaints: z.array(z.strictObject({ where: z.string(), why: z.string() })).optional(),
});

const throttled = z.union([
  z.tuple([z.boolean()]).transform(([throttle]) => ({ throttle, dialog: "" })),
  z.tuple([z.boolean(), z.string()]).transform(([throttle, dialog]) => ({ throttle, dialog })),
]);

const reply = z.object({
  StatusCode: z.int(),
  ErrorDiag: z.string().optional(),
  command: z.string().nullish(),
});
const refusal = z.strictObject({ ok: z.literal(false), message: z.string() });
const wms = <T extends z.ZodType>(data: T) => z.union([z.strictObject({ ok: z.literal(true), data }), refusal]);
const dictionary = z.record(z.string(), z.unknown());
const command = z.object({
  command_id: z.int(),
  command: z.string(),
  params: z.unknown(),
  ack_requested: z.number(),
});

/**
 * What follows when nobody knows whether a creating call took effect (design 3, "claim, read back, act"):
 * `find`: ask the plug-in by key; `again`: call again where the plug-in lists it as repeatable, else the queue's
 * `onUnknown`; `lost`: record it and ask anew; `repeat`: no effect outside, or harmless to repeat: no intent needed.
 */
export type AfterUnknown = "find" | "again" | "lost" | "repeat";

/** One method of the contract. */
export interface MethodContract {
  readonly kind: PluginKind;
  readonly answer: z.ZodType;
  readonly afterUnknown: AfterUnknown;
  /** Names under which a plug-in may offer it, today's first. */
  readonly names: readonly string[];
  /** Default deadline in seconds; a queue may set its own (`windrow.deadlines`). */
  readonly deadlineSeconds: number;
}

const method = (
  kind: PluginKind,
  answer: z.ZodType,
  afterUnknown: AfterUnknown,
  names: readonly string[],
  deadlineSeconds = 300,
): MethodContract => ({ kind, answer, afterUnknown, names, deadlineSeconds });

/** Every method that the core calls. The key is the name that calls, events and deadlines use. */
export const methods = {
  triggerPreparation: method("preparator", answerSchema, "again", ["triggerPreparation"]),
  checkStageInStatus: method("preparator", answerSchema, "repeat", ["checkStageInStatus", "checkStatus"]),
  resolveInputPaths: method("preparator", answerSchema, "repeat", ["resolveInputPaths"]),
  triggerStageOut: method("stager", answerSchema, "again", ["triggerStageOut"]),
  checkStageOutStatus: method("stager", answerSchema, "repeat", ["checkStageOutStatus", "checkStatus"]),
  zipOutput: method("zipper", answerSchema, "again", ["zipOutput"], 1800),
  asyncZipOutput: method("zipper", answerSchema, "again", ["asyncZipOutput"]),
  postZipOutput: method("zipper", answerSchema, "again", ["postZipOutput"], 1800),
  checkWorkers: method("monitor", checkWorkersAnswer, "repeat", ["checkWorkers"]),
  submitWorkers: method("submitter", z.array(answerSchema), "find", ["submitWorkers"]),
  find: method("submitter", z.array(foundSchema), "repeat", ["find"]),
  killWorkers: method("sweeper", z.array(answerSchema), "repeat", ["killWorkers"]),
  killWorker: method("sweeper", answerSchema, "repeat", ["killWorker"]),
  sweepWorker: method("sweeper", answerSchema, "repeat", ["sweepWorker"]),
  makeWorker: method("workerMaker", draftSchema, "repeat", ["makeWorker"], 60),
  numReadyResources: method(
    "workerMaker",
    z.union([z.int().nonnegative(), z.boolean().transform(Number)]),
    "repeat",
    ["numReadyResources", "isResourceReady"],
    60,
  ),
  setupAccessPoints: method("messenger", answerSchema, "repeat", ["setupAccessPoints"]),
  feedJobs: method("messenger", answerSchema, "repeat", ["feedJobs"]),
  read: method("messenger", reportSchema, "repeat", ["read"]),
  acknowledgeEventsFiles: method(
    "messenger",
    z.union([answerSchema, z.undefined().transform(() => ({ ok: true, dialog: "" }))]),
    "repeat",
    ["acknowledgeEventsFiles"],
  ),
  feedEvents: method("messenger", answerSchema, "repeat", ["feedEvents"]),
  postProcessing: method("messenger", answerSchema, "repeat", ["postProcessing"], 1800),
  cleanUp: method("messenger", answerSchema, "repeat", ["cleanUp"]),
  toBeThrottled: method("throttler", throttled, "repeat", ["toBeThrottled"], 60),
  getAuxInputs: method(
    "extractor",
    z.record(z.string(), z.strictObject({ scope: z.string(), url: z.string() })),
    "repeat",
    ["getAuxInputs"],
    60,
  ),
  isAlive: method("communicator", wms(z.null()), "repeat", ["isAlive"], 180),
  checkPanda: method("communicator", wms(z.null()), "repeat", ["checkPanda"], 180),
  getJobs: method("communicator", wms(z.array(z.unknown())), "lost", ["getJobs"], 180),
  updateJobs: method("communicator", z.array(reply), "repeat", ["updateJobs"], 180),
  checkJobs: method("communicator", z.array(reply), "repeat", ["checkJobs"], 180),
  getEventRanges: method(
    "communicator",
    wms(z.record(z.string(), z.array(z.unknown()))),
    "lost",
    ["getEventRanges"],
    180,
  ),
  updateEventRanges: method("communicator", wms(z.array(verdict)), "repeat", ["updateEventRanges"], 180),
  checkEventAvailability: method("communicator", wms(z.int()), "repeat", ["checkEventAvailability"], 180),
  getCommands: method("communicator", wms(z.array(command)), "lost", ["getCommands"], 180),
  ackCommands: method("communicator", wms(z.null()), "repeat", ["ackCommands"], 180),
  updateWorkers: method("communicator", wms(z.array(z.boolean())), "repeat", ["updateWorkers"], 180),
  updateWorkerStats: method("communicator", wms(z.null()), "repeat", ["updateWorkerStats"], 180),
  updateServiceMetrics: method("communicator", wms(z.null()), "repeat", ["updateServiceMetrics"], 180),
  sendDialogMessages: method("communicator", wms(z.null()), "repeat", ["sendDialogMessages"], 180),
  getResourceTypes: method("communicator", wms(z.array(dictionary)), "repeat", ["getResourceTypes"], 180),
  getJobStats: method("communicator", wms(dictionary), "repeat", ["getJobStats"], 180),
  getJobStatsNew: method("communicator", wms(dictionary), "repeat", ["getJobStatsNew"], 180),
  getWorkerStatsFromPanda: method("communicator", wms(dictionary), "repeat", ["getWorkerStatsFromPanda"], 180),
  getMaxWorkerId: method("communicator", wms(z.int().nonnegative()), "repeat", ["getMaxWorkerId"], 180),
  uploadFile: method("communicator", wms(z.string()), "repeat", ["uploadFile"], 180),
  getProxy: method("communicator", wms(z.string()), "repeat", ["getProxy"], 180),
  getTokenKey: method("communicator", wms(z.string()), "repeat", ["getTokenKey"], 180),
  getKeyPair: method(
    "communicator",
    wms(z.object({ publicKey: z.string(), privateKey: z.string() })),
    "repeat",
    ["getKeyPair"],
    180,
  ),
  checkCredential: method("credManager", z.boolean(), "repeat", ["checkCredential"], 60),
  renewCredential: method("credManager", answerSchema, "repeat", ["renewCredential"]),
  checkCredentialLifetime: method("credManager", z.number().nullable(), "repeat", ["checkCredentialLifetime"], 60),
  check: method("fileSyncer", z.boolean(), "repeat", ["check"], 60),
  update: method("fileSyncer", answerSchema, "repeat", ["update"]),
  readList: method("listSource", wms(z.unknown()), "repeat", ["readList"], 120),
  dumpList: method("listSource", wms(z.null()), "repeat", ["dumpList"], 60),
} as const satisfies Record<string, MethodContract>;

/** Name of a method of the contract. */
export type MethodName = keyof typeof methods;
