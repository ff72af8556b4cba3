/**
 * Scripted messenger (section 6 of the corpus). Windrow reads a worker in one call, the original in eight; each of them
 * keeps its own script, and a throwing one ends the reading as it does there.
 */
import { z } from "zod";
import type { Reply, WorkerArgument } from "../../src/agents/agent.ts";
import type { MethodName, ReportRequest, WorkerReport } from "../../src/plugins/contract.ts";
import type { Recorder } from "./recorder.ts";
import { outcomeOf, type Positions } from "./scripts.ts";
import { answered, threw } from "./workers.ts";

const dictionary = z.record(z.string(), z.unknown());
const fileElement = z.strictObject({
  lfn: z.string(),
  type: z.string().default("output"),
  path: z.string().optional(),
  fsize: z.number().default(1000),
  guid: z.string().optional(),
  chksum: z.string().optional(),
  isZip: z.number().optional(),
  eventRangeID: z.string().optional(),
});
const filesElement = z.record(z.string(), z.array(fileElement));
const eventsElement = z.record(
  z.string(),
  z.array(z.strictObject({ eventRangeID: z.string(), eventStatus: z.string() })),
);

const zips: Readonly<Record<string, number>> = { output: 0, log: 0, checkpoint: 0, zip_output: 1 };

function reportedFile(file: z.output<typeof fileElement>) {
  const { lfn, type, path, fsize, guid, chksum, eventRangeID } = file;
  const isZip = file.isZip ?? zips[type];
  return {
    lfn,
    type,
    fsize,
    path: path ?? `/out/${lfn}`,
    guid: guid ?? `g-${lfn}`,
    chksum: chksum ?? `ad:${7 * lfn.length}`,
    ...(isZip === undefined ? {} : { isZip }),
    ...(eventRangeID === undefined ? {} : { eventRangeID }),
  };
}

const each = <T, U>(of: Readonly<Record<string, readonly T[]>>, change: (one: T) => U): Record<string, U[]> =>
  Object.fromEntries(Object.entries(of).map(([key, list]) => [key, list.map(change)]));

class Raised extends Error {}

export class ScriptedMessenger {
  readonly #positions: Positions;
  readonly #recorder: Recorder;

  constructor(positions: Positions, recorder: Recorder) {
    this.#positions = positions;
    this.#recorder = recorder;
  }

  answer(method: MethodName, name: string, worker: WorkerArgument, plain: readonly unknown[]): Reply {
    const jobs = (worker.jobs ?? []).map((job) => job.data.PandaID);
    switch (method) {
      case "read":
        return this.#read(name, plain[0] as ReportRequest);
      case "feedJobs":
        return this.#verdict("feed_jobs", name, { jobs });
      case "postProcessing":
        return this.#verdict("post_processing", name, { jobs });
      case "feedEvents": {
        const given = z.record(z.string(), z.array(z.unknown())).parse(plain[0]);
        const events = Object.fromEntries(Object.entries(given).map(([id, ranges]) => [id, ranges.length]));
        return this.#verdict("feed_events", name, { events });
      }
      case "acknowledgeEventsFiles":
        this.#recorder.call("messenger.acknowledge_events_files", { id: name });
        return answered({ ok: true, dialog: "" });
      default:
        this.#recorder.call("messenger.clean_up", { id: name });
        return answered({ ok: true, dialog: "" });
    }
  }

  #verdict(method: string, id: string, facts: Readonly<Record<string, unknown>>): Reply {
    const { ret, msg } = outcomeOf(this.#positions.next(`messenger.${method}`, id));
    this.#recorder.call(`messenger.${method}`, { id, ...facts, ret });
    return ret === "raise" ? threw("scripted") : answered({ ok: ret, dialog: msg });
  }

  /** In the original's order, which matters where one of the calls throws. */
  #read(name: string, wanted: ReportRequest): Reply {
    const next = (method: string): unknown => {
      const element = this.#positions.next(`messenger.${method}`, name, true);
      if (element !== "raise") return element;
      this.#recorder.call(`messenger.${method}`, { id: name, ret: "raise" });
      throw new Raised(method);
    };
    try {
      const n = wanted.jobsRequested ? Number(next("job_requested") ?? 0) : 0;
      const killRequested = wanted.killRequested && next("kill_requested") === true;
      const alive = wanted.heartbeatMinutes === null ? undefined : (next("is_alive") ?? true);
      const attributes = dictionary.parse((wanted.attributes ? next("get_work_attributes") : undefined) ?? {});
      const files = filesElement.parse((wanted.files ? next("get_files_to_stage_out") : undefined) ?? {});
      const events = eventsElement.parse((wanted.events ? next("events_to_update") : undefined) ?? {});
      const requests = dictionary.parse((wanted.eventsRequest ? next("events_requested") : undefined) ?? {});
      const pandaIDs = z.array(z.int()).parse((wanted.pandaIDs ? next("get_panda_ids") : undefined) ?? []);
      const { ofJobs, ofWorker } = split(attributes);
      const report: WorkerReport = {
        ...(n > 0 ? { jobsRequested: n } : {}),
        ...(killRequested ? { killRequested } : {}),
        ...(alive === undefined ? {} : { alive: alive === true }),
        ...(Object.keys(ofJobs).length > 0 ? { attributes: ofJobs } : {}),
        ...(Object.keys(ofWorker).length > 0 ? { workerAttributes: ofWorker } : {}),
        ...(Object.keys(files).length > 0 ? { files: each(files, reportedFile) } : {}),
        ...(Object.keys(events).length > 0 ? { events } : {}),
        ...(Object.keys(requests).length > 0 ? { eventsRequest: requests } : {}),
        ...(wanted.pandaIDs ? { pandaIDs } : {}),
      };
      return answered(report);
    } catch (error) {
      if (error instanceof Raised) return threw(`messenger.${error.message}: scripted`);
      throw error;
    }
  }
}

/** Attributes of jobs by PandaID, and those of the worker as a whole. */
function split(attributes: Readonly<Record<string, unknown>>): {
  ofJobs: Record<string, Record<string, unknown>>;
  ofWorker: Record<string, unknown>;
} {
  const ofJobs: Record<string, Record<string, unknown>> = {};
  const ofWorker: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(attributes)) {
    const dictionaryOf = dictionary.safeParse(value);
    if (/^\d+$/.test(key) && dictionaryOf.success) ofJobs[key] = dictionaryOf.data;
    else ofWorker[key] = value;
  }
  return { ofJobs, ofWorker };
}
