/**
 * A whole Windrow in one process: configuration, log, snapshot, plug-ins, engine, and the socket through which commands
 * ask it. Start order is config, log, World, plug-ins, loop; stop order is the reverse. It must never go on after the
 * log or a fold failed: the process has to end, reopen and verify.
 */
import { hostname } from "node:os";
import { resolve } from "node:path";
import type { Logger } from "pino";
import type { Call, Reply } from "./agents/agent.ts";
import { ConfiguredPlugins } from "./calls.ts";
import { communicatorSection } from "./config/communicator.ts";
import { listSourceSection } from "./config/listSource.ts";
import { type LoadedConfig, loadConfig } from "./config/load.ts";
import type { Configuration } from "./configure.ts";
import { type Frozen, freeze } from "./frozen.ts";
import { isKafkaAddress, parseKafkaAddress } from "./log/kafka/settings.ts";
import { openPlacedKafkaLog, type PlacedLog } from "./log/open.ts";
import { besideKafka, vaultOf } from "./log/place.ts";
import { fetchSnapshot, findSnapshot, type Snapshot, writeSnapshot } from "./log/snapshot.ts";
import { openSqliteLog } from "./log/sqlite.ts";
import type { Feed } from "./publish/feed.ts";
import { liveSource } from "./publish/live.ts";
import { type Publisher, publisherOf } from "./publish/publisher.ts";
import type { Source } from "./publish/stream.ts";
import { VaultKeeper } from "./vaultKeeper.ts";
import { foldVersion } from "./version.ts";
import { type WebAddress, webAddressOf } from "./web/address.ts";
import { type Answering, serveQueries } from "./web/queries.ts";
import { shareShards } from "./windrow/sharing.ts";
import { type Engine, openEngine } from "./windrow.ts";

export interface DaemonOptions {
  /** Directory of `panda_harvester.cfg` and the queue file. */
  readonly configDir: string;
  /**
   * Directory of the log, or its address on Kafka; else what section [windrow] says, or `log` beside the configuration.
   */
  readonly logDir?: string;
  readonly logger: Logger;
  /** Accept a log whose tail anchor is missing or ahead, after a restore. */
  readonly trustTail?: boolean;
  /** Name of this instance among those that share a log on Kafka and this configuration directory; `main` if absent. */
  readonly instance?: string;
  /** Address of a TCP port for subscribers; true: the usual one; absent: what section [windrow] says. */
  readonly web?: string | true;
}

/** Starts a daemon. @throws ConfigError, LogRefused, LogHalted, PlacementRefused: each says what to do. */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const { configDir, logger } = options;
  const loaded = await loadConfig(configDir);
  announce(loaded, logger);
  const log = await openLogOf(loaded, options);
  try {
    return await startOn(log, loaded, options);
  } catch (error) {
    await log.close();
    throw error;
  }
}

/**
 * The log that the command line or the configuration names: a directory, or a log on Kafka with a directory beside it.
 */
async function openLogOf({ instance }: LoadedConfig, options: DaemonOptions): Promise<PlacedLog> {
  const { logDir, shards, kafka, kafkaConfig } = instance.windrow;
  const where = options.logDir ?? kafka ?? logDir ?? "log";
  const { trustTail = false } = options;
  if (isKafkaAddress(where)) {
    const { prefix } = parseKafkaAddress(where);
    const dir = besideKafka(resolve(options.configDir, logDir ?? "log"), prefix, options.instance ?? "main");
    const notice = (text: string): void => options.logger.warn(text);
    const properties = kafkaConfig === null ? undefined : resolve(options.configDir, kafkaConfig);
    return openPlacedKafkaLog(where, { dir, shards, trustTail, properties, notice });
  }
  return openSqliteLog(resolve(options.configDir, where), { shards, trustTail });
}

function vaultBeside(log: PlacedLog, { instance }: LoadedConfig, { configDir, logger }: DaemonOptions): VaultKeeper {
  const { vaultDir } = instance.windrow;
  const isShared = log.presence !== undefined;
  return new VaultKeeper(
    vaultDir === null ? vaultOf(log.dir, isShared) : resolve(configDir, vaultDir),
    isShared,
    logger,
  );
}

async function startOn(log: PlacedLog, loaded: LoadedConfig, options: DaemonOptions): Promise<Daemon> {
  const { configDir, logger } = options;
  const web = webAddressOf(options.web, loaded.instance.windrow);
  const version = await foldVersion();
  await fetchNewer(log, logger);
  const { snapshot, refused } = await findSnapshot(log.dir, log, version);
  for (const { file, why } of refused) logger.warn({ file }, `snapshot passed over: ${why}`);
  let config: Configuration = loaded;
  const keeper = vaultBeside(log, loaded, options);
  const plugins = new ConfiguredPlugins({
    now: Date.now,
    instance: () => config.instance,
    queue: (name) => {
      const found = config.queues.find(({ queueName }) => queueName === name);
      // One that was taken out is worked for until its jobs have ended, by what the log says of it.
      return found ?? engine.world.queueConfig(name);
    },
    communicator: () => communicatorSection(config.instance),
    listSource: () => listSourceSection(config.instance),
    configDir,
    vault: keeper.vault,
    onReply: (call, reply, tookMs) => note(logger, call, reply, tookMs),
  });
  let records = 0;
  let daemon: Daemon | undefined;
  let feed: Feed | undefined;
  const owner = [options.instance ?? [], hostname(), process.pid, Date.now()].flat().join(":");
  const engine = await openEngine({
    log,
    plugins,
    now: Date.now,
    owner,
    // Kafka keeps check sums and copies itself, and its logs are the long ones.
    ...(log.presence ? { lead: [], onlyTail: true } : {}),
    config,
    ...(snapshot ? { snapshot: snapshot as Snapshot & { readonly state: Frozen } } : {}),
    watch: (transition) => {
      feed?.push(transition);
      keeper.watch(transition);
    },
    onLost: (shard, why) => logger.warn({ shard }, `given up: ${why.message}`),
    onRecord: () => {
      records += 1;
      if (records % config.instance.windrow.snapshotInterval === 0) daemon?.snapshotSoon();
    },
  });
  keeper.begin(engine);
  const server = await answer(log, engine, version, logger, web);
  feed = server.events.feed;
  const publisher = publisherOf(log, loaded.instance.windrow, { source: server.events, engine, logger });
  logger.info(
    {
      log: log.dir,
      jobs: engine.world.jobs.size,
      workers: engine.world.workers.size,
      records: engine.journal.counts().records,
    },
    snapshot ? "the World is restored from a snapshot and the log" : "the World is restored from the log",
  );
  daemon = new Daemon({ log, engine, owner, plugins, server, publisher, version, logger }, async () => {
    const next = await loadConfig(configDir);
    announce(next, logger);
    await engine.configure(next);
    config = next;
    for (const { queueName } of next.queues) plugins.forget(queueName);
    plugins.forget("", "listSource");
  });
  return daemon;
}

/** Brings the newest snapshot that another instance left, where there is one and it can be had. */
async function fetchNewer({ dir, snapshots }: PlacedLog, logger: Logger): Promise<void> {
  try {
    const file = snapshots ? await fetchSnapshot(dir, snapshots) : undefined;
    if (file) logger.info({ file }, "another instance left a newer snapshot");
  } catch (error) {
    logger.warn(`snapshots of other instances cannot be read: ${reasonOf(error)}`);
  }
}

/** Answers commands and subscribers; nothing happens before its feed can be given it. */
async function answer(
  log: PlacedLog,
  engine: Engine,
  version: string,
  logger: Logger,
  web: WebAddress | undefined,
): Promise<Answering & { readonly events: Source & { readonly feed: Feed } }> {
  const world = () => engine.world;
  const events = liveSource(log, version, { world, cursors: () => engine.journal.cursors() });
  const leaders = () => engine.journal.leaders();
  const onError = (why: string): void => logger.error(`a stream of events broke: ${why}`);
  const answering = await serveQueries(log.dir, { world, leaders, events, onError }, web);
  if (answering.url) logger.info(`whoever gets to ${answering.url} may read events, status and histories`);
  return { ...answering, events };
}

interface Parts {
  readonly log: PlacedLog;
  readonly engine: Engine;
  readonly owner: string;
  readonly plugins: ConfiguredPlugins;
  readonly server: Answering;
  readonly publisher: Publisher | undefined;
  readonly version: string;
  readonly logger: Logger;
}

export class Daemon {
  readonly engine: Engine;
  readonly logDir: string;
  /** Of the TCP port, where there is one. */
  readonly webUrl: string | undefined;
  readonly #parts: Parts;
  readonly #stopping = new AbortController();
  readonly #reload: () => Promise<void>;
  #writing: Promise<void> | undefined;

  constructor(parts: Parts, reload: () => Promise<void>) {
    this.#parts = parts;
    this.engine = parts.engine;
    this.logDir = parts.log.dir;
    this.webUrl = parts.server.url;
    this.#reload = reload;
  }

  /** Works until `stop` is called; then calls that run return, the last records are written, and the log is closed. */
  async run(): Promise<void> {
    const { log, engine, owner, server, publisher, logger } = this.#parts;
    const ended = new AbortController();
    const { presence } = log;
    const sharing = presence
      ? shareShards({ engine, shards: log.shards, presence, owner, logger }, this.#stopping.signal, ended.signal)
      : undefined;
    publisher?.start();
    try {
      await engine.run(this.#stopping.signal);
      await publisher?.finish();
    } finally {
      ended.abort();
      await publisher?.close();
      await sharing;
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
      const cursors = engine.journal.cursors();
      const file = await writeSnapshot(log.dir, { version, cursors, state: freeze(engine.world) });
      // One of the instances is enough, and none should wait for it at its end.
      if (engine.journal.owns(0) && !this.#stopping.signal.aborted) await log.snapshots?.put(file);
    } catch (error) {
      logger.error(`a snapshot could not be written: ${reasonOf(error)}`);
    }
  }
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
