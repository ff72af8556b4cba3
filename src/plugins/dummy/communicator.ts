/**
 * Dummy communicator: a WMS in memory that accepts everything. It hands out as many jobs as its option `nJobs` says, so
 * that a queue can be measured without a server. It keeps its count in the instance and must never be used for real
 * jobs.
 */
import { z } from "zod";
import type { Communicator, JobReply, JobsRequest, JobUpdate, PluginOptions, Verdict, WmsAnswer } from "../contract.ts";

const optionsSchema = z.object({
  /** How many jobs are handed out in all. */
  nJobs: z.int().nonnegative().default(0),
  /** PandaID of the first one. */
  firstPandaID: z.int().positive().default(1),
  /** Added to each job dictionary; `%PANDAID` in a text becomes the job's PandaID. */
  template: z.record(z.string(), z.unknown()).default({}),
});

const emptyKeys = [
  ...["inFiles", "GUID", "fsize", "checksum", "scopeIn", "ddmEndPointIn", "realDatasetsIn"],
  ...["outFiles", "scopeOut", "realDatasets", "ddmEndPointOut", "logFile", "logGUID", "scopeLog"],
];

const done: WmsAnswer<null> = { ok: true, data: null };
const nothing: WmsAnswer<Readonly<Record<string, unknown>>> = { ok: true, data: {} };

/** Answers every call of the communicator at once. */
export class DummyCommunicator implements Communicator {
  readonly #options: z.output<typeof optionsSchema>;
  #given = 0;

  constructor(options: PluginOptions) {
    this.#options = optionsSchema.parse(options);
  }

  checkPanda(): WmsAnswer<null> {
    return done;
  }

  isAlive(): WmsAnswer<null> {
    return done;
  }

  getJobs(request: JobsRequest): WmsAnswer<readonly unknown[]> {
    const n = Math.max(0, Math.min(request.nJobs, this.#options.nJobs - this.#given));
    const first = this.#options.firstPandaID + this.#given;
    this.#given += n;
    return { ok: true, data: Array.from({ length: n }, (_, index) => this.#job(first + index, request)) };
  }

  #job(pandaID: number, request: JobsRequest): Record<string, unknown> {
    const filled = Object.entries(this.#options.template).map(([key, value]) => [
      key,
      typeof value === "string" ? value.replaceAll("%PANDAID", String(pandaID)) : value,
    ]);
    return {
      PandaID: pandaID,
      taskID: 1,
      jobsetID: 1,
      attemptNr: 1,
      currentPriority: 1000,
      prodSourceLabel: request.prodSourceLabel,
      transformation: "dummy",
      jobPars: "",
      // Without files, and with the keys that every dictionary of PanDA has.
      ...Object.fromEntries(emptyKeys.map((key) => [key, ""])),
      coreCount: 1,
      ...Object.fromEntries(filled),
    };
  }

  updateJobs(updates: readonly JobUpdate[]): readonly JobReply[] {
    return updates.map(() => ({ StatusCode: 0, command: null }));
  }

  checkJobs(pandaIDs: readonly number[]): readonly JobReply[] {
    return pandaIDs.map(() => ({ StatusCode: 0, command: null }));
  }

  getEventRanges(
    requests: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ): WmsAnswer<Readonly<Record<string, readonly unknown[]>>> {
    return { ok: true, data: Object.fromEntries(Object.keys(requests).map((pandaID) => [pandaID, []])) };
  }

  updateEventRanges(ranges: readonly Readonly<Record<string, unknown>>[]): WmsAnswer<readonly Verdict[]> {
    return { ok: true, data: ranges.map(() => true) };
  }

  checkEventAvailability(): WmsAnswer<number> {
    return { ok: true, data: 0 };
  }

  getCommands(): WmsAnswer<[]> {
    return { ok: true, data: [] };
  }

  ackCommands(): WmsAnswer<null> {
    return done;
  }

  updateWorkers(workers: readonly Readonly<Record<string, unknown>>[]): WmsAnswer<readonly boolean[]> {
    return { ok: true, data: workers.map(() => true) };
  }

  updateWorkerStats(): WmsAnswer<null> {
    return done;
  }

  updateServiceMetrics(): WmsAnswer<null> {
    return done;
  }

  sendDialogMessages(): WmsAnswer<null> {
    return done;
  }

  getResourceTypes(): WmsAnswer<[]> {
    return { ok: true, data: [] };
  }

  getJobStats(): WmsAnswer<Readonly<Record<string, unknown>>> {
    return nothing;
  }

  getJobStatsNew(): WmsAnswer<Readonly<Record<string, unknown>>> {
    return nothing;
  }

  getWorkerStatsFromPanda(): WmsAnswer<Readonly<Record<string, unknown>>> {
    return nothing;
  }

  getMaxWorkerId(): WmsAnswer<number> {
    return { ok: true, data: 0 };
  }

  uploadFile(name: string): WmsAnswer<string> {
    return { ok: true, data: `dummy://${name}` };
  }

  getProxy(): WmsAnswer<string> {
    return { ok: false, message: "the dummy communicator has no proxies" };
  }

  getTokenKey(): WmsAnswer<string> {
    return { ok: false, message: "the dummy communicator has no token keys" };
  }

  getKeyPair(): WmsAnswer<{ readonly publicKey: string; readonly privateKey: string }> {
    return { ok: false, message: "the dummy communicator has no key pairs" };
  }

  forceCredentialRenewal(): void {}
}
