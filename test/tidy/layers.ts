/**
 * Who may import whom: the picture of design 1 as a table, read by the rules of tidy. One line a zone, in the order of
 * the picture; a zone may import itself. "types" behind a name allows `import type` alone.
 */

export interface Zone {
  readonly name: string;
  /** A file belongs to the first zone of which one path is its beginning. */
  readonly paths: readonly string[];
  readonly imports: readonly string[];
  /** Nothing of the machine it runs on: no clock, no chance, no node:*. */
  readonly pure?: true;
  /** Packages that it may import; absent: any. */
  readonly packages?: readonly string[];
}

const core = ["events", "machines", "world", "settings", "contract types", "specs types"];
const outside = ["specs", "contract", "plugins", "config", "settings", "log"];
const decides = [...core, "sizing", "scheduler", "agents"];
const running = [...decides, ...outside, "configure", "calls", "vault"];
const above = ["loop", "audit", "reading", "simulation", "publish", "web", "daemon", "cli", "demo"];
const everything = [...running, ...above];

/** The zones. A new file in src/ must fit one; a new folder is a decision and gets its line here. */
export const zones: readonly Zone[] = [
  { name: "events", paths: ["events/"], imports: [], pure: true, packages: ["zod"] },
  { name: "machines", paths: ["machines/"], imports: ["events"], pure: true, packages: ["xstate"] },
  { name: "specs", paths: ["src/specs/"], imports: [] },
  {
    name: "settings",
    paths: ["src/config/schema.ts", "src/config/sections.ts", "src/config/values.ts", "src/config/secrets.ts"],
    imports: [],
    pure: true,
    packages: ["zod"],
  },
  { name: "config", paths: ["src/config/"], imports: ["settings", "plugins types"] },
  { name: "contract", paths: ["src/plugins/contract.ts", "src/plugins/upkeep.ts"], imports: ["specs"] },
  { name: "log", paths: ["src/log/"], imports: ["events"] },
  {
    name: "world",
    paths: [
      "src/projection.ts",
      "src/world.ts",
      "src/tallies.ts",
      "src/instance.ts",
      "src/steps.ts",
      "src/frozen.ts",
      "src/missed.ts",
      "src/dialogs.ts",
    ],
    imports: core,
    pure: true,
    packages: [],
  },
  { name: "sizing", paths: ["src/sizing.ts", "src/sizing/"], imports: core, pure: true, packages: ["zod"] },
  {
    name: "scheduler",
    paths: ["src/scheduler.ts", "src/rules.ts", "src/rules/", "src/inFlight.ts"],
    imports: core,
    pure: true,
    packages: ["tinyqueue"],
  },
  { name: "agents", paths: ["src/agents/"], imports: [...core, "sizing", "scheduler"], pure: true, packages: ["zod"] },
  { name: "audit", paths: ["src/audit/"], imports: [...decides, "log"], pure: true, packages: ["zod"] },
  { name: "configure", paths: ["src/configure.ts"], imports: core, pure: true, packages: [] },
  { name: "plugins", paths: ["src/plugins/"], imports: ["specs", "contract", "settings types"] },
  { name: "vault", paths: ["src/vault.ts"], imports: ["log"] },
  {
    name: "calls",
    paths: ["src/calls.ts", "src/calls/"],
    imports: [...decides, "contract", "specs", "plugins", "vault"],
  },
  { name: "loop", paths: ["src/windrow.ts", "src/windrow/"], imports: running },
  { name: "reading", paths: ["src/queries.ts", "src/verify.ts", "src/version.ts"], imports: [...core, "log", "audit"] },
  { name: "publish", paths: ["src/publish/"], imports: [...core, "log", "audit", "config"] },
  { name: "simulation", paths: ["src/simulation/"], imports: [...running, "loop", "audit"] },
  { name: "web", paths: ["src/web/"], imports: [...running, "loop", "audit", "reading", "publish"] },
  {
    name: "daemon",
    paths: ["src/daemon.ts", "src/vaultKeeper.ts"],
    imports: [...running, "loop", "audit", "reading", "publish", "web"],
  },
  { name: "demo", paths: ["src/demo/"], imports: everything },
  { name: "cli", paths: ["src/cli/"], imports: everything },
  { name: "main", paths: ["src/main.ts"], imports: everything },
  { name: "test", paths: ["test/", "conformance/"], imports: [...everything, "docs", "examples"] },
  { name: "docs", paths: ["docs/"], imports: [...everything, "test"] },
  // Written for people outside: they import nothing of Windrow.
  { name: "examples", paths: ["examples/"], imports: [] },
  { name: "tools", paths: ["vitest.config.ts"], imports: [] },
];

/** Packages that only some files may import at all, whatever their zone. */
export const fenced: Readonly<Record<string, readonly string[]>> = {
  kafkajs: ["src/log/kafka/connect.ts", "src/log/kafka/fetch.ts", "src/log/kafka/produce.ts", "test/", "examples/"],
  xstate: ["machines/", "test/machines/", "docs/"],
};

/** The zone of a file. */
export const zoneOf = (path: string): Zone | undefined =>
  zones.find((zone) => zone.paths.some((start) => (start.endsWith("/") ? path.startsWith(start) : path === start)));
