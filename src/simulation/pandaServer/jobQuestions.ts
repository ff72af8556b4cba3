/**
 * Calls about single jobs that are no reports: their status, and the operator's kill, set_command and set_debug_mode.
 */
import { integerOf, listOf, textOf } from "./arguments.ts";
import { activeJob, changeJob, readJob } from "./jobTable.ts";
import { killJob } from "./killing.ts";
import {
  type Arguments,
  type Call,
  type Envelope,
  type Operation,
  optional,
  refused,
  required,
  succeeded,
} from "./operation.ts";
import { literal } from "./pythonJson.ts";

/** An archived job is shown this long. */
const SHOWN_MS = 3600 * 1000;

const idsOf = (args: Arguments): readonly number[] =>
  listOf(args, "job_ids").map((id) => (typeof id === "number" ? id : -1));

/** In the order asked for, no ids inside (panda-api 4.5). */
function status(call: Call, args: Arguments): Envelope {
  return succeeded(
    idsOf(args).map((id) => {
      const job = readJob(call.store, id);
      const isShown = job !== undefined && (!job.archived || job.changedAt > call.now - SHOWN_MS);
      return isShown
        ? { command: job.commandToPilot, status: job.jobStatus }
        : { command: "tobekilled", status: "unknown" };
    }),
  );
}

function pilotStatus(call: Call, args: Arguments): Envelope {
  return succeeded(
    idsOf(args).map((id) => {
      const job = readJob(call.store, id);
      return job === undefined
        ? { job_id: id, status: "not found", attempt_number: 0 }
        : { job_id: id, status: job.jobStatus, attempt_number: job.attemptNr };
    }),
  );
}

function kill(call: Call, args: Arguments): Envelope {
  return succeeded(idsOf(args).map((id) => killJob(call.store, id, call.caller, integerOf(args, "code"), call.now)));
}

function setCommand(call: Call, args: Arguments): Envelope {
  const PandaID = integerOf(args, "job_id") ?? -1;
  const command = textOf(args, "command") ?? "";
  const job = activeJob(call.store, PandaID);
  if (command.length > 250) return refused("command string too long. must be less than 250 chars");
  if (job === undefined) return refused(`no active job with PandaID=${PandaID}`);
  if (job.commandToPilot === "tobekilled") return refused("job is being killed");
  changeJob(call.store, job, { commandToPilot: command }, call.now, "command set");
  return succeeded(null, "command received");
}

/** States in which debug mode can be set. */
const DEBUGGABLE = ["defined", "activated", "running", "sent", "starting", "assigned"];

/** The real server answers success false when it worked, and true when it did not. */
function setDebugMode(call: Call, args: Arguments): Envelope {
  const PandaID = integerOf(args, "job_id") ?? -1;
  const on = args.get("mode") === true;
  const job = activeJob(call.store, PandaID);
  if (job === undefined) return succeeded(null, `PandaID=${PandaID} not found in active DB`);
  if (!DEBUGGABLE.includes(job.jobStatus)) {
    const states = literal(DEBUGGABLE);
    const why = `the job status is ${job.jobStatus} which is not in one of ${states}`;
    return succeeded(null, `Cannot set debugMode since ${why}`);
  }
  const words = job.specialHandling.split(",").filter((word) => word !== "");
  if (words.includes("debug") === on) return succeeded(null, "Already set accordingly");
  // Switched on, it takes the place of everything else.
  const specialHandling = on ? "debug" : words.filter((word) => word !== "debug").join(",");
  changeJob(call.store, job, { specialHandling }, call.now, "debug mode");
  return refused("Succeeded");
}

export const jobOperations: readonly Operation[] = [
  {
    name: "job/get_status",
    verb: "GET",
    auth: "secure",
    parameters: [required("job_ids", "list"), optional("timeout", "int", 60)],
    run: status,
  },
  {
    name: "pilot/get_job_status",
    verb: "GET",
    auth: "secure",
    parameters: [required("job_ids", "list"), optional("timeout", "int", 60)],
    run: pilotStatus,
  },
  {
    name: "job/kill",
    verb: "POST",
    auth: "secure",
    parameters: [
      required("job_ids", "list", "int"),
      optional("code", "int"),
      optional("use_email_as_id", "bool", false),
      optional("kill_options", "list", []),
    ],
    run: kill,
  },
  {
    name: "job/set_command",
    verb: "POST",
    auth: "production",
    parameters: [required("job_id", "int"), required("command", "str")],
    run: setCommand,
  },
  {
    name: "job/set_debug_mode",
    verb: "POST",
    auth: "production",
    parameters: [required("job_id", "int"), required("mode", "bool")],
    run: setDebugMode,
  },
];
