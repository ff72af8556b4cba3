/**
 * The rules of tidy that need all files at once: what nobody uses, imports in a circle, and a ratchet that may be
 * tightened. Plain text like the others; a name in a string counts as a use, because plug-ins are named in
 * configurations.
 */
import { posix } from "node:path";
import { checkSource, type Finding, type Grants, target } from "./rules.ts";
import { exportsOf, functionsOf, importsOf, lineAt, read, type Source } from "./source.ts";

const words = /[A-Za-z_$][\w$]*/g;
/** Written for people who write plug-ins: what they may use need not be used here. */
const contract = "src/plugins/contract.ts";
const product = /^(events|machines|src)\//;

/** Word -> how often each file has it, comments left out. */
function mentionsIn(sources: readonly Source[]): Map<string, Map<string, number>> {
  const mentions = new Map<string, Map<string, number>>();
  for (const { path, text, comments } of sources) {
    const spoken = [...text].map((c, i) => (comments[i] === " " || c === "\n" ? c : " ")).join("");
    for (const [word] of spoken.matchAll(words)) {
      const places = mentions.get(word) ?? new Map<string, number>();
      mentions.set(word, places.set(path, (places.get(path) ?? 0) + 1));
    }
  }
  return mentions;
}

/** Exported functions, values and classes that nothing mentions, not even their own file. */
export function deadExports(
  sources: readonly Source[],
  awaited: Readonly<Record<string, readonly string[]>>,
): Finding[] {
  const mentions = mentionsIn(sources);
  const isDead = (name: string): boolean => {
    const places = [...(mentions.get(name)?.values() ?? [])];
    return places.length < 2 && (places[0] ?? 0) < 2;
  };
  const unused = sources
    .filter(({ path }) => product.test(path) && path !== contract)
    .flatMap((source) =>
      exportsOf(source)
        .filter(({ name }) => isDead(name) && !awaited[source.path]?.includes(name))
        .map(({ name, offset }): Finding => {
          const line = lineAt(source.text, offset);
          return {
            path: source.path,
            line,
            rule: "dead export",
            todo: `nothing mentions ${name}: use it or delete it`,
          };
        }),
    );
  const used = Object.entries(awaited).flatMap(([file, names]) =>
    names
      .filter((name) => !isDead(name))
      .map((name) => slack(`awaited: ${name} of ${file} is used now: remove its entry`)),
  );
  return [...unused, ...used];
}

/** Files of the product that no other file imports or names. */
export function deadFiles(sources: readonly Source[]): Finding[] {
  const named = new Set<string>();
  for (const { path, text } of sources) {
    for (const [file] of text.matchAll(/[\w./-]+\.ts\b/g)) {
      const name = posix.basename(file);
      if (name !== posix.basename(path) || file.includes("/")) named.add(name);
    }
  }
  return sources
    .filter(({ path }) => product.test(path) && path !== "src/main.ts" && !named.has(posix.basename(path)))
    .map(({ path }) => ({ path, line: 1, rule: "dead file", todo: "no other file imports or names it: delete it" }));
}

/** Imports of values that lead back to where they came from. */
export function circles(sources: readonly Source[]): Finding[] {
  const edges = new Map(
    sources.map((source) => [
      source.path,
      importsOf(source).flatMap(({ specifier, line, typeOnly }) => {
        const { file } = target(source.path, specifier);
        return file === undefined || typeOnly ? [] : [{ file, line }];
      }),
    ]),
  );
  const findings: Finding[] = [];
  const settled = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    for (const { file, line } of edges.get(path) ?? []) {
      const at = trail.indexOf(file);
      if (at !== -1) {
        const todo = `${[...trail.slice(at), file].join(" -> ")}: import a type, or move what both need`;
        findings.push({ path, line, rule: "circle", todo });
      } else if (!settled.has(file)) visit(file, [...trail, file]);
    }
    settled.add(path);
  };
  for (const path of edges.keys()) if (!settled.has(path)) visit(path, [path]);
  return findings;
}

const slack = (todo: string): Finding => ({ path: "test/tidy/ratchet.ts", line: 1, rule: "ratchet", todo });

/** No grants: everything that a rule finds. */
export const noGrants: Grants = {
  longFiles: {},
  longFunctions: {},
  wideLines: {},
  anys: {},
  crossings: {},
  unopened: [],
};

/** Sizes granted beyond what is needed. */
function looseSizes(sources: readonly Source[], grants: Grants): Finding[] {
  const number = (source: Source, rule: string): number =>
    checkSource(source, noGrants).filter((finding) => finding.rule === rule).length;
  const longest = (source: Source): number => Math.max(0, ...functionsOf(source).map(({ lines }) => lines));
  const needs = {
    longFiles: (source: Source) => (number(source, "file size") > 0 ? source.text.trimEnd().split("\n").length : 0),
    longFunctions: (source: Source) => (number(source, "function size") > 0 ? longest(source) : 0),
    wideLines: (source: Source) => number(source, "line width"),
    anys: (source: Source) => number(source, "any"),
  };
  return (Object.keys(needs) as (keyof typeof needs)[]).flatMap((kind) =>
    Object.entries(grants[kind]).flatMap(([file, granted]) => {
      const source = sources.find((one) => one.path === file);
      const needed = source ? needs[kind](source) : 0;
      if (needed === granted) return [];
      if (needed === 0) return [slack(`${kind}: ${file} needs no entry any more: remove it`)];
      return needed < granted ? [slack(`${kind}: ${file} needs ${needed} only: lower its number`)] : [];
    }),
  );
}

/** Grants that are not needed any more, or larger than needed. */
export function looseGrants(sources: readonly Source[], grants: Grants): Finding[] {
  const find = (path: string): Source | undefined => sources.find((source) => source.path === path);
  const crossings = Object.entries(grants.crossings).flatMap(([path, specifiers]) =>
    specifiers
      .filter((specifier) => !importsOf(find(path) ?? read(path, "")).some((one) => one.specifier === specifier))
      .map((specifier) => slack(`crossings: ${path} does not import ${specifier} any more: remove it`)),
  );
  const unopened = grants.unopened
    .filter(
      (path) => !checkSource(find(path) ?? read(path, "/** */"), noGrants).some(({ rule }) => rule === "doc comment"),
    )
    .map((path) => slack(`unopened: ${path} has its comment: remove it`));
  return [...looseSizes(sources, grants), ...crossings, ...unopened];
}
