/**
 * The dictionaries that PanDA hands out for the corpus' compact jobs (its section 4).
 */
import type { ScenarioJob } from "./scenario.ts";

const times = (text: string, n: number): string => Array.from({ length: n }, () => text).join(",");

/** The job as PanDA would send it. */
export function pandaJob(job: ScenarioJob): Record<string, unknown> {
  const log = job.log === undefined ? `${job.id}.log` : job.log;
  const out = job.out ?? [`${job.id}.out`];
  const outputs = log === null ? out : [...out, log];
  return {
    PandaID: job.id,
    taskID: job.task,
    attemptNr: job.attempt,
    jobsetID: 7,
    currentPriority: job.prio,
    coreCount: job.cores,
    resource_type: job.rt,
    prodSourceLabel: job.label,
    inFiles: job.in.join(","),
    GUID: job.in.map((_, i) => `g${i}`).join(","),
    fsize: times("1000", job.in.length),
    checksum: times("ad:1", job.in.length),
    scopeIn: times("s", job.in.length),
    realDatasetsIn: times("ds", job.in.length),
    ddmEndPointIn: times("EP", job.in.length),
    outFiles: outputs.join(","),
    scopeOut: times("so", out.length),
    realDatasets: times("do", outputs.length),
    ddmEndPointOut: times("EPO", outputs.length),
    ...(log === null ? {} : { logFile: log, logGUID: `g-log-${job.id}`, scopeLog: "sl" }),
    ...job.params,
  };
}
