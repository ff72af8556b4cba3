/**
 * One look at a worker's access point (messenger.md 3.5, 3.6, 4). It costs one listing a directory and one look at each
 * file that is there. Consumed files go through the `.read` protocol: taken by a rename once they are whole, read again
 * in every look until they are acknowledged. Nothing may be lost: what cannot be used stays on disk, with a complaint.
 */
import { lstat, readdir, rename } from "node:fs/promises";
import { join, relative } from "node:path";
import { z } from "zod";
import type { WorkSpec } from "../../specs/workSpec.ts";
import type { ReportRequest, Verdict, WorkerReport } from "../contract.ts";
import { isMissing, messageOf } from "../file/disk.ts";
import { isDirectory, jobDirectory } from "./accessPoint.ts";
import { Findings, type Origin, readDump, readUpdates } from "./dump.ts";
import { readJson } from "./payloadFile.ts";
import { postAttributesName, type Settings } from "./settings.ts";

/** A directory of the payload: what is in it, and the jobs whose files lie there. */
interface Place {
  readonly directory: string;
  readonly names: ReadonlySet<string>;
  readonly PandaIDs: readonly string[];
}

const object = z.record(z.string(), z.unknown());
const takenSuffix = ".read";

/** Everything the core wants to know, with one complaint for each thing that could not be used. */
export async function look(settings: Settings, worker: WorkSpec, request: ReportRequest): Promise<WorkerReport> {
  const found = new Findings();
  const point = worker.getAccessPoint();
  const top = await listed(point, found);
  const reader = new Reader(settings, worker, request, top, found);
  const PandaIDs = request.pandaIDs && worker.mapType === "NoJob" ? await reader.announced() : undefined;
  const places = await placesOf(worker, top, found);
  const attributes = request.attributes ? await reader.attributes(places) : {};
  for (const place of places) {
    if (request.files) await reader.dump(place, new Set(PandaIDs?.map(String)));
    if (request.events) await reader.updates(place);
  }
  const eventsRequest = request.eventsRequest ? await reader.eventsRequest() : undefined;
  const jobsRequested = request.jobsRequested ? await reader.jobsRequested() : 0;
  const complaints = found.told();
  return {
    ...(Object.keys(attributes).length > 0 ? { attributes } : {}),
    ...(Object.keys(found.files).length > 0 ? { files: found.files } : {}),
    ...(Object.keys(found.events).length > 0 ? { events: found.events } : {}),
    ...(eventsRequest ? { eventsRequest } : {}),
    ...(PandaIDs && PandaIDs.length > 0 ? { pandaIDs: PandaIDs } : {}),
    ...(jobsRequested > 0 ? { jobsRequested } : {}),
    ...(request.killRequested && top.has(settings.names.kill) ? { killRequested: true } : {}),
    ...(request.heartbeatMinutes === null ? {} : { alive: await reader.isAlive(request.heartbeatMinutes) }),
    ...(complaints.length > 0 ? { complaints } : {}),
  };
}

/** Retires what was taken, under a name with the time; it stays until the access point goes. */
export async function acknowledge(settings: Settings, worker: WorkSpec): Promise<void> {
  const directories = new Set([
    worker.getAccessPoint(),
    ...worker.pandaIDs.map((PandaID) => jobDirectory(worker, PandaID)),
  ]);
  for (const directory of directories) {
    for (const name of [settings.names.updateEvents, settings.names.dump]) await retire(join(directory, name));
  }
}

async function retire(path: string): Promise<void> {
  try {
    await rename(`${path}${takenSuffix}`, `${path}${takenSuffix}.${stamp()}`);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** UTC, as Harvester writes it; the last digits come from the finer clock, so that two are never equal. */
function stamp(): string {
  const [date = "", time = ""] = new Date().toISOString().split("T");
  const micros = String(Number(process.hrtime.bigint() % 1000n)).padStart(3, "0");
  return `${date}_${time.slice(0, 8).replaceAll(":", "_")}.${time.slice(9, 12)}${micros}`;
}

async function placesOf(worker: WorkSpec, top: ReadonlySet<string>, found: Findings): Promise<readonly Place[]> {
  if (worker.mapType !== "ManyToOne") {
    return [{ directory: worker.getAccessPoint(), names: top, PandaIDs: worker.pandaIDs.map(String) }];
  }
  const own = worker.pandaIDs.filter((PandaID) => top.has(String(PandaID)));
  return Promise.all(
    own.map(async (PandaID) => {
      const directory = jobDirectory(worker, PandaID);
      const real = await isDirectory(directory);
      if (!real) found.complain(String(PandaID), "it is no directory, and links are not followed");
      const names = real ? await listed(directory, found) : new Set<string>();
      return { directory, names, PandaIDs: [String(PandaID)] };
    }),
  );
}

async function listed(directory: string, found: Findings): Promise<ReadonlySet<string>> {
  try {
    return new Set(await readdir(directory));
  } catch (error) {
    if (!isMissing(error)) found.complain(directory, messageOf(error));
    return new Set();
  }
}

/** Reads the files of one worker in one look. */
class Reader {
  readonly #settings: Settings;
  readonly #worker: WorkSpec;
  readonly #request: ReportRequest;
  readonly #top: ReadonlySet<string>;
  readonly #found: Findings;

  constructor(settings: Settings, worker: WorkSpec, request: ReportRequest, top: ReadonlySet<string>, found: Findings) {
    this.#settings = settings;
    this.#worker = worker;
    this.#request = request;
    this.#top = top;
    this.#found = found;
  }

  /** Attributes, the job report as `metaData`, then what post-processing found; later ones win (messenger.md 4.1). */
  async attributes(places: readonly Place[]): Promise<Record<string, Record<string, unknown>>> {
    const { names, postProcessInSubDir } = this.#settings;
    const result: Record<string, Record<string, unknown>> = {};
    for (const { directory, names: there, PandaIDs } of places) {
      const said = there.has(names.attributes) ? await this.#object(join(directory, names.attributes)) : undefined;
      const metaData = there.has(names.jobReport) ? await this.#object(join(directory, names.jobReport)) : undefined;
      for (const PandaID of PandaIDs) {
        const deep = postProcessInSubDir ? join(directory, PandaID) : directory;
        const wanted = postProcessInSubDir ? there.has(PandaID) : there.has(postAttributesName);
        const post = wanted ? await this.#object(join(deep, postAttributesName)) : undefined;
        if (said || metaData || post) result[PandaID] = { ...said, ...(metaData ? { metaData } : {}), ...post };
      }
    }
    return result;
  }

  /** Files and events of one place. In pull mode a dump waits until the core knows all jobs that were announced. */
  async dump(place: Place, announced: ReadonlySet<string>): Promise<void> {
    const origin = this.#origin(place, this.#settings.names.dump);
    const early = (value: unknown): boolean =>
      Object.keys(object.safeParse(value).data ?? {}).some((key) => announced.has(key) && !origin.known.has(key));
    const taken = await this.#take(place, this.#settings.names.dump, early);
    if (taken === undefined) return;
    if (await readDump(taken, origin, this.#request.events, this.#found)) return;
    const next = await this.#retire(place, this.#settings.names.dump);
    if (next) await this.dump(next, announced);
  }

  async updates(place: Place): Promise<void> {
    const taken = await this.#take(place, this.#settings.names.updateEvents, () => false);
    if (taken === undefined) return;
    if (readUpdates(taken, this.#origin(place, this.#settings.names.updateEvents), this.#found)) return;
    const next = await this.#retire(place, this.#settings.names.updateEvents);
    if (next) await this.updates(next);
  }

  /** PandaIDs that a pulling payload works on. */
  async announced(): Promise<number[]> {
    const path = join(this.#worker.getAccessPoint(), this.#settings.names.pandaIDs);
    const value = this.#top.has(this.#settings.names.pandaIDs) ? await this.#value(path) : undefined;
    if (value === undefined) return [];
    const list = z.array(z.unknown()).safeParse(value);
    if (!list.success) this.#complain(path, "", "it is no list of PandaIDs");
    return [...(list.data ?? []).entries()].flatMap(([index, each]) => {
      const id = z.int().positive().safeParse(each);
      if (!id.success) this.#complain(path, `[${index}]`, `${JSON.stringify(each)} is no PandaID`);
      return id.success ? [id.data] : [];
    });
  }

  /** Requests for event ranges by PandaID; undefined where there is none. */
  async eventsRequest(): Promise<Record<string, unknown> | undefined> {
    const { eventsRequest } = this.#settings.names;
    const path = join(this.#worker.getAccessPoint(), eventsRequest);
    const asked = this.#top.has(eventsRequest) ? await this.#object(path) : undefined;
    const wanted = Object.entries(asked ?? {}).filter(([PandaID, params]) => {
      const known = this.#known().has(PandaID);
      if (!known) this.#complain(path, `[${JSON.stringify(PandaID)}]`, "the worker has no such job");
      else if (!object.safeParse(params).success)
        this.#complain(path, `[${JSON.stringify(PandaID)}]`, "it is no object");
      else return true;
      return false;
    });
    return wanted.length > 0 ? Object.fromEntries(wanted) : undefined;
  }

  /** How many jobs the payload asks for. A file without a number asks for one; it may be being written just now. */
  async jobsRequested(): Promise<number> {
    const { jobRequest } = this.#settings.names;
    if (!this.#top.has(jobRequest)) return 0;
    const path = join(this.#worker.getAccessPoint(), jobRequest);
    const content = await readJson(path, this.#settings.maxFileBytes);
    if (content.state === "missing") return 0;
    if (content.state === "unreadable") {
      const settled = this.#request.now - content.mtimeMs > settledMs;
      this.#complain(path, "", settled ? `${content.why}; it counts as a request for one job` : content.why);
      return settled ? 1 : 0;
    }
    const asked = object.safeParse(content.value).data?.["nJobs"];
    if (asked === undefined || asked === null) return 1;
    const count = z.int().nonnegative().safeParse(asked);
    if (!count.success) this.#complain(path, ".nJobs", `${JSON.stringify(asked)} is no number of jobs; it counts as 1`);
    return count.success ? count.data : 1;
  }

  /** By the age of the heartbeat file; before the first one a worker has the same time from its start. */
  async isAlive(minutes: number): Promise<Verdict> {
    const limitMs = minutes * 60_000;
    const { heartbeat } = this.#settings.names;
    try {
      if (this.#top.has(heartbeat)) {
        const { mtimeMs } = await lstat(join(this.#worker.getAccessPoint(), heartbeat));
        return this.#request.now - mtimeMs <= limitMs;
      }
    } catch (error) {
      if (!isMissing(error)) {
        this.#complain(join(this.#worker.getAccessPoint(), heartbeat), "", messageOf(error));
        return null;
      }
    }
    const { startAt } = this.#worker;
    return startAt === undefined || this.#request.now - startAt < limitMs ? true : null;
  }

  /** Takes a file once it is whole, and gives what is in it; undefined where there is nothing to read. */
  async #take(place: Place, name: string, early: (value: unknown) => boolean): Promise<unknown> {
    const path = join(place.directory, name);
    const taken = `${path}${takenSuffix}`;
    if (!place.names.has(`${name}${takenSuffix}`)) {
      if (!place.names.has(name)) return undefined;
      const value = await this.#value(path);
      if (value === undefined || early(value)) return undefined;
      try {
        await rename(path, taken);
      } catch (error) {
        if (!isMissing(error)) this.#complain(path, "", messageOf(error));
        return undefined;
      }
    }
    // What was taken is what counts: the payload may have replaced the file in between.
    return this.#value(taken);
  }

  /** Retires a taken file without use. One that waits behind it has its turn at once: this look may be the last. */
  async #retire(place: Place, name: string): Promise<Place | undefined> {
    await retire(join(place.directory, name));
    if (!place.names.has(`${name}${takenSuffix}`)) return undefined;
    return { ...place, names: new Set([...place.names].filter((each) => each !== `${name}${takenSuffix}`)) };
  }

  #origin({ directory }: Place, name: string): Origin {
    const { outputDirs, taskWorkBaseDir } = this.#settings;
    return {
      file: this.#shown(join(directory, name)),
      directory,
      roots: [this.#worker.getAccessPoint(), ...outputDirs, taskWorkBaseDir],
      known: this.#known(),
    };
  }

  #known(): ReadonlySet<string> {
    return new Set(this.#worker.pandaIDs.map(String));
  }

  async #value(path: string): Promise<unknown> {
    const content = await readJson(path, this.#settings.maxFileBytes);
    if (content.state === "unreadable") this.#complain(path, "", content.why);
    return content.state === "value" ? content.value : undefined;
  }

  async #object(path: string): Promise<Record<string, unknown> | undefined> {
    const value = await this.#value(path);
    if (value === undefined) return undefined;
    const parsed = object.safeParse(value);
    if (!parsed.success) this.#complain(path, "", "it is no object");
    return parsed.data;
  }

  #complain(path: string, entry: string, why: string): void {
    this.#found.complain(`${this.#shown(path)}${entry}`, why);
  }

  /** Relative to the access point, which the operator sees with the worker. */
  #shown(path: string): string {
    return relative(this.#worker.getAccessPoint(), path);
  }
}

/** A file untouched for so long is not being written any more. */
const settledMs = 10_000;
