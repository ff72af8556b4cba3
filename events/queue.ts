/**
 * What can have happened to a queue and to the instance as a whole. Names and fields are a STORAGE FORMAT: see
 * fields.ts. Configuration enters the core here and nowhere else (design 1).
 */
import { z } from "zod";
import { dictionary, queueName } from "./fields.ts";

const one = <T extends string, S extends z.ZodRawShape>(type: T, shape: S) =>
  z.strictObject({ type: z.literal(type), queue: queueName, ...shape });
const instance = <T extends string, S extends z.ZodRawShape>(type: T, shape: S) =>
  z.strictObject({ type: z.literal(type), ...shape });

export const queueEvents = [
  /** The configuration of a queue as normalised (6.0). */
  one("queue.configured", { config: dictionary }),
  one("queue.retired", {}),
  /** Jobs were asked of the WMS: how many, what bound the number, how many came (1.4, 6.1). */
  one("queue.jobsFetched", { asked: z.number(), got: z.number(), bound: z.string(), dialog: z.string().optional() }),
  /** Nothing was asked, and why. */
  one("queue.fetchSkipped", { bound: z.string(), inputs: dictionary }),
  one("queue.fetchTroubled", { why: z.string() }),
  /** A job that has not even a usable PandaID. */
  one("queue.jobRefused", { why: z.string() }),
  /** How many workers were wanted and what bound the number, with the inputs (6.4). */
  one("queue.planned", { plan: z.array(dictionary), bound: z.string() }),
  one("queue.planTroubled", { why: z.string() }),
  /** SET_N_WORKERS_JOBTYPE (5). */
  one("queue.workersOrdered", {
    orders: z.array(z.strictObject({ jobType: z.string(), resourceType: z.string(), n: z.number() })),
    /** The command that says so: repeated after a crash, it is not obeyed twice. */
    command_id: z.int().optional(),
  }),
  /** REPORT_WORKER_STATS (5): the counts of the whole site are told at once. */
  one("queue.statsAsked", {}),
  /** Worker counts were sent to the WMS. */
  one("queue.statsTold", { stats: dictionary }),
  one("queue.statsUntold", { why: z.string() }),
] as const;

export const instanceEvents = [
  instance("instance.configured", { harvesterID: z.string(), config: dictionary }),
  /** Which shard a family of queues has, for good (design 3). */
  instance("instance.queuePlaced", { queue: queueName, shard: z.int() }),
  /** Worker ids begin above what the WMS has seen (3.3). */
  instance("instance.workerIDsSeen", { max: z.int(), /** The WMS could not say. */ why: z.string().optional() }),
  instance("instance.registered", {}),
  instance("instance.beat", {}),
  instance("instance.beatFailed", { why: z.string() }),
  /**
   * Lists of the WMS that every queue uses: resource types, statistics, queue descriptions. Those by queue have the
   * entries of this instance's queues, of which there were `queues`. `goesOn`: the rest follows in listContinued.
   */
  instance("instance.listRead", {
    list: z.string(),
    data: z.unknown(),
    queues: z.int().optional(),
    goesOn: z.literal(true).optional(),
  }),
  instance("instance.listContinued", { list: z.string(), data: z.unknown(), goesOn: z.literal(true).optional() }),
  /** Read, and what is known of it stands; or a list of which the World keeps nothing. */
  instance("instance.listChecked", { list: z.string(), queues: z.int().optional() }),
  instance("instance.listUnread", { list: z.string(), why: z.string() }),
  /** The WMS took messages for its people, of this record's shard, up to this number; or they are too old for it. */
  instance("instance.dialogsTold", { upTo: z.int() }),
  instance("instance.dialogsUntold", { why: z.string() }),
  instance("instance.commandsReceived", {
    commands: z.array(
      z.strictObject({
        command_id: z.int(),
        command: z.string(),
        receiver: z.string(),
        params: z.unknown(),
        ack: z.boolean(),
      }),
    ),
    dropped: z.array(z.string()).optional(),
  }),
  instance("instance.commandsAsked", {}),
  /** Other instances lead some of the shards that a command concerns: each obeys it in its own (design 3, inbox). */
  instance("instance.commandDirected", {
    command_id: z.int(),
    shards: z.array(z.int()),
    complaint: z.string().optional(),
  }),
  /** What a command wants of one shard is in this record of the shard. */
  instance("instance.commandObeyed", { command_id: z.int(), shard: z.int() }),
  instance("instance.commandsTroubled", { why: z.string() }),
  /** A receiver did what the command says; its effect is in the same record or the records it names. */
  instance("instance.commandDone", { command_id: z.int(), complaint: z.string().optional() }),
  instance("instance.commandsAcknowledged", { ids: z.array(z.int()) }),
  /** The WMS did not take the acknowledgement: it is sent again. */
  instance("instance.acknowledgementTroubled", { why: z.string() }),
  /** The public topics have every step of this record's shard up to this one (design 3). */
  instance("instance.published", { seq: z.int(), index: z.int(), step: z.int() }),
] as const;
