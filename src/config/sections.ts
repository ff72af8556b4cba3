/**
 * The sections of `panda_harvester.cfg` that Windrow uses, with types and defaults. The result is plain JSON, since it
 * enters the core as an event.
 *
 * This file must never read a file or the environment: the pure zone uses its type. Names and units are Harvester's
 * (durations are in seconds, exceptions are marked). A key without fallback in the original has the value of its
 * template, so that a short file works; a key with a fallback has that fallback (config 3).
 *
 * The text given to each type ends the sentence "it is ..., it should be ...".
 */
import { z } from "zod";
import { count, decimal, dictionary, flag, name, seconds, text, texts } from "./values.ts";

/** A section that may be left out. */
const section = <S extends z.ZodRawShape>(shape: S) => z.object(shape, { error: "a section with its keys" });

const master = section({
  harvester_id: name,
  /** False: jobs and workers always use the current configuration of their queue. */
  dynamic_plugin_change: flag.default(true),
  extraPluginConfigs: dictionary.default({}),
});

const communicator = section({
  moduleName: name.default("pandaharvester.harvestercommunicator.panda_communicator"),
  className: name.default("PandaCommunicator"),
  nConnections: count.default(5),
});

const pandacon = section({
  timeout: seconds.default(180),
  auth_type: z.enum(["x509", "oidc"], { error: "x509 or oidc" }).default("x509"),
  /** false: the server's certificate is not verified. */
  ca_cert: z
    .union([name, z.literal(false)], { error: "a path, or False for no verification" })
    .nullable()
    .default(false),
  cert_file: name.nullable().default(null),
  key_file: name.nullable().default(null),
  auth_token: text.nullable().default(null),
  auth_origin: text.nullable().default(null),
  server_api_url_ssl: name.nullable().default(null),
  pandaURLSSL: name.nullable().default(null),
  cache_api_url_ssl: name.nullable().default(null),
  pandaCacheURL_W: name.nullable().default(null),
  pandaCacheURL_R: name.nullable().default(null),
  getEventsChunkSize: count.default(5120),
});

const qconf = section({
  configFile: name.default("panda_queueconfig.json"),
  /** ALL, or the names of the queues to serve. */
  queueList: texts.default(["ALL"]),
  updateInterval: seconds.default(600),
  checkInterval: seconds.default(5),
});

const commandmanager = section({ commands_bulk_size: count.default(20), sleepTime: seconds.default(5) });

const jobfetcher = section({
  nQueues: count.default(5),
  maxJobs: count.default(500),
  lookupTime: seconds.default(60),
  sleepTime: seconds.default(60),
});

const levels = ["DEBUG", "INFO", "WARNING", "ERROR"] as const;
const propagator = section({
  maxJobs: count.default(100),
  nJobsInBulk: count.default(100),
  maxWorkers: count.default(100),
  nWorkersInBulk: count.default(100),
  maxDialogs: count.default(50),
  minMessageLevel: z.enum(levels, { error: `one of ${levels.join(", ")}` }).default("WARNING"),
  lockInterval: seconds.default(600),
  /** Period of the heartbeat of a job. */
  updateInterval: seconds.default(1800),
  sleepTime: seconds.default(60),
});

/** 0 files = no limit. */
const preparator = section({
  maxJobsToCheck: count.default(100),
  maxJobsToTrigger: count.default(100),
  maxFilesPerJobToCheck: count.default(0),
  maxFilesPerJobToPrepare: count.default(0),
  lockInterval: seconds.default(600),
  checkInterval: seconds.default(180),
  triggerInterval: seconds.default(180),
  sleepTime: seconds.default(60),
});

const submitter = section({
  lookupTime: seconds.default(60),
  lockInterval: seconds.default(600),
  checkInterval: seconds.default(60),
  sleepTime: seconds.default(60),
  /** null: the same as lockInterval. */
  queueLockInterval: seconds.nullable().default(null),
  minSubmissionInterval: seconds.default(0),
  /** Workers per queue, type and cycle; 0: no limit. */
  maxNewWorkers: count.default(0),
  respectSleepTime: flag.default(false),
  /** Factor on activated jobs of pull queues; auto: one over the number of harvesters that serve the site. */
  activateWorkerFactor: z.union([z.literal("auto"), decimal], { error: "a number, or auto" }).default(1),
  noPilotsWhenNoActiveJobs: flag.default(false),
});

const monitor = section({
  maxWorkers: count.default(500),
  lockInterval: seconds.default(600),
  checkInterval: seconds.default(300),
  /** Workers are killed after failing checks for that long; null: never. */
  checkTimeout: seconds.nullable().default(null),
  workerQueueTimeLimit: seconds.default(172_800),
  /** Minutes. */
  postProcessTimeout: decimal.default(0),
  sleepTime: seconds.default(600),
});

const oneOrMore = texts.default([]);
const setups = z.array(dictionary, { error: "a JSON list of plug-ins, over several lines" });
const credmanager = section({
  moduleName: oneOrMore,
  className: oneOrMore,
  inCertFile: oneOrMore,
  /** Older name of inCertFile. */
  certFile: oneOrMore,
  outCertFile: oneOrMore,
  voms: oneOrMore,
  pluginConfigs: setups.default([]),
  sleepTime: seconds.default(1800),
});

const stager = section({
  maxJobsToCheck: count.default(100),
  maxJobsToTrigger: count.default(100),
  maxFilesPerJobToCheck: count.default(0),
  maxFilesPerJobToTrigger: count.default(0),
  lockInterval: seconds.default(600),
  checkInterval: seconds.default(180),
  triggerInterval: seconds.default(180),
  sleepTime: seconds.default(60),
});

/** Where this section is missing, the obsolete keys of [stager] are used (config 3.14). */
const zipper = section({
  maxJobsToZip: count.default(100),
  maxFilesPerJobToZip: count.default(0),
  usePostZipping: flag.default(false),
  lockInterval: seconds.default(600),
  zipInterval: seconds.default(180),
});

const eventfeeder = section({
  maxWorkers: count.default(500),
  lockInterval: seconds.default(600),
  sleepTime: seconds.default(60),
});

const cacher = section({
  /** Lines `mainKey|subKey|URL|dumpFile?`. */
  data: texts.default([]),
  /** Minutes. */
  refreshInterval: decimal.default(10),
  sleepTime: seconds.default(60),
});

const payloadInteraction = section({
  workerAttributesFile: name.default("worker_attributes.json"),
  jobReportFile: name.default("jobReport.json"),
  eventStatusDumpJsonFile: name.default("event_status.dump.json"),
  eventStatusDumpXmlFile: name.default("_event_status.dump"),
  jobRequestFile: name.default("worker_requestjob.json"),
  jobSpecFile: name.default("HPCJobs.json"),
  eventRequestFile: name.default("worker_requestevents.json"),
  eventRangesFile: name.default("JobsEventRanges.json"),
  updateEventsFile: name.default("worker_updateevents.json"),
  xmlPoolCatalogFile: name.default("PoolFileCatalog_H.xml"),
  pandaIDsFile: name.default("worker_pandaids.json"),
  killWorkerFile: name.default("kill_worker.json"),
  heartbeatFile: name.default("worker_heartbeat.json"),
  taskWorkBaseDir: name.default("/tmp/workdir"),
  taskWorkStateFile: name.default("state.json"),
});

const frontend = section({
  portNumber: count.default(25080),
  nThreads: count.default(10),
  verbose: flag.default(false),
  type: z.enum(["simple", "apache"], { error: "simple or apache" }).default("simple"),
  authEnable: flag.default(true),
  secretFile: name.nullable().default(null),
  verifyToken: flag.default(true),
});

/** The keep times are hours. */
const sweeper = section({
  maxWorkers: count.default(500),
  /** Period of repeated kills. */
  checkInterval: seconds.default(180),
  sleepTime: seconds.default(60),
  keepFinished: decimal.default(24),
  keepFailed: decimal.default(72),
  keepCancelled: decimal.default(72),
  keepMissed: decimal.default(24),
  keepPending: decimal.default(24),
  /** Hours; null: no cleaning. */
  diskCleanUpInterval: decimal.nullable().default(null),
  /** `directory|GB,directory|GB`. */
  diskHighWatermark: text.nullable().default(null),
});

const fileSyncer = section({ pluginConfigs: setups.default([]), sleepTime: seconds.default(600) });

/** What only Windrow has. */
const windrow = section({
  /** Fixed when the log is made. */
  shards: z.int({ error: "a whole number" }).min(1, { error: "a whole number of at least 1" }).default(32),
  /** Directory of the embedded log; null: what the command line says. */
  logDir: name.nullable().default(null),
  /** Records between two snapshots of a shard. */
  snapshotInterval: z.int({ error: "a whole number" }).min(1, { error: "at least 1" }).default(10_000),
  /** TCP port for subscribers; 0: none, since there is no login. */
  webHost: name.default("127.0.0.1"),
  webPort: count.default(0),
  /** `kafka://HOST:PORT[,HOST:PORT]/PREFIX`, null: the embedded log; and the file of client properties for it. */
  kafka: name.nullable().default(null),
  kafkaConfig: name.nullable().default(null),
  /** Secrets of jobs; on Kafka instances on several machines need one that they share. null: beside the log. */
  vaultDir: name.nullable().default(null),
  /** Every step goes to the topics `<prefix>.jobs`, `.file-groups` and `.workers` too, where the log is on Kafka. */
  publishTopics: flag.default(true),
});

/** The instance, by the section names of `panda_harvester.cfg`. Only [master] has a key that must be given. */
export const instanceSchema = z.object({
  master,
  communicator: communicator.prefault({}),
  pandacon: pandacon.prefault({}),
  qconf: qconf.prefault({}),
  commandmanager: commandmanager.prefault({}),
  jobfetcher: jobfetcher.prefault({}),
  propagator: propagator.prefault({}),
  preparator: preparator.prefault({}),
  submitter: submitter.prefault({}),
  monitor: monitor.prefault({}),
  credmanager: credmanager.prefault({}),
  stager: stager.prefault({}),
  zipper: zipper.prefault({}),
  eventfeeder: eventfeeder.prefault({}),
  cacher: cacher.prefault({}),
  payload_interaction: payloadInteraction.prefault({}),
  frontend: frontend.prefault({}),
  sweeper: sweeper.prefault({}),
  file_syncer: fileSyncer.prefault({}),
  log_level: z.record(z.string(), text).default({}),
  windrow: windrow.prefault({}),
});

/** Keys of each section that Windrow uses; null: any key. */
export const knownKeys: ReadonlyMap<string, ReadonlySet<string> | null> = new Map(
  Object.entries({
    master,
    communicator,
    pandacon,
    qconf,
    commandmanager,
    jobfetcher,
    propagator,
    preparator,
    submitter,
    monitor,
    credmanager,
    stager,
    zipper,
    eventfeeder,
    cacher,
    payload_interaction: payloadInteraction,
    frontend,
    sweeper,
    file_syncer: fileSyncer,
    windrow,
    log_level: null,
  }).map(([key, value]) => [key, value === null ? null : new Set(Object.keys(value.shape))]),
);
