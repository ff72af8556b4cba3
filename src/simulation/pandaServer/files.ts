/**
 * Module file_server: uploads into the cache folder (panda-api 8). Only the last part of a name counts, so nothing is
 * written outside the folder. A second upload of a log replaces the first, as on the real server.
 */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileOf, textOf } from "./arguments.ts";
import { type Arguments, type Call, type Envelope, type Operation, refused, required, succeeded } from "./operation.ts";

const MIB = 1024 * 1024;
/** Sizes are judged by the length of the whole request. */
const LARGEST_LOG = 100 * MIB;
const LARGEST_CHECKPOINT = 500 * MIB;

export const logFolder = (cache: string): string => join(cache, "jedilog");

/** The last part of a file name, and nothing that means a folder. */
const baseName = (name: string): string => name.split(/[\\/]/).at(-1)?.replace(/^\.+$/, "_") || "_";

const isNoFile = (error: unknown): boolean => error instanceof Error && "code" in error && error.code === "ENOENT";
const noSuchFile = (path: string): string => `[Errno 2] No such file or directory: '${path}'`;

function uploadLog(call: Call, args: Arguments): Envelope {
  const file = fileOf(args, "file");
  if (file === undefined) return refused("Argument error: missing a required argument: 'file'");
  if (file.requestBytes > LARGEST_LOG) return refused("ERROR: upload failure. Exceeded size limit");
  const name = baseName(file.name);
  const path = join(logFolder(call.cache.folder), name);
  try {
    writeFileSync(path, file.content);
  } catch (error) {
    if (!isNoFile(error)) throw error;
    return refused(`failed to write log with FileNotFoundError:${noSuchFile(path)}`);
  }
  return succeeded(`${call.cache.url}/jedilog/${name}`);
}

const checkpointPath = (call: Call, task: string, point: string): string =>
  join(call.cache.folder, `hpo_cp_${baseName(task)}_${baseName(point)}`);

function uploadCheckpoint(call: Call, args: Arguments): Envelope {
  const file = fileOf(args, "file");
  const parts = baseName(file?.name ?? "").split("_");
  const [task, point] = parts;
  if (file === undefined || parts.length !== 2 || task === undefined || point === undefined) {
    return refused("Failed to extract task and sub IDs");
  }
  if (file.requestBytes > LARGEST_CHECKPOINT) {
    return refused(`exceeded size limit ${file.requestBytes}>${LARGEST_CHECKPOINT}`);
  }
  const path = checkpointPath(call, task, point);
  writeFileSync(path, file.content);
  return succeeded(path, `Successfully placed at ${path}`);
}

function deleteCheckpoint(call: Call, args: Arguments): Envelope {
  const path = checkpointPath(call, textOf(args, "task_id") ?? "", textOf(args, "sub_id") ?? "");
  try {
    rmSync(path);
  } catch (error) {
    if (!isNoFile(error)) throw error;
    return refused(`Failed to delete file due to ${noSuchFile(path)}`);
  }
  return succeeded();
}

/** MiB that a file of this name may have. */
function cacheLimit(name: string): number {
  if (name.startsWith("sources.")) return 768;
  return name.endsWith(".out") ? 100 : 10;
}

function uploadCacheFile(call: Call, args: Arguments): Envelope {
  const file = fileOf(args, "file");
  if (file === undefined) return refused("Argument error: missing a required argument: 'file'");
  const name = baseName(file.name);
  const limit = cacheLimit(name);
  if (file.requestBytes > limit * MIB) {
    const advice = "Please submit the job without --noBuild/--libDS since those options impose a tighter size limit";
    const sizes = `${Math.floor(file.requestBytes / MIB)} MB > ${limit} MB`;
    return refused(`ERROR: upload failure. Exceeded size limit ${sizes}. ${advice}`);
  }
  const path = join(call.cache.folder, name);
  if (existsSync(path)) return refused("ERROR: cannot overwrite file");
  writeFileSync(path, file.content);
  return succeeded();
}

const upload = (name: string, auth: Operation["auth"], run: Operation["run"]): Operation => ({
  name: `file_server/${name}`,
  verb: "POST",
  auth,
  parameters: [required("file", "FileStorage")],
  run,
});

export const fileOperations: readonly Operation[] = [
  upload("upload_jedi_log", "production", uploadLog),
  upload("update_jedi_log", "production", () =>
    // The real server writes bytes to a text file here.
    refused("ERROR: cannot update file with <class 'TypeError'> write() argument must be str, not bytes"),
  ),
  upload("upload_hpo_checkpoint", "secure", uploadCheckpoint),
  upload("upload_cache_file", "secure", uploadCacheFile),
  {
    name: "file_server/delete_hpo_checkpoint",
    verb: "POST",
    auth: "secure",
    parameters: [required("task_id", "str"), required("sub_id", "str")],
    run: deleteCheckpoint,
  },
];
