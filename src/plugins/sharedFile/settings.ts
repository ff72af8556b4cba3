/**
 * Options of the shared-file messenger: file names from `[payload_interaction]`, which a queue may override one by one,
 * and the switches of messenger.md 2. Every name must be that of one file inside the access point.
 */
import { z } from "zod";
import { directorySchema, nameTrouble } from "../file/disk.ts";

const fileName = z.string().superRefine((name, context) => {
  const trouble = nameTrouble(name);
  if (trouble !== undefined) context.addIssue({ code: "custom", message: `${JSON.stringify(name)}: ${trouble}` });
});

/** [name here, key in [payload_interaction], attribute that overrides it, default of Harvester's template]. */
const table = [
  ["jobSpec", "jobSpecFile", "jobSpecFileName", "HPCJobs.json"],
  ["catalog", "xmlPoolCatalogFile", "xmlPoolCatalogFileName", "PoolFileCatalog_H.xml"],
  ["pandaIDs", "pandaIDsFile", "pandaIDsFile", "worker_pandaids.json"],
  ["jobRequest", "jobRequestFile", "jsonJobRequestFileName", "worker_requestjob.json"],
  ["attributes", "workerAttributesFile", "jsonAttrsFileName", "worker_attributes.json"],
  ["jobReport", "jobReportFile", "jsonJobReport", "jobReport.json"],
  ["dump", "eventStatusDumpJsonFile", "jsonOutputsFileName", "event_status.dump.json"],
  ["eventsRequest", "eventRequestFile", "jsonEventsRequestFileName", "worker_requestevents.json"],
  ["eventRanges", "eventRangesFile", "jsonEventsFeedFileName", "JobsEventRanges.json"],
  ["updateEvents", "updateEventsFile", "jsonEventsUpdateFileName", "worker_updateevents.json"],
  ["kill", "killWorkerFile", "killWorkerFile", "kill_worker.json"],
  ["heartbeat", "heartbeatFile", "heartbeatFile", "worker_heartbeat.json"],
] as const;

/** Names of the files that Windrow and the payload exchange. */
export type Names = Readonly<Record<(typeof table)[number][0], string>>;

/** Written by post-processing, in Harvester's fixed name. */
export const postAttributesName = "post_process_job_attrs.json";
/** Names the directory in which jobs of one task merge their outputs. */
export const taskPathName = "task_workdir_path.txt";
/** Says whose access point a directory is, so that no other worker's is ever moved or removed. */
export const ownerName = ".windrow-worker";

const pattern = z.string().refine((text) => compiles(text.replaceAll(/%(?:PANDAID|TASKID|OUTPUT_FILE)/g, "x")), {
  error: (issue) => `${String(issue.input)} is no regular expression`,
});

function compiles(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}

const optionsSchema = z.object({
  ...Object.fromEntries(table.map(([, , attribute]) => [attribute, fileName.optional()])),
  payloadInteraction: z
    .object({
      ...Object.fromEntries(table.map(([, key]) => [key, fileName.optional()])),
      taskWorkBaseDir: directorySchema.optional(),
      taskWorkStateFile: fileName.optional(),
    })
    .default({}),
  taskWorkBaseDir: directorySchema.optional(),
  taskWorkStateFile: fileName.optional(),
  jobSpecFileFormat: z.enum(["json", "cgi"]).default("json"),
  stripJobParams: z.boolean().default(false),
  scanInPostProcess: z.boolean().default(false),
  leftOverPatterns: z.array(pattern).nullable().default(null),
  leftOverZipPatterns: z.array(pattern).nullable().default(null),
  postProcessInSubDir: z.boolean().default(false),
  outputSubDir: fileName.nullable().default(null),
  subTarballName: fileName.nullable().default(null),
  /** How many sub directories are packed at a time. */
  maxWorkersForZip: z.int().positive().nullable().default(null),
  /** Post-process even where heartbeats are suppressed. */
  forcePostProcessing: z.boolean().default(false),
  /** Directories besides the access point in which outputs may lie. */
  outputDirs: z.array(directorySchema).default([]),
  /** A payload's file above this is not read. */
  maxFileBytes: z
    .int()
    .positive()
    .default(64 * 1024 * 1024),
});

type Options = z.output<typeof optionsSchema>;

/** The options in their final form. */
export interface Settings
  extends Omit<Options, "payloadInteraction" | "taskWorkBaseDir" | "taskWorkStateFile" | "maxWorkersForZip"> {
  readonly names: Names;
  readonly taskWorkBaseDir: string;
  readonly taskWorkStateFile: string;
  readonly maxWorkersForZip: number;
}

/** Reads the options. Throws a ZodError, or an Error where two files would have one name. */
export function settingsOf(options: unknown): Settings {
  const parsed = optionsSchema.parse(options);
  const given = z.record(z.string(), z.unknown());
  const own = given.parse(parsed);
  const section = given.parse(parsed.payloadInteraction);
  const name = z.string().optional();
  const entries = table.map(([here, key, attribute, usual]): [string, string] => [
    here,
    name.parse(own[attribute]) ?? name.parse(section[key]) ?? usual,
  ]);
  const seen = [...entries.map(([, each]) => each), postAttributesName, taskPathName, ownerName];
  const twice = seen.find((each, index) => seen.indexOf(each) !== index);
  if (twice !== undefined) throw new Error(`two files of the payload are named ${twice}; give each a name of its own`);
  return {
    ...parsed,
    names: namesSchema.parse(Object.fromEntries(entries)),
    taskWorkBaseDir: parsed.taskWorkBaseDir ?? parsed.payloadInteraction.taskWorkBaseDir ?? "/tmp/workdir",
    taskWorkStateFile: parsed.taskWorkStateFile ?? parsed.payloadInteraction.taskWorkStateFile ?? "state.json",
    maxWorkersForZip: parsed.maxWorkersForZip ?? 2,
  };
}

const namesSchema = z.record(z.enum(table.map(([here]) => here)), z.string());
