/**
 * What one element of update_jobs_bulk may carry (panda-api 4.2), and how an update becomes such an element. One
 * element with a wrong type in a number field loses the updates of all jobs behind it in the same call, so nothing
 * leaves this file that the server would refuse: unknown attributes go, values are brought to their type or go.
 */
import type { JobUpdate } from "../contract.ts";
import { storable } from "./answers.ts";

type Kind = "text" | "integer" | "number" | "json" | "time";

const named = (kind: Kind, names: string): [string, Kind][] => names.split(/\s+/).map((name) => [name, kind]);

/** The attributes beside job_id and job_status (panda-api 4.2). */
const kinds: ReadonlyMap<string, Kind> = new Map([
  ...named(
    "text",
    `job_sub_status node pilot_error_diag exe_error_diag job_metrics pilot_id batch_id cpu_architecture_level site_name
    scheduler_id cpu_consumption_unit pilot_timing corrupted_files grid source_site destination_site pilot_log stdout`,
  ),
  ...named(
    "integer",
    `attempt_nr core_count mean_core_count trans_exit_code pilot_error_code exe_error_code cpu_consumption_time n_events
    n_input_files timeout`,
  ),
  ...named(
    "number",
    `cpu_conversion_factor max_rss max_vmem max_swap max_pss avg_rss avg_vmem avg_swap avg_pss tot_rchar tot_wchar
    tot_rbytes tot_wbytes rate_rchar rate_wchar rate_rbytes rate_wbytes`,
  ),
  ...named("json", "job_output_report meta_data"),
  ...named("time", "start_time end_time"),
]);

/** An element ready to be sent, or why the update can never be. */
export type Element =
  | { readonly ok: true; readonly element: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly why: string };

/**
 * The element of one update. `job_id` and `job_status` must be there; an unknown status is left to the server, which
 * refuses it for this job alone. `schedulerID` fills `scheduler_id` where the update names none.
 */
export function elementOf(update: JobUpdate, schedulerID: string): Element {
  const { job_id, job_status, ...others } = update;
  const id = integer(job_id);
  if (id === undefined) return { ok: false, why: "job_id is not a whole number; the update was not sent" };
  if (typeof job_status !== "string" || job_status === "") {
    return { ok: false, why: `job ${id}: job_status is no text; the update was not sent` };
  }
  const element: Record<string, unknown> = { scheduler_id: schedulerID, job_id: id, job_status };
  for (const [name, value] of Object.entries(others)) {
    const kind = kinds.get(name);
    const fitting = kind === undefined || value === null ? undefined : fitted(kind, value);
    if (fitting !== undefined) element[name] = fitting;
  }
  // A failed job may have no report; an empty one is taken for a report without the log: a further error (panda-api
  // 10).
  if (job_status === "failed" && element["job_output_report"] === "{}") delete element["job_output_report"];
  return { ok: true, element };
}

function fitted(kind: Kind, value: unknown): string | number | undefined {
  switch (kind) {
    case "text":
      return text(value);
    case "integer":
      return integer(value);
    case "number":
      return number(value);
    case "json":
      return typeof value === "string" ? value : JSON.stringify(value);
    case "time":
      return time(value);
  }
}

function text(value: unknown): string | undefined {
  if (value === undefined) return undefined;
  return storable(typeof value === "object" ? JSON.stringify(value) : String(value));
}

function number(value: unknown): number | undefined {
  if (typeof value !== "number" && !(typeof value === "string" && value.trim() !== "")) return undefined;
  const read = Number(value);
  return Number.isFinite(read) ? read : undefined;
}

/** Fractions are cut, as the server does where it converts. */
function integer(value: unknown): number | undefined {
  const read = number(value);
  const whole = read === undefined ? undefined : Math.trunc(read);
  return Number.isSafeInteger(whole) ? whole : undefined;
}

/** `YYYY-MM-DD HH:MM:SS` in UTC: the server drops any other form without a word. Numbers are epoch ms. */
function time(value: unknown): string | undefined {
  if (typeof value === "number" && Number.isFinite(value)) {
    return new Date(value).toISOString().slice(0, 19).replace("T", " ");
  }
  const parts = typeof value === "string" ? /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?Z?$/.exec(value) : null;
  return parts ? `${parts[1]} ${parts[2]}` : undefined;
}
