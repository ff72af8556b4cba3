/**
 * The payload of the demo: what a site would run. It reads its job from HPCJobs.json (in the working directory, or in one
 * directory a job), reads the job's inputs, makes a histogram of the energies, and reports in the files that Harvester's
 * shared-file messenger expects. It knows nothing of Windrow. `--seconds=S` in the job's parameters makes it take its
 * time, `--fail` makes it fail.
 */
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";

const started = new Date();

/** Whole or not at all: whoever reads the file must never see half of it. */
function write(directory, name, text) {
  const part = join(directory, `.${name}.part`);
  writeFileSync(part, text);
  renameSync(part, join(directory, name));
}

function histogram(texts) {
  const bins = new Map();
  let events = 0;
  let sum = 0;
  for (const text of texts) {
    for (const line of text.trim().split("\n").slice(1)) {
      const energy = Number(line.split(",")[1]);
      const bin = Math.floor(energy / 5) * 5;
      bins.set(bin, (bins.get(bin) ?? 0) + 1);
      events += 1;
      sum += energy;
    }
  }
  return { events, meanEnergy: Number((sum / Math.max(events, 1)).toFixed(3)), bins: Object.fromEntries([...bins].sort(([a], [b]) => a - b)) };
}

const names = (list) => (list ?? "").split(",").filter((name) => name !== "" && name !== "NULL");
const time = (date) => date.toISOString().slice(0, 19).replace("T", " ");
const pause = (seconds) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * 1000);

function run(directory) {
  const [[PandaID, job]] = Object.entries(JSON.parse(readFileSync(join(directory, "HPCJobs.json"), "utf8")));
  const parameters = job.jobPars ?? "";
  const attributes = { node: hostname(), startTime: time(started) };
  const log = [`${time(new Date())} job ${PandaID} in ${directory}`];
  const report = (more) => write(directory, "worker_attributes.json", JSON.stringify({ ...attributes, ...more }));
  report({});
  pause(Number(/--seconds=([\d.]+)/.exec(parameters)?.[1] ?? 0));
  const failed = parameters.includes("--fail");
  if (failed) {
    log.push("told to fail: exit code 65");
  } else {
    const inputs = names(job.inFiles);
    const result = histogram(inputs.map((name) => readFileSync(join(directory, name), "utf8")));
    log.push(`${inputs.join(", ")}: ${result.events} events, mean energy ${result.meanEnergy} GeV`);
    const outputs = names(job.outFiles).filter((name) => name !== job.logFile);
    for (const name of outputs) write(directory, name, `${JSON.stringify({ inputs, ...result }, null, 1)}\n`);
    const files = outputs.map((name) => ({ path: resolve(directory, name), type: "output" }));
    attributes.nEvents = result.events;
    write(directory, "event_status.dump.json", JSON.stringify({ [PandaID]: files }));
  }
  writeFileSync(join(directory, "payload.log"), `${log.join("\n")}\n`);
  const cpuConsumptionTime = Math.ceil(process.cpuUsage().user / 1e6);
  write(directory, "jobReport.json", JSON.stringify({ exitCode: failed ? 65 : 0, resource: { cpuTime: cpuConsumptionTime } }));
  report({
    endTime: time(new Date()),
    cpuConsumptionTime,
    cpuConsumptionUnit: "s",
    transExitCode: failed ? "65" : "0",
    ...(failed ? { exeErrorCode: 65, exeErrorDiag: "the payload was told to fail", jobStatus: "failed" } : {}),
  });
  return failed;
}

const here = process.cwd();
const directories = existsSync(join(here, "HPCJobs.json"))
  ? [here]
  : readdirSync(here, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && /^\d+$/.test(entry.name))
      .map((entry) => join(here, entry.name));
const failures = directories.filter(run).length;
// A worker of several jobs says for each what became of it; alone, the exit code says it too.
process.exitCode = failures > 0 && directories.length === 1 ? 65 : 0;
