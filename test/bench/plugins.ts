/**
 * Plug-ins of the benchmarks of whole daemons: a WMS that has jobs for every queue, and monitors of workers that never
 * end. Each tells the process that started the daemon what it answered.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Communicator, Monitor, PluginOptions, WorkerAnswer } from "../../src/plugins/contract.ts";
import { DummyCommunicator } from "../../src/plugins/dummy/communicator.ts";
import type { WorkSpec } from "../../src/specs/workSpec.ts";

/** Hands out as many jobs as are asked for, whose numbers no other process has. */
export function BenchCommunicator(options: PluginOptions): Communicator {
  const firstPandaID = process.pid * 10_000_000;
  return new DummyCommunicator({ ...options, nJobs: Number.MAX_SAFE_INTEGER, firstPandaID });
}

/** What the monitor answered, and when (epoch ms). */
export interface Checked {
  readonly at: number;
  readonly workerIDs: readonly number[];
}

/** Every worker runs. */
export class RunningMonitor implements Monitor {
  checkWorkers(workers: readonly WorkSpec[]): readonly [boolean, readonly WorkerAnswer[]] {
    const checked: Checked = { at: Date.now(), workerIDs: workers.map(({ workerID }) => Number(workerID)) };
    process.send?.(checked);
    return [true, workers.map(() => "running")];
  }
}

/** Every worker runs and idles in turn; the diagnostic message is when that was answered (epoch ms). */
export class ChangingMonitor implements Monitor {
  readonly #idle = new Set<unknown>();
  #calls = 0;

  async checkWorkers(workers: readonly WorkSpec[]): Promise<readonly [boolean, readonly WorkerAnswer[]]> {
    this.#calls += 1;
    // Between 20 and 180 ms, so that the queues do not stay in step with each other.
    await pause(20 + ((this.#calls * 67) % 161));
    const at = String(Date.now());
    return [true, workers.map(({ workerID }) => [this.#turn(workerID), at])];
  }

  #turn(workerID: unknown): "running" | "idle" {
    if (this.#idle.delete(workerID)) return "running";
    this.#idle.add(workerID);
    return "idle";
  }
}
