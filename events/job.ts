/**
 * What can have happened to a job. Names and fields are a STORAGE FORMAT: see fields.ts. Outcome events carry the raw
 * answer's dialog beside the agent's verdict, which is the event's name (lifecycle 1).
 */
import { z } from "zod";
import { coded, dictionary, instant, pandaID, queueName, workerID } from "./fields.ts";

const input = z.strictObject({
  lfn: z.string(),
  fsize: z.number().nullable(),
  guid: z.string(),
  checksum: z.string(),
  scope: z.string(),
  dataset: z.string(),
  endpoint: z.string(),
});
const output = z.strictObject({ lfn: z.string(), scope: z.string(), dataset: z.string(), endpoint: z.string() });

const one = <T extends string, S extends z.ZodRawShape>(type: T, shape: S) =>
  z.strictObject({ type: z.literal(type), PandaID: pandaID, ...shape });
const many = <T extends string, S extends z.ZodRawShape>(type: T, shape: S) =>
  z.strictObject({ type: z.literal(type), PandaIDs: z.array(pandaID), ...shape });
const dialog = z.string();

export const jobEvents = [
  /** The WMS handed the job out (1.4). */
  one("job.fetched", {
    queue: queueName,
    taskID: z.number().nullable(),
    attemptNr: z.number(),
    jobsetID: z.number().nullable(),
    priority: z.number(),
    nCore: z.number().nullable(),
    resourceType: z.string().nullable(),
    prodSourceLabel: z.string().nullable(),
    zipPerMB: z.number().nullable(),
    inputs: z.array(input),
    outputs: z.array(output),
    log: z.strictObject({ lfn: z.string(), guid: z.string() }).nullable(),
    schedulerID: z.string(),
    /** An extractor found auxiliary inputs: preparation works stepwise (1.5). */
    hasAux: z.boolean().optional(),
    /** What was odd in the dictionary, and how it was read. */
    remarks: z.array(z.string()).optional(),
    params: dictionary,
  }),
  /** The WMS handed out a job whose dictionary cannot be used; it is reported as failed. null: it named no attempt. */
  one("job.refused", { queue: queueName, attemptNr: z.number().nullable(), why: z.string() }),
  /** The WMS handed the same job out again: this life of it is over, the next begins (1.4). */
  one("job.superseded", {}),
  /** Another job's copy of an input is on its way: no call was made (2.3). */
  one("job.inputsAwaited", {}),
  one("job.preparationTriggered", { aux: z.number().optional(), dialog: dialog.optional() }),
  /** Some files of a stepwise job were triggered; `aux` is the next phase where one ended (1.5). */
  one("job.preparationAdvanced", { aux: z.number().optional(), dialog: dialog.optional() }),
  one("job.preparationPostponed", { dialog }),
  one("job.preparationRefused", { error: coded, dialog }),
  one("job.preparationTroubled", { why: z.string() }),
  one("job.stageInConfirmed", { dialog: dialog.optional() }),
  one("job.stageInAwaited", { dialog }),
  one("job.stageInRefused", { error: coded, dialog }),
  one("job.stageInTroubled", { why: z.string() }),
  one("job.pathsUnresolved", { dialog }),
  one("job.prepared", { aux: z.number().optional(), params: dictionary.optional() }),
  /** Some files of a stepwise job are ready. */
  one("job.stageInAdvanced", { aux: z.number().optional(), params: dictionary.optional() }),
  /** The submitter reserved a worker for the job; it is not offered to another one meanwhile. */
  one("job.bound", { workerID, nWorkersLimit: z.number().optional(), maxWorkersInTotal: z.number().optional() }),
  /** No worker could be made, skipOnFail (1.6 step 3). */
  many("job.makingSkipped", { dialog }),
  /** The worker maker gave no answer. */
  many("job.makingTroubled", { why: z.string() }),
  one("job.makingFailed", { error: coded, dialog }),
  one("job.submitted", { workerID, nWorkers: z.number().optional() }),
  /** Late binding: a worker was submitted for it; the first one that asks for jobs may have it (3.8). */
  one("job.queued", { workerID }),
  /** Late binding: the worker that was submitted for it has another job or none, so it may get another worker. */
  many("job.unqueued", {}),
  /** OneToMany: a further worker could not be submitted; the others go on (3.7). */
  one("job.workerMissed", { workerID, attempts: z.number() }),
  /** Temporary failure of a submission, attempts left. */
  one("job.submissionPostponed", { workerID, attempts: z.number(), limit: z.number() }),
  one("job.submissionTroubled", { workerID, why: z.string() }),
  one("job.missed", { workerID, attempts: z.number(), error: coded }),
  /** What the worker said of the job in one look: attributes, payload status and times (3.6). */
  one("job.observed", {
    attributes: dictionary.optional(),
    metaData: z.unknown().optional(),
    outputReport: z.string().optional(),
    startAt: instant.optional(),
    endAt: instant.optional(),
    nCore: z.number().optional(),
    nWorkers: z.number().optional(),
    pilotClosed: z.literal(true).optional(),
  }),
  many("job.started", {}),
  many("job.idled", {}),
  /** The worker is queued (again) in the batch system. */
  many("job.queuedAgain", {}),
  many("job.ended", {
    verdict: z.enum(["finished", "failed", "cancelled"]),
    /** OneToMany: it ended because no worker could be submitted (1.6 step 8); `workers` are those that count. */
    unsubmitted: z.strictObject({ attempts: z.number(), workers: z.number() }).optional(),
  }),
  /** A worker was reported missed by a monitor (3.2). */
  many("job.lost", {}),
  /** The worker's status changed in a way that the WMS is told at once. */
  many("job.reportOwed", {}),
  one("job.stageOutTriggered", { dialog: dialog.optional() }),
  one("job.stageOutChecked", { dialog: dialog.optional() }),
  one("job.stageOutAwaited", { step: z.enum(["trigger", "check", "zip", "postZip"]), dialog }),
  one("job.stageOutRefused", { step: z.enum(["trigger", "check", "zip", "postZip"]), error: coded, dialog }),
  one("job.stageOutTroubled", { step: z.enum(["trigger", "check", "zip", "postZip"]), why: z.string() }),
  one("job.zipped", { dialog: dialog.optional() }),
  /** Nothing is left to trigger or zip. */
  one("job.transferStarted", {}),
  /** No output is in flight and none failed; the report for the WMS is made. */
  one("job.staged", { outputReport: z.string() }),
  one("job.stageOutFailed", {}),
  /** The WMS took the update, or it was suppressed on purpose (1.10). */
  many("job.told", { suppressed: z.literal(true).optional(), command: z.string().optional() }),
  many("job.untold", { why: z.string() }),
  /** The WMS wants the job killed and its worker was marked (1.10). */
  one("job.killAsked", {}),
  one("job.killed", { error: coded }),
  /** The final state is known to the WMS (J17). */
  many("job.closed", { suppressed: z.literal(true).optional() }),
  /** Events that the payload reported; `subStatus` is `transferring` while the output is not safe (4.2). */
  one("job.eventsReported", {
    ranges: z.array(
      z.strictObject({
        eventRangeID: z.string(),
        eventStatus: z.string(),
        subStatus: z.string(),
        file: z.string().optional(),
        coreCount: z.number().optional(),
        cpuConsumptionTime: z.number().optional(),
        loss: z.string().optional(),
      }),
    ),
  }),
  /** Their output files went on, and they with them. */
  one("job.eventsMoved", { eventRangeIDs: z.array(z.string()), status: z.string() }),
  /** The WMS knows them. */
  one("job.eventsTold", { eventRangeIDs: z.array(z.string()) }),
  /** The WMS had fewer event ranges than asked: no further workers (4.1). */
  one("job.growthEnded", {}),
  one("job.eventsRemaining", { n: z.number() }),
  /** Old enough to be forgotten, but a worker of it is alive (1.12). */
  many("job.kept", { why: z.string() }),
  /** Done and cleaned up: the job leaves the World, never the log. */
  many("job.forgotten", {}),
] as const;
