/**
 * Makes the typed configuration of every queue from `panda_queueconfig.json`: templates, merging, plug-in sections,
 * limits (config 4.1 to 4.4, lifecycle 6.0). A queue with a mistake is left out and named; the others go on. It must
 * never load a plug-in, nor read a file.
 */
import { ConfigError, jsonFault, mistakes, show } from "./refusal.ts";
import { limitAttributes, pluginKinds, type QueueConfig, queueSchema } from "./schema.ts";

export interface QueuesReading {
  /** Those of the list, offline ones included, in the order of the file. */
  readonly queues: readonly QueueConfig[];
  readonly warnings: readonly string[];
  /** One sentence a mistake; the queues they name are not in `queues`. */
  readonly errors: readonly string[];
}

type Attributes = Record<string, unknown>;

/** `queueList` is [qconf] queueList. Throws `ConfigError` where the text is not a JSON object. */
export function readQueues(text: string, file: string, queueList: readonly string[]): QueuesReading {
  const warnings: string[] = [];
  const errors: string[] = [];
  const entries = parseEntries(text, file, errors);
  if (queueList.includes("DYNAMIC")) {
    warnings.push(`${file}: [qconf] queueList DYNAMIC: queues are not made from CRIC; all of the file are served`);
  }
  const templates = new Map([...entries].filter(([name, entry]) => isTemplate(name, entry)));
  const wanted = wantedNames(queueList);
  const queues: QueueConfig[] = [];
  const unknown = new Set<string>();
  for (const [name, entry] of entries) {
    if (templates.has(name) || (wanted && !wanted.has(name))) continue;
    try {
      const { queue, notes } = buildQueue(name, merge(name, entry, templates));
      queues.push(queue);
      warnings.push(...notes.map((note) => `${file}, queue ${name}: ${note}`));
      for (const key of unreadKeys(queue)) unknown.add(key);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      errors.push(...error.message.split("\n").map((line) => `${file}, queue ${name}: ${line}`));
    }
  }
  for (const name of wanted ?? []) {
    if (!entries.has(name)) warnings.push(`${file}: queue ${name} of [qconf] queueList is not in the file`);
  }
  if (unknown.size > 0) {
    warnings.push(`${file}: unknown keys: ${[...unknown].join(", ")}; Windrow keeps but does not use them`);
  }
  return { queues, warnings, errors };
}

function parseEntries(text: string, file: string, errors: string[]): Map<string, Attributes> {
  let whole: unknown;
  try {
    whole = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    throw new ConfigError(`${file} is not valid JSON: ${jsonFault(error, text)}; correct it, nothing of it was used`);
  }
  if (!isObject(whole)) throw new ConfigError(`${file} is ${show(whole)}, it should be an object of queues by name`);
  const entries = new Map<string, Attributes>();
  for (const [name, entry] of Object.entries(whole)) {
    if (isObject(entry)) entries.set(name, entry);
    else errors.push(`${file}, queue ${name}: it is ${show(entry)}, it should be an object of attributes`);
  }
  return entries;
}

/** null: all. A list on one line is split, since the original finds a name anywhere in such a text. */
function wantedNames(queueList: readonly string[]): ReadonlySet<string> | null {
  const names = queueList.flatMap((line) => line.split(/[\s,]+/)).filter((name) => name !== "");
  return names.includes("ALL") || names.includes("DYNAMIC") ? null : new Set(names);
}

const isTemplate = (name: string, entry: Attributes): boolean =>
  entry["isTemplateQueue"] === true || name.endsWith("_TEMPLATE");

function isObject(value: unknown): value is Attributes {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Attributes that are joined key by key where template and queue both have an object (config 4.1, 5). */
const joined: ReadonlySet<string> = new Set(["common", ...pluginKinds]);

function merge(name: string, entry: Attributes, templates: ReadonlyMap<string, Attributes>): Attributes {
  const templateName = entry["templateQueueName"] ?? null;
  const template = templateName === null ? {} : templates.get(String(templateName));
  if (!template) {
    throw new ConfigError(
      `templateQueueName is ${show(templateName)}, which is no template of this file; give that entry ` +
        `"isTemplateQueue": true or a name that ends with _TEMPLATE (${name} is left out)`,
    );
  }
  const { templateQueueName: _chain, isTemplateQueue: _flag, ...merged } = structuredClone(template);
  for (const [key, value] of Object.entries(structuredClone(entry))) {
    if (key === "isTemplateQueue") continue;
    const base = merged[key];
    merged[key] = joined.has(key) && isObject(base) && isObject(value) ? { ...base, ...value } : value;
  }
  return merged;
}

function buildQueue(name: string, attributes: Attributes): { queue: QueueConfig; notes: readonly string[] } {
  const [siteName = name] = name.split("/", 1);
  const raw: Attributes = { siteName, siteFamily: siteName, ...dropNulls(attributes), queueName: name };
  if (name.includes("/")) raw["resourceType"] ??= name.slice(name.lastIndexOf("/") + 1);
  completePlugins(raw);
  const notes: string[] = [];
  for (const key of ["credmanagers", "file_syncer"]) {
    if (raw[key] === undefined || Array.isArray(raw[key])) continue;
    notes.push(`${key} is ${show(raw[key])} and no list: ignored`);
    delete raw[key];
  }
  if (raw["getJobCriteria"] !== undefined) raw["getJobCriteria"] = criteria(raw["getJobCriteria"]);
  if (typeof raw["queueStatus"] === "string") raw["queueStatus"] = raw["queueStatus"].toLowerCase();
  readNoHeartbeat(raw);
  notes.push(...normaliseLimits(raw));
  const sorted = sortOut(raw);
  const parsed = queueSchema.safeParse(sorted);
  if (parsed.success) return { queue: parsed.data, notes };
  const place = (path: readonly PropertyKey[]): string =>
    path
      .map(String)
      .filter((key, index) => index > 0 || key !== "plugins")
      .join(".");
  throw new ConfigError(mistakes(parsed.error, sorted, place).join("\n"));
}

/** An attribute that is null is one that is not set. */
const dropNulls = (attributes: Attributes): Attributes =>
  Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== null));

/** Keys of `common`, names of site and queue, and the middleware's keys (plugins 1 and 17). */
function completePlugins(raw: Attributes): void {
  const { module: _module, name: _name, ...common } = isObject(raw["common"]) ? raw["common"] : {};
  for (const [key, value] of Object.entries(raw)) {
    if (!isObject(value) || !Object.hasOwn(value, "module") || !Object.hasOwn(value, "name")) continue;
    if (key === "common") continue;
    // A plug-in that is switched off by null is no plug-in (plugins 1, null definition).
    if (value["module"] === null || value["name"] === null) {
      delete raw[key];
      continue;
    }
    const whole = { ...common, ...value, siteName: raw["siteName"], queueName: raw["queueName"] };
    const section = raw[String(value["middleware"])];
    raw[key] = isObject(section) ? { ...whole, ...section, original_config: whole } : whole;
  }
}

/** "k=v,k=v" as an object. */
function criteria(value: unknown): unknown {
  if (typeof value !== "string") return value;
  if (value === "") return null;
  return Object.fromEntries(
    value.split(",").map((item) => {
      const [key, text, ...more] = item.split("=");
      if (!key || text === undefined || more.length > 0) {
        throw new ConfigError(`getJobCriteria has ${show(item)}, it should be key=value with commas between`);
      }
      return [key, text];
    }),
  );
}

function readNoHeartbeat(raw: Attributes): void {
  const given = raw["noHeartbeat"] ?? "";
  if (typeof given !== "string") return;
  const statuses = given === "" && raw["truePilot"] === true ? "running,transferring,finished,failed" : given;
  raw["noHeartbeat"] = statuses
    .split(",")
    .map((status) => status.trim())
    .filter((status) => status !== "");
}

/** Limits as whole numbers or null, and those of them that bound others (config 4.2, 5 to 7). */
function normaliseLimits(raw: Attributes): readonly string[] {
  const notes: string[] = [];
  const limits: Record<string, number | null> = {};
  for (const key of limitAttributes) {
    const value = raw[key];
    const number = typeof value === "boolean" ? Number(value) : value;
    const whole = typeof number === "number" && Number.isSafeInteger(number) ? Math.max(number, 0) : null;
    if (value !== undefined && whole === null) {
      notes.push(`${key} is ${show(value)} and no whole number: taken as not set`);
    }
    limits[key] = whole;
  }
  const get = (key: string): number | null => limits[key] ?? null;
  const cap = (key: string, ...by: readonly (number | null)[]): void => {
    if (get(key) !== null) limits[key] = least(get(key), ...by);
  };
  for (const key of limitAttributes) {
    const ofJobs = key.startsWith("nQueueLimitJob");
    const pullOnly = key === "nQueueLimitWorkerRatio" || key === "nQueueLimitWorkerMin";
    if (raw["mapType"] === "NoJob" ? ofJobs : pullOnly) limits[key] = null;
  }
  const maxWorkers = get("maxWorkers") ?? 0;
  const worker = least(get("nQueueLimitWorker"), get("nQueueLimitWorkerMax"));
  if (worker !== null) {
    limits["nQueueLimitWorker"] = Math.min(worker, maxWorkers);
    cap("nQueueLimitWorkerMax", limits["nQueueLimitWorker"]);
    cap("nQueueLimitWorkerMin", limits["nQueueLimitWorker"]);
  }
  cap("nQueueLimitWorkerCoresMin", get("nQueueLimitWorkerCores"));
  cap("nQueueLimitWorkerMemoryMin", get("nQueueLimitWorkerMemory"));
  if (get("nQueueLimitJobMax") !== null) {
    limits["nQueueLimitJob"] = least(get("nQueueLimitJob"), get("nQueueLimitJobMax"));
    cap("nQueueLimitJobMax", get("nQueueLimitJob"));
  }
  cap("nQueueLimitJobMin", get("nQueueLimitJob"));
  cap("nQueueLimitJobCoresMin", get("nQueueLimitJobCores"));
  Object.assign(raw, limits, {
    maxWorkers,
    maxNewWorkersPerCycle: get("maxNewWorkersPerCycle") ?? 0,
  });
  return notes;
}

/** The smallest of those that are set. */
function least(...values: readonly (number | null)[]): number | null {
  const set = values.filter((value) => value !== null);
  return set.length > 0 ? Math.min(...set) : null;
}

const derived: ReadonlySet<string> = new Set(["configID", "uniqueName", "pandaQueueName", "plugins", "extra"]);

/** Plug-ins below `plugins`, known attributes at the top, all others below `extra`. */
function sortOut(raw: Attributes): Attributes {
  const known: Attributes = {};
  const plugins: Attributes = {};
  const extra: Attributes = {};
  const kinds: ReadonlySet<string> = new Set(pluginKinds);
  for (const [key, value] of Object.entries(raw)) {
    if (kinds.has(key)) plugins[key] = value;
    else if (derived.has(key)) continue;
    else if (Object.hasOwn(queueSchema.shape, key)) known[key] = value;
    else extra[key] = value;
  }
  return { ...known, plugins, extra };
}

/** Sections that plug-ins or merging use, so that they are no mistake. */
const readElsewhere: ReadonlySet<string> = new Set(["common", "templateQueueName", "walltimeLimit", "resource"]);

function unreadKeys(queue: QueueConfig): readonly string[] {
  const middlewares = new Set(Object.values(queue.plugins).map((plugin) => plugin?.["middleware"]));
  return Object.keys(queue.extra).filter((key) => !readElsewhere.has(key) && !middlewares.has(key));
}
