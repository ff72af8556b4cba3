/**
 * The report of stored outputs that the WMS gets with a job's end (lifecycle 1.8, specs.md 7). Pure: where the original
 * draws a random guid, this one is made of what names the file, so that a replay gives the same.
 */
import type { FilePatch } from "../../events/fields.ts";
import type { FileGroupContext, FileRow } from "../../machines/fileGroup.ts";
import type { Job } from "../world.ts";
import { chanceOf } from "./chance.ts";

/** JSON text `{lfn: {guid, fsize, adler32}}` of the finished outputs and logs, `patches` applied to the group. */
export function outputReport(
  harvesterID: string,
  job: Job,
  group: FileGroupContext | undefined,
  patches: readonly FilePatch[],
): string {
  const sets = new Map(patches.map(({ key, set }) => [key, set]));
  const report: Record<string, { guid: string; fsize: number | null; adler32: string | null }> = {};
  for (const [key, row] of Object.entries(group?.files ?? {})) {
    const file = { ...row, ...sets.get(key) } as FileRow;
    if (file.status !== "finished" || (file.fileType !== "output" && file.fileType !== "log")) continue;
    const guid = guidOf(job, file) ?? guidFrom(`${harvesterID}:${job.ctx.PandaID}:${job.ctx.attemptNr}:${file.lfn}`);
    // A checksum may name its kind: ad:0a1b2c3d.
    const adler32 = file.chksum?.split(":").at(-1) ?? null;
    report[file.lfn] = { guid, fsize: file.fsize ?? null, adler32 };
  }
  return JSON.stringify(report);
}

/** The guid that the payload gave the file, or the one that PanDA gave the log. */
function guidOf({ ctx: { log } }: Job, file: FileRow): string | undefined {
  const attribute = file.fileAttributes?.["guid"];
  if (typeof attribute === "string") return attribute;
  return file.guid ?? (file.fileType === "log" ? log?.guid : undefined);
}

/** A UUID of version 8 (RFC 9562: custom) made of the text. */
export function guidFrom(text: string): string {
  const word = (n: number) =>
    Math.floor(chanceOf(`${n}:${text}`) * 2 ** 32)
      .toString(16)
      .padStart(8, "0");
  const [a, b, c, d] = [word(0), word(1), word(2), word(3)];
  const variant = (8 + (Number.parseInt(c[0]!, 16) % 4)).toString(16);
  return `${a}-${b.slice(0, 4)}-8${b.slice(5)}-${variant}${c.slice(1, 4)}-${c.slice(4)}${d}`;
}
