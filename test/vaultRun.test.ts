/**
 * Secrets in a whole run of the daemon with a plug-in that quotes all it was given: they are in no byte of the log, of
 * its snapshots, of the daemon's own log, of what it answers and of what is staged out, while the payload has them.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { pino } from "pino";
import { expect, test, vi } from "vitest";
import { z } from "zod";
import { ask } from "../src/cli/ask.ts";
import { type Daemon, startDaemon } from "../src/daemon.ts";
import { startPandaServer } from "../src/simulation/pandaServer/server.ts";
import { dictionary } from "./differences/site.ts";
import { placesOf, writeSite } from "./panda/site.ts";
import { tempDir } from "./plugins/fixtures.ts";

const words = ["alpha-7f3a", "beta-91bc", "gamma-22de", "delta-5e5e"] as const;
const [alpha, beta, gamma, delta] = words;
const secrets = {
  password: `a "quoted" ${alpha}\\pass`,
  "___file___:key": `-----BEGIN KEY-----\nMIIE${beta}\nEFAASCBKcwgg${beta}\n-----END KEY-----`,
};
const pilotSecrets = JSON.stringify({ token: `pilot ${gamma}` });
const quoting = fileURLToPath(new URL("./panda/fixtures/quoting.mjs", import.meta.url));
const payload = fileURLToPath(new URL("./panda/fixtures/payload.mjs", import.meta.url));

function configure(dir: string, api: string, maxWorkers: number): void {
  const seen = join(dir, "seen");
  mkdirSync(seen, { recursive: true });
  const { journal } = placesOf(dir);
  const script = 'cp HPCJobs.json "$0/$PANDA_IDS.json" && exec "$1" "$2"';
  writeSite(dir, {
    api,
    harvesterID: "H",
    queues: {
      Q: {
        maxWorkers,
        preparator: { module: quoting, name: "QuotingPreparator", password: `config ${delta}` },
        submitter: {
          module: "windrow/local",
          name: "LocalSubmitter",
          journalDir: journal,
          command: ["/bin/sh", "-c", script, seen, process.execPath, payload],
        },
      },
    },
  });
}

/** Runs a daemon until `work` has seen what it waits for, and stops it. */
async function running(dir: string, work: (daemon: Daemon) => Promise<void>): Promise<void> {
  const { config, log, daemonLog } = placesOf(dir);
  const logger = pino({ level: "debug" }, pino.destination({ dest: daemonLog, sync: true, append: true }));
  const daemon = await startDaemon({ configDir: config, logDir: log, logger });
  const ended = daemon.run();
  try {
    await work(daemon);
  } finally {
    daemon.stop();
    await ended;
  }
}

const history = z.object({ steps: z.array(z.looseObject({ type: z.string(), says: z.looseObject({}) })) });

/** What the daemon's socket says of a job, as text. */
const told = async (dir: string, PandaID: number): Promise<string> => {
  const never = () => Promise.reject(new Error("the daemon does not answer"));
  const answers = await Promise.all(
    ["/status", `/history/job/${PandaID}`].map((p) => ask(placesOf(dir).log, p, never)),
  );
  history.parse(answers[1]);
  return JSON.stringify(answers);
};

/** All files of the run but those where secrets belong. */
function filesBelow(dir: string, skipped: readonly string[]): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (skipped.includes(path)) return [];
    if (entry.isDirectory()) return filesBelow(path, skipped);
    return entry.isFile() ? [path] : [];
  });
}

function contentOf(path: string): string {
  const bytes = readFileSync(path);
  return (/\.t?gz$/.test(path) ? gunzipSync(bytes) : bytes).toString("latin1");
}

const soon = { timeout: 30_000, interval: 100 };

test("a run with secrets in a dictionary, in error texts that quote it, and in the configuration", async () => {
  const dir = await tempDir();
  const places = placesOf(dir);
  const server = await startPandaServer({ dir: join(dir, "server"), sentTimeoutMs: 600_000, adderDelayMs: 10 });
  const jobPars = "-c 'echo done > 101.out'";
  const good = { ...dictionary(101, { jobPars, secrets: JSON.stringify(secrets), pilotSecrets }), computingSite: "Q" };
  const bad = { ...dictionary(102, { secrets: JSON.stringify(secrets), attemptNr: "NULL" }), computingSite: "Q" };
  const odd = { ...good, currentPriority: "100" };
  try {
    server.addJobs([odd, bad]);
    const api = `${server.url}/api/v1`;
    const stateOf = (PandaID: number) => server.view().jobs.find((job) => job.PandaID === PandaID)?.jobStatus;
    const answers: string[] = [];
    const file = join(places.log, "vault", "101.json");
    const aside = join(dir, "aside");

    // No worker yet, so that the job is still to be fed when the next daemon comes.
    configure(dir, api, 0);
    await running(dir, async ({ engine }) => {
      await vi.waitFor(() => expect(engine.world.jobs.get(101)?.state.life).toBe("prepared"), soon);
      answers.push(await told(dir, 101));
      await vi.waitFor(() => expect(stateOf(102)).toBe("failed"), soon);
    });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({ secrets: JSON.stringify(secrets), pilotSecrets });

    // On a machine that has not the vault the job waits, and goes on when the file is brought back.
    mkdirSync(aside);
    renameSync(file, join(aside, basename(file)));
    configure(dir, api, 4);
    await running(dir, async ({ engine }) => {
      await vi.waitFor(async () => expect(await told(dir, 101)).toContain("the secrets of job 101 are not in"), soon);
      expect(engine.world.workers.size).toBe(0);
      renameSync(join(aside, basename(file)), file);
      await vi.waitFor(async () => expect(await told(dir, 101)).toContain("worker.submitted"), soon);
      answers.push(await told(dir, 101), await told(dir, 102));
      await vi.waitFor(() => expect(stateOf(101)).toBe("finished"), soon);
      // The sweeper does it an hour later at the earliest.
      const events = [{ type: "job.forgotten" as const, PandaIDs: [101, 102] }];
      expect(readdirSync(dirname(file))).toHaveLength(2);
      await engine.journal.decide({ shard: engine.world.shardOf("Q"), cause: "test", events });
      await vi.waitFor(() => expect(readdirSync(dirname(file))).toEqual([]), soon);
      expect(engine.world.anomalies).toEqual([]);
    });

    const seen = JSON.parse(readFileSync(join(dir, "seen", "101.json"), "utf8"));
    expect(seen["101"]).toMatchObject({ secrets, pilotSecrets });

    const all = answers.join("\n");
    expect(all).toContain("cannot prepare {");
    expect(all).toContain("this is cut in a secret");
    expect(all).toContain("currentPriority is text: read as a number");
    const belongs = ["config", "server", "seen", "workers", "aside"].map((name) => join(dir, name));
    const files = filesBelow(dir, belongs);
    const names = files.map((path) => basename(path)).join(" ");
    expect(names).toMatch(/(?=.*\blog\.db\b)(?=.*snapshot-\d+\.gz)(?=.*daemon\.log)(?=.*101\.log)/);
    expect(readFileSync(places.daemonLog, "utf8")).toContain("cannot prepare {");
    const holding = (word: string) => files.filter((path) => contentOf(path).includes(word));
    expect(words.map((word) => [word, holding(word), all.includes(word)])).toEqual(
      words.map((word) => [word, [], false]),
    );
    // The search would find them: what the job is called by is in the log.
    expect(holding("101.out").map((path) => basename(path))).toContain("log.db");
  } finally {
    await server.close();
  }
});
