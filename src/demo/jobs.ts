/**
 * The job set of the demo and what must become of it: which jobs there are, which have to fail and why, and what the
 * outputs of the others contain, computed here and not by the payload.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { flakySchema, isDoomed } from "../plugins/dummy/flaky.ts";
import { Adler32 } from "../plugins/file/adler32.ts";

/** The queues of the demo. */
export const queues = ["DEMO_ONE", "DEMO_MANY", "DEMO_FLAKY"] as const;
export type DemoQueue = (typeof queues)[number];

/** Directory of the inputs that Windrow ships; its name is their scope. */
export const inputsDir = fileURLToPath(new URL("./inputs", import.meta.url));

/** How the plug-ins of DEMO_FLAKY fail, from the seed. */
export const flakyOf = (seed: string) => flakySchema.parse({ seed, noneRate: 0.25, falseRate: 0.1 });

/** One job of the demo. */
export interface DemoJob {
  readonly PandaID: number;
  readonly queue: DemoQueue;
  /** As PanDA hands it out, with the stand-in's own keys. */
  readonly dictionary: Readonly<Record<string, unknown>>;
  readonly output: string;
  /** What must become of it. */
  readonly end: "finished" | "failed";
  /** Why it must fail. */
  readonly because: string;
  readonly inputs: readonly string[];
}

const firstPandaID = 6_800_000_001;

/** The same jobs for the same seed. */
export function demoJobs(seed: string): readonly DemoJob[] {
  const inputs = readdirSync(inputsDir)
    .filter((name) => name.endsWith(".csv"))
    .toSorted();
  const counts: Readonly<Record<DemoQueue, number>> = { DEMO_ONE: 20, DEMO_MANY: 24, DEMO_FLAKY: 20 };
  let PandaID = firstPandaID;
  return queues.flatMap((queue) =>
    Array.from({ length: counts[queue] }, (_, i) => demoJob(queue, i, PandaID++, inputs, seed)),
  );
}

function demoJob(queue: DemoQueue, i: number, PandaID: number, all: readonly string[], seed: string): DemoJob {
  const because = reasonToFail(queue, i, PandaID, seed);
  // Neighbours share inputs, so that some jobs wait for the copy of another one.
  const count = queue === "DEMO_ONE" ? 2 : 1;
  const picked = Array.from({ length: count }, (_, k) => all[(Math.floor(i / 2) + 5 * k) % all.length] ?? "");
  const missing = because.includes("input");
  const inputs = missing ? ["readings.99.csv"] : picked;
  const seconds = queue === "DEMO_MANY" ? 0.1 : 0.3 + (i % 4) * 0.3;
  return {
    PandaID,
    queue,
    output: `demo.${PandaID}.histogram.json`,
    end: because === "" ? "finished" : "failed",
    because,
    inputs,
    dictionary: dictionaryOf(
      queue,
      PandaID,
      inputs,
      `--seconds=${seconds}${because.includes("payload") ? " --fail" : ""}`,
    ),
  };
}

function reasonToFail(queue: DemoQueue, i: number, PandaID: number, seed: string): string {
  if (queue === "DEMO_ONE" && i === 7) return "its input does not exist";
  if (queue === "DEMO_ONE" && i === 13) return "its payload is told to fail";
  if (queue === "DEMO_MANY" && i === 10) return "its payload is told to fail";
  if (queue !== "DEMO_FLAKY") return "";
  const doomed = (["preparator", "submitter", "stager"] as const).find((kind) =>
    isDoomed(flakyOf(seed), kind, PandaID),
  );
  return doomed ? `the flaky ${doomed} refuses it` : "";
}

function dictionaryOf(queue: DemoQueue, PandaID: number, inputs: readonly string[], jobPars: string) {
  const files = inputs.map((name) => (name === "readings.99.csv" ? { size: 1000, adler32: "00000001" } : sumsOf(name)));
  const log = `demo.${PandaID}.log.tgz`;
  const output = `demo.${PandaID}.histogram.json`;
  const each = (text: string) => inputs.map(() => text).join(",");
  return {
    PandaID,
    computingSite: queue,
    jobName: `demo.${queue}.${PandaID}`,
    taskID: queues.indexOf(queue) + 1,
    jobsetID: 1,
    attemptNr: 1,
    currentPriority: 1000 - (PandaID % 7),
    prodSourceLabel: "managed",
    transformation: "payload.mjs",
    jobPars,
    coreCount: 1,
    minRamCount: 100,
    maxWalltime: 600,
    resource_type: "SCORE",
    prodUserID: "windrow demo",
    inFiles: inputs.join(","),
    GUID: inputs.map((name) => `guid-${name}`).join(","),
    fsize: files.map(({ size }) => size).join(","),
    checksum: files.map(({ adler32 }) => `ad:${adler32}`).join(","),
    scopeIn: each("inputs"),
    realDatasetsIn: each("demo.inputs"),
    ddmEndPointIn: each("DEMO_IN"),
    outFiles: `${output},${log}`,
    logFile: log,
    logGUID: `guid-${log}`,
    scopeOut: "demo",
    scopeLog: "demo",
    realDatasets: "demo.histograms,demo.logs",
    ddmEndPointOut: "DEMO_OUT,DEMO_OUT",
    destinationDblock: "demo.histograms,demo.logs",
  };
}

function sumsOf(name: string): { readonly size: number; readonly adler32: string } {
  const content = readFileSync(`${inputsDir}/${name}`);
  const sum = new Adler32();
  sum.update(content);
  return { size: content.length, adler32: sum.digest() };
}

/** What the output of a job must say. */
export function expectedOutput(job: DemoJob): Readonly<Record<string, unknown>> {
  const energies = job.inputs.flatMap((name) => {
    const [, ...lines] = readFileSync(`${inputsDir}/${name}`, "utf8").trimEnd().split("\n");
    return lines.map((line) => Number(line.split(",")[1]));
  });
  const total = energies.reduce((sum, energy) => sum + energy, 0);
  const bins = Map.groupBy(energies, (energy) => energy - (energy % 5));
  const sorted = [...bins].toSorted(([a], [b]) => a - b).map(([bin, list]) => [bin, list.length]);
  return {
    inputs: job.inputs,
    events: energies.length,
    meanEnergy: Number((total / energies.length).toFixed(3)),
    bins: Object.fromEntries(sorted.map(([bin, n]) => [Math.round(Number(bin)), n])),
  };
}
