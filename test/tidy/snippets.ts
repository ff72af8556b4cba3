/**
 * Small files that break one rule each, and some that look as if they did. They are strings, so tidy itself does not
 * stumble over them. The tests put an opening comment above each, so that the first line of a snippet is line 2.
 */

export interface Snippet {
  readonly why: string;
  readonly path: string;
  readonly text: string;
}
export interface BadSnippet extends Snippet {
  readonly rule: string;
  /** Line of the finding; 2 if not given. */
  readonly line?: number;
}

const lines = (n: number, text: string): string => `${text}\n`.repeat(n);

export const bad: readonly BadSnippet[] = [
  {
    rule: "direction",
    why: "the scheduler knows no agents",
    path: "src/scheduler.ts",
    text: 'import { a } from "./agents/agent.ts";',
  },
  {
    rule: "direction",
    why: "machines know no projection",
    path: "machines/job.ts",
    text: 'import { a } from "../src/projection.ts";',
  },
  {
    rule: "direction",
    why: "events know nothing",
    path: "events/job.ts",
    text: 'import type { A } from "../machines/job.ts";',
  },
  {
    rule: "direction",
    why: "agents make no calls",
    path: "src/agents/monitor.ts",
    text: 'import { a } from "../calls.ts";',
  },
  {
    rule: "direction",
    why: "plug-ins know no World",
    path: "src/plugins/slurm.ts",
    text: 'import type { World } from "../world.ts";',
  },
  {
    rule: "direction",
    why: "agents take types alone from the contract",
    path: "src/agents/monitor.ts",
    text: 'import { methods } from "../plugins/contract.ts";',
  },
  {
    rule: "direction",
    why: "agents take types alone from the specs",
    path: "src/agents/monitor.ts",
    text: 'import { type A, JobSpec } from "../specs/jobSpec.ts";',
  },
  {
    rule: "direction",
    why: "the log knows no World",
    path: "src/log/a.ts",
    text: 'export { World } from "../world.ts";',
  },
  {
    rule: "direction",
    why: "nobody imports main.ts",
    path: "test/main.test.ts",
    text: '\nawait import("../src/main.ts");',
    line: 3,
  },
  { rule: "direction", why: "a new folder is a decision", path: "src/toolbox/a.ts", text: "", line: 1 },
  {
    rule: "packages",
    why: "kafkajs has two homes",
    path: "src/log/sqlite.ts",
    text: 'import { Kafka } from "kafkajs";',
  },
  { rule: "packages", why: "kafkajs by import()", path: "src/web/a.ts", text: 'const a = await import("kafkajs");' },
  {
    rule: "packages",
    why: "XState lives in machines/",
    path: "src/projection.ts",
    text: 'import { assign } from "xstate";',
  },
  {
    rule: "packages",
    why: "no node:* in the pure zone",
    path: "src/agents/a.ts",
    text: 'import { join } from "node:path";',
  },
  {
    rule: "packages",
    why: "no package that is not allowed",
    path: "src/sizing/a.ts",
    text: 'import pino from "pino";',
  },
  { rule: "purity", why: "no clock", path: "src/projection.ts", text: "const at = Date.now();" },
  { rule: "purity", why: "no date", path: "machines/job.ts", text: "const at = new Date(0);" },
  { rule: "purity", why: "no chance", path: "src/sizing.ts", text: "const a = Math.random();" },
  { rule: "purity", why: "no random ids", path: "src/agents/a.ts", text: "const a = crypto.randomUUID();" },
  { rule: "purity", why: "no timers", path: "src/scheduler.ts", text: "setTimeout(go, 1);" },
  { rule: "purity", why: "no environment", path: "src/audit/a.ts", text: 'const a = process.env["A"];' },
  { rule: "purity", why: "no console", path: "events/job.ts", text: 'console.log("a");' },
  {
    rule: "purity",
    why: "no order by the machine's language",
    path: "src/tallies.ts",
    text: "names.sort((a, b) => a.localeCompare(b));",
  },
  { rule: "purity", why: "in a template too", path: "src/world.ts", text: `const a = \`at ${"$"}{Date.now()}\`;` },
  {
    rule: "xstate",
    why: "step.ts alone asks XState",
    path: "machines/job.ts",
    text: "const a = transition(machine, state, event);",
  },
  {
    rule: "statecharts",
    why: "no timers in machines",
    path: "machines/job.ts",
    text: 'const a = { after: { 1000: "b" } };',
  },
  {
    rule: "statecharts",
    why: "no guards: agents decide",
    path: "machines/job.ts",
    text: "const a = { guard: () => true };",
  },
  { rule: "file size", why: "300 lines", path: "src/log/a.ts", text: lines(300, "a();"), line: 300 },
  {
    rule: "function size",
    why: "functions of 70 lines",
    path: "src/log/a.ts",
    text: `function a() {\n${lines(69, "  b();")}}`,
  },
  {
    rule: "function size",
    why: "methods",
    path: "src/log/a.ts",
    text: `class A {\n  async *b(): AsyncGenerator<{ c: 1 }> {\n${lines(69, "    b();")}  }\n}`,
    line: 3,
  },
  {
    rule: "function size",
    why: "arrow functions",
    path: "src/log/a.ts",
    text: `const a = () => {\n${lines(69, "  b();")}};`,
  },
  { rule: "line width", why: "120 characters", path: "src/log/a.ts", text: `// ${"a".repeat(118)}` },
  { rule: "file name", why: "utils", path: "src/log/utils.ts", text: "", line: 1 },
  { rule: "file name", why: "a folder of helpers", path: "test/helpers/job.ts", text: "", line: 1 },
  { rule: "file name", why: "barrels", path: "src/log/index.ts", text: "", line: 1 },
  { rule: "file name", why: "a test of nothing in particular", path: "test/common.test.ts", text: "", line: 1 },
  { rule: "barrel", why: "nothing is passed on", path: "src/log/a.ts", text: 'export * from "./b.ts";' },
  { rule: "base class", why: "no base classes", path: "src/log/a.ts", text: "abstract class A {}" },
  { rule: "base class", why: "no inheritance", path: "src/log/a.ts", text: "class A extends B {}" },
  { rule: "leftovers", why: "TODO", path: "src/log/a.ts", text: `// ${"TODO"} later` },
  {
    rule: "leftovers",
    why: "FIXME in a doc comment",
    path: "src/log/a.ts",
    text: `/**\n * ${"FIXME"}: wrong\n */`,
    line: 3,
  },
  { rule: "leftovers", why: "a test alone", path: "test/a.test.ts", text: 'it.only("a", () => {});' },
  { rule: "any", why: "as a type", path: "src/log/a.ts", text: "const a: any = 1;" },
  { rule: "any", why: "as a cast", path: "src/log/a.ts", text: "const a = b as any;" },
  { rule: "any", why: "as a parameter of a type", path: "src/log/a.ts", text: "type A = Map<string, any>;" },
  { rule: "foreign path", why: "an import", path: "test/a.test.ts", text: `const a = "../../${"shared"}/spec";` },
  { rule: "foreign path", why: "a comment", path: "src/log/a.ts", text: `// as /${"work"}/notes say` },
];

export const good: readonly Snippet[] = [
  {
    why: "backwards along the picture",
    path: "src/agents/a.ts",
    text: 'import { a } from "../scheduler.ts";\nimport { b } from "../../events/job.ts";',
  },
  {
    why: "types from the contract",
    path: "src/agents/a.ts",
    text: 'import { type A, type B } from "../plugins/contract.ts";\nimport type { C } from "../specs/jobSpec.ts";',
  },
  {
    why: "main imports all",
    path: "src/main.ts",
    text: 'import { a } from "./cli/a.ts";\nimport { b } from "./windrow.ts";',
  },
  {
    why: "kafkajs at home",
    path: "src/log/kafka/connect.ts",
    text: 'import { Kafka } from "kafkajs";\nconst at = Date.now();',
  },
  {
    why: "words in texts and comments",
    path: "src/agents/a.ts",
    text: 'const a = "Date.now()"; // Math.random() and any\nconst b = /console/;',
  },
  {
    why: "names that only contain a word",
    path: "src/sizing.ts",
    text: "const a = update.Date ?? processes.process;\nconst b = { process: 1 };",
  },
  {
    why: "errors and streams have a base",
    path: "src/log/a.ts",
    text: "class A extends Error {}\nclass B extends EventEmitter {}",
  },
  {
    why: "any as a word",
    path: "src/log/a.ts",
    text: 'const a = AbortSignal.any([b]);\nconst c = "any";\n// any: all',
  },
  { why: "describe is a chapter", path: "test/a.test.ts", text: `describe("a", () => {\n${lines(100, "  b();")}});` },
  { why: "a name with a banned beginning", path: "src/log/indexer.ts", text: "" },
];
