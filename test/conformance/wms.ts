/**
 * Scripted WMS: answers what Windrow's communicator would ask, and records the requests as the original sends them
 * (section 7 and 8 of the corpus). Of a job or a worker it records what changed since its previous update.
 */
import { z } from "zod";
import type { Reply } from "../../src/agents/agent.ts";
import type { MethodName } from "../../src/plugins/contract.ts";
import { pandaJob } from "./jobs.ts";
import type { Recorder } from "./recorder.ts";
import { type Scenario, type ScenarioJob, siteOf } from "./scenario.ts";
import { Positions } from "./scripts.ts";
import { jobFields, SentBefore, workerFields } from "./sent.ts";
import { answered, threw } from "./workers.ts";

const request = z.object({
  siteName: z.string(),
  nJobs: z.number(),
  prodSourceLabel: z.string(),
  criteria: z.unknown(),
});
const commandElement = z.strictObject({
  id: z.int(),
  command: z.string(),
  params: z.unknown(),
  ack_requested: z.int().default(1),
});
const dictionary = z.record(z.string(), z.unknown());
const eventRanges = z.array(
  z.looseObject({
    eventRanges: z.array(z.looseObject({ eventRangeID: z.string(), eventStatus: z.string() })),
    zipFile: z.looseObject({ lfn: z.string() }).optional(),
  }),
);
const bareRanges = z.array(z.looseObject({ eventRangeID: z.string(), eventStatus: z.string() }));
const ok = (data: unknown): Reply => answered({ ok: true, data });

export class ScriptedWms {
  readonly #scenario: Scenario;
  readonly #recorder: Recorder;
  readonly #positions: Positions;
  readonly #pending: ScenarioJob[];
  readonly #sentJobs = new SentBefore();
  readonly #sentWorkers = new SentBefore();
  readonly #sentStats = new Map<string, string>();
  /** Ids of commands that were handed out, by round. */
  readonly #given = new Map<number, number>();
  #registered = false;

  constructor(scenario: Scenario, recorder: Recorder) {
    this.#scenario = scenario;
    this.#recorder = recorder;
    this.#positions = new Positions(scenario.wms);
    this.#pending = [...scenario.jobs];
  }

  answer(method: MethodName, plain: readonly unknown[]): Reply {
    switch (method) {
      case "isAlive":
        return this.#isAlive(plain[0]);
      case "getJobs":
        return this.#getJobs(plain[0]);
      case "updateJobs":
        return this.#updateJobs(z.array(dictionary).parse(plain[0]));
      case "checkJobs":
        return this.#checkJobs(z.array(z.int()).parse(plain[0]));
      case "updateWorkers":
        return this.#updateWorkers(z.array(dictionary).parse(plain[0]));
      case "updateWorkerStats":
        return this.#updateWorkerStats(String(plain[0]), plain[1]);
      case "getCommands":
        return this.#getCommands(Number(plain[0]));
      case "ackCommands":
        return this.#ackCommands(z.array(z.int()).parse(plain[0]));
      case "getEventRanges":
        return this.#getEventRanges(z.record(z.string(), dictionary).parse(plain[0]), plain[1] === true);
      case "updateEventRanges":
        return this.#updateEventRanges(plain[0]);
      case "checkEventAvailability":
        return this.#checkEventAvailability(z.looseObject({ PandaID: z.int() }).parse(plain[0]).PandaID);
      case "getResourceTypes":
      case "getJobStats":
      case "getJobStatsNew":
      case "getWorkerStatsFromPanda":
        // Known lists are those that the scenario seeds; the original has no others.
        return answered({ ok: false, message: "no list" });
      case "getMaxWorkerId":
        return ok(0);
      default:
        return ok(null);
    }
  }

  /** Commands that were handed out in this round. */
  givenNow(): readonly number[] {
    return [...this.#given].flatMap(([id, round]) => (round === this.#recorder.round ? [id] : []));
  }

  /** How this call of the method goes as a whole; undefined where it goes well. */
  #call(method: string): "down" | "refused" | undefined {
    const element = this.#positions.nextCall(method);
    return element === "down" || element === "refused" ? element : undefined;
  }

  #trouble(trouble: "down" | "refused"): Reply {
    return trouble === "down" ? threw("no connection") : answered({ ok: false, message: "refused" });
  }

  #isAlive(data: unknown): Reply {
    if (!this.#registered) {
      const { commands } = z.looseObject({ commands: z.array(z.unknown()).default([]) }).parse(data);
      const names = commands.map((each) => {
        const { command, computingSite } = dictionary.parse(each);
        return `${command}:${computingSite}`;
      });
      this.#recorder.request("heartbeat_start", { commands: names.sort() });
    }
    this.#registered = true;
    return ok(null);
  }

  #getJobs(plain: unknown): Reply {
    const { siteName, nJobs, prodSourceLabel, criteria } = request.parse(plain);
    const trouble = this.#call("get_jobs");
    const got: ScenarioJob[] = [];
    for (let i = 0; trouble === undefined && i < this.#pending.length && got.length < nJobs; ) {
      const job = this.#pending[i];
      const here = job && (siteOf(this.#scenario, job).split("/", 1)[0] ?? "") === siteName;
      if (!here || job.round > this.#recorder.round) i += 1;
      else got.push(...this.#pending.splice(i, 1));
    }
    const facts = { site: siteName, got: got.map((job) => job.id) };
    if (this.#scenario.recordFetch) {
      this.#recorder.request("get_jobs", {
        ...facts,
        n: nJobs,
        label: prodSourceLabel,
        ...(criteria ? { criteria } : {}),
        ...(trouble ? { reply: trouble } : {}),
      });
    } else if (got.length > 0) this.#recorder.request("get_jobs", facts);
    return trouble ? this.#trouble(trouble) : ok(got.map(pandaJob));
  }

  #updateJobs(updates: readonly Readonly<Record<string, unknown>>[]): Reply {
    const trouble = this.#call("update_jobs");
    const answers = updates.map((update) => {
      const id = Number(update["job_id"]);
      const changed = this.#sentJobs.changes(String(id), jobFields(update, this.#recorder.names));
      const reply = trouble ? 0 : (this.#positions.next("update_jobs", String(id)) ?? 0);
      const shown = said(reply);
      return { id, reply, record: { id, ...changed, ...(shown === 0 ? {} : { reply: shown }) } };
    });
    this.#recorder.request("update_jobs", {
      jobs: answers.map(({ record }) => record),
      ...(trouble ? { reply: trouble } : {}),
    });
    if (trouble === "down") return threw("no connection");
    return answered(answers.map(({ reply }) => (trouble ? jobReply(999) : jobReply(reply))));
  }

  #checkJobs(ids: readonly number[]): Reply {
    const trouble = this.#call("check_jobs");
    const replies = ids.map((id) => (trouble ? 0 : (this.#positions.next("check_jobs", String(id)) ?? 0)));
    this.#recorder.request("check_jobs", {
      jobs: ids.map((id, i) => ({ id, ...(replies[i] === 0 ? {} : { reply: replies[i] }) })),
      ...(trouble ? { reply: trouble } : {}),
    });
    if (trouble === "down") return threw("no connection");
    return answered(replies.map((reply) => (trouble ? jobReply(999) : jobReply(reply))));
  }

  #updateWorkers(workers: readonly Readonly<Record<string, unknown>>[]): Reply {
    const trouble = this.#call("update_workers");
    const records = workers.map((worker) => {
      const id = this.#recorder.names.known(Number(worker["workerID"]));
      return { id, ...this.#sentWorkers.changes(id, workerFields(worker, this.#recorder.names)) };
    });
    this.#recorder.request("update_workers", { workers: records, ...(trouble ? { reply: trouble } : {}) });
    return trouble ? this.#trouble(trouble) : ok(workers.map(() => true));
  }

  #updateWorkerStats(queue: string, stats: unknown): Reply {
    const text = JSON.stringify(stats);
    if (this.#sentStats.get(queue) !== text) this.#recorder.request("worker_stats", { queue, stats });
    this.#sentStats.set(queue, text);
    return ok(null);
  }

  #getCommands(n: number): Reply {
    const ofRound = z.array(commandElement).parse(this.#scenario.wms["commands"]?.[this.#recorder.round] ?? []);
    const fresh = ofRound.filter(({ id }) => !this.#given.has(id)).slice(0, n);
    for (const { id } of fresh) this.#given.set(id, this.#recorder.round);
    return ok(
      fresh.map(({ id, command, params, ack_requested }) => ({
        command_id: id,
        command,
        params: this.#withIds(params),
        ack_requested,
      })),
    );
  }

  /** Names of workers in parameters mean their ids. */
  #withIds(params: unknown): unknown {
    const isName = (each: unknown): each is string => typeof each === "string" && /^w\d+$/.test(each);
    return Array.isArray(params)
      ? params.map((each) => (isName(each) ? this.#recorder.names.idOf(each) : each))
      : params;
  }

  #ackCommands(ids: readonly number[]): Reply {
    const trouble = this.#call("ack_commands");
    this.#recorder.request("ack_commands", {
      ids: [...ids].sort((a, b) => a - b),
      ...(trouble ? { reply: trouble } : {}),
    });
    return trouble ? this.#trouble(trouble) : ok(null);
  }

  #getEventRanges(requests: Readonly<Record<string, Readonly<Record<string, unknown>>>>, scattered: boolean): Reply {
    const given: Record<string, unknown[]> = {};
    for (const [id, wanted] of Object.entries(requests)) {
      const n = Number(wanted["nRanges"]);
      const element = this.#positions.next("get_event_ranges", id) ?? n;
      const facts = { id: Number(id), n, ...(scattered ? { scattered } : {}) };
      if (typeof element !== "number") {
        this.#recorder.request("get_event_ranges", { ...facts, reply: element });
        continue;
      }
      this.#recorder.request("get_event_ranges", { ...facts, got: element });
      given[id] = Array.from({ length: element }, (_, i) => ({ eventRangeID: `${id}-2-3-${i + 1}-1` }));
    }
    return Object.keys(given).length === 0 ? threw("no connection") : ok(given);
  }

  #updateEventRanges(plain: unknown): Reply {
    const trouble = this.#call("update_event_ranges");
    const grouped = eventRanges.safeParse(plain);
    const items = grouped.success ? grouped.data : [{ eventRanges: bareRanges.parse(plain), zipFile: undefined }];
    this.#recorder.request("update_event_ranges", {
      items: items.map((item) => ({
        events: item.eventRanges.map(({ eventRangeID, eventStatus }) => [eventRangeID, eventStatus]).sort(),
        ...(item.zipFile ? { zip: item.zipFile.lfn } : {}),
      })),
      ...(trouble ? { reply: trouble } : {}),
    });
    if (trouble) return this.#trouble(trouble);
    const ids = items.flatMap((item) => item.eventRanges.map(({ eventRangeID }) => eventRangeID));
    return ok(
      ids.map((id) => {
        const element = this.#positions.next("update_event_range", id);
        return element === undefined ? true : element;
      }),
    );
  }

  #checkEventAvailability(id: number): Reply {
    const element = this.#positions.next("check_event_availability", String(id)) ?? 10;
    this.#recorder.request("check_event_availability", { id, reply: element });
    return element === "down" ? threw("no connection") : ok(element);
  }
}

const replyElement = z.looseObject({ StatusCode: z.int().default(0), command: z.string().nullish() });

/** How the corpus records an answer: the command where there is one, else the code. */
function said(element: unknown): unknown {
  if (typeof element !== "object" || element === null) return element;
  const { command, StatusCode } = replyElement.parse(element);
  return command ?? StatusCode;
}

/** The answer that stands for an element: a number, a command, or both. */
function jobReply(element: unknown): Readonly<Record<string, unknown>> {
  if (typeof element === "number") return { StatusCode: element, ...(element === 0 ? { command: null } : {}) };
  if (typeof element === "string") return { StatusCode: 0, command: element };
  return replyElement.parse(element);
}
