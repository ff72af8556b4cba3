/**
 * Makes the typed configuration of the instance from the text of `panda_harvester.cfg`: conversion of values in the
 * original's order (config 2), then the schema. It must never read a file or the environment by itself.
 */
import { type IniSections, readIni } from "./ini.ts";
import { ConfigError, jsonFault, mistakes } from "./refusal.ts";
import type { InstanceConfig } from "./schema.ts";
import { instanceSchema, knownKeys } from "./sections.ts";

/** What a value that begins with `$` may name. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Short name of this host. */
  readonly hostname: string;
}

export interface InstanceReading {
  readonly instance: InstanceConfig;
  readonly warnings: readonly string[];
}

/** `{section: {key: value}}` laid over the file: adds and replaces keys of sections that the file has (config 1). */
export type ConfigMap = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Throws `ConfigError` that names every mistake of the file. */
export function readInstance(
  text: string,
  file: string,
  around: Surroundings,
  configMap: ConfigMap = {},
): InstanceReading {
  const raw = convertAll(readIni(text, file), file, around);
  for (const [section, keys] of Object.entries(configMap)) {
    const target = raw[section];
    if (target) for (const [key, value] of Object.entries(keys)) target[key] = value;
  }
  moveZipperKeys(raw);
  const parsed = instanceSchema.safeParse(dropNulls(raw));
  if (!parsed.success) {
    const place = ([section, ...keys]: readonly PropertyKey[]): string =>
      [`${file} [${String(section)}]`, ...keys.map(String)].join(" ");
    throw new ConfigError(mistakes(parsed.error, raw, place).join("\n"));
  }
  return { instance: parsed.data, warnings: [...unknownKeys(raw, file), ...placeholders(raw, file)] };
}

type RawSections = Record<string, Record<string, unknown>>;

function convertAll(sections: IniSections, file: string, around: Surroundings): RawSections {
  return Object.fromEntries(
    [...sections].map(([section, keys]) => [
      section,
      Object.fromEntries([...keys].map(([key, value]) => [key, convert(value, `${file} [${section}] ${key}`, around)])),
    ]),
  );
}

/** One value: environment, then True/False/None/digits, JSON over several lines, list over several lines, text. */
export function convert(text: string, where: string, around: Surroundings): unknown {
  const value = text.startsWith("$") ? fromSurroundings(text, where, around) : text;
  if (value === "True") return true;
  if (value === "False") return false;
  if (value === "None") return null;
  if (/^\d+$/.test(value)) return Number(value);
  if (!value.includes("\n")) return value.trim();
  const joined = value.replaceAll("\n", "");
  if (/^\W*(\[.+\]|\{.+\})\W*$/.test(joined)) return convertJson(value, where, around);
  return value
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** The whole value is replaced by that of the first name in it; the rest of the text is lost, as in the original. */
function fromSurroundings(text: string, where: string, around: Surroundings): string {
  const name = /\$\{*([^}]+)\}*/.exec(text)?.[1];
  if (name === undefined) throw new ConfigError(`${where}: ${text} names no variable; write $NAME`);
  if (name.toUpperCase() === "HOSTNAME") return around.hostname;
  const value = around.env[name];
  if (value === undefined) {
    throw new ConfigError(`${where}: the environment variable ${name} is not set; set it or change the value`);
  }
  return value;
}

function convertJson(text: string, where: string, around: Surroundings): unknown {
  const expand = (_key: string, value: unknown): unknown =>
    typeof value === "string" && value.includes("$") ? fromSurroundings(value, where, around) : value;
  try {
    return JSON.parse(text, expand);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(`${where}: it looks like JSON but is not: ${jsonFault(error, text)}`);
  }
}

/** Files older than the section [zipper] have its keys in [stager] (config 3.14). */
function moveZipperKeys(raw: RawSections): void {
  const { stager } = raw;
  if (raw["zipper"] || !stager) return;
  const { maxJobsToZip, maxFilesPerJobToZip, usePostZipping, lockInterval } = stager;
  const zipInterval = stager["zipInterval"] ?? stager["triggerInterval"];
  raw["zipper"] = { maxJobsToZip, maxFilesPerJobToZip, usePostZipping, lockInterval, zipInterval };
}

/** None is the same as an absent key: the fallback holds. */
function dropNulls(raw: RawSections): RawSections {
  return Object.fromEntries(
    Object.entries(raw).map(([section, keys]) => [
      section,
      Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== null)),
    ]),
  );
}

const obsoleteStagerKeys = new Set(["maxJobsToZip", "maxFilesPerJobToZip", "usePostZipping", "zipInterval"]);

function unknownKeys(raw: RawSections, file: string): readonly string[] {
  const unknown = Object.entries(raw).flatMap(([section, keys]) => {
    const known = knownKeys.get(section);
    if (known === null) return [];
    if (known === undefined) return [`[${section}]`];
    const isKnown = (key: string): boolean => known.has(key) || (section === "stager" && obsoleteStagerKeys.has(key));
    return Object.keys(keys)
      .filter((key) => !isKnown(key))
      .map((key) => `${section}.${key}`);
  });
  return unknown.length > 0 ? [`${file}: unknown keys: ${unknown.join(", ")}; Windrow does not use them`] : [];
}

/** The template's FIXME in a key that is used. */
function placeholders(raw: RawSections, file: string): readonly string[] {
  const left = Object.entries(raw).flatMap(([section, keys]) =>
    Object.entries(keys)
      .filter(([key, value]) => knownKeys.get(section)?.has(key) && JSON.stringify(value)?.includes("FIXME"))
      .map(([key]) => `${section}.${key}`),
  );
  return left.length > 0 ? [`${file}: still FIXME: ${left.join(", ")}; fill them in`] : [];
}
