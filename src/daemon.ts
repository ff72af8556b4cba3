/**
 * A whole Windrow in one process: configuration, log, snapshot, plug-ins, engine, and the socket through which commands
 * ask it. Start order is config, log, World, plug-ins, loop; stop order is the reverse. It must never go on after the
 * log or a fold failed: the process has to end, reopen and verify.
 */
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import type { FastifyInstance } from "fastify";
import type { Logger } from "pino";
import type { Call, Reply } from "./agents/agent.ts";
import { ConfiguredPlugins } from "./calls.ts";
import { communicatorSection } from "./config/communicator.ts";
import { listSourceSection } from "./config/listSource.ts";
import { type LoadedConfig, loadConfig } from "./config/load.ts";
import type { Configuration } from "./configure.ts";
import { type Frozen, freeze } from "./frozen.ts";
import { findSnapshot, type Snapshot, writeSnapshot } from "./log/snapshot.ts";
import { openSqliteLog, type SqliteLog } from "./log/sqlite.ts";
import type { Transition } from "./projection.ts";
import { Vault } from "./vault.ts";
import { foldVersion } from "./version.ts";
import { serveQueries } from "./web/queries.ts";
import { type Engine, openEngine } from "./windrow.ts";

export interface DaemonOptions {
  /** Directory of `panda_harvester.cfg` and the queue file. */
  readonly configDir: string;
  /** Directory of the log; [windrow] logDir, or `log` beside the configuration, where it is missing. */
  readonly logDir?: string;
  readonly logger: Logger;
  /** Accept a log whose tail anchor is missing or ahead, after a restore. */
  readonly trustTail?: boolean;
}

/** Starts a daemon. @throws ConfigError, LogRefused, LogHalted, PlacementRefused: each says what to do. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { configDir, logger } = options;
  const loaded = await loadConfig(configDir);
  announce(loaded, logger);
  const { logDir: configured, shards } = loaded.instance.windrow;
  const logDir = resolve(configDir, options.logDir ?? configured ?? "log");
  const log = await openSqliteLog(logDir, { shards, ...(options.trustTail ? { trustTail: true } : {}) });
  try {
    return await startOn(log, loaded, options);
  } catch (error) {
    await log.close();
    throw error;
  }
}

async function startOn(log: SqliteLog, loaded: LoadedConfig, { configDir, logger }: DaemonOptions): Promise<Daemon> {
  const version = await foldVersion();
  const { snapshot, refused } = await findSnapshot(log.dir, log, version);
  for (const { file, why } of refused) logger.warn({ file }, `snapshot passed over: ${why}`);
  let config: Configuration = loaded;
  const vault = new Vault(join(log.dir, "vault"));
  for (const damaged of vault.damaged) logger.error(`secrets of a job cannot be read: ${damaged}`);
  const plugins = new ConfiguredPlugins({
    now: Date.now,
    instance: () => config.instance,
    queue: (name) => {
      const found = config.queues.find(({ queueName }) => queueName === name);
      if (!found) throw new Error(`queue ${name} is not in the configuration any more`);
      return found;
    },
    communicator: () => communicatorSection(config.instance),
    listSource: () => listSourceSection(config.instance),
    configDir,
    vault,
    onReply: (call, reply, tookMs) => note(logger, call, reply, tookMs),
  });
  let records = 0;
  let daemon: Daemon | undefined;
  const engine = await openEngine({
    log,
    plugins,
    now: Date.now,
    owner: `${hostname()}:${process.pid}:${Date.now()}`,
    config,
    ...(snapshot ? { snapshot: snapshot as Snapshot & { readonly state: Frozen } } : {}),
    watch: (transition) => {
      const removing = followVault(vault, transition);
      removing?.catch((error: unknown) => logger.error(`secrets of a job are left behind: ${reasonOf(error)}`));
    },
    onRecord: () => {
      records += 1;
      if (records % config.instance.windrow.snapshotInterval === 0) daemon?.snapshotSoon();
    },
  });
  vault.keepOnly((PandaID) => engine.world.jobs.has(PandaID));
  const server = await serveQueries(log, () => engine.world);
  logger.info(
    {
      log: log.dir,
      jobs: engine.world.jobs.size,
      workers: engine.world.workers.size,
      records: engine.journal.counts().records,
    },
    snapshot ? "the World is restored from a snapshot and the log" : "the World is restored from the log",
  );
  daemon = new Daemon({ log, engine, plugins, server, version, logger }, async () => {
    const next = await loadConfig(configDir);
    announce(next, logger);
    await engine.configure(next);
    config = next;
    for (const { queueName } of next.queues) plugins.forget(queueName);
    plugins.forgetListSource();
  });
  return daemon;
}

interface Parts {
  readonly log: SqliteLog;
  readonly engine: Engine;
  readonly plugins: ConfiguredPlugins;
  readonly server: FastifyInstance;
  readonly version: string;
  readonly logger: Logger;
}

export class Daemon {
  readonly engine: Engine;
  readonly logDir: string;
  readonly #parts: Parts;
  readonly #stopping = new AbortController();
  readonly #reload: () => Promise<void>;
  #writing: Promise<void> | undefined;

  constructor(parts: Parts, reload: () => Promise<void>) {
    this.#parts = parts;
    this.engine = parts.engine;
    this.logDir = parts.log.dir;
    this.#reload = reload;
  }

  /** Works until `stop` is called; then calls that run return, the last records are written, and the log is closed. */
  async run(): Promise<void> {
    const { engine, server, logger } = this.#parts;
    try {
      await engine.run(this.#stopping.signal);
    } finally {
      await server.close();
    }
    logger.info("calls have returned; writing a snapshot and giving the log up");
    await this.#writing;
    await this.#snapshot();
    await engine.journal.resign();
  }

  /** Starts nothing more. Called twice, calls that still run are aborted. */
  stop(): void {
    if (this.#stopping.signal.aborted) this.#parts.plugins.abort();
    else this.#stopping.abort();
  }

  /** Reads the configuration again; with a mistake in it the old one stays. */
  async reload(): Promise<void> {
    try {
      await this.#reload();
      this.#parts.logger.info("the configuration was read again");
    } catch (error) {
      this.#parts.logger.error(`the new configuration is refused, the old one stays: ${reasonOf(error)}`);
    }
  }

  /** Writes a snapshot of this moment, unless one is being written. */
  snapshotSoon(): void {
    if (this.#writing) return;
    this.#writing = this.#snapshot().finally(() => {
      this.#writing = undefined;
    });
  }

  async #snapshot(): Promise<void> {
    const { log, engine, version, logger } = this.#parts;
    try {
      // World and cursors are taken in one go, and made into text before anything is awaited.
      await writeSnapshot(log.dir, { version, cursors: engine.journal.cursors(), state: freeze(engine.world) });
    } catch (error) {
      logger.error(`a snapshot could not be written: ${reasonOf(error)}`);
    }
  }
}

/** Secrets are kept as long as their job is in the World. */
function followVault(vault: Vault, { kind, id, step }: Transition): Promise<void> | undefined {
  if (kind !== "job") return undefined;
  if (step.type === "job.forgotten") return vault.remove(Number(id));
  if (step.type === "job.fetched" || step.type === "job.refused") vault.settle(Number(id));
  return undefined;
}

function announce({ warnings, errors }: LoadedConfig, logger: Logger): void {
  for (const warning of warnings) logger.warn(warning);
  for (const error of errors) logger.error(`${error}; this queue is not served`);
}

/** A line for the operator: trouble is a warning, the rest is for those who look closer. */
function note(logger: Logger, { method, queue, key }: Call, reply: Reply, tookMs: number): void {
  const about = { method, queue, key, tookMs };
  if (reply.ok) logger.debug(about, "answered");
  else logger.warn({ ...about, kind: reply.kind }, reply.why);
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
