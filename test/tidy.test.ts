/**
 * Holds the project to the rules that a program can check: who imports whom, what the pure zone may not touch, sizes,
 * names, leftovers. Each rule is shown a bad snippet too, so that a rule that has stopped working is noticed.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { describe, expect, it } from "vitest";
import * as ratchet from "./tidy/ratchet.ts";
import { rewrapped } from "./tidy/rewrap.ts";
import { checkSource, checkText, type Finding, type Grants } from "./tidy/rules.ts";
import { bad, good } from "./tidy/snippets.ts";
import { functionsOf, importsOf, read, type Source } from "./tidy/source.ts";
import { circles, deadExports, deadFiles, looseGrants, noGrants } from "./tidy/whole.ts";

const root = join(import.meta.dirname, "..");
const skipped = new Set(["node_modules", ".git", "data", "coverage", "package-lock.json", ".windrow"]);

function* filesBelow(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (skipped.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (entry.isFile()) yield relative(root, path).split(sep).join("/");
  }
}

const isText = /\.(md|json|ya?ml|sh|cfg|html|css|mjs|js|py|toml)$|^\.ci\/|^Dockerfile/;
const load = (path: string): Source => read(path, readFileSync(join(root, path), "utf8"));
const files = [...filesBelow(root)].sort();
const sources = files.filter((path) => path.endsWith(".ts")).map(load);
const show = (findings: readonly Finding[]): string[] =>
  findings.map(({ path, line, rule, todo }) => `${path}:${line} [${rule}] ${todo}`);

describe("the project", () => {
  it("keeps every rule in every TypeScript file", () => {
    expect(sources.length).toBeGreaterThan(100);
    expect(show(sources.flatMap((source) => checkSource(source, ratchet)))).toEqual([]);
  });

  it("imports in no circle", () => {
    expect(show(circles(sources))).toEqual([]);
  });

  it("has no file and no export that nobody uses", () => {
    expect(show([...deadFiles(sources), ...deadExports(sources, ratchet.awaited)])).toEqual([]);
  });

  it("names no path of a developer's machine in its texts", () => {
    const texts = files.filter((path) => isText.test(path)).map(load);
    expect(texts.length).toBeGreaterThanOrEqual(4);
    expect(show(texts.flatMap(checkText))).toEqual([]);
  });

  it("grants no more than what is needed", () => {
    expect(show(looseGrants(sources, ratchet))).toEqual([]);
  });
});

describe("the rules", () => {
  const opened = (text: string): string => `/** A file of a test, with a comment that opens it. */\n${text}\n`;

  it.each(bad)("$rule: $why", ({ rule, path, text, line = 2 }) => {
    const findings = checkSource(read(path, opened(text)), noGrants);
    expect(findings.map((finding) => [finding.rule, finding.line])).toContainEqual([rule, line]);
    expect(show(findings).every((shown) => shown.startsWith(`${path}:`))).toBe(true);
  });

  it.each(good)("let pass: $why", ({ path, text }) => {
    expect(show(checkSource(read(path, opened(text)), noGrants))).toEqual([]);
  });

  it("want a comment at the top", () => {
    const rules = (text: string) => checkSource(read("src/log/a.ts", text), noGrants).map(({ rule }) => rule);
    expect(rules("export const a = 1;\n")).toEqual(["doc comment"]);
    expect(rules("/** A. */\nexport const a = 1;\n")).toEqual(["doc comment"]);
    expect(rules("#!/usr/bin/env node\n/** Starts the program from the shell. */\n")).toEqual([]);
  });

  it("find foreign paths and bad names in other texts", () => {
    const path = ["", "work", "shared", "spec"].join("/");
    expect(show(checkText(read("docs/a.md", `one\nsee ${path}\n`)))).toEqual([
      expect.stringMatching(/^docs\/a\.md:2 \[foreign path\]/),
    ]);
    expect(checkText(read("docs/index/a.md", "")).map(({ rule }) => rule)).toEqual(["file name"]);
  });

  it("find what nobody uses", () => {
    const used = read("src/log/used.ts", "export const used = 1;\nexport const lost = 2;\n");
    const user = read("src/log/user.ts", 'import { used } from "./used.ts";\nconsole.log(used); // lost\n');
    expect(show(deadExports([used, user], {}))).toEqual([expect.stringMatching(/^src\/log\/used\.ts:2 .*lost/)]);
    expect(deadExports([used, user], { "src/log/used.ts": ["lost"] })).toEqual([]);
    expect(show(deadExports([used, user], { "src/log/used.ts": ["lost", "used"] }))).toHaveLength(1);
    expect(show(deadFiles([used, user]))).toEqual([expect.stringMatching(/^src\/log\/user\.ts:1/)]);
  });

  it("find circles of values, and leave circles of types alone", () => {
    const a = read("src/log/a.ts", 'import { b } from "./b.ts";\n');
    const b = read("src/log/b.ts", '\nimport { a } from "./a.ts";\n');
    expect(show(circles([a, b]))).toEqual([expect.stringMatching(/^src\/log\/b\.ts:2 .*a\.ts -> src\/log\/b\.ts ->/)]);
    expect(circles([a, read("src/log/b.ts", 'import type { A } from "./a.ts";\n')])).toEqual([]);
  });

  it("tighten the ratchet", () => {
    const long = read("src/log/long.ts", `${"\n".repeat(309)}const a = 1;\n`);
    const grants = (n: number): Grants => ({ ...noGrants, longFiles: { "src/log/long.ts": n } });
    expect(checkSource(long, grants(310)).filter(({ rule }) => rule === "file size")).toEqual([]);
    expect(looseGrants([long], grants(310))).toEqual([]);
    expect(show(checkSource(long, grants(309)))).toContainEqual(expect.stringContaining("310 lines, at most 309"));
    expect(show(looseGrants([long], grants(320)))).toEqual([expect.stringContaining("needs 310 only")]);
    expect(show(looseGrants([], grants(320)))).toEqual([expect.stringContaining("remove it")]);
  });
});

describe("breaking comments", () => {
  const words = (n: number) => Array.from({ length: n }, (_, i) => `word${i}`).join(" ");

  it("leaves none wider than a line may be, and every word where it was", () => {
    const list = `  // - ${words(30)}\n  //   ${words(3)}`;
    const text = `/** ${words(40)} */\nconst a = 1; // b\n${list}\n/**\n * ${words(20)}\n * c\n */\n`;
    const wrapped = rewrapped(text);
    expect(wrapped.split("\n").filter((line) => line.length > 120)).toEqual([]);
    expect(wrapped.match(/\w+/g)).toEqual(text.match(/\w+/g));
    expect(wrapped).toMatch(/^ {2}\/\/ - word0 .*\n {2}\/\/ {3}word/m);
    expect(rewrapped(wrapped)).toBe(wrapped);
  });

  it("leaves code and texts alone", () => {
    const text = `const a = "${words(40)}";\nconst b = \`\n * ${words(3)}\n\`;\n`;
    expect(rewrapped(text)).toBe(text);
    const pageLike = `const a = \`\n * ${words(40)}\n\`;\n`;
    expect(rewrapped(pageLike)).toBe(pageLike);
  });
});

describe("reading", () => {
  it("tells code from strings, comments, templates and regular expressions", () => {
    const text = [
      "const a = `x $<b ? `in $<c} }` : '{'} Date`; // Date",
      'const d = /[/`]"/.test(e) / f; /* Date */ g();',
    ]
      .join("\n")
      .replaceAll("$<", ["$", "{"].join(""));
    const { code, comments } = read("a.ts", text);
    expect(code).toHaveLength(text.length);
    expect(code.match(/\w+/g)).toEqual(["const", "a", "b", "c", "const", "d", "test", "e", "f", "g"]);
    expect(comments.match(/\w+/g)).toEqual(["Date", "Date"]);
  });

  it("sees every form of import", () => {
    const text = `import a, { type B } from "1";\nimport type { C } from '2';\nimport { type D, type E } from "3";
export { f } from "4";\nimport "5";\nconst g = await import("6");\nimport {\n  h,\n  type I,\n} from "7";
// import j from "8";\n`;
    const seen = importsOf(read("a.ts", text)).map(({ specifier, line, typeOnly }) => [specifier, line, typeOnly]);
    expect(seen).toEqual([
      ["1", 1, false],
      ["2", 2, true],
      ["3", 3, true],
      ["4", 4, false],
      ["5", 5, false],
      ["6", 6, false],
      ["7", 10, false],
    ]);
  });

  it("measures functions, methods and arrows, and neither objects nor types", () => {
    const text = `function a(b: { c: number }): { d: number } {\n  return b;\n}
class E {\n  async f<T>(g: T): Promise<{ h: T }> {\n    if (g) {\n      g();\n    }\n  }\n}
const i = (j: number) => {\n  return { k: j };\n};\ninterface L {\n  m(n: string): void;\n  o: {\n    p: 1;\n  };\n}\n`;
    expect(functionsOf(read("a.ts", text))).toEqual([
      { line: 1, lines: 3 },
      { line: 5, lines: 5 },
      { line: 11, lines: 3 },
    ]);
  });
});
