/**
 * What can have happened to a worker. Names and fields are a STORAGE FORMAT: see fields.ts (lifecycle 3).
 */
import { z } from "zod";
import { coded, dictionary, instant, pandaID, queueName, workerChanges, workerID } from "./fields.ts";

const one = <T extends string, S extends z.ZodRawShape>(type: T, shape: S) =>
  z.strictObject({ type: z.literal(type), workerID, ...shape });
const many = <T extends string, S extends z.ZodRawShape>(type: T, shape: S) =>
  z.strictObject({ type: z.literal(type), workerIDs: z.array(workerID), ...shape });

/** One worker's part of a look: what the batch system and the payload said, and the verdict (3.4). */
const look = z.strictObject({
  workerID,
  /** The status that counts from now on. */
  status: z.enum(["submitted", "ready", "running", "idle", "finished", "failed", "cancelled", "missed"]),
  /** The plug-in was asked and answered. */
  checked: z.boolean(),
  /** Its raw answer, where it differs from `status`. */
  answered: z.string().nullable().optional(),
  diag: z.string().optional(),
  changes: workerChanges.optional(),
  attributes: dictionary.optional(),
  /** First final status the plug-in gave; it sticks (finalMonStatus). */
  finalStatus: z.enum(["finished", "failed", "cancelled"]).optional(),
  postProcessed: z.literal(true).optional(),
  endAt: instant.optional(),
  /** Look again at once instead of after checkInterval. */
  again: z.literal(true).optional(),
  eventsRequest: dictionary.optional(),
  jobsRequested: z.number().optional(),
  pandaIDs: z.array(pandaID).optional(),
  complaints: z.array(z.strictObject({ where: z.string(), why: z.string() })).optional(),
});

export const workerEvents = [
  /** The worker maker made it: the id is taken, nothing exists outside yet (1.6 step 2). */
  one("worker.made", {
    queue: queueName,
    key: z.string(),
    /** Workers of one batch are submitted in one call. */
    batch: z.string(),
    mapType: z.string(),
    pandaIDs: z.array(pandaID),
    hasJob: z.boolean(),
    nCore: z.number().optional(),
    minRamCount: z.number().optional(),
    maxDiskCount: z.number().optional(),
    maxWalltime: z.number().optional(),
    ioIntensity: z.number().optional(),
    jobType: z.string(),
    resourceType: z.string(),
    pilotType: z.string().optional(),
    accessPoint: z.string(),
    syncLevel: z.number().optional(),
    eventsRequest: z.number().optional(),
    attributes: dictionary.optional(),
  }),
  /** Directories and job files are written; `complaint` where the messenger said false (1.6 step 5). */
  many("worker.fed", { complaint: z.string().optional() }),
  one("worker.submitted", {
    changes: workerChanges.optional(),
    running: z.literal(true).optional(),
    eventsRequest: dictionary.optional(),
    dialog: z.string().optional(),
    /** The batch system already knew the key (find). */
    adopted: z.literal(true).optional(),
  }),
  one("worker.missed", { error: coded, dialog: z.string(), changes: workerChanges.optional() }),
  /** Feeding or submission threw and is given up as the original does: the jobs get another worker (1.6). */
  many("worker.abandoned", { why: z.string() }),
  /** Late binding and refill: its payload asked for jobs, and these are to be fed to it (3.8). */
  one("worker.bound", { pandaIDs: z.array(pandaID), eventsRequest: z.number().optional() }),
  /** The payload has the jobs that were bound; `complaint` where the messenger said false. */
  one("worker.jobsFed", { complaint: z.string().optional() }),
  /** The messenger gave no answer: the same jobs are fed again after lockInterval. */
  one("worker.jobsUnfed", { why: z.string() }),
  /** It ended before it had the jobs that were bound: they get another worker. */
  one("worker.unbound", { why: z.string() }),
  /** Nobody knows whether it was submitted; an operator or the queue's onUnknown decides. */
  many("worker.held", { why: z.string() }),
  /** The batch system does not know the key: the same worker is submitted again (design 3). */
  many("worker.absent", { dialog: z.string() }),
  /** One look at a batch of workers; those on `unchanged` answered as before and have nothing new. */
  z.strictObject({
    type: z.literal("worker.looked"),
    queue: queueName,
    workers: z.array(look),
    unchanged: z.array(workerID),
  }),
  /**
   * The batch system says that it has ended, for the first time. In the log before the payload's report is read and
   * post-processed, because a batch system may forget its workers meanwhile (C16).
   */
  one("worker.endSaid", {
    status: z.enum(["finished", "failed", "cancelled"]),
    diag: z.string(),
    changes: workerChanges.optional(),
  }),
  /** The look failed; the workers are looked at again after lockInterval. */
  many("worker.lookTroubled", { why: z.string() }),
  many("worker.killMarked", { why: z.string(), error: coded.optional() }),
  many("worker.killSent", { dialog: z.string().optional() }),
  /** The sweeper plug-in gave no usable answer: it is asked again after checkInterval. */
  many("worker.killTroubled", { why: z.string() }),
  many("worker.told", {}),
  /** The WMS knows the final status: no further updates (3.10). */
  many("worker.closed", {}),
  many("worker.untold", { why: z.string() }),
  /** The WMS has a local log file of the worker as it was with `size` bytes, those from `from` on, and says where. */
  one("worker.logSent", {
    kind: z.string(),
    path: z.string(),
    from: z.number(),
    size: z.number(),
    url: z.string(),
  }),
  /** All that was there is sent; `of`: after the update that the WMS took then. */
  one("worker.logsSettled", { of: instant }),
  one("worker.logsUnsent", { why: z.string() }),
  /** The WMS assigned event ranges, by PandaID; they are the worker's even if feeding fails (C31). */
  one("worker.eventsReceived", { ranges: z.record(z.string(), z.array(z.unknown())) }),
  many("worker.eventsFed", {}),
  /** No ranges came, or the payload could not be given them: asked again after lockInterval (4.1). */
  many("worker.eventsUnfed", { why: z.string() }),
  /** Swept: the worker leaves the World. */
  many("worker.forgotten", {}),
  many("worker.sweepPostponed", { why: z.string() }),
] as const;
export type WorkerLook = z.output<typeof look>;
