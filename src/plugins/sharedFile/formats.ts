/** The texts that a payload is handed: job specification and pool file catalogue (messenger.md 3.2, 3.3). Pure. */
import type { JobSpec } from "../../specs/jobSpec.ts";

/** Left out of the job dictionary with `stripJobParams` (specs.md 2). */
const stripped = new Set([
  "prodDBlocks",
  "realDatasetsIn",
  "dispatchDblock",
  "ddmEndPointIn",
  "scopeIn",
  "dispatchDBlockToken",
  "prodDBlockToken",
]);

/** The job dictionary as PanDA sent it, with the local paths of the inputs where all are known. */
export function jobParameters(job: JobSpec, strip: boolean): Readonly<Record<string, unknown>> {
  const paths = new Map(job.inFiles.map((file) => [file.lfn, file.path]));
  const found = job.inputs.map(({ lfn }) => paths.get(lfn));
  const known = found.length > 0 && found.every((path) => path !== undefined);
  const params = { ...job.jobParams, ...(known ? { inFilePaths: found.join(",") } : {}) };
  return strip ? Object.fromEntries(Object.entries(params).filter(([key]) => !stripped.has(key))) : params;
}

/** Text of the job specification file of one job. */
export function jobSpecText(job: JobSpec, format: "json" | "cgi", strip: boolean): string {
  const params = jobParameters(job, strip);
  if (format === "json") return JSON.stringify({ [job.PandaID]: params });
  return Object.entries(params)
    .map(([key, value]) => `${quotePlus(key)}=${quotePlus(asPython(value))}`)
    .join("&");
}

/** Python's `quote_plus`, which pilots decode. */
function quotePlus(text: string): string {
  return encodeURIComponent(text)
    .replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");
}

/** Python's `str()` of what JSON can hold. */
function asPython(value: unknown, nested = false): string {
  if (typeof value === "string") return nested ? pythonQuoted(value) : value;
  if (typeof value === "boolean") return value ? "True" : "False";
  if (value === null || value === undefined) return "None";
  if (Array.isArray(value)) return `[${value.map((each) => asPython(each, true)).join(", ")}]`;
  if (typeof value === "object") {
    const members = Object.entries(value).map(([key, each]) => `${pythonQuoted(key)}: ${asPython(each, true)}`);
    return `{${members.join(", ")}}`;
  }
  return String(value);
}

function pythonQuoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\r", "\\r").replaceAll("\t", "\\t");
  return `${quote}${quote === "'" ? escaped.replaceAll("'", "\\'") : escaped}${quote}`;
}

/** One `File` per distinct input of all jobs of a worker; the physical name is the LFN, which is a link beside it. */
export function poolFileCatalog(jobs: readonly JobSpec[]): string {
  const files = new Map(jobs.flatMap((job) => job.inputs.map(({ lfn, guid }) => [lfn, guid] as const)).toReversed());
  const order = [...new Set(jobs.flatMap((job) => job.inputs.map(({ lfn }) => lfn)))];
  const elements = order.map(
    (lfn) =>
      `  <File ID="${escaped(files.get(lfn) ?? "")}">\n` +
      `    <physical><pfn filetype="ROOT_All" name="${escaped(lfn)}"/></physical>\n` +
      "    <logical/>\n" +
      "  </File>\n",
  );
  return (
    '<?xml version="1.0" ?>\n<!DOCTYPE POOLFILECATALOG  SYSTEM "InMemory">\n<POOLFILECATALOG>\n' +
    `${elements.join("")}</POOLFILECATALOG>\n`
  );
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
