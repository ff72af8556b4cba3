/** A worker with its directory, and a payload that writes into it, for the tests of the shared-file messenger. */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ReportRequest, WorkerReport } from "../../../src/plugins/contract.ts";
import { SharedFileMessenger } from "../../../src/plugins/sharedFile/messenger.ts";
import type { JobSpec } from "../../../src/specs/jobSpec.ts";
import type { WorkerData, WorkSpec } from "../../../src/specs/workSpec.ts";
import { call, type JobFixture, job, options, tempDir, worker } from "../fixtures.ts";
import { everything } from "../messengerSuite.ts";

export interface Site {
  readonly plugin: SharedFileMessenger;
  readonly worker: WorkSpec;
  readonly jobs: readonly JobSpec[];
  /** The worker's access point. */
  readonly point: string;
  /** Where inputs lie, outside the access point. */
  readonly inputs: string;
  /** A file of the payload, relative to the access point; what is no text is written as JSON. */
  put(name: string, content: unknown): Promise<string>;
  text(name: string): Promise<string>;
  json(name: string): Promise<unknown>;
  names(directory?: string): Promise<string[]>;
  read(over?: Partial<ReportRequest>): Promise<WorkerReport>;
}

/** Facts of a job with two inputs, an output and a log. */
export function jobFacts(PandaID: number, inputs: string): JobFixture {
  return {
    PandaID,
    jobParams: { PandaID, taskID: 11, inFiles: "a.root,b.root", scopeIn: "mc23", logFile: `l.${PandaID}.log.tgz` },
    in: ["a.root", "b.root"].map((lfn) => ({ lfn, status: "ready", path: join(inputs, lfn) })),
    inputs: ["a.root", "b.root"].map((lfn, n) => ({
      lfn,
      fsize: 1,
      guid: `g${n + 1}`,
      checksum: "",
      scope: "mc23",
      dataset: "ds",
      endpoint: "",
    })),
    outputs: [
      { lfn: "o.root", scope: "user", dataset: "do", endpoint: "" },
      { lfn: `l.${PandaID}.log.tgz`, scope: "user", dataset: "dl", endpoint: "" },
    ],
    log: { lfn: `l.${PandaID}.log.tgz`, guid: `LOG-${PandaID}` },
  };
}

export interface SiteFixture {
  readonly mapType?: string;
  readonly PandaIDs?: readonly number[];
  readonly worker?: Partial<WorkerData>;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly job?: JobFixture;
  /** Leave the worker as it is before set-up and feeding. */
  readonly bare?: boolean;
}

/** Makes a worker, by default set up and fed with job 101. */
export async function makeSite(fixture: SiteFixture = {}): Promise<Site> {
  const base = await tempDir();
  const [point, inputs] = [join(base, "workers", "7"), join(base, "inputs")];
  await mkdir(inputs);
  for (const lfn of ["a.root", "b.root"]) await writeFile(join(inputs, lfn), `content of ${lfn}`);
  const { mapType = "OneToOne", PandaIDs = [101] } = fixture;
  const jobs = PandaIDs.map((PandaID) => job({ ...jobFacts(PandaID, inputs), ...fixture.job }));
  const plugin = new SharedFileMessenger(options(fixture.options ?? {}));
  const made = worker(
    { accessPoint: point, mapType, pandaIDs: PandaIDs, ...fixture.worker },
    mapType === "NoJob" ? [] : jobs,
  );
  if (!fixture.bare) {
    await plugin.setupAccessPoints([made], call());
    if (mapType !== "NoJob") await plugin.feedJobs(made, jobs, call());
  }
  const text = (name: string): Promise<string> => readFile(join(point, name), "utf8");
  return {
    plugin,
    worker: made,
    jobs,
    point,
    inputs,
    put: async (name, content) => {
      const path = join(point, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
      return path;
    },
    text,
    json: async (name) => JSON.parse(await text(name)),
    names: async (directory = ".") => (await readdir(join(point, directory))).toSorted(),
    read: async (over = {}) => plugin.read(made, everything(Date.now(), over), call()),
  };
}
