/**
 * The arguments of pilot/update_job, and which column of the job each of them fills with which cut (panda-api 4.2).
 * No state is decided here.
 */
import { isSecondsTime } from "./clock.ts";
import { type Arguments, optional, type Parameter, required, UploadedFile } from "./operation.ts";
import { type PythonValue, WholeFloat } from "./pythonJson.ts";

type Cast = (value: string | number) => PythonValue;

const text =
  (longest?: number): Cast =>
  (value) =>
    longest === undefined ? String(value) : String(value).slice(0, longest);
const integer: Cast = (value) => Math.trunc(Number(value));
/** The server keeps bytes as kB of at most ten digits. */
const kilobytes: Cast = (value) => Math.min(1e10 - 1, Math.trunc(Number(value)) / 1024);

/** Argument, its type, the column, how the value is kept; in the order of the server's signature. */
const FIELDS: readonly (readonly [string, Parameter["type"], string, Cast])[] = [
  ["node", "str", "modificationHost", text(128)],
  ["cpu_consumption_time", "int", "cpuConsumptionTime", integer],
  ["cpu_consumption_unit", "str", "cpuConsumptionUnit", text()],
  ["scheduler_id", "str", "schedulerID", text()],
  ["pilot_id", "str", "pilotID", text(200)],
  ["cpu_conversion_factor", "number", "cpuConversion", Number],
  // A text column in the real database.
  ["trans_exit_code", "int", "transExitCode", text()],
  ["pilot_error_code", "int", "pilotErrorCode", integer],
  ["pilot_error_diag", "str", "pilotErrorDiag", text(500)],
  ["exe_error_code", "int", "exeErrorCode", integer],
  ["exe_error_diag", "str", "exeErrorDiag", text(500)],
  ["pilot_timing", "str", "pilotTiming", text()],
  ["n_events", "int", "nEvents", integer],
  ["n_input_files", "int", "nInputFiles", integer],
  ["batch_id", "str", "batchID", text(80)],
  ["job_metrics", "str", "jobMetrics", text(500)],
  ["job_sub_status", "str", "jobSubStatus", text(80)],
  ["core_count", "int", "actualCoreCount", integer],
  ["max_rss", "number", "maxRSS", integer],
  ["max_vmem", "number", "maxVMEM", integer],
  ["max_swap", "number", "maxSWAP", integer],
  ["max_pss", "number", "maxPSS", integer],
  ["avg_rss", "number", "avgRSS", integer],
  ["avg_vmem", "number", "avgVMEM", integer],
  ["avg_swap", "number", "avgSWAP", integer],
  ["avg_pss", "number", "avgPSS", integer],
  ["tot_rchar", "number", "totRCHAR", kilobytes],
  ["tot_wchar", "number", "totWCHAR", kilobytes],
  ["tot_rbytes", "number", "totRBYTES", kilobytes],
  ["tot_wbytes", "number", "totWBYTES", kilobytes],
  ["rate_rchar", "number", "rateRCHAR", kilobytes],
  ["rate_wchar", "number", "rateWCHAR", kilobytes],
  ["rate_rbytes", "number", "rateRBYTES", kilobytes],
  ["rate_wbytes", "number", "rateWBYTES", kilobytes],
  ["mean_core_count", "int", "meanCoreCount", Number],
  ["cpu_architecture_level", "str", "cpu_architecture_level", text(20)],
  ["grid", "str", "grid", text(50)],
  ["source_site", "str", "sourceSite", text(36)],
  ["destination_site", "str", "destinationSite", text(36)],
];

/** The arguments of pilot/update_job. */
export const REPORT_PARAMETERS: readonly Parameter[] = [
  required("job_id", "int"),
  required("job_status", "str"),
  optional("job_output_report", "str", ""),
  ...FIELDS.map(([name, type]) => optional(name, type)),
  optional("site_name", "str"),
  optional("pilot_log", "str", ""),
  optional("meta_data", "str", ""),
  optional("start_time", "str"),
  optional("end_time", "str"),
  optional("attempt_nr", "int"),
  optional("stdout", "str", ""),
  optional("corrupted_files", "str"),
  optional("timeout", "int", 60),
];

function plain(value: ReturnType<Arguments["get"]>): string | number | undefined {
  if (value instanceof UploadedFile || value === undefined) return undefined;
  if (value instanceof WholeFloat) return value.value;
  if (typeof value === "boolean") return value ? 1 : 0;
  return typeof value === "string" || typeof value === "number" ? value : undefined;
}

/** The columns that the bound arguments fill; null and empty texts fill none. */
export function reportedColumns(args: Arguments): Readonly<Record<string, PythonValue>> {
  const columns: Record<string, PythonValue> = {};
  for (const [name, , column, cast] of FIELDS) {
    const value = plain(args.get(name));
    if (value !== undefined && value !== "") columns[column] = cast(value);
  }
  return columns;
}

/** A time of the exact form, else undefined: other forms are dropped without a word. */
export function reportedTime(args: Arguments, name: "start_time" | "end_time"): string | undefined {
  const value = args.get(name);
  return typeof value === "string" && isSecondsTime(value) ? value : undefined;
}
