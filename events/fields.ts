/**
 * Pieces that several events share. Names here are a STORAGE FORMAT: logs written years ago hold them. Never rename or
 * re-type a field; add an optional one, or a new event name.
 */
import { z } from "zod";

/** PandaID: the number that PanDA gave the job. */
export const pandaID = z.int().nonnegative();
/** workerID: n x shards + shard (design 3). */
export const workerID = z.int().nonnegative();
/** Epoch milliseconds. */
export const instant = z.number();
/** A JSON object of unknown content, taken as it is: a start reads millions, and a look at each key would cost it. */
export const dictionary = z.custom<Record<string, unknown>>(
  (v) => typeof v === "object" && v !== null && !Array.isArray(v),
  "expected an object",
);

/** Name of a queue of this instance. */
export const queueName = z.string().min(1);

/** One row of a file group (specs.md 4). A missing field has never been set. */
export const fileRow = z.strictObject({
  lfn: z.string(),
  fileType: z.string(),
  status: z.string(),
  scope: z.string().optional(),
  path: z.string().optional(),
  fsize: z.number().optional(),
  chksum: z.string().optional(),
  guid: z.string().optional(),
  url: z.string().optional(),
  isZip: z.number().optional(),
  workerID: workerID.optional(),
  eventRangeID: z.string().optional(),
  provenanceID: z.string().optional(),
  /** Key of the zip file that holds this one. */
  zip: z.string().optional(),
});
export type FileRowEvent = z.output<typeof fileRow>;

/** Fields set on one file; null clears. `key` is the row's key in its group: the lfn, or lfn#n for a second row. */
export const filePatch = z.strictObject({ key: z.string(), set: dictionary });
export type FilePatch = z.output<typeof filePatch>;

/** An error with its code, as the pilot would report it (lifecycle 0.4). */
export const coded = z.strictObject({ code: z.number(), diag: z.string() });

/** What a plug-in changed on a worker (the WorkerChanges of the plug-in contract). */
export const workerChanges = z.strictObject({
  set: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
  logFiles: z.record(z.string(), z.string()).optional(),
  pilotError: coded.optional(),
  supplementalError: coded.optional(),
  pilotClosed: z.literal(true).optional(),
  workAttributes: dictionary.optional(),
});
