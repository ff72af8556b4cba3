/**
 * Reads INI text by the rules of Python's ConfigParser in its strict form, as `panda_harvester.cfg` is written (config
 * 1). The INI packages for Node know neither values over several lines nor interpolation, and cut values at `;`, which
 * would change existing files silently; therefore a parser of our own. It must never convert a value: that is
 * instance.ts.
 */
import { ConfigError } from "./refusal.ts";

/** Section -> key -> text, interpolated, with [DEFAULT] inherited. Sections in the order of the file. */
export type IniSections = ReadonlyMap<string, ReadonlyMap<string, string>>;

interface Reading {
  readonly file: string;
  readonly sections: Map<string, Map<string, string[]>>;
  readonly defaults: Map<string, string[]>;
  section: Map<string, string[]> | null;
  sectionName: string;
  /** Lines of the value that a deeper indented line continues. */
  value: string[] | null;
  indent: number;
}

/** Throws `ConfigError` with file and line. */
export function readIni(text: string, file: string): IniSections {
  const reading: Reading = {
    file,
    sections: new Map(),
    defaults: new Map(),
    section: null,
    sectionName: "",
    value: null,
    indent: 0,
  };
  const lines = text.replace(/^\uFEFF/, "").split(/\r\n|\n|\r/);
  lines.forEach((line, index) => {
    readLine(reading, line, index + 1);
  });
  return new Map(
    [...reading.sections].map(([name, own]) => {
      const raw = new Map(
        [...reading.defaults, ...own].map(([key, parts]) => [key, parts.join("\n").trimEnd()] as const),
      );
      const cooked = [...raw.keys()].map((key) => [key, interpolate(raw, key, `${file} [${name}] ${key}`)] as const);
      return [name, new Map(cooked)] as const;
    }),
  );
}

function readLine(reading: Reading, line: string, number: number): void {
  const value = line.trim();
  // Comments vanish even inside a value, whereas an empty line there belongs to the value.
  if (value.startsWith("#") || value.startsWith(";")) return;
  if (value === "") {
    reading.value?.push("");
    return;
  }
  const indent = line.length - line.trimStart().length;
  if (reading.value && indent > reading.indent) {
    reading.value.push(value);
    return;
  }
  reading.indent = indent;
  const where = `${reading.file} line ${number}`;
  const header = /^\[(.+)\]/.exec(value)?.[1];
  if (header !== undefined) beginSection(reading, header, where);
  else beginOption(reading, value, where);
}

function beginSection(reading: Reading, name: string, where: string): void {
  reading.value = null;
  reading.sectionName = name;
  if (name === "DEFAULT") {
    reading.section = reading.defaults;
    return;
  }
  if (reading.sections.has(name)) {
    throw new ConfigError(`${where}: section [${name}] is there a second time; join the two`);
  }
  reading.section = new Map();
  reading.sections.set(name, reading.section);
}

function beginOption(reading: Reading, line: string, where: string): void {
  if (!reading.section) throw new ConfigError(`${where}: ${line} is before the first [section]; put it into one`);
  const [, key, first] = /^(.*?)\s*[=:]\s*(.*)$/.exec(line) ?? [];
  if (!key || first === undefined) {
    throw new ConfigError(`${where}: ${line} is neither [section] nor key = value; indent it if it continues a value`);
  }
  if (reading.section.has(key)) {
    throw new ConfigError(`${where}: [${reading.sectionName}] ${key} is there a second time; remove one of them`);
  }
  reading.value = [first];
  reading.section.set(key, reading.value);
}

const maxDepth = 10;

/** Replaces `%(key)s` by that key of the section, and `%%` by one percent sign. */
function interpolate(section: ReadonlyMap<string, string>, key: string, where: string, depth = 1): string {
  if (depth > maxDepth) throw new ConfigError(`${where}: %(...)s refers back to itself; break the circle`);
  return (section.get(key) ?? "").replace(/%(?:%|\(([^)]*)\)s)?/g, (found, name: string | undefined) => {
    if (found === "%%") return "%";
    if (name === undefined) throw new ConfigError(`${where}: a single % is not allowed; write %% for a percent sign`);
    if (!section.has(name)) {
      throw new ConfigError(
        `${where}: %(${name})s names no key of the section; add it, or write %% for a percent sign`,
      );
    }
    return interpolate(section, name, where, depth + 1);
  });
}
