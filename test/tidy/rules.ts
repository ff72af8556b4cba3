/**
 * The rules of style.md and design.md that a program can check, each a function from one file (or all files) to what
 * breaks it. A finding names file, line, rule and what to do. It must never read a file itself, so that each rule can
 * be shown a bad snippet.
 */
import { posix } from "node:path";
import { fenced, type Zone, zoneOf } from "./layers.ts";
import { functionsOf, importsOf, lineAt, type Source } from "./source.ts";

export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
  /** What is wrong and what to do. */
  readonly todo: string;
}

/** Sizes granted beyond the rules (ratchet.ts). */
export interface Grants {
  readonly longFiles: Readonly<Record<string, number>>;
  readonly longFunctions: Readonly<Record<string, number>>;
  readonly wideLines: Readonly<Record<string, number>>;
  readonly anys: Readonly<Record<string, number>>;
  readonly crossings: Readonly<Record<string, readonly string[]>>;
  readonly unopened: readonly string[];
}

const maxFileLines = 300;
const maxFunctionLines = 70;
const maxLineWidth = 120;
const banned = /^(utils?|commons?|types?|helpers?|managers?|misc|index)$/;

type Rule = (source: Source) => readonly Finding[];
/** A rule of which the ratchet grants exceptions. */
type Granted = (source: Source, grants: Grants) => readonly Finding[];

/** Every match of a pattern as a finding. */
function matches(
  source: Source,
  text: string,
  pattern: RegExp,
  rule: string,
  todo: (found: string) => string,
): Finding[] {
  return [...text.matchAll(pattern)].map((match) => ({
    path: source.path,
    line: lineAt(source.text, match.index),
    rule,
    todo: todo(match[0].trim()),
  }));
}

/** Path of what a relative import names, or the name of its package. */
export function target(path: string, specifier: string): { file?: string; package?: string } {
  if (specifier.startsWith(".")) return { file: posix.join(posix.dirname(path), specifier) };
  if (specifier.startsWith("node:")) return { package: "node:*" };
  const [scope = "", name = ""] = specifier.split("/");
  return { package: scope.startsWith("@") ? `${scope}/${name}` : scope };
}

const direction: Granted = (source, { crossings }) => {
  const zone = zoneOf(source.path);
  const finding = (line: number, todo: string): Finding => ({ path: source.path, line, rule: "direction", todo });
  if (!zone) return [finding(1, "this file is in no zone of test/tidy/layers.ts: move it, or add a zone there")];
  return importsOf(source).flatMap(({ specifier, line, typeOnly }) => {
    const { file } = target(source.path, specifier);
    const other = file === undefined || !file.endsWith(".ts") ? undefined : zoneOf(file);
    if (file === "src/main.ts") return [finding(line, "nobody imports main.ts: move what you need out of it")];
    if (!other || other === zone || zone.imports.includes(other.name)) return [];
    if (crossings[source.path]?.includes(specifier)) return [];
    const types = zone.imports.includes(`${other.name} types`);
    if (types && typeOnly) return [];
    const advice = types ? "only types may come from there: write `import type`" : backwards(zone);
    return [finding(line, `${zone.name} imports ${specifier} of ${other.name}: ${advice}`)];
  });
};

const backwards = (zone: Zone): string =>
  `imports go backwards along the picture of the design only; may import ${zone.imports.join(", ") || "nothing"}`;

const packages: Rule = (source) => {
  const zone = zoneOf(source.path);
  return importsOf(source).flatMap(({ specifier, line }) => {
    const name = target(source.path, specifier).package;
    if (name === undefined) return [];
    const found = (todo: string): Finding[] => [{ path: source.path, line, rule: "packages", todo }];
    const homes = fenced[name];
    if (homes && !homes.some((home) => source.path.startsWith(home)))
      return found(`${name} may be imported in ${homes.join(", ")} alone: go through what these export`);
    if (!zone?.packages || zone.packages.includes(name)) return [];
    return found(
      `${specifier} in a pure zone that may import ${zone.packages.join(", ") || "no package"}: hand the value in`,
    );
  });
};

/** Names of what a machine knows and a log does not: time, chance, surroundings, language, the moment of collection. */
const impureNames = [
  ...["Date", "performance", "setTimeout", "setInterval", "setImmediate", "queueMicrotask", "process", "console"],
  ...["globalThis", "crypto", "Intl", "Atomics", "WeakRef", "FinalizationRegistry"],
];
const impureCalls = ["\\bMath\\.random", "\\brandomUUID", "\\.localeCompare", "\\.toLocale\\w*"];
const impure = new RegExp(`(?<![\\w.$])(${impureNames.join("|")})\\b(?!\\s*:)|(${impureCalls.join("|")})\\b`, "g");

const purity: Rule = (source) =>
  zoneOf(source.path)?.pure
    ? matches(
        source,
        source.code,
        impure,
        "purity",
        (word) => `${word} in the pure zone: time, chance and locale are handed in`,
      )
    : [];

const xstateCaller: Rule = (source) =>
  source.path.startsWith("machines/") && source.path !== "machines/step.ts"
    ? matches(
        source,
        source.code,
        /\b(transition|initialTransition|createActor|getNextSnapshot)\s*\(/g,
        "xstate",
        (call) => `${call}): machines/step.ts alone calls XState at run time`,
      )
    : [];

const lateXState: Rule = (source) =>
  source.path.startsWith("machines/")
    ? matches(
        source,
        source.code,
        /\b(after|invoke|always|spawn|spawnChild|emit|sendTo|raise|guard)\s*[:(]/g,
        "statecharts",
        (word) => `${word}: due times are context and calls are the agents' business (design 4)`,
      )
    : [];

const tooLong: Granted = ({ path, text }, { longFiles }) => {
  const length = text.trimEnd().split("\n").length;
  const max = longFiles[path] ?? maxFileLines;
  const todo = `${length} lines, at most ${max}: split it where it reads better`;
  return length > max ? [{ path, line: max, rule: "file size", todo }] : [];
};

const longFunction: Granted = (source, { longFunctions }) => {
  const max = longFunctions[source.path] ?? maxFunctionLines;
  const long = functionsOf(source).filter(({ lines }) => lines > max);
  return long.map(({ line, lines }) => {
    const todo = `${lines} lines, at most ${max}: give a part of it a name`;
    return { path: source.path, line, rule: "function size", todo };
  });
};

const wideLine: Granted = ({ path, text }, { wideLines }) => {
  const wide = text.split("\n").flatMap((line, i) => {
    const todo = `${line.length} characters, at most ${maxLineWidth}: break it (\`npm run format\` breaks comments)`;
    return line.length > maxLineWidth ? [{ path, line: i + 1, rule: "line width", todo }] : [];
  });
  return wide.slice(wideLines[path] ?? 0);
};

const names: Rule = ({ path }) => {
  const bad = path.split("/").find((part) => banned.test(part.replace(/(\.test)?\.\w+$/, "")));
  return bad === undefined
    ? []
    : [
        {
          path,
          line: 1,
          rule: "file name",
          todo: `${bad} says nothing: name it after its stage, entity, duty or outside system`,
        },
      ];
};

const opening: Granted = ({ path, text }, { unopened }) => {
  const body = text.replace(/^#!.*\n/, "");
  const comment = /^\/\*\*([\s\S]*?)\*\//.exec(body)?.[1] ?? "";
  return comment.replace(/[\s*]/g, "").length >= 20 || unopened.includes(path)
    ? []
    : [
        {
          path,
          line: 1,
          rule: "doc comment",
          todo: "open the file with a /** comment */: what it is for, what it must never do",
        },
      ];
};

const leftovers: Rule = (source) =>
  matches(
    source,
    source.comments,
    /(\/\/|\*)\s*(TODO|FIXME|XXX|HACK)\b|\b(TODO|FIXME)\s*[:(]/g,
    "leftovers",
    (mark) => `${mark}: do it, or write it down in an issue`,
  );

const skips: Rule = (source) =>
  matches(
    source,
    source.code,
    /\b(it|test|describe)\.(only|todo)\b/g,
    "leftovers",
    (call) => `${call}: run all tests, and write a test rather than announcing it`,
  );

const noAny: Granted = (source, { anys }) => {
  const findings = matches(
    source,
    source.code,
    /[:<,|&(]\s*any\b(?!\s*[:(?])|\bas\s+any\b/g,
    "any",
    () => "say what it is, or `unknown` and parse it",
  );
  return findings.slice(anys[source.path] ?? 0);
};

const barrels: Rule = (source) =>
  matches(
    source,
    source.code,
    /^export\s+(type\s+)?(\*|\{[^}]*\}\s*from)/gm,
    "barrel",
    () => "import from where it is declared; nothing is passed on",
  );

/** What the platform wants extended. */
const platform = ["Error", "Map", "Set", "EventEmitter", "Transform", "Readable", "Writable", "Duplex"];
const base = new RegExp(
  `\\bclass\\s+\\w+\\s+extends\\s+(?!\\w*(${platform.join("|")})\\b)\\w+|\\babstract\\s+class\\b`,
  "g",
);
const classes: Rule = (source) =>
  matches(
    source,
    source.code,
    base,
    "base class",
    (found) => `${found}: hand the differing part in as a function or value`,
  );

const foreignPaths: Rule = (source) =>
  matches(
    source,
    source.text,
    /(?<![\w-])(\/work\/|(\.\.?\/)*shared\/)[\w./-]*/g,
    "foreign path",
    (path) => `${path} exists on the machine of a developer only: take the folder by an environment variable`,
  );

const oneFile: readonly Rule[] = [
  packages,
  purity,
  xstateCaller,
  lateXState,
  names,
  leftovers,
  skips,
  barrels,
  classes,
  foreignPaths,
];

const granted: readonly Granted[] = [direction, opening, tooLong, longFunction, wideLine, noAny];

/** What breaks a rule in one TypeScript file. */
export function checkSource(source: Source, grants: Grants): readonly Finding[] {
  return [...oneFile.flatMap((rule) => rule(source)), ...granted.flatMap((rule) => rule(source, grants))];
}

/** What breaks a rule in any other text file of the project. */
export const checkText = (source: Source): readonly Finding[] => [...foreignPaths(source), ...names(source)];
