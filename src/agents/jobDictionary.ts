/**
 * The job dictionary of PanDA (panda-api.md 6), read into the facts of `job.fetched`. Each job is judged alone: what
 * its files need and cannot be attributed refuses that job by name; what has one safe reading is read so, with a
 * remark. It must never shift a value to another file, let a file name lead out of its directory, or show a secret in
 * a message.
 */
import { z } from "zod";
import type { InputInfo, OutputInfo } from "../specs/jobSpec.ts";
import { NotPlain, plain } from "./plain.ts";

/** The facts of `job.fetched` that the dictionary holds. */
export interface JobFacts {
  readonly PandaID: number;
  readonly taskID: number | null;
  readonly attemptNr: number;
  readonly jobsetID: number | null;
  readonly priority: number;
  readonly nCore: number | null;
  readonly resourceType: string | null;
  readonly prodSourceLabel: string | null;
  /** MiB; null where the job says nothing of it, and the queue's value counts. */
  readonly zipPerMB: number | null;
  readonly inputs: InputInfo[];
  readonly outputs: OutputInfo[];
  readonly log: { lfn: string; guid: string } | null;
  /** The dictionary as it came. */
  readonly params: Record<string, unknown>;
}

/**
 * What became of one job. `remarks` name what was odd and how it was read. A refused job without PandaID cannot be
 * reported to PanDA; `attemptNr` is null where the dictionary does not say.
 */
export type DictionaryReading =
  | { readonly ok: true; readonly job: JobFacts; readonly remarks: readonly string[] }
  | { readonly ok: false; readonly PandaID: number | null; readonly attemptNr: number | null; readonly why: string };

/** Unset columns of the database come as this text, where a number is expected too. */
const unset = (value: unknown): boolean => value === undefined || value === null || value === "" || value === "NULL";

const digits = z
  .string()
  .regex(/^-?\d{1,15}$/)
  .transform(Number);
const whole = z.union([z.int(), digits], { error: ({ input }) => `is ${shown(input)} instead of a whole number` });
const wholeOrUnset = z.union([z.literal(["NULL", ""]).transform(() => null), z.null(), whole], {
  error: ({ input }) => `is ${shown(input)} instead of a whole number`,
});
const text = z.string({ error: ({ input }) => `is ${shown(input)} instead of text` });

/** The keys without which Harvester's own reader gives up (panda-api.md 6); every other one may be missing. */
const dictionary = z.looseObject({
  PandaID: whole.refine((id) => id > 0, "is no positive number"),
  attemptNr: whole,
  taskID: wholeOrUnset,
  jobsetID: wholeOrUnset,
  currentPriority: whole,
  inFiles: text,
  GUID: text,
  fsize: text,
  checksum: text,
  scopeIn: text,
  ddmEndPointIn: text,
  realDatasetsIn: text,
  outFiles: text,
  scopeOut: text,
  realDatasets: text,
  ddmEndPointOut: text,
  logFile: text,
  logGUID: text,
  scopeLog: text,
});
type Dictionary = z.output<typeof dictionary>;

/** Thrown inside this file alone: the job cannot be used. */
class Unusable extends Error {}

/** Reads one element of an acquire_jobs answer. It does not throw. */
export function readJob(raw: unknown): DictionaryReading {
  const as = z.record(z.string(), z.unknown()).safeParse(raw);
  if (!as.success) {
    return { ok: false, PandaID: null, attemptNr: null, why: `the job is ${shown(raw)} instead of a dictionary` };
  }
  const refused = (why: string): DictionaryReading => {
    const PandaID = pandaIDOf(as.data);
    const attemptNr = whole.safeParse(as.data["attemptNr"]).data ?? null;
    return { ok: false, PandaID, attemptNr, why: `job ${PandaID ?? "without PandaID"}: ${why}` };
  };
  const remarks: string[] = [];
  try {
    const kept = keepable(as.data);
    const parsed = dictionary.safeParse(kept);
    if (!parsed.success) return refused(complaint(kept, parsed.error.issues));
    return { ok: true, job: facts(kept, parsed.data, remarks), remarks };
  } catch (error) {
    if (error instanceof Unusable || error instanceof NotPlain) return refused(error.message);
    throw error;
  }
}

/** The longest dictionary, in characters: one event has to hold it, with the files read off it. */
const maxLength = 128 * 1024;

/** The dictionary as data that the log can hold. @throws NotPlain, Unusable */
function keepable(raw: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const given = Object.entries(raw).filter(([, value]) => value !== undefined);
  const kept = Object.fromEntries(given.map(([key, value]) => [key, plain(value, key)]));
  const { length } = JSON.stringify(kept);
  if (length > maxLength) {
    throw new Unusable(`its dictionary has ${length} characters, and at most ${maxLength} can be kept`);
  }
  return kept;
}

/** The PandaID of a dictionary, null where it has none that could be one. */
export const pandaIDOf = (raw: Readonly<Record<string, unknown>>): number | null =>
  dictionary.shape.PandaID.safeParse(raw["PandaID"]).data ?? null;

/** One sentence for all that zod found, missing keys together. */
function complaint(raw: Record<string, unknown>, issues: readonly z.core.$ZodIssue[]): string {
  const missing = issues.map(({ path }) => String(path[0])).filter((key) => raw[key] === undefined);
  const wrong = issues.filter(({ path }) => raw[String(path[0])] !== undefined);
  return [
    ...(missing.length > 0 ? [`missing: ${missing.join(", ")}`] : []),
    ...wrong.map(({ path, message }) => `${String(path[0])} ${message}`),
  ].join("; ");
}

function facts(raw: Record<string, unknown>, job: Dictionary, remarks: string[]): JobFacts {
  for (const key of ["PandaID", "attemptNr", "taskID", "jobsetID", "currentPriority"] as const) {
    if (typeof raw[key] === "string" && !unset(raw[key])) remarks.push(`${key} is text: read as a number`);
  }
  const silent = ["coreCount", "resource_type"].filter((key) => raw[key] === undefined);
  if (silent.length > 0) remarks.push(`missing: ${silent.join(", ")}; unknown`);
  if (typeof raw["secrets"] === "string" && !isJson(raw["secrets"])) {
    remarks.push("secrets is no JSON text: handed on as it is");
  }
  return {
    PandaID: job.PandaID,
    taskID: job.taskID,
    attemptNr: job.attemptNr,
    jobsetID: job.jobsetID,
    priority: job.currentPriority,
    nCore: coresOf(raw["coreCount"], remarks),
    resourceType: textOrNull(raw["resource_type"]),
    prodSourceLabel: textOrNull(raw["prodSourceLabel"]),
    zipPerMB: zipOf(raw["zipPerMB"], remarks),
    inputs: inputsOf(job, remarks),
    outputs: outputsOf(raw, job, remarks),
    log: unset(job.logFile) ? null : { lfn: job.logFile, guid: job.logGUID },
    params: raw,
  };
}

function coresOf(value: unknown, remarks: string[]): number | null {
  if (value === undefined) return null;
  const cores = whole.safeParse(value);
  if (cores.success) return cores.data;
  // The server itself makes 1 of an empty column; older ones sent the text.
  remarks.push(`coreCount is ${shown(value)}: read as 1`);
  return 1;
}

function zipOf(value: unknown, remarks: string[]): number | null {
  if (unset(value)) return null;
  const size = z.coerce.number().nonnegative().safeParse(value);
  if (!size.success) remarks.push(`zipPerMB is ${shown(value)}: the queue's value is used`);
  return size.data ?? null;
}

function inputsOf(job: Dictionary, remarks: string[]): InputInfo[] {
  const names = named(job, "inFiles", remarks);
  const sizes = maybe(job.fsize, "fsize", "inFiles", names.length, remarks);
  const odd = sizes.filter((size) => !unset(size) && !/^\d{1,15}$/.test(size));
  if (odd.length > 0) remarks.push(`fsize has ${shown(odd[0])}: size unknown`);
  const guids = maybe(job.GUID, "GUID", "inFiles", names.length, remarks);
  const checksums = maybe(job.checksum, "checksum", "inFiles", names.length, remarks);
  const scopes = needed(job.scopeIn, "scopeIn", "inFiles", names.length, remarks);
  const datasets = needed(job.realDatasetsIn, "realDatasetsIn", "inFiles", names.length, remarks);
  const endpoints = needed(job.ddmEndPointIn, "ddmEndPointIn", "inFiles", names.length, remarks);
  const inputs = names.map((lfn, i) => ({
    lfn,
    fsize: /^\d{1,15}$/.test(sizes[i] ?? "") ? Number(sizes[i]) : null,
    guid: guids[i] ?? "",
    checksum: checksums[i] ?? "",
    scope: scopes[i] ?? "",
    dataset: datasets[i] ?? "",
    endpoint: endpoints[i] ?? "",
  }));
  return oneEach(inputs, "inFiles", remarks);
}

function outputsOf(raw: Record<string, unknown>, job: Dictionary, remarks: string[]): OutputInfo[] {
  const names = named(job, "outFiles", remarks);
  if (!unset(job.logFile) && !names.includes(job.logFile)) {
    throw new Unusable(`logFile ${shown(job.logFile)} is not among outFiles`);
  }
  const count = names.length;
  const datasets = needed(job.realDatasets, "realDatasets", "outFiles", count, remarks);
  const endpoints = needed(job.ddmEndPointOut, "ddmEndPointOut", "outFiles", count, remarks);
  const rest = names.filter((lfn) => lfn !== job.logFile);
  const scopes = needed(job.scopeOut, "scopeOut", "outFiles without the log", rest.length, remarks);
  const tokens = raw["dispatchDBlockTokenForOut"];
  if (typeof tokens === "string" && items(tokens).length > count) {
    remarks.push(`dispatchDBlockTokenForOut has ${items(tokens).length} items for ${count} outFiles: not used`);
  }
  let next = 0;
  const outputs = names.map((lfn, i) => ({
    lfn,
    scope: lfn === job.logFile ? job.scopeLog : (scopes[next++] ?? ""),
    dataset: datasets[i] ?? "",
    endpoint: endpoints[i] ?? "",
  }));
  return oneEach(outputs, "outFiles", remarks);
}

/** Items of a list; the empty text is a list of none, or of one empty item: whoever counts decides. */
const items = (list: string): string[] => (list === "" ? [] : list.split(","));

/** File names with their blanks kept, for the other lists count them too; an unset column names no file. */
function named(job: Dictionary, key: "inFiles" | "outFiles", remarks: string[]): string[] {
  const names = unset(job[key]) ? [] : items(job[key]);
  for (const lfn of names) {
    if (leadsOut(lfn)) throw new Unusable(`${key} has ${shown(lfn)}, a name that leads out of its directory`);
  }
  if (names.includes("")) remarks.push(`${key} has a blank at item ${names.indexOf("") + 1}: skipped`);
  return names;
}

/** A list whose values a file can do without: too short a one says nothing of any file, for nobody knows which. */
function maybe(list: string, key: string, of: string, count: number, remarks: string[]): string[] {
  const values = items(list);
  if (values.length >= count) return upTo(values, key, of, count, remarks);
  // One file whose value is empty makes the empty text.
  if (count > 1) remarks.push(`${key} has ${values.length} items for ${count} ${of}: unknown for all`);
  return [];
}

/** A list without which a file can be neither found nor put. */
function needed(list: string, key: string, of: string, count: number, remarks: string[]): string[] {
  const values = list === "" && count === 1 ? [""] : items(list);
  if (values.length < count) {
    throw new Unusable(`${key} has ${values.length} items for ${count} ${of}: nobody knows which file lacks one`);
  }
  return upTo(values, key, of, count, remarks);
}

function upTo(values: string[], key: string, of: string, count: number, remarks: string[]): string[] {
  if (values.length > count && !(count === 0 && values.every(unset))) {
    remarks.push(`${key} has ${values.length} items for ${count} ${of}: surplus ignored`);
  }
  return values.slice(0, count);
}

/** One entry a name, blanks left out; the last one counts, as in Harvester's own reader. */
function oneEach<F extends { readonly lfn: string }>(files: readonly F[], key: string, remarks: string[]): F[] {
  const byName = new Map<string, F>();
  for (const file of files) {
    if (file.lfn === "") continue;
    if (byName.has(file.lfn)) remarks.push(`${key} repeats ${shown(file.lfn)}: the last one counts`);
    byName.set(file.lfn, file);
  }
  return [...byName.values()];
}

const leadsOut = (lfn: string): boolean =>
  lfn.includes("\0") || lfn.startsWith("/") || lfn.split(/[/\\]/).some((part) => part === "." || part === "..");

const textOrNull = (value: unknown): string | null => (typeof value === "string" && !unset(value) ? value : null);

function isJson(value: string): boolean {
  try {
    JSON.parse(value);
    return true;
  } catch {
    return false;
  }
}

/** A value in a message: kept short, so that a long one does not hide the sentence. */
function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}...` : value);
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "a dictionary" : String(value);
}
