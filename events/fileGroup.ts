/**
 * What can have happened to files that are moved together. Names and fields are a STORAGE FORMAT: see fields.ts.
 * Every job has the groups `<PandaID>/in`, `/aux` and `/out`; a plug-in may name groups of its own (lifecycle 2.5).
 */
import { z } from "zod";
import { filePatch, fileRow, pandaID } from "./fields.ts";

const one = <T extends string, S extends z.ZodRawShape>(type: T, shape: S) =>
  z.strictObject({ type: z.literal(type), group: z.string().min(1), ...shape });
const patches = z.array(filePatch);

export const fileGroupEvents = [
  one("fileGroup.opened", {
    PandaID: pandaID,
    direction: z.enum(["in", "aux", "out"]),
    endpoint: z.string().nullable(),
    files: z.array(fileRow),
  }),
  /** The payload reported further files, or zip files were made of pending ones (1.9). */
  one("fileGroup.extended", { files: z.array(fileRow), patches: patches.optional() }),
  /** Who prepares a shared input changed (2.3). */
  one("fileGroup.reassigned", { patches }),
  one("fileGroup.triggered", { patches }),
  /** Files became ready, finished or failed, or the plug-in set other fields of them. */
  one("fileGroup.advanced", { patches }),
  one("fileGroup.zipped", { patches }),
  /** A plug-in put files, its own or those of other jobs, into a transfer group or set that group's status (2.5). */
  one("fileGroup.regrouped", { patches }),
  /** Loaded for a stage-out attempt that brought nothing: only the attempt is counted (2.4). */
  one("fileGroup.attempted", { keys: z.array(z.string()) }),
  /** A plug-in named a group or its status, across jobs (2.5). */
  one("fileGroup.named", { status: z.string().nullable() }),
] as const;
