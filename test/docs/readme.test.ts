/**
 * README.md and the pages below docs/ say what is so: commands run, files exist, tables are complete.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { exitCodes, failureOf } from "../../src/cli/output.ts";
import { ConfigError } from "../../src/config/refusal.ts";
import { PlacementRefused } from "../../src/configure.ts";
import { LogFault, LogHalted, LogRefused, SnapshotRefused } from "../../src/log/faults.ts";
import { configure, daemonIn, letGo, placesOf, says } from "../cli/site.ts";
import { windrow } from "../cli/windrow.ts";
import { tempDir } from "../plugins/fixtures.ts";

const root = join(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(join(root, file), "utf8");
const readme = read("README.md");
const pages = [
  "README.md",
  ...readdirSync(join(root, "docs")).flatMap((name) => (/\.md$/.test(name) ? `docs/${name}` : [])),
];

/** Commands of a page's shell blocks, without comments, each apart. */
const commands = [...readme.matchAll(/^```bash\n(.*?)^```/gms)]
  .flatMap(([, block = ""]) => block.split("\n"))
  .flatMap((line) => line.replace(/\s+#\s.*$/, "").split(" && "))
  .map((command) => command.trim())
  .filter((command) => command !== "");

/** What is run elsewhere, and where; the place names it. */
const elsewhere: readonly (readonly [command: RegExp, file: string, names: string])[] = [
  [/^npm ci$/, ".ci/run", "npm ci"],
  [/^npm run demo$/, ".ci/run", "npm run demo"],
  [/^npm test$/, ".ci/run", "npm test"],
  [/^npm run -s conformance -- test\/data\/conformance$/, "test/conformance/corpus.test.ts", "../data/conformance"],
  // It wants the daemon of the line before it, on its usual port.
  [/^curl /, "test/web/events.test.ts", "/api/v1/events"],
  [/^pip install -r examples\/requirements\.txt$/, "test/publish/examples.ts", "examples/requirements.txt"],
  [/^node examples\/subscribeKafka\.ts broker1/, "test/publish/examples.ts", "examples/subscribeKafka.ts"],
  [/^python3 examples\/subscribe_kafka\.py /, "test/publish/examples.ts", "examples/subscribe_kafka.py"],
  // They want a Docker engine and images: `npm run test:compose`.
  [/^docker compose up -d --wait$/, "test/compose/up.test.ts", '"up", "-d"'],
  [/^docker compose exec panda-server node examples\/compose\/handIn\.ts$/, "test/compose/up.test.ts", "handIn.ts"],
  [/^docker compose kill windrow-a$/, "test/compose/up.test.ts", '"kill", "windrow-a"'],
  [/^docker compose exec windrow-b windrow status kafka:/, "test/compose/up.test.ts", '"windrow", "status"'],
  [/^docker compose down -v$/, "test/compose/up.test.ts", '"down", "-v"'],
];
const windrowCommand = /^npm run -s windrow -- (.*)$/;

describe("the commands of README.md", () => {
  it("are all known to this test", () => {
    expect(commands.length).toBeGreaterThanOrEqual(5);
    const unknown = commands.filter(
      (command) => !windrowCommand.test(command) && !elsewhere.some(([pattern]) => pattern.test(command)),
    );
    expect(unknown).toEqual([]);
    expect(JSON.parse(read("package.json")).scripts.windrow).toBe("node src/main.ts");
  });

  it("that are run elsewhere are run there", () => {
    for (const [pattern, file, names] of elsewhere) {
      expect([pattern.source, commands.some((command) => pattern.test(command))]).toEqual([pattern.source, true]);
      expect([file, read(file).includes(names)]).toEqual([file, true]);
    }
  });

  it("of windrow run", async () => {
    const dir = await tempDir();
    configure(dir);
    const first = await daemonIn(dir);
    letGo(dir);
    first.kill("SIGTERM");
    expect(await first.ended).toBe(0);
    for (const command of commands) {
      const [, text] = windrowCommand.exec(command) ?? [];
      if (text !== undefined) await expectToRun(dir, text);
    }
  });
});

/** The arguments as a shell gives them, for the log and the configuration in this directory. */
async function expectToRun(dir: string, text: string): Promise<void> {
  const { log, config } = placesOf(dir);
  const places: Readonly<Record<string, string>> = {
    LOG: log,
    CONFIG: config,
    "/opt/harvester/etc/panda": config,
  };
  const args = (text.match(/'[^']*'|\S+/g) ?? [])
    .map((word) => word.replaceAll("'", ""))
    .map((word) => places[word] ?? word);
  const isDaemon = args[0] === "run";
  const run = windrow(...args, ...(isDaemon ? ["--log", log] : []));
  if (isDaemon) await says(run, /the World is restored/);
  else if (args.includes("--follow")) await run.until(1);
  if (isDaemon || args.includes("--follow")) run.kill("SIGTERM");
  expect([text, await run.ended]).toEqual([text, 0]);
}

describe.each(pages)("%s", (page) => {
  const text = read(page);

  it("links to files that exist", () => {
    const links = [...text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, link = ""]) => link);
    const dead = links.filter((link) => !/^https?:/.test(link) && !existsSync(join(root, dirname(page), link)));
    expect(dead).toEqual([]);
  });

  it("names files that exist", () => {
    const named = [...text.matchAll(/`((?:src|test|events|machines|docs|\.ci|examples)\/[\w./-]*)`/g)].map(
      ([, name = ""]) => name,
    );
    expect(named.filter((name) => !existsSync(join(root, name)))).toEqual([]);
  });
});

describe("the tables of README.md", () => {
  it("name every built-in plug-in module, and no other", () => {
    const rows = readme.split("\n").filter((line) => /^\| `windrow\/[\w-]+`.* \|/.test(line));
    const named = rows.flatMap((row) =>
      [...(row.split(" | ")[0] ?? "").matchAll(/`(windrow\/[\w-]+)`/g)].map(([, name]) => name),
    );
    const built = [...read("src/plugins/load.ts").matchAll(/^ {2}"(windrow\/[\w-]+)": \[/gm)].map(([, name]) => name);
    expect(built.length).toBeGreaterThan(5);
    expect(named.toSorted()).toEqual(built.toSorted());
  });

  it("give the exit codes that commands have", () => {
    const said = /exit codes: (.*?)\./s.exec(readme)?.[1]?.replaceAll(/\s+/g, " ");
    expect(said).toBe(
      "0 done, 1 the answer is no, 2 wrong usage or configuration, 3 the log cannot be opened, 4 the log is damaged",
    );
    const { failed, usage, refused, damaged } = exitCodes;
    expect([failed, usage, refused, damaged]).toEqual([1, 2, 3, 4]);
    const codeOf = (error: Error): number => failureOf(error).code;
    expect(codeOf(new ConfigError("x"))).toBe(usage);
    expect(codeOf(new PlacementRefused("x"))).toBe(usage);
    expect(codeOf(new LogRefused("busy", "x"))).toBe(refused);
    expect(codeOf(new LogHalted(0, "x"))).toBe(damaged);
    expect(codeOf(new LogFault("disk", "x"))).toBe(damaged);
    expect(codeOf(new SnapshotRefused("x"))).toBe(damaged);
    expect(failureOf(new Error("x"))).toEqual({
      text: expect.stringContaining("Windrow has a bug here"),
      code: failed,
    });
  });
});
