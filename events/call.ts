/**
 * What can have happened to a call that creates something outside (design 3, "claim, read back, act"). Names and fields
 * are a STORAGE FORMAT: see fields.ts. Calls that only ask have no life of their own: their answer is the event.
 */
import { z } from "zod";
import { instant, pandaID, workerID } from "./fields.ts";

const one = <T extends string, S extends z.ZodRawShape>(type: T, shape: S) =>
  z.strictObject({ type: z.literal(type), key: z.string().min(1), ...shape });

export const callEvents = [
  one("call.intended", {
    method: z.string(),
    plugin: z.string(),
    /** Whose shard keeps it; empty for a call of the instance as a whole. */
    queue: z.string(),
    /** Last instant at which the effect may begin. */
    notAfterAt: instant,
    PandaID: pandaID.optional(),
    workerIDs: z.array(workerID).optional(),
  }),
  one("call.returned", {}),
  one("call.threw", { why: z.string() }),
  one("call.timedOut", { afterMs: z.number() }),
  /** No outcome after a crash or take-over: nobody knows. */
  one("call.orphaned", {}),
  /** Nobody can say what it did, and it is settled: recorded as lost, repeated, or resubmitted. */
  one("call.settled", { how: z.enum(["found", "notFound", "lost", "repeated", "resubmitted"]) }),
  /** The plug-in cannot say: it waits for an operator. */
  one("call.held", { why: z.string() }),
] as const;
