/**
 * The calls about event ranges (panda-api 5). Ranges handed out are reserved, so what one request brought is never
 * thrown away because a later one failed. It must not take the 500 of update_event_ranges for a failure: the events
 * are stored all the same.
 */
import { z } from "zod";
import type { CallContext, Verdict, WmsAnswer } from "../contract.ts";
import { answered, dataOf, refused } from "./answers.ts";
import type { Transport } from "./transport.ts";
import { CallFailed } from "./troubles.ts";

/** Numbers may be text after they were in a file of the payload; the server wants integers. */
const number = z.coerce.number().pipe(z.int());
const requestSchema = z.object({
  pandaID: number.optional(),
  jobsetID: number,
  taskID: number.nullish(),
  nRanges: number.default(1),
});

/** The bare list of today, or the object that Harvester expects. */
const rangesSchema = z.union([
  z.array(z.unknown()),
  z.object({ eventRanges: z.array(z.unknown()) }).transform(({ eventRanges }) => eventRanges),
]);

const verdicts = z.array(z.union([z.boolean(), z.null()]));
/** `Returns` was also seen as JSON text. */
const returnsSchema = z.object({
  Returns: z.union([
    verdicts,
    z.string().transform((text, context) => {
      try {
        return verdicts.parse(JSON.parse(text));
      } catch {
        context.addIssue("is no list of verdicts");
        return z.NEVER;
      }
    }),
  ]),
});

/**
 * What today's server says when it has dealt with every event and cannot put its verdicts into words (panda-api 5).
 * Whatever they were, asking again changes nothing; and a job whose events nobody ever confirms would never end.
 */
const stumbled = /HTTP 500: .*(unhashable type: 'list'|Type not serializable for)/;

/**
 * Ranges for each job, asked in pieces of `chunkSize`. A refusal or trouble ends the asking; it is the answer only
 * where nothing was handed out, since anything else would lose reserved ranges (lifecycle 4.1: good if one piece is).
 */
export async function getEventRanges(
  transport: Transport,
  chunkSize: number,
  requests: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  scattered: boolean,
  call: CallContext,
): Promise<WmsAnswer<Readonly<Record<string, readonly unknown[]>>>> {
  const path = "event/acquire_event_ranges";
  const found: Record<string, unknown[]> = {};
  let refusal: { readonly ok: false; readonly message: string } | undefined;
  try {
    for (const [key, request] of Object.entries(requests)) {
      const wanted = requestSchema.safeParse(request);
      const job = number.safeParse(wanted.data?.pandaID ?? key);
      if (!wanted.success || !job.success) {
        refusal ??= { ok: false, message: `request of job ${key}: jobsetID, taskID and nRanges must be whole numbers` };
        continue;
      }
      for (let left = wanted.data.nRanges; left > 0; ) {
        const n = Math.min(left, chunkSize);
        const { jobsetID, taskID = null } = wanted.data;
        const body = { job_id: job.data, jobset_id: jobsetID, task_id: taskID, n_ranges: n, scattered };
        const envelope = await transport.post(path, body, call);
        if (!envelope.success) {
          refusal ??= refused(envelope);
          break;
        }
        const got = dataOf(envelope, rangesSchema);
        // A job is named only once it was answered: an empty list means that no event is left for it.
        found[key] = [...(found[key] ?? []), ...got];
        left -= n;
        if (got.length < n) break;
      }
    }
  } catch (error) {
    // Nothing reserved is lost by throwing, or else the job in trouble stays unnamed and is asked for again.
    if (Object.values(found).every((ranges) => ranges.length === 0)) throw error;
  }
  return Object.keys(found).length === 0 && refusal !== undefined ? refusal : { ok: true, data: found };
}

/**
 * Reports events: bare ones (version 0) or, where every element has a list `eventRanges`, grouped by zip file (version
 * 1). One verdict an event in order; null: unknown, harmless to repeat.
 */
export async function updateEventRanges(
  transport: Transport,
  ranges: readonly Readonly<Record<string, unknown>>[],
  call: CallContext,
): Promise<WmsAnswer<readonly Verdict[]>> {
  if (ranges.length === 0) return { ok: true, data: [] };
  const path = "event/update_event_ranges";
  const version = ranges.every((range) => Array.isArray(range["eventRanges"])) ? 1 : 0;
  const n = ranges.reduce(
    (sum, { eventRanges }) => sum + (Array.isArray(eventRanges) && version ? eventRanges.length : 1),
    0,
  );
  const unknown = { ok: true as const, data: Array.from({ length: n }, () => null) };
  try {
    const envelope = await transport.post(path, { event_ranges: JSON.stringify(ranges), version }, call);
    if (!envelope.success) return refused(envelope);
    const { Returns } = dataOf(envelope, returnsSchema);
    return Returns.length === n ? { ok: true, data: Returns } : unknown;
  } catch (error) {
    if (!(error instanceof CallFailed) || error.status !== 500) throw error;
    return stumbled.test(error.message) ? { ok: true, data: unknown.data.map(() => true) } : unknown;
  }
}

/** How many ranges a job has left; 0 also for jobs that the server does not know. */
export async function checkEventAvailability(
  transport: Transport,
  job: { readonly PandaID: number; readonly jobsetID: number; readonly taskID: number },
  call: CallContext,
): Promise<WmsAnswer<number>> {
  const query = { job_id: job.PandaID, jobset_id: job.jobsetID, task_id: job.taskID };
  return answered(await transport.get("event/get_available_event_range_count", query, call), z.int());
}
