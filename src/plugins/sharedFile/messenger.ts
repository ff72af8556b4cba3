/**
 * Speaks with payloads through files in a directory that both can see (messenger.md): the messenger of most batch
 * queues, in the names and formats that pilots use today. It must never act on what a payload wrote beyond reading it,
 * and never touch anything outside a worker's access point but the directories its options name.
 */
import type { JobSpec } from "../../specs/jobSpec.ts";
import type { WorkSpec } from "../../specs/workSpec.ts";
import type { Answer, CallContext, Messenger, PluginOptions, ReportRequest, WorkerReport } from "../contract.ts";
import { messageOf } from "../file/disk.ts";
import { setUp, tearDown } from "./accessPoint.ts";
import { feedEvents, feedJobs } from "./deliver.ts";
import { postProcess } from "./postProcess.ts";
import { acknowledge, look } from "./read.ts";
import { type Settings, settingsOf } from "./settings.ts";

/** Plug-in `windrow/shared-file`, `SharedFileMessenger`; also Harvester's of that name. */
export class SharedFileMessenger implements Messenger {
  readonly forcePostProcessing: boolean;
  readonly #settings: Settings;

  constructor(options: PluginOptions) {
    this.#settings = settingsOf(options);
    this.forcePostProcessing = this.#settings.forcePostProcessing;
  }

  /** One worker's trouble does not keep the others from being set up. */
  async setupAccessPoints(workers: readonly WorkSpec[], _call: CallContext): Promise<Answer> {
    const troubles = await Promise.all(
      workers.map(async (worker) => {
        try {
          return await setUp(worker);
        } catch (error) {
          return `${worker.getAccessPoint()}: ${messageOf(error)}`;
        }
      }),
    );
    const told = troubles.filter((each) => each !== undefined);
    return told.length > 0 ? [false, told.join("; ")] : true;
  }

  feedJobs(worker: WorkSpec, jobs: readonly JobSpec[], _call: CallContext): Promise<Answer> {
    return feedJobs(this.#settings, worker, jobs);
  }

  read(worker: WorkSpec, request: ReportRequest, _call: CallContext): Promise<WorkerReport> {
    return look(this.#settings, worker, request);
  }

  async acknowledgeEventsFiles(worker: WorkSpec, _call: CallContext): Promise<Answer> {
    await acknowledge(this.#settings, worker);
    return true;
  }

  feedEvents(
    worker: WorkSpec,
    events: Readonly<Record<string, readonly unknown[]>>,
    _call: CallContext,
  ): Promise<Answer> {
    return feedEvents(this.#settings, worker, events);
  }

  postProcessing(worker: WorkSpec, jobs: readonly JobSpec[], _call: CallContext): Promise<Answer> {
    return postProcess(this.#settings, worker, jobs);
  }

  async cleanUp(worker: WorkSpec, _call: CallContext): Promise<Answer> {
    try {
      return await tearDown(worker);
    } catch (error) {
      return [false, messageOf(error)];
    }
  }
}
