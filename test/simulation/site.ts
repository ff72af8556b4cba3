/**
 * The outside world of a simulation: a WMS with its jobs, batch systems that know workers by their keys, and storage.
 * It outlives the engine's crashes. It must never look at the log or the World: it knows what was done to it.
 */
import type { Chance } from "./chance.ts";

export interface SimulatedJob {
  readonly PandaID: number;
  readonly queue: string;
  attemptNr: number;
  /** As the WMS sees it. */
  status: "activated" | "sent" | "starting" | "running" | "transferring" | "finished" | "failed" | "cancelled";
  /** When it was last heard of (epoch ms). */
  heardAt: number;
  killed: boolean;
  /** Final statuses in the order they came: a second one is a mistake. */
  readonly ends: string[];
  readonly dictionary: Record<string, unknown>;
}

export interface SimulatedWorker {
  readonly key: string;
  readonly queue: string;
  readonly PandaIDs: readonly number[];
  readonly startsAt: number;
  readonly endsAt: number;
  readonly end: "finished" | "failed";
  killedAt: number | null;
  acknowledged: boolean;
}

export const isEnd = (status: string): boolean => ["finished", "failed", "cancelled"].includes(status);

/** How much goes wrong: probabilities. */
export interface Weather {
  /** A call of a plug-in answers "later", or "never", throws, answers nonsense, or nothing for ever. */
  readonly later: number;
  readonly fatal: number;
  readonly throws: number;
  readonly nonsense: number;
  readonly silence: number;
  /** The WMS wants a job killed; asked at each update. */
  readonly kills: number;
  /** A job that was handed out is handed out again although it is known here. */
  readonly again: number;
  /** Longest time of a call, in seconds. */
  readonly slowest: number;
}

export const calm: Weather = {
  later: 0,
  fatal: 0,
  throws: 0,
  nonsense: 0,
  silence: 0,
  kills: 0,
  again: 0,
  slowest: 0,
};

export class Site {
  readonly jobs = new Map<number, SimulatedJob>();
  readonly workers = new Map<string, SimulatedWorker>();
  /** What must never happen; empty at the end. */
  readonly violations: string[] = [];
  readonly chance: Chance;
  readonly weather: Weather;
  /** Counts the engine's lives: what an earlier one asked for is never answered. */
  boot = 0;
  /** After this instant nothing goes wrong any more, so that the simulation comes to an end. */
  stormUntil = Number.POSITIVE_INFINITY;
  readonly commands: { command_id: number; command: string; params: unknown; ack_requested: number }[] = [];
  readonly acknowledged = new Set<number>();
  nCommands = 1;
  /** What the WMS hands out among the first jobs of a queue, whatever it is. */
  readonly strange = new Map<string, unknown[]>();

  constructor(chance: Chance, weather: Weather) {
    this.chance = chance;
    this.weather = weather;
  }

  get stormy(): boolean {
    return Date.now() < this.stormUntil;
  }

  /** Whether something of the weather happens now. */
  strikes(what: Exclude<keyof Weather, "slowest">): boolean {
    return this.stormy && this.chance.hits(this.weather[what]);
  }

  addJob(PandaID: number, queue: string, inputs: readonly string[]): void {
    const each = (text: string): string => inputs.map(() => text).join(",");
    this.jobs.set(PandaID, {
      PandaID,
      queue,
      attemptNr: 1,
      status: "activated",
      heardAt: 0,
      killed: false,
      ends: [],
      dictionary: {
        PandaID,
        taskID: 1,
        jobsetID: 1,
        currentPriority: 100 + (PandaID % 3),
        prodSourceLabel: "managed",
        coreCount: 1,
        resource_type: "SCORE",
        inFiles: inputs.join(","),
        GUID: each("g"),
        fsize: each("1"),
        checksum: each("ad:00000001"),
        scopeIn: each("s"),
        ddmEndPointIn: each("E"),
        realDatasetsIn: each("d"),
        outFiles: `${PandaID}.out,${PandaID}.log`,
        logFile: `${PandaID}.log`,
        logGUID: "g",
        scopeOut: "s",
        scopeLog: "s",
        realDatasets: "d,d",
        ddmEndPointOut: "E,E",
      },
    });
  }

  /** The batch system makes a worker of this key. */
  create(key: string, queue: string, PandaIDs: readonly number[]): void {
    if (this.workers.has(key)) {
      this.violations.push(`worker ${key} was created twice`);
      return;
    }
    const startsAt = Date.now() + this.chance.int(0, 60) * 1000;
    this.workers.set(key, {
      key,
      queue,
      PandaIDs,
      startsAt,
      endsAt: startsAt + this.chance.int(5, 200) * 1000,
      end: this.strikes("fatal") ? "failed" : "finished",
      killedAt: null,
      acknowledged: false,
    });
  }

  /** What the batch system says of a key; null: it never existed. */
  statusOf(key: string): string | null {
    const worker = this.workers.get(key);
    if (!worker) return null;
    const now = Date.now();
    if (worker.killedAt !== null && worker.killedAt < worker.endsAt) return "cancelled";
    if (now >= worker.endsAt) return worker.end;
    return now >= worker.startsAt ? "running" : "submitted";
  }

  kill(key: string): void {
    const worker = this.workers.get(key);
    if (worker && Date.now() < worker.endsAt) worker.killedAt ??= Date.now();
  }
}
