/**
 * Reads the two configuration files of a directory. It is the only file of this folder that touches the file system and
 * the environment, and it must never write. After an error the caller keeps the configuration it has.
 */
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { z } from "zod";
import { type ConfigMap, readInstance, type Surroundings } from "./instance.ts";
import { readQueues } from "./queues.ts";
import { ConfigError } from "./refusal.ts";
import type { InstanceConfig, QueueConfig } from "./schema.ts";

/** A configuration as read. It holds secrets: use `redact` before anything of it leaves the process. */
export interface LoadedConfig {
  readonly instance: InstanceConfig;
  /** Those of [qconf] queueList without mistakes, offline ones included. */
  readonly queues: readonly QueueConfig[];
  readonly warnings: readonly string[];
  /** Why queues were left out, a sentence each. */
  readonly errors: readonly string[];
}

const instanceFile = "panda_harvester.cfg";
/** Beside the directory, as `$PANDA_HOME/etc/configmap` is beside `$PANDA_HOME/etc/panda` (config 1). */
const mapFile = "../configmap/panda_harvester_configmap.json";

/**
 * Reads `panda_harvester.cfg` and the queue file that it names ([qconf] configFile, relative to `dir`).
 * Throws `ConfigError` where a file is missing or cannot be understood as a whole.
 */
export async function loadConfig(dir: string, around: Partial<Surroundings> = {}): Promise<LoadedConfig> {
  const surroundings: Surroundings = {
    env: around.env ?? process.env,
    hostname: around.hostname ?? hostname().split(".", 1).join(),
  };
  const text = await read(join(dir, instanceFile), "write it, or name the directory that holds it");
  const configMap = await readConfigMap(join(dir, mapFile));
  const { instance, warnings } = readInstance(text, instanceFile, surroundings, configMap);
  const file = instance.qconf.configFile;
  const queuesText = await read(resolve(dir, file), `write it, or correct [qconf] configFile of ${instanceFile}`);
  const reading = readQueues(queuesText, file, instance.qconf.queueList);
  return {
    instance,
    queues: reading.queues,
    warnings: [...warnings, ...reading.warnings],
    errors: reading.errors,
  };
}

async function read(path: string, remedy: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new ConfigError(`cannot read ${path}: ${String(error)}; ${remedy}`, { cause: error });
  }
}

const configMapSchema = z.record(z.string(), z.record(z.string(), z.unknown()));

async function readConfigMap(path: string): Promise<ConfigMap> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return {};
    throw new ConfigError(`cannot read ${path}: ${String(error)}`, { cause: error });
  }
  try {
    return configMapSchema.parse(JSON.parse(text));
  } catch (error) {
    throw new ConfigError(`${path} is no JSON object of keys by section: ${String(error)}; correct or remove it`, {
      cause: error,
    });
  }
}
