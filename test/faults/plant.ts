/**
 * What is broken and judged: brokers of its own, daemons that share a log on them, the local batch system, and a
 * stand-in server that hands out jobs. It must never signal a process that it has not started.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, vi } from "vitest";
import { openLogToRead } from "../../src/log/open.ts";
import { decode } from "../../src/log/record.ts";
import { judge, readJournal } from "../../src/plugins/local/journal.ts";
import { readRecords } from "../../src/plugins/local/record.ts";
import { type PandaServer, startPandaServer } from "../../src/simulation/pandaServer/server.ts";
import { verifyLog } from "../../src/verify.ts";
import { type Jars, prepareCluster, prepareJars, type Started } from "../broker/jars.ts";
import { dictionary } from "../differences/site.ts";
import { placesOf, writeSite } from "../panda/site.ts";
import { judgePublished } from "../publish/published.ts";
import { Instance } from "./instance.ts";
import { begunSchema } from "./slowSubmitter.ts";

const payload = fileURLToPath(new URL("../panda/fixtures/payload.mjs", import.meta.url));
const slowSubmitter = fileURLToPath(new URL("./slowSubmitter.ts", import.meta.url));
const queues = ["Q0", "Q1", "Q2", "Q3"];

interface PlantOptions {
  /** Each of them keeps a copy of everything. */
  readonly brokers?: number;
  /** Submissions take their time, and say that they have begun. */
  readonly slow?: boolean;
}

/** Brokers and all that works on them. */
export class Plant {
  readonly dir: string;
  readonly server: PandaServer;
  readonly instances: Instance[] = [];
  readonly #jars: readonly Jars[];
  readonly #brokers: Started[];
  #jobs = 0;

  private constructor(dir: string, jars: readonly Jars[], brokers: Started[], server: PandaServer) {
    this.dir = dir;
    this.#jars = jars;
    this.#brokers = brokers;
    this.server = server;
  }

  static async open({ brokers: count = 1, slow = false }: PlantOptions = {}): Promise<Plant> {
    const dir = mkdtempSync(join(tmpdir(), "windrow-faults-"));
    const jars = await prepareCluster(dir, count);
    if (typeof jars === "string") throw new Error(jars);
    const brokers = await Promise.all(jars.map((each) => each.start()));
    // A job whose way to a daemon is cut off is handed out again soon.
    const server = await startPandaServer({ dir: join(dir, "server"), sentTimeoutMs: 20_000, adderDelayMs: 10 });
    const submitter = {
      module: slowSubmitter,
      name: "SlowSubmitter",
      begunFile: join(dir, "begun"),
      journalDir: placesOf(dir).journal,
      command: [process.execPath, payload, ""],
      walltime: 300,
    };
    const settings = { maxWorkers: 4, ...(slow ? { submitter } : {}) };
    const each = Object.fromEntries(queues.map((queue) => [queue, settings]));
    writeSite(dir, { api: `${server.url}/api/v1`, harvesterID: "H", queues: each });
    return new Plant(dir, jars, brokers, server);
  }

  get address(): string {
    const brokers = this.#jars.map(({ answer }) => answer.brokers);
    return `kafka://${brokers.join(",")}/faults?replication=${brokers.length}`;
  }

  start(name: string): Instance {
    const instance = new Instance(name, placesOf(this.dir).config, this.address);
    this.instances.push(instance);
    return instance;
  }

  addJobs(count: number): void {
    const jobs = Array.from({ length: count }, (_, i) => {
      const PandaID = 101 + this.#jobs + i;
      const jobPars = `-c 'sleep 2; echo done > ${PandaID}.out'`;
      return { ...dictionary(PandaID, { jobPars }), computingSite: `Q${PandaID % queues.length}` };
    });
    this.#jobs += count;
    this.server.addJobs(jobs);
  }

  async killBroker(which = 0): Promise<void> {
    const { pid, stop } = this.#broker(which);
    process.kill(pid, "SIGKILL");
    await stop();
  }

  async restartBroker(which = 0): Promise<void> {
    const started = await this.#jars[which]?.start();
    if (started) this.#brokers[which] = started;
  }

  /** Stops a broker's process and lets it go on after so long: connections are taken, and nothing is answered. */
  async freezeBroker(which: number, ms: number): Promise<void> {
    const { pid } = this.#broker(which);
    process.kill(pid, "SIGSTOP");
    await pause(ms);
    process.kill(pid, "SIGCONT");
  }

  #broker(which: number): Started {
    const broker = this.#brokers[which];
    if (broker === undefined) throw new RangeError(`no broker ${which}`);
    return broker;
  }

  /** The next submission that begins: who makes it, under which key, of which workers. */
  async nextSubmission(): Promise<{ by: Instance; call: string; keys: readonly string[] }> {
    const file = join(this.dir, "begun");
    const lines = () => (existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : []);
    const before = lines().length;
    const line = await vi.waitUntil(() => lines()[before], { timeout: 60_000, interval: 20 });
    const { pid, call, keys } = begunSchema.parse(JSON.parse(line));
    const by = this.instances.find((instance) => instance.pid === pid);
    if (by === undefined) throw new Error(`nobody here has pid ${pid}`);
    return { by, call, keys };
  }

  /** Requires that a call created nothing, and that its workers were created once, by another, and began in time. */
  async requireFenced(call: string, keys: readonly string[]): Promise<void> {
    const { journal } = placesOf(this.dir);
    const of = (await readJournal(journal)).filter((line) => line.call === call);
    expect(of.map(({ event }) => event)).toEqual(keys.map(() => "refused"));
    for (const key of keys) {
      const { attempt } = await readRecords(journal, key);
      expect(attempt?.number).toBe(1);
      expect(attempt?.created.call).not.toBe(call);
      expect(attempt?.claim?.at).toBeLessThanOrEqual(attempt?.created.notAfterAt ?? 0);
    }
  }

  finished(): number {
    return this.server.view().jobs.filter((job) => job.jobStatus === "finished").length;
  }

  /** Waits until so many jobs are finished: some have workers then, some wait, some are being stored. */
  async until(count: number, seconds: number): Promise<void> {
    const told = () => this.instances.map(({ name, said }) => `${name}: ${said.slice(-3000)}`).join("\n");
    const options = { timeout: seconds * 1000, interval: 100 };
    await vi.waitFor(() => expect(this.finished(), told()).toBeGreaterThanOrEqual(count), options);
  }

  /** Requires that so many new jobs get finished, and says how long that took. */
  async goOn(after: string, count: number, seconds: number): Promise<void> {
    const beganAt = Date.now();
    this.addJobs(count);
    await this.until(this.#jobs, seconds);
    console.log(`${after}: ${count} jobs more, all finished after ${((Date.now() - beganAt) / 1000).toFixed(0)} s`);
  }

  /** Every instance gave shards up, and has not ended. */
  requireGivenUp(): void {
    for (const { said } of this.instances) expect(said).toMatch(/given up: .*sent to Kafka and did not come back/);
  }

  #requireNoneFell(): void {
    for (const { name, fell, said } of this.instances) expect(fell, `${name}: ${said.slice(-3000)}`).toBe(0);
  }

  /** Gives more work, waits for all of it, ends the daemons, and looks at everything that must be whole. */
  async conclude(seconds: number): Promise<void> {
    const mendedAt = Date.now();
    this.#requireNoneFell();
    this.addJobs(8);
    await this.until(this.#jobs, seconds);
    const took = ((Date.now() - mendedAt) / 1000).toFixed(0);
    for (const instance of this.instances) await instance.end("SIGTERM");
    const batch = await judge(placesOf(this.dir).journal);
    expect(batch).toMatchObject({ createdTwice: [], startedTwice: [], startedUncreated: [], started: this.#jobs });
    const created = readdirSync(placesOf(this.dir).journal).filter((name) => name.startsWith("windrow"));
    expect(created).toHaveLength(this.#jobs);
    const verification = await verifyLog(this.address, () => undefined);
    expect(verification).toMatchObject({ ok: true, jobs: this.#jobs, workers: this.#jobs, anomalies: 0 });
    for (const { kind, at } of await this.#last()) {
      expect(kind).toBe("resign");
      expect(at).toBeGreaterThan(mendedAt);
    }
    const { steps, copies } = await judgePublished(this.address);
    this.#requireNoneFell();
    const led = this.instances.map((each) => `${each.name} led ${each.led()} times`);
    const records = `${verification.records} records, ${verification.discarded} discarded`;
    const published = `${steps} steps published with ${copies} copies`;
    console.log(`${this.#jobs} jobs, the last ${took} s after the fault; ${records}; ${published}; ${led.join(", ")}`);
  }

  /** The last record of each shard: whoever led it gave it up in order. */
  async #last(): Promise<readonly { readonly kind: string; readonly at: number }[]> {
    const log = await openLogToRead(this.address);
    try {
      const shards = Array.from({ length: log.shards }, (_, shard) => shard);
      return await Promise.all(
        shards.map(async (shard) => {
          let last = { kind: "none", at: 0 };
          for await (const records of log.read(shard)) {
            const decoded = records.map(decode).findLast(({ ok }) => ok);
            if (decoded?.ok) last = { kind: decoded.record.kind, at: decoded.record.at };
          }
          return last;
        }),
      );
    } finally {
      await log.close();
    }
  }

  async close(): Promise<void> {
    for (const instance of this.instances) await instance.end("SIGKILL");
    await this.server.close();
    await Promise.all(this.#brokers.map(({ stop }) => stop()));
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Works on a plant of its own. */
export async function onPlant(options: PlantOptions, work: (plant: Plant) => Promise<void>): Promise<void> {
  const plant = await Plant.open(options);
  try {
    await work(plant);
  } finally {
    await plant.close();
  }
}

/** Why there can be no broker to break here, in parentheses; empty where there can. */
export async function whyNoBroker(): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), "windrow-faults-"));
  try {
    const jars = await prepareJars(dir);
    return typeof jars === "string" ? ` (needs a broker: ${jars})` : "";
  } finally {
    rmSync(dir, { recursive: true });
  }
}
