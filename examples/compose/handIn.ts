/**
 * Hands jobs to the stand-in PanDA server of docker-compose.yml and says what becomes of them, until all have ended:
 * node examples/compose/handIn.ts [NUMBER [SECONDS]]. A job makes a histogram of one input file, in about so many
 * seconds. The last line counts workers too: more than one a job would be a submission that was made twice.
 */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { jobSchema, readIfThere } from "./batch.ts";

const standIn = "http://127.0.0.1:25080/stand-in/jobs";
const inputs = "/opt/windrow/src/demo/inputs";
const spool = "/site/batch";
const queues = ["NORTH", "EAST", "SOUTH", "WEST"];
const [number = 60, seconds = 3] = process.argv.slice(2).map(Number);
const began = performance.now();

async function dictionary(i: number) {
  const lfn = `readings.${String((i % 12) + 1).padStart(2, "0")}.csv`;
  const name = `compose.${Date.now()}.${i}`;
  return {
    computingSite: queues[i % queues.length],
    jobName: name,
    taskID: 1,
    jobsetID: 1,
    attemptNr: 1,
    currentPriority: 1000,
    prodSourceLabel: "managed",
    transformation: "payload.mjs",
    jobPars: `--seconds=${seconds}`,
    coreCount: 1,
    maxWalltime: 600,
    resource_type: "SCORE",
    inFiles: lfn,
    GUID: `guid-${lfn}`,
    fsize: String((await stat(join(inputs, lfn))).size),
    checksum: "",
    scopeIn: "inputs",
    realDatasetsIn: "compose.inputs",
    ddmEndPointIn: "COMPOSE_IN",
    outFiles: `${name}.histogram.json,${name}.log.tgz`,
    logFile: `${name}.log.tgz`,
    logGUID: `guid-${name}.log.tgz`,
    scopeOut: "compose",
    scopeLog: "compose",
    realDatasets: "compose.histograms,compose.logs",
    ddmEndPointOut: "COMPOSE_OUT,COMPOSE_OUT",
    destinationDblock: "compose.histograms,compose.logs",
  };
}

async function ask<T extends z.ZodType>(schema: T, init?: RequestInit): Promise<z.output<T>> {
  const response = await fetch(standIn, init);
  if (!response.ok) throw new Error(`the stand-in answers ${response.status}: ${await response.text()}`);
  return schema.parse(await response.json());
}

const body = JSON.stringify({ jobs: await Promise.all(Array.from({ length: number }, (_, i) => dictionary(i))) });
const headers = { "content-type": "application/json" };
const { PandaIDs } = await ask(z.object({ PandaIDs: z.array(z.int()) }), { method: "POST", headers, body });
const own = new Set(PandaIDs);
console.log(`${own.size} jobs handed in, PandaIDs ${PandaIDs[0]} to ${PandaIDs.at(-1)}`);

const view = z.object({ jobs: z.array(z.looseObject({ PandaID: z.int(), jobStatus: z.string() })) });
/** States of a job at the server, in the order of a life. */
const order = ["activated", "sent", "starting", "running", "transferring", "holding"];
const ends = ["finished", "failed", "cancelled", "closed"];
let statuses: readonly string[] = [];
for (let said = ""; statuses.length === 0 || !statuses.every((status) => ends.includes(status)); await pause(2000)) {
  const { jobs } = await ask(view);
  statuses = jobs.filter(({ PandaID }) => own.has(PandaID)).map(({ jobStatus }) => jobStatus);
  const counts = [...order, ...ends].map(
    (each) => [statuses.filter((status) => status === each).length, each] as const,
  );
  const line = counts.flatMap(([n, status]) => (n > 0 ? [`${n} ${status}`] : [])).join(", ");
  if (line !== said) console.log(`${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${line}`);
  said = line;
}

const workers = await Promise.all(
  (await readdir(spool)).map((id) => readIfThere(join(spool, id, "job.json"), jobSchema)),
);
const run = workers.flatMap((job) => job?.pandaIDs.filter((PandaID) => own.has(PandaID)) ?? []);
const twice = [...own].filter((PandaID) => run.filter((each) => each === PandaID).length > 1);
const finished = statuses.filter((status) => status === "finished").length;
console.log(`${finished} of ${own.size} jobs finished, by ${run.length} workers; submitted twice: ${twice.length}`);
if (finished < own.size || twice.length > 0) process.exitCode = 1;
