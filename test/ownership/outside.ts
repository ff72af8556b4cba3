/**
 * What is outside of several instances on one log, for their tests: one WMS and one batch system, which count how often
 * each worker was submitted, and can hold one instance up in the middle of a call.
 */
import type { Call, Reply } from "../../src/agents/agent.ts";
import { start } from "../agents/drive.ts";

/** The queues, each with four jobs. */
export const names = ["A", "B", "C"];

/** The world outside: what was submitted, under which key, how often; shared by all instances. */
export class Outside {
  readonly submitted = new Map<string, number>();
  readonly jobs = new Map(names.map((name, i) => [name, Array.from({ length: 4 }, (_, n) => 100 * (i + 1) + n)]));
  readonly ended = new Map<number, string>();
  now = start;
  /** Calls of this method by this instance wait until it is told otherwise. */
  waiting = 0;
  stuck: { by: string; method: string; release: Promise<void> } | undefined;

  async invoke(by: string, call: Call): Promise<Reply> {
    if (this.stuck?.by === by && this.stuck.method === call.method) {
      this.waiting += 1;
      await this.stuck.release;
    }
    return { ok: true, value: this.#answer(call), files: {}, workers: {} };
  }

  #answer({ method, args }: Call): unknown {
    switch (method) {
      case "getJobs": {
        const [request] = "plain" in args ? (args.plain as { siteName: string }[]) : [];
        const own = this.jobs.get(request?.siteName ?? "") ?? [];
        return { ok: true, data: own.splice(0, 2).map((PandaID) => dictionary(PandaID)) };
      }
      case "submitWorkers":
        return ("workers" in args ? args.workers : []).map(({ data }) => {
          this.submitted.set(data.key, (this.submitted.get(data.key) ?? 0) + 1);
          return { ok: true, dialog: "" };
        });
      case "find":
        return ("workers" in args ? args.workers : []).map(({ data }) => ({ found: this.submitted.has(data.key) }));
      case "makeWorker":
        return { nCore: 1 };
      case "checkWorkers":
        return {
          ok: true,
          workers: ("workers" in args ? args.workers : []).map(() => ({ status: "finished", diag: "" })),
        };
      case "read":
        return {};
      case "updateJobs": {
        const [updates] = "plain" in args ? (args.plain as { job_id: number; job_status: string }[][]) : [];
        for (const { job_id, job_status } of updates ?? []) this.ended.set(job_id, job_status);
        return (updates ?? []).map(() => ({ StatusCode: 0 }));
      }
      case "updateWorkers":
        return { ok: true, data: [] };
      case "getCommands":
        return { ok: true, data: [] };
      case "getMaxWorkerId":
        return { ok: true, data: 0 };
      case "getResourceTypes":
        return { ok: true, data: [] };
      case "isAlive":
      case "updateWorkerStats":
        return { ok: true, data: null };
      default:
        return { ok: true, dialog: "" };
    }
  }
}

/** A job without files says so in all of these. */
const fileKeys = ["inFiles", "outFiles", "logFile", "GUID", "fsize", "checksum", "scopeIn", "ddmEndPointIn"];
fileKeys.push("realDatasetsIn", "scopeOut", "realDatasets", "ddmEndPointOut", "logGUID", "scopeLog");

const dictionary = (PandaID: number) => ({
  PandaID,
  taskID: 1,
  jobsetID: 1,
  attemptNr: 1,
  currentPriority: 1,
  coreCount: 1,
  prodSourceLabel: "managed",
  resource_type: "SCORE",
  jobPars: "",
  transformation: "t",
  ...Object.fromEntries(fileKeys.map((key) => [key, "NULL"])),
});
