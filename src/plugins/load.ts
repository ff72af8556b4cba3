/**
 * Finds the plug-in that a configuration names with `module` and `name`, makes an instance of it, and checks that it
 * offers the methods of its kind. It must never call a plug-in (that is `calls.ts`), and must never guess: what cannot
 * be loaded gets one error that names queue, section, module and name, and says what to do.
 *
 * A module is, in this order: a built-in (Windrow's own short name, or a Harvester module that has an equal here), a
 * path (`./`, `../`, `/` or `file:`; relative to the configuration's directory), a package.
 */
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";
import { methods, type PluginKind, type PluginKinds } from "./contract.ts";
import { flakySchema, makeFlaky } from "./dummy/flaky.ts";

/** A plug-in section of the configuration. */
export interface PluginDefinition {
  readonly module: string;
  readonly name: string;
  readonly [option: string]: unknown;
}

/** What the core adds to the options (plugins.md 1), and where relative paths begin. */
export interface Injected {
  readonly queueName: string;
  readonly siteName: string;
  /** Directory of the configuration files; the working directory where it is missing. */
  readonly configDir?: string;
}

/** A plug-in that could not be loaded. The message is for the operator: where, what, and what to do. */
export class PluginError extends Error {
  override readonly name = "PluginError";
}

/**
 * Where a class lives, relative to this file. The files are imported on first use, so a broken one disturbs no other.
 */
interface BuiltIn {
  readonly file: string;
  readonly name: string;
}

const builtIns: Readonly<Record<string, readonly BuiltIn[]>> = {
  "windrow/dummy": [
    ...[
      "DummyPreparator",
      "DummyStager",
      "DummyZipper",
      "DummyMonitor",
      "DummySubmitter",
      "DummySweeper",
      "DummyMessenger",
      "DummyWorkerMaker",
      "DummyThrottler",
      "DummyExtractor",
      "DummyCredManager",
      "DummyFileSyncer",
    ].map((name) => ({ file: "./dummy/dummy.ts", name })),
    { file: "./dummy/communicator.ts", name: "DummyCommunicator" },
  ],
  "windrow/file": [
    { file: "./file/preparator.ts", name: "FilePreparator" },
    { file: "./file/stager.ts", name: "FileStager" },
    { file: "./file/zipper.ts", name: "FileZipper" },
  ],
  "windrow/shared-file": [{ file: "./sharedFile/messenger.ts", name: "SharedFileMessenger" }],
  "windrow/local": [
    { file: "./local/submitter.ts", name: "LocalSubmitter" },
    { file: "./local/monitor.ts", name: "LocalMonitor" },
    { file: "./local/sweeper.ts", name: "LocalSweeper" },
  ],
  "windrow/panda": [{ file: "./panda/communicator.ts", name: "PandaCommunicator" }],
  "windrow/lists": [{ file: "./lists/source.ts", name: "ListSource" }],
  "windrow/throttlers": [
    { file: "./throttlers/simple.ts", name: "SimpleThrottler" },
    { file: "./throttlers/tiny.ts", name: "TinyThrottler" },
  ],
  "windrow/simple-worker-maker": [{ file: "./workerMakers/simple.ts", name: "SimpleWorkerMaker" }],
  "windrow/multi-job-worker-maker": [{ file: "./workerMakers/multiJob.ts", name: "MultiJobWorkerMaker" }],
};

/**
 * Harvester modules (below `pandaharvester.`) and classes that have an equal here: [module, class, ours, our class].
 */
const equals: readonly (readonly [string, string, string, string?])[] = [
  ["harvesterpreparator.dummy_preparator", "DummyPreparator", "windrow/dummy"],
  ["harvesterstager.dummy_stager", "DummyStager", "windrow/dummy"],
  ["harvesterzipper.dummy_zipper", "DummyZipper", "windrow/dummy"],
  ["harvesterzipper.simple_zipper", "SimpleZipper", "windrow/file", "FileZipper"],
  ["harvestermonitor.dummy_monitor", "DummyMonitor", "windrow/dummy"],
  ["harvestersubmitter.dummy_submitter", "DummySubmitter", "windrow/dummy"],
  ["harvestersweeper.dummy_sweeper", "DummySweeper", "windrow/dummy"],
  ["harvestercredmanager.dummy_cred_manager", "DummyCredManager", "windrow/dummy"],
  ["harvestermessenger.shared_file_messenger", "SharedFileMessenger", "windrow/shared-file"],
  ["harvesterworkermaker.simple_worker_maker", "SimpleWorkerMaker", "windrow/simple-worker-maker"],
  ["harvesterworkermaker.multijob_worker_maker", "MultiJobWorkerMaker", "windrow/multi-job-worker-maker"],
  ["harvesterthrottler.simple_throttler", "SimpleThrottler", "windrow/throttlers"],
  ["harvesterthrottler.tiny_throttler", "TinyThrottler", "windrow/throttlers"],
  ["harvestercommunicator.panda_communicator", "PandaCommunicator", "windrow/panda"],
];

/** Methods that the interfaces of `contract.ts` mark as optional, and those of which one stands for the other. */
const optional: ReadonlySet<string> = new Set([
  "asyncZipOutput",
  "postZipOutput",
  "reportUpdatedWorkers",
  "find",
  "killWorkers",
  "killWorker",
  "numReadyResources",
  "feedEvents",
  "checkCredentialLifetime",
]);

/**
 * Makes one instance of a plug-in. `kind` is the section's name in the queue configuration. Options other than
 * `module`, `name` and `flaky` go to the constructor as they are, together with `queueName` and `siteName` (plugins.md
 * 1). Throws `PluginError`.
 */
export async function loadPlugin<K extends PluginKind>(
  kind: K,
  definition: PluginDefinition,
  injected: Injected,
): Promise<PluginKinds[K]> {
  const { flaky, ...options } = definition;
  const refuse = (why: string, cause?: unknown): PluginError =>
    new PluginError(
      `queue ${injected.queueName}, section ${kind}: cannot load plug-in ${String(definition.name)} ` +
        `of module ${String(definition.module)}: ${why}`,
      { cause },
    );
  if (typeof definition.module !== "string" || typeof definition.name !== "string") {
    throw refuse("module and name must be texts; correct the section");
  }
  const PluginClass = await findClass(definition.module, definition.name, injected, refuse);
  const plugin = construct(
    PluginClass,
    { ...options, queueName: injected.queueName, siteName: injected.siteName },
    refuse,
  );
  const missing = missingMethods(kind, plugin);
  if (missing.length > 0) {
    throw refuse(
      `it lacks ${missing.join(", ")}, which every ${kind} must offer; use a class of this kind or add them`,
    );
  }
  const parsed = flakySchema.optional().safeParse(flaky);
  if (!parsed.success) throw refuse(`its option flaky is wrong:\n${z.prettifyError(parsed.error)}`);
  let instance = plugin;
  try {
    if (parsed.data) instance = makeFlaky(kind, plugin, parsed.data);
  } catch (error) {
    throw refuse(reason(error), error);
  }
  if (!offers(kind, instance)) throw refuse("it lost methods when it was wrapped, which is a bug of Windrow");
  return instance;
}

type Refuse = (why: string, cause?: unknown) => PluginError;

async function findClass(module: string, name: string, injected: Injected, refuse: Refuse): Promise<unknown> {
  const builtIn = builtInOf(module, name, refuse);
  const address = builtIn
    ? new URL(builtIn.file, import.meta.url).href
    : addressOf(module, injected.configDir ?? process.cwd(), refuse);
  let exported: object;
  try {
    exported = z.looseObject({}).parse({ ...(await import(/* @vite-ignore */ address)) });
  } catch (error) {
    throw refuse(`its module fails to load from ${address}: ${reason(error)}; correct the module or the path`, error);
  }
  const wanted = builtIn?.name ?? name;
  if (Object.hasOwn(exported, wanted)) return Reflect.get(exported, wanted);
  const names = Object.keys(exported).toSorted().join(", ") || "nothing";
  throw refuse(`${address} exports ${names}; give the name of an exported class`);
}

function builtInOf(module: string, name: string, refuse: Refuse): BuiltIn | undefined {
  if (module.startsWith("windrow/")) {
    const candidates = Object.hasOwn(builtIns, module) ? builtIns[module] : undefined;
    if (!candidates) throw refuse(`there is no such built-in; there are ${Object.keys(builtIns).join(", ")}`);
    const found = candidates.find((candidate) => candidate.name === name);
    if (!found) throw refuse(`the built-in has ${candidates.map((candidate) => candidate.name).join(", ")}`);
    return found;
  }
  if (!module.startsWith("pandaharvester.")) return undefined;
  const equal = equals.find(([theirs, theirClass]) => module === `pandaharvester.${theirs}` && name === theirClass);
  if (!equal) {
    throw refuse(
      "it is a Harvester plug-in in Python without an equal here, and the Python bridge does not exist yet; " +
        "name a TypeScript plug-in or a built-in (windrow/...)",
    );
  }
  const [, , ours, ourClass = name] = equal;
  return builtIns[ours]?.find((candidate) => candidate.name === ourClass);
}

function addressOf(module: string, configDir: string, refuse: Refuse): string {
  if (module.startsWith("file:")) return module;
  if (/^\.{0,2}\//.test(module)) return pathToFileURL(resolve(configDir, module)).href;
  for (const from of [join(resolve(configDir), "windrow.json"), import.meta.url]) {
    try {
      const found = createRequire(from).resolve(module);
      return found.startsWith("/") ? pathToFileURL(found).href : found;
    } catch {
      // Not to be found from here; the next place or the refusal below follows.
    }
  }
  throw refuse(
    /^\w+(\.\w+)+$/.test(module)
      ? "no package has this name; if it is a Python module: the Python bridge does not exist yet, " +
          "name a TypeScript plug-in or a built-in (windrow/...)"
      : `there is no such package beside ${configDir}; install it there, or begin a path with ./ or /`,
  );
}

function construct(PluginClass: unknown, options: object, refuse: Refuse): object {
  if (typeof PluginClass !== "function") throw refuse("the export of this name is no class; name a class");
  let instance: unknown;
  try {
    instance = Reflect.construct(PluginClass, [options]);
  } catch (error) {
    const why = error instanceof z.ZodError ? `its options are wrong:\n${z.prettifyError(error)}` : reason(error);
    throw refuse(`its constructor refused: ${why}`, error);
  }
  if (typeof instance !== "object" || instance === null) throw refuse("its constructor made no object");
  return instance;
}

/** Names of mandatory methods that the instance does not offer under any accepted name. */
function missingMethods(kind: PluginKind, instance: object): string[] {
  const has = (name: string): boolean => typeof Reflect.get(instance, name) === "function";
  const listed = kind === "aux_preparator" ? "preparator" : kind;
  const missing = Object.entries(methods)
    .filter(([name, contract]) => contract.kind === listed && !optional.has(name) && !contract.names.some(has))
    .map(([name]) => name);
  // A sweeper must be able to kill, by either name.
  return kind === "sweeper" && !has("killWorkers") && !has("killWorker") ? ["killWorkers", ...missing] : missing;
}

function offers<K extends PluginKind>(kind: K, instance: object): instance is PluginKinds[K] {
  return missingMethods(kind, instance).length === 0;
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
