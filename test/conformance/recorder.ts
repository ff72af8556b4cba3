/**
 * What was called in a round, in the original's words, and the names that the corpus gives to workers: `wn` is the
 * worker that the n-th successful make_worker returned. It must never change what a call is answered with.
 */
import type { CallRecord, WmsRecord } from "./scenario.ts";

interface Named {
  readonly name: string;
  readonly queue: string;
  readonly jobs: string;
  /** When it was made: what was not submitted then never will be. */
  readonly round: number;
  id: number | null;
}

/** Names of workers. An id is known only when the worker is first seen, so it is matched by queue and jobs. */
export class WorkerNames {
  readonly #all: Named[] = [];
  readonly #byID = new Map<number, string>();

  round = 0;

  /** make_worker answered with a worker for these jobs. */
  made(queue: string, jobs: readonly number[]): void {
    this.#all.push({ name: `w${this.#all.length + 1}`, queue, jobs: jobs.join(), round: this.round, id: null });
  }

  nameOf(id: number, queue: string, jobs: readonly number[]): string {
    const known = this.#byID.get(id);
    if (known !== undefined) return known;
    const named = this.#all.find(
      (each) => each.id === null && each.round === this.round && each.queue === queue && each.jobs === jobs.join(),
    );
    const name = named?.name ?? `unmade-${id}`;
    if (named) named.id = id;
    this.#byID.set(id, name);
    return name;
  }

  /** Id of a named worker; a number that no worker has where it is unknown. */
  idOf(name: string): number {
    return this.#all.find((each) => each.name === name)?.id ?? 9_000_000 + Number(name.slice(1));
  }

  known(id: number): string {
    return this.#byID.get(id) ?? `unmade-${id}`;
  }

  /** Texts name workers by their id; the corpus by its names. */
  inText(text: string): string {
    return text.replaceAll(/workerID=(\d+)/g, (_all, id: string) => `workerID=${this.known(Number(id))}`);
  }
}

export class Recorder {
  readonly names = new WorkerNames();
  /** Agent that works now, in the original's words. */
  agent = "";
  now = 0;
  calls: CallRecord[] = [];
  wms: WmsRecord[] = [];

  get round(): number {
    return this.names.round;
  }

  set round(r: number) {
    this.names.round = r;
  }

  call(method: string, facts: Readonly<Record<string, unknown>>): void {
    this.calls.push({ a: this.agent, m: method, ...facts });
  }

  request(method: string, facts: Readonly<Record<string, unknown>>): void {
    this.wms.push({ m: method, ...facts });
  }

  /** Records of the round, taken out. */
  take(): { calls: CallRecord[]; wms: WmsRecord[] } {
    const { calls, wms } = this;
    this.calls = [];
    this.wms = [];
    return { calls, wms };
  }
}
