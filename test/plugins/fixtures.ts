/** Jobs, workers and calls for plug-in tests: complete specs of which a test names only what matters to it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import type { CallContext, MakeContext } from "../../src/plugins/contract.ts";
import type { FileData } from "../../src/specs/fileSpec.ts";
import { type JobData, JobSpec } from "../../src/specs/jobSpec.ts";
import { type WorkerData, WorkSpec } from "../../src/specs/workSpec.ts";

let calls = 0;

/** A call context; every call has another key unless one is named. */
export function call(over: Partial<CallContext> = {}): CallContext {
  calls += 1;
  return {
    key: `test-call-${calls}`,
    notAfterAt: Number.MAX_SAFE_INTEGER,
    signal: new AbortController().signal,
    ...over,
  };
}

export function makeCall(over: Partial<MakeContext> = {}): MakeContext {
  return { ...call(), jobType: "ANY", resourceType: "ANY", prodSourceLabel: "managed", queue: {}, ...over };
}

export interface JobFixture extends Partial<JobData> {
  readonly in?: readonly Partial<FileData>[];
  readonly out?: readonly Partial<FileData>[];
  readonly workers?: readonly WorkSpec[];
}

export function job(over: JobFixture = {}): JobSpec {
  const { in: ins = [], out: outs = [], workers = [], ...data } = over;
  const PandaID = data.PandaID ?? 101;
  const complete = (file: Partial<FileData>, index: number): FileData => ({
    lfn: `file.${PandaID}.${index}`,
    fileType: "input",
    PandaID,
    status: "to_prepare",
    attemptNr: 0,
    ...file,
  });
  return new JobSpec(
    {
      PandaID,
      taskID: 11,
      attemptNr: 1,
      jobsetID: 9,
      status: "starting",
      subStatus: "fetched",
      currentPriority: 1000,
      computingSite: "TEST",
      nCore: 1,
      resourceType: "SCORE",
      prodSourceLabel: "managed",
      jobParams: { PandaID },
      jobAttributes: {},
      inputs: [],
      outputs: [],
      log: null,
      startAt: null,
      endAt: null,
      ...data,
    },
    {
      in: ins.map(complete),
      out: outs.map((file, index) => complete({ fileType: "output", status: "defined", ...file }, index)),
    },
    1_700_000_000_000,
    workers,
  );
}

export function worker(over: Partial<WorkerData> = {}, jobs: readonly JobSpec[] = []): WorkSpec {
  const workerID = over.workerID ?? 7;
  return new WorkSpec(
    {
      workerID,
      key: `windrow:test:${workerID}`,
      harvesterID: "test",
      computingSite: "TEST",
      mapType: "OneToOne",
      status: "pending",
      accessPoint: "/nonexistent",
      jobType: "ANY",
      resourceType: "ANY",
      pandaIDs: jobs.map(({ PandaID }) => PandaID),
      workAttributes: {},
      ...over,
    },
    jobs,
  );
}

const directories: string[] = [];

/** A directory of the test's own, removed after it. */
export async function tempDir(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "windrow-plugin-"));
  directories.push(directory);
  return directory;
}

afterEach(async () => {
  for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true });
});

/** Options as the loader gives them. */
export function options(over: Readonly<Record<string, unknown>> = {}): {
  module: string;
  name: string;
  queueName: string;
  siteName: string;
  [option: string]: unknown;
} {
  return { module: "test", name: "Test", queueName: "TEST", siteName: "SITE", ...over };
}
