/**
 * The demo's payload: what runs on a "batch node" for the jobs of one worker. It speaks the same file protocol as a
 * pilot in Harvester's push mode, and needs nothing but Node. Started in the worker's access point, it
 *   - reads HPCJobs.json there, or in one directory per job where worker_pandaids.json lists several jobs,
 *   - really reads the job's inputs (lines, words, letters; for collision tables also a mass spectrum),
 *   - writes the outputs, payload.log, jobReport.json, worker_attributes.json and event_status.dump.json,
 *   - keeps worker_heartbeat.json fresh while it works.
 * Every file appears under its name only when it is whole, because Windrow may look at any instant. The job's
 * parameters say how it behaves: `--seconds=S` (how long it works), `--failureRate=R` (0 to 1; which jobs fail follows
 * from PandaID and attempt number alone, so that a repeated run fails the same). Exit code: 0 if all jobs finished, 1
 * otherwise.
 */
import { createHash, randomUUID } from "node:crypto";
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const point = process.cwd();
const heartbeat = join(point, "worker_heartbeat.json");

/** Writes a file that appears whole or not at all. */
function write(path, content) {
  const part = `${path}.${process.pid}.part`;
  const file = openSync(part, "w");
  try {
    writeFileSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(part, path);
}

const writeJson = (path, value) => write(path, `${JSON.stringify(value)}\n`);

/** Adler32, eight hexadecimal digits: the checksum that PanDA keeps of every file. */
function adler32(bytes) {
  let [a, b] = [1, 0];
  for (const byte of bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return (b * 65536 + a).toString(16).padStart(8, "0");
}

/** Time as PanDA writes it, UTC. */
const stamp = () => new Date().toISOString().slice(0, 19).replace("T", " ");

/** Names in a comma separated list of the job dictionary; the server writes NULL where there are none. */
const namesIn = (list) =>
  String(list ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "" && name !== "NULL");

/** A number given as `--name=value` in the job's parameters. */
function option(parameters, name, usual) {
  const found = new RegExp(`--${name}[= ]([0-9.]+)`).exec(parameters)?.[1];
  const value = Number(found);
  return found === undefined || Number.isNaN(value) ? usual : value;
}

/** A number in [0, 1) that follows from the text alone. */
const lot = (text) => createHash("sha256").update(text).digest().readUInt32BE(0) / 2 ** 32;

/** What one input holds. */
function analyse(text) {
  const lines = text.split("\n").filter((line) => line !== "");
  const letters = (text.match(/\p{L}/gu) ?? []).length;
  const words = (text.match(/[\p{L}\p{N}_.-]+/gu) ?? []).length;
  const column = (lines[0] ?? "").split(",").indexOf("mass_gev");
  const masses = column < 0 ? [] : lines.slice(1).map((line) => Number(line.split(",")[column]));
  return { lines: lines.length, words, letters, masses: masses.filter(Number.isFinite) };
}

/** A histogram in text, 10 GeV a line. */
function spectrum(masses) {
  const counts = new Map();
  for (const mass of masses) counts.set(Math.floor(mass / 10) * 10, (counts.get(Math.floor(mass / 10) * 10) ?? 0) + 1);
  const highest = Math.max(1, ...counts.values());
  return [...counts]
    .toSorted(([a], [b]) => a - b)
    .map(([from, n]) => `${String(from).padStart(4)} GeV ${"#".repeat(Math.ceil((n / highest) * 60))} ${n}`)
    .join("\n");
}

/** The job dictionaries to work on, each with its directory. */
function jobs() {
  const read = (path) => JSON.parse(readFileSync(path, "utf8"));
  const inDirectory = (directory) =>
    Object.entries(read(join(directory, "HPCJobs.json"))).map(([PandaID, params]) => ({ PandaID, params, directory }));
  if (existsSync(join(point, "HPCJobs.json"))) return inDirectory(point);
  return read(join(point, "worker_pandaids.json")).flatMap((PandaID) => inDirectory(join(point, String(PandaID))));
}

/**
 * Makes every output of the job out of its inputs. Throws, as a real transformation fails, with a code and a reason.
 */
function transform({ PandaID, params, directory }, log) {
  const found = [...new Set(namesIn(params.inFiles))].map((lfn) => {
    const content = readFileSync(join(directory, lfn), "utf8");
    const seen = analyse(content);
    log(`${lfn}: ${seen.lines} lines, ${seen.words} words, ${seen.letters} letters, ${seen.masses.length} masses`);
    return { lfn, ...seen };
  });
  const masses = found.flatMap((input) => input.masses);
  const summary = found.map(({ masses: all, ...rest }) => ({ ...rest, events: all.length }));
  const outputs = [...new Set(namesIn(params.outFiles))].filter((lfn) => lfn !== params.logFile);
  const entries = outputs.map((lfn, n) => {
    const facts = JSON.stringify({ PandaID: Number(PandaID), output: n, inputs: summary }, null, 2);
    const text = `${facts}\n${spectrum(masses)}\n`;
    const path = resolve(directory, lfn);
    write(path, text);
    const bytes = Buffer.from(text);
    return { path, type: "output", fsize: bytes.length, chksum: adler32(bytes), guid: randomUUID().toUpperCase() };
  });
  return { entries, nEvents: masses.length, nInputFiles: found.length, summary };
}

/** Works on one job and reports it. Answers whether it finished. */
async function work(job) {
  const { PandaID, params, directory } = job;
  const lines = [];
  const log = (line) => {
    lines.push(`${stamp()} ${line}`);
    write(join(directory, "payload.log"), `${lines.join("\n")}\n`);
  };
  const parameters = String(params.jobPars ?? "");
  const begun = { node: hostname(), startTime: stamp(), coreCount: Number(params.coreCount ?? 1) || 1 };
  const attributes = (more) => writeJson(join(directory, "worker_attributes.json"), { ...begun, ...more });
  log(`job ${PandaID}, attempt ${params.attemptNr ?? 0}: ${parameters}`);
  attributes({ jobStatus: "running" });
  const until = Date.now() + option(parameters, "seconds", 1) * 1000;
  const cpu = () => Math.ceil((process.cpuUsage().user + process.cpuUsage().system) / 1e6);
  let done;
  let problem;
  try {
    done = transform(job, log);
    if (lot(`${PandaID}:${params.attemptNr ?? 0}`) < option(parameters, "failureRate", 0)) {
      problem = "the transformation failed, as the job's failureRate asks";
    }
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  while (Date.now() < until) {
    beat();
    await pause(Math.max(0, Math.min(1000, until - Date.now())));
  }
  log(problem ?? `finished: ${done.nEvents} events of ${done.nInputFiles} inputs`);
  const exitCode = problem === undefined ? 0 : 65;
  writeJson(join(directory, "jobReport.json"), {
    exitCode,
    exitMsg: problem ?? "OK",
    resource: { executor: { demo: { nevents: done?.nEvents ?? 0, cpuTime: cpu() } } },
    inputs: done?.summary ?? [],
  });
  // A dump that was not read yet must not be replaced; there can be none, since this is the only one of the job.
  if (problem === undefined && done.entries.length > 0) {
    writeJson(join(directory, "event_status.dump.json"), { [PandaID]: done.entries });
  }
  attributes({
    jobStatus: problem === undefined ? "finished" : "failed",
    transExitCode: exitCode,
    ...(problem === undefined ? {} : { exeErrorCode: exitCode, exeErrorDiag: problem }),
    nEvents: done?.nEvents ?? 0,
    nInputFiles: done?.nInputFiles ?? 0,
    cpuConsumptionTime: cpu(),
    cpuConsumptionUnit: "s",
    endTime: stamp(),
  });
  return problem === undefined;
}

/** Says that the worker lives: the file's time counts, not what is in it. */
function beat() {
  if (existsSync(heartbeat)) utimesSync(heartbeat, new Date(), new Date());
  else writeJson(heartbeat, { since: stamp() });
}

process.once("SIGTERM", () => process.exit(143));
beat();
let failed = 0;
for (const job of jobs()) if (!(await work(job))) failed += 1;
process.exitCode = failed > 0 ? 1 : 0;
