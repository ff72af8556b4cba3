/**
 * Communicator `panda`: speaks with a PanDA server through `/api/v1` (panda-api, plugins.md 12). It says what a call
 * became and decides nothing: no retry of calls that hand out something, no schedule, no state that matters between
 * calls.
 */
import { promisify } from "node:util";
import { deflate } from "node:zlib";
import { z } from "zod";
import type {
  CallContext,
  Communicator,
  DialogMessage,
  JobReply,
  JobsRequest,
  JobUpdate,
  Verdict,
  WmsAnswer,
  WmsCommand,
} from "../contract.ts";
import { answered, done } from "./answers.ts";
import * as events from "./events.ts";
import * as instance from "./instance.ts";
import * as jobs from "./jobs.ts";
import { type PandaOptions, type Settings, settingsSchema } from "./settings.ts";
import { type Query, Transport } from "./transport.ts";

const compress = promisify(deflate);
const dictionary = z.record(z.string(), z.unknown());
const proxySchema = z.union([
  z.object({ user_proxy: z.string().min(1) }).transform((data) => data.user_proxy),
  z.object({ userProxy: z.string().min(1) }).transform((data) => data.userProxy),
]);
const tokenKeySchema = z.object({ tokenKey: z.string() }).transform((data) => data.tokenKey);
const keyPairSchema = z.union([
  z.object({ publicKey: z.string(), privateKey: z.string() }),
  z
    .object({ public_key: z.string(), private_key: z.string() })
    .transform((data) => ({ publicKey: data.public_key, privateKey: data.private_key })),
]);

/**
 * One PanDA server. Refusals are answers; `CallFailed` is thrown where nobody knows what the server did. The
 * constructor throws `ZodError` for wrong options.
 */
export class PandaCommunicator implements Communicator {
  readonly #settings: Settings;
  readonly #transport: Transport;

  /** `clock` gives epoch ms. */
  constructor(options: PandaOptions, clock: () => number = Date.now) {
    this.#settings = settingsSchema.parse(options);
    this.#transport = new Transport(this.#settings, clock);
  }

  async checkPanda(call: CallContext): Promise<WmsAnswer<null>> {
    return done(await this.#transport.get("system/is_alive", {}, call));
  }

  isAlive(data: Readonly<Record<string, unknown>>, call: CallContext): Promise<WmsAnswer<null>> {
    return instance.isAlive(this.#transport, this.#settings.harvesterID, data, call);
  }

  getJobs(request: JobsRequest, call: CallContext): Promise<WmsAnswer<readonly unknown[]>> {
    return jobs.getJobs(this.#transport, this.#settings.harvesterID, request, call);
  }

  updateJobs(updates: readonly JobUpdate[], call: CallContext): Promise<readonly JobReply[]> {
    return jobs.updateJobs(this.#transport, this.#settings.harvesterID, updates, call);
  }

  checkJobs(pandaIDs: readonly number[], call: CallContext): Promise<readonly JobReply[]> {
    return jobs.checkJobs(this.#transport, pandaIDs, call);
  }

  getEventRanges(
    requests: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
    scattered: boolean,
    call: CallContext,
  ): Promise<WmsAnswer<Readonly<Record<string, readonly unknown[]>>>> {
    return events.getEventRanges(this.#transport, this.#settings.eventsAtOnce, requests, scattered, call);
  }

  updateEventRanges(
    ranges: readonly Readonly<Record<string, unknown>>[],
    call: CallContext,
  ): Promise<WmsAnswer<readonly Verdict[]>> {
    return events.updateEventRanges(this.#transport, ranges, call);
  }

  checkEventAvailability(
    job: { readonly PandaID: number; readonly jobsetID: number; readonly taskID: number },
    call: CallContext,
  ): Promise<WmsAnswer<number>> {
    return events.checkEventAvailability(this.#transport, job, call);
  }

  getCommands(n: number, call: CallContext): Promise<WmsAnswer<readonly WmsCommand[]>> {
    return instance.getCommands(this.#transport, this.#settings.harvesterID, n, call);
  }

  ackCommands(ids: readonly number[], call: CallContext): Promise<WmsAnswer<null>> {
    return instance.ackCommands(this.#transport, ids, call);
  }

  updateWorkers(
    workers: readonly Readonly<Record<string, unknown>>[],
    call: CallContext,
  ): Promise<WmsAnswer<readonly boolean[]>> {
    return instance.updateWorkers(this.#transport, this.#settings.harvesterID, workers, call);
  }

  updateWorkerStats(
    queue: string,
    stats: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, number>>>>>>,
    call: CallContext,
  ): Promise<WmsAnswer<null>> {
    return instance.updateWorkerStats(this.#transport, this.#settings.harvesterID, queue, stats, call);
  }

  updateServiceMetrics(
    metrics: readonly (readonly [number, string, Readonly<Record<string, unknown>>])[],
    call: CallContext,
  ): Promise<WmsAnswer<null>> {
    return instance.updateServiceMetrics(this.#transport, this.#settings.harvesterID, metrics, call);
  }

  sendDialogMessages(dialogs: readonly DialogMessage[], call: CallContext): Promise<WmsAnswer<null>> {
    return instance.sendDialogMessages(this.#transport, this.#settings.harvesterID, dialogs, call);
  }

  getResourceTypes(call: CallContext): Promise<WmsAnswer<readonly Readonly<Record<string, unknown>>[]>> {
    return this.#read("metaconfig/get_resource_types", {}, z.array(dictionary), call);
  }

  /** Refused when no job is active at all: the server says the same with its database down (panda-api 2.1). */
  getJobStats(call: CallContext): Promise<WmsAnswer<Readonly<Record<string, unknown>>>> {
    return this.#read("statistics/active_job_stats_by_site", {}, dictionary, call);
  }

  getJobStatsNew(call: CallContext): Promise<WmsAnswer<Readonly<Record<string, unknown>>>> {
    return this.#read("statistics/active_job_detailed_stats_by_site", {}, dictionary, call);
  }

  getWorkerStatsFromPanda(call: CallContext): Promise<WmsAnswer<Readonly<Record<string, unknown>>>> {
    return this.#read("harvester/get_worker_statistics", {}, dictionary, call);
  }

  getMaxWorkerId(call: CallContext): Promise<WmsAnswer<number>> {
    return instance.getMaxWorkerId(this.#transport, this.#settings.harvesterID, call);
  }

  /**
   * `content` is sent zlib-compressed; a second upload of a name replaces the first (panda-api 8). Answers the URL.
   */
  async uploadFile(name: string, content: Uint8Array, call: CallContext): Promise<WmsAnswer<string>> {
    const envelope = await this.#transport.upload("file_server/upload_jedi_log", name, await compress(content), call);
    return answered(envelope, z.string());
  }

  /** Empty role and dn are left out: the server's default is the caller's own. */
  getProxy(role: string, dn: string, call: CallContext): Promise<WmsAnswer<string>> {
    return this.#read("creds/get_proxy", { role: role || null, dn: dn || null }, proxySchema, call);
  }

  getTokenKey(clientName: string, call: CallContext): Promise<WmsAnswer<string>> {
    return this.#read("creds/get_token_key", { client_name: clientName }, tokenKeySchema, call);
  }

  getKeyPair(
    publicName: string,
    privateName: string,
    call: CallContext,
  ): Promise<WmsAnswer<{ readonly publicKey: string; readonly privateKey: string }>> {
    const names = { public_key_name: publicName, private_key_name: privateName };
    return this.#read("creds/get_key_pair", names, keyPairSchema, call);
  }

  /** Certificate and token are read again at the next call. */
  forceCredentialRenewal(): void {
    this.#transport.renewCredentials();
  }

  async #read<T>(path: string, query: Query, schema: z.ZodType<T>, call: CallContext): Promise<WmsAnswer<T>> {
    return answered(await this.#transport.get(path, query, call), schema);
  }
}
