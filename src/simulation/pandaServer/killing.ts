/**
 * Ends jobs from outside as the real server's killJob does (panda-api 4.4): some at once, a running one by telling it.
 */
import type { Caller } from "./caller.ts";
import { timeText } from "./clock.ts";
import { activeJob, changeJob, isEventService, isOfUser, type Job, type JobChange } from "./jobTable.ts";
import type { Store } from "./store.ts";

const LONGEST_DIAG = 300;

/** Codes with which a job that was told before is told again. */
const INSISTENT = [2, 9, 10, 51, 52, 60, 99];
/** Codes with which production may kill jobs of users. */
const FOR_USER_JOBS = [2, 4, 7, 8, 9, 10, 50, 51, 52, 91, 99];
/** What a code leaves on the job that it ends, where it is more than "killed by". `user` is who kills. */
function ending(job: Job, user: string, code: number | undefined): JobChange {
  const left = (jobStatus: string, taskBufferErrorCode: number, diag: string, jobSubStatus?: string): JobChange => {
    const error = { taskBufferErrorCode, taskBufferErrorDiag: diag.slice(0, LONGEST_DIAG) };
    return { jobStatus, columns: { ...job.columns, ...error, ...(jobSubStatus !== undefined && { jobSubStatus }) } };
  };
  switch (code) {
    case 2:
    case 4: {
      const since = timeText(job.changedAt);
      return left("closed", 102, `expired in ${job.jobStatus}. status unchanged since ${since}`, "toreassign");
    }
    case 3:
      return left("cancelled", 103, "aborted by ExtIF");
    case 8: {
      const diag = `reassigned to another site by rebrokerage. new ${user}`;
      return { ...left("cancelled", 105, diag), commandToPilot: null };
    }
    case 10:
      return left("closed", 130, "fast rebrokerage due to Nq/Nr overshoot");
    case 50:
    case 52:
      return left("cancelled", 100, user);
    case 51:
      return left("closed", 100, "reassigned by JEDI", "toreassign");
    case 55:
      return left("closed", 100, "killed since task is (almost) done", "taskdone");
    case 60:
      return left("closed", 100, "closed by the pilot");
    default:
      return left("cancelled", 100, `killed by ${user}`);
  }
}

/** The end of a job that is killed now. A failed one stays failed. */
export function killed(job: Job, user: string, code: number | undefined, at: number): JobChange {
  const diag = { taskBufferErrorDiag: `killed by ${user}`.slice(0, LONGEST_DIAG) };
  const end = job.jobStatus === "failed" ? { columns: { ...job.columns, ...diag } } : ending(job, user, code);
  const endTime = job.endTime ?? timeText(at);
  return { commandToPilot: "tobekilled", ...end, archived: true, judgeAt: null, endTime };
}

function mayKill(job: Job, caller: Caller, code: number | undefined): boolean {
  if (!caller.production) return job.owner === caller.name;
  if (!isOfUser(job)) return true;
  return code !== undefined && FOR_USER_JOBS.includes(code);
}

/** Whether the job ends now, or is told and waited for. */
function endsAtOnce(job: Job, caller: Caller, code: number | undefined): boolean {
  const isTest = ["managed", "test"].includes(job.prodSourceLabel) || job.prodSourceLabel.includes("test");
  if (isTest && (code === 9 || code === 52)) return true;
  if (caller.production && code === 99) return true;
  return job.jobStatus !== "running" || isEventService(job);
}

/**
 * Kills one job.
 * @returns false when the job is unknown, archived, somebody else's, or was told before.
 */
export function killJob(store: Store, PandaID: number, caller: Caller, code: number | undefined, now: number): boolean {
  const job = activeJob(store, PandaID);
  if (job === undefined || !mayKill(job, caller, code)) return false;
  const insistent =
    (code !== undefined && INSISTENT.includes(code)) || isEventService(job) || job.jobStatus === "merging";
  if (job.commandToPilot === "tobekilled" && !insistent) return false;
  const user = caller.dn ?? "";
  const by = `killed by ${user}`;
  const columns = { ...job.columns, taskBufferErrorDiag: by.slice(0, LONGEST_DIAG) };
  const told = { commandToPilot: "tobekilled", columns };
  changeJob(store, job, endsAtOnce(job, caller, code) ? killed(job, user, code, now) : told, now, by);
  return true;
}
