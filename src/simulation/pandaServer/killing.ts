/**
 * Ends jobs from outside as the real server's killJob does (panda-api 4.4): some at once, a running one by telling it.
 */
import type { Caller } from "./caller.ts";
import { timeText } from "./clock.ts";
import { activeJob, changeJob, isEventService, type Job } from "./jobTable.ts";
import type { Store } from "./store.ts";

/** Codes with which a job that was told before is told again. */
const INSISTENT = [2, 9, 10, 51, 52, 60, 99];
/** Codes with which production may kill jobs of users. */
const FOR_USER_JOBS = [2, 4, 7, 8, 9, 10, 50, 51, 52, 91, 99];
/** Codes that close a job instead of cancelling it, and what they leave on it. */
const CLOSING: Readonly<Record<number, { readonly jobSubStatus?: string; readonly taskBufferErrorDiag: string }>> = {
  2: { jobSubStatus: "toreassign", taskBufferErrorDiag: "expired" },
  4: { jobSubStatus: "toreassign", taskBufferErrorDiag: "expired" },
  10: { taskBufferErrorDiag: "fast rebrokerage due to Nq/Nr overshoot" },
  51: { jobSubStatus: "toreassign", taskBufferErrorDiag: "reassigned by JEDI" },
  55: { jobSubStatus: "taskdone", taskBufferErrorDiag: "killed since task is (almost) done" },
};

function mayKill(job: Job, caller: Caller, code: number | undefined): boolean {
  if (!caller.production) return job.owner === caller.name;
  if (!["user", "panda"].includes(job.prodSourceLabel)) return true;
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
  const by = `killed by ${caller.dn}`;
  const told = { commandToPilot: "tobekilled", columns: { ...job.columns, taskBufferErrorDiag: by.slice(0, 300) } };
  if (!endsAtOnce(job, caller, code)) {
    changeJob(store, job, told, now, by);
    return true;
  }
  const closing = code === undefined ? undefined : CLOSING[code];
  const isFailed = job.jobStatus === "failed";
  const error = isFailed ? {} : { taskBufferErrorCode: 100, ...closing };
  changeJob(
    store,
    job,
    {
      ...told,
      jobStatus: isFailed ? "failed" : closing === undefined ? "cancelled" : "closed",
      archived: true,
      judgeAt: null,
      endTime: job.endTime ?? timeText(now),
      columns: { ...told.columns, ...error },
    },
    now,
    by,
  );
  return true;
}
