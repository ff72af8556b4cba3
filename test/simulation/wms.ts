/**
 * The communicator of a simulated site: hands jobs out, takes reports, wants jobs killed, gives commands. It must judge
 * what it is told only by what a real server could know.
 */
import type {
  Communicator,
  JobReply,
  JobsRequest,
  JobUpdate,
  PluginOptions,
  WmsAnswer,
} from "../../src/plugins/contract.ts";
import { DummyCommunicator } from "../../src/plugins/dummy/communicator.ts";
import { isEnd, type SimulatedJob, type Site } from "./site.ts";
import { siteNamed } from "./sites.ts";

const done: WmsAnswer<null> = { ok: true, data: null };
/** Ms without a word after which a job is given to somebody else. */
const patienceMs = 900_000;

export class SimulatedWms implements Partial<Communicator> {
  readonly #site: Site;
  readonly #boot: number;

  constructor(options: PluginOptions) {
    this.#site = siteNamed(String(options["site"]));
    this.#boot = this.#site.boot;
  }

  async #does<T>(effect: () => T): Promise<T> {
    await this.#pass();
    if (this.#site.strikes("throws")) throw new Error("simulated: no connection");
    const result = effect();
    await this.#pass();
    if (this.#site.strikes("throws")) throw new Error("simulated: connection reset");
    if (this.#site.strikes("nonsense")) return { nonsense: true } as T;
    return result;
  }

  async #pass(): Promise<void> {
    const { weather, chance, stormy } = this.#site;
    if (weather.slowest > 0) {
      const slowest = stormy ? weather.slowest : 1;
      await new Promise((resolve) => setTimeout(resolve, chance.int(1, slowest * 500)));
    }
    if (this.#boot !== this.#site.boot) await new Promise(() => undefined);
  }

  isAlive(): Promise<WmsAnswer<null>> {
    return this.#does(() => done);
  }

  getJobs({ siteName, nJobs }: JobsRequest): Promise<WmsAnswer<readonly unknown[]>> {
    const site = this.#site;
    return this.#does(() => {
      const given: unknown[] = [];
      for (const job of site.jobs.values()) {
        if (given.length >= nJobs) break;
        if (job.queue !== siteName || isEnd(job.status)) continue;
        const silent = job.status === "sent" && Date.now() - job.heardAt > patienceMs;
        if (job.status !== "activated" && !silent && !site.strikes("again")) continue;
        if (job.status !== "activated") job.attemptNr += 1;
        job.status = "sent";
        job.heardAt = Date.now();
        given.push({ ...job.dictionary, attemptNr: job.attemptNr });
      }
      given.push(...(site.strange.get(siteName)?.splice(0) ?? []));
      return { ok: true, data: given };
    });
  }

  updateJobs(updates: readonly JobUpdate[]): Promise<readonly JobReply[]> {
    return this.#does(() => updates.map((update) => this.#update(update)));
  }

  #update({ job_id, job_status, attempt_nr }: JobUpdate): JobReply {
    const job = this.#site.jobs.get(job_id);
    if (!job) return { StatusCode: 30, ErrorDiag: "unknown job" };
    if (this.#site.strikes("later")) return { StatusCode: 999, ErrorDiag: "simulated: busy" };
    if (attempt_nr !== job.attemptNr || isEnd(job.status)) {
      if (isEnd(job_status) && attempt_nr === job.attemptNr) job.ends.push(job_status);
      return { StatusCode: 0, command: "tobekilled" };
    }
    job.heardAt = Date.now();
    job.status = job_status as SimulatedJob["status"];
    if (isEnd(job_status)) job.ends.push(job_status);
    else if (job.killed || this.#site.strikes("kills")) {
      job.killed = true;
      return { StatusCode: 0, command: "tobekilled" };
    }
    return { StatusCode: 0, command: null };
  }

  checkJobs(ids: readonly number[]): Promise<readonly JobReply[]> {
    return this.#does(() => ids.map(() => ({ StatusCode: 0, command: null })));
  }

  getCommands(n: number): Promise<WmsAnswer<never>> {
    const site = this.#site;
    return this.#does(() => {
      // Rare, for it kills every worker of a queue.
      if (site.strikes("kills")) {
        const computingSite = [site.chance.pick([...site.jobs.values()]).queue];
        const params = { status: "ALL", computingSite, computingElement: "ALL", submissionHost: "ALL" };
        site.commands.push({ command_id: site.nCommands++, command: "KILL_WORKERS", params, ack_requested: 1 });
      }
      if (site.strikes("later")) {
        const command = "REPORT_WORKER_STATS";
        site.commands.push({ command_id: site.nCommands++, command, params: null, ack_requested: 1 });
      }
      return { ok: true, data: site.commands.splice(0, n) as never };
    });
  }

  ackCommands(ids: readonly number[]): Promise<WmsAnswer<null>> {
    return this.#does(() => {
      for (const id of ids) this.#site.acknowledged.add(id);
      return done;
    });
  }

  updateWorkers(workers: readonly unknown[]): Promise<WmsAnswer<readonly boolean[]>> {
    return this.#does(() => ({ ok: true, data: workers.map(() => !this.#site.strikes("later")) }));
  }

  updateWorkerStats(): Promise<WmsAnswer<null>> {
    return this.#does(() => done);
  }
}

/** The rest of the contract, which no agent of the simulation needs, said by the dummy. */
const dummy = Object.getOwnPropertyNames(DummyCommunicator.prototype).filter((name) => name !== "constructor");
for (const name of dummy) {
  if (name in SimulatedWms.prototype) continue;
  const method: unknown = Reflect.get(DummyCommunicator.prototype, name);
  Reflect.set(SimulatedWms.prototype, name, method);
}
