/**
 * Updates as the corpus records them: its own field names, and only what changed since the entity's previous update.
 */
import { isDeepStrictEqual } from "node:util";
import type { WorkerNames } from "./recorder.ts";

type Fields = Record<string, unknown>;

/** Names of the API without underscores and in lower case -> names of the corpus. */
const jobNames: Readonly<Record<string, string>> = Object.fromEntries(
  ["pilotErrorCode pilotErrorDiag exeErrorCode exeErrorDiag coreCount batchID transExitCode nEvents node metaData"]
    .join(" ")
    .split(" ")
    .map((name) => [name.toLowerCase(), name]),
);

const plainName = (name: string): string => name.replaceAll("_", "").toLowerCase();

/** JSON texts are compared by what they say. */
function read(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

const named = (value: unknown, names: WorkerNames): unknown =>
  typeof value === "string" ? names.inText(value) : value;

/** What the corpus keeps of one job update. */
export function jobFields(update: Readonly<Fields>, names: WorkerNames): Fields {
  const fields: Fields = { status: update["job_status"], sub: update["job_sub_status"] };
  for (const [name, value] of Object.entries(update)) {
    const known = jobNames[plainName(name)];
    if (known) fields[known] = known === "metaData" ? read(value) : named(value, names);
  }
  if (update["job_output_report"] !== undefined) fields["outputReport"] = read(update["job_output_report"]);
  return fields;
}

const workerNames = new Set(
  [
    "status nJobs nCore jobType resourceType diagMessage errorCode syncLevel nativeStatus nativeExitCode",
    "submissionHost computingElement stdOut stdErr batchLog jdl batchID",
  ]
    .join(" ")
    .split(" "),
);

/** What the corpus keeps of one worker update. */
export function workerFields(update: Readonly<Fields>, names: WorkerNames): Fields {
  const fields: Fields = {};
  for (const [name, value] of Object.entries(update)) {
    if (value === null || value === undefined) continue;
    if (workerNames.has(name)) fields[name] = named(value, names);
    if (name === "startTime" || name === "endTime") fields[name] = true;
    if (name === "pandaid_list" && Array.isArray(value)) fields["jobs"] = value.map(Number).sort((a, b) => a - b);
  }
  return fields;
}

/** What was sent last of each entity. */
export class SentBefore {
  readonly #last = new Map<string, Fields>();

  /** Status always, everything else where it changed; null: no longer sent. */
  changes(id: string, fields: Fields): Fields {
    const before = this.#last.get(id) ?? {};
    this.#last.set(id, fields);
    const changed: Fields = {};
    for (const [name, value] of Object.entries(fields)) {
      if (name === "status" || name === "sub") changed[name] = value;
      else if (value !== null && !isDeepStrictEqual(before[name], value)) changed[name] = value;
    }
    for (const name of Object.keys(before)) {
      if (before[name] !== null && (fields[name] ?? null) === null) changed[name] = null;
    }
    return changed;
  }
}
