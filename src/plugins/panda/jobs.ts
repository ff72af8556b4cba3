/**
 * The calls about jobs: fetch, update, check (panda-api 4). Updates and checks are judged one by one, whatever the
 * answer of the whole call says. Fetching must never be repeated here: each call hands out other jobs (panda-api 9).
 */
import { z } from "zod";
import type { CallContext, JobReply, JobsRequest, JobUpdate, WmsAnswer } from "../contract.ts";
import { dataOf, pieces, refused } from "./answers.ts";
import { elementOf } from "./jobAttributes.ts";
import type { Envelope, Transport } from "./transport.ts";
import { CallFailed, complaint, diagnosis } from "./troubles.ts";

/** Jobs in one update or check, as Harvester (panda-api 3). */
const bulk = 100;

/** "No usable answer", Harvester's code for it (panda-api 4.2). */
const noAnswer = 999;

const noJobs = "No jobs in PanDA";
const acquired = z.object({ StatusCode: z.int().optional(), jobs: z.array(z.unknown()).optional() });
const entrySchema = z.object({
  success: z.boolean(),
  message: z.string().nullish(),
  data: z
    .looseObject({
      StatusCode: z.int().optional(),
      ErrorDiag: z.string().nullish(),
      command: z.string().nullish(),
    })
    .nullish()
    .catch(null),
});
const codeSchema = z.object({ code: z.int() });
const statusSchema = z.object({ command: z.string().nullable(), status: z.string().nullable() });

type Element = Readonly<Record<string, unknown>>;

/**
 * Asks for jobs. "No jobs" is an empty list, also when the server's database is down: it says the same (panda-api
 * 2.1).
 */
export async function getJobs(
  transport: Transport,
  harvesterID: string,
  request: JobsRequest,
  call: CallContext,
): Promise<WmsAnswer<readonly unknown[]>> {
  const body = {
    site_name: request.siteName,
    node: request.nodeName,
    prod_source_label: request.prodSourceLabel,
    computing_element: request.computingElement,
    n_jobs: request.nJobs,
    scheduler_id: `harvester-${harvesterID}`,
    ...request.criteria,
  };
  const envelope = await transport.post("pilot/acquire_jobs", body, call);
  if (!envelope.success) return envelope.message === noJobs ? { ok: true, data: [] } : refused(envelope);
  const { StatusCode = 0, jobs } = dataOf(envelope, acquired);
  if (StatusCode === 0 && jobs !== undefined) return { ok: true, data: jobs };
  if (StatusCode !== 0) return refused({ ...envelope, message: envelope.message || `StatusCode ${StatusCode}` });
  throw new CallFailed(complaint(envelope.where, "the data have no list of jobs"), 200);
}

/** Reports jobs, one reply each in order; what cannot be sent is answered here (StatusCode 999). */
export async function updateJobs(
  transport: Transport,
  harvesterID: string,
  updates: readonly JobUpdate[],
  call: CallContext,
): Promise<readonly JobReply[]> {
  const sent: { readonly index: number; readonly element: Element }[] = [];
  const replies: JobReply[] = updates.map((update, index) => {
    const made = elementOf(update, `harvester-${harvesterID}`);
    if (made.ok) sent.push({ index, element: made.element });
    return { StatusCode: noAnswer, ErrorDiag: made.ok ? "not answered" : made.why };
  });
  const answers = await inPieces(sent, async (part) => {
    const elements = part.map(({ element }) => element);
    return updatePart(transport, harvesterID, elements, call);
  });
  answers.forEach((reply, at) => {
    const index = sent[at]?.index;
    if (index !== undefined) replies[index] = reply;
  });
  return replies;
}

async function updatePart(
  transport: Transport,
  harvesterID: string,
  elements: readonly Element[],
  call: CallContext,
): Promise<JobReply[]> {
  const post = (list: readonly Element[]): Promise<Envelope> =>
    transport.post("pilot/update_jobs_bulk", { job_list: list, harvester_id: harvesterID }, call);
  const read = (envelope: Envelope, n: number): JobReply[] => {
    if (!envelope.success) return Array.from({ length: n }, () => unanswered(refused(envelope).message));
    return dataOf(envelope, z.array(z.unknown()).length(n)).map((raw) => judge(envelope.where, raw));
  };
  const envelope = await post(elements);
  // Null data mean that the call was refused before it looked at any job; then one by one would be refused as well.
  if (envelope.success || envelope.data === null || elements.length < 2) return read(envelope, elements.length);
  const replies: JobReply[] = [];
  for (const element of elements) {
    try {
      replies.push(...read(await post([element]), 1));
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      // The others were stored or not as it is; they are all asked for again, which is harmless (panda-api 9).
      return [...replies, ...elements.slice(replies.length).map(() => unanswered(error.message))];
    }
  }
  return replies;
}

/** Asks for the states of jobs, aligned to the ids. A state that the server does not know is no answer. */
export async function checkJobs(
  transport: Transport,
  pandaIDs: readonly number[],
  call: CallContext,
): Promise<readonly JobReply[]> {
  return inPieces(pandaIDs, async (part) => {
    const envelope = await transport.get("job/get_status", { job_ids: part }, call);
    const whole = codeSchema.safeParse(envelope.data);
    if (whole.success || !envelope.success) {
      const StatusCode = (whole.success && whole.data.code) || noAnswer;
      const ErrorDiag = refused({ ...envelope, message: envelope.message || `code ${StatusCode}` }).message;
      return part.map(() => ({ StatusCode, ErrorDiag, command: null }));
    }
    return dataOf(envelope, z.array(z.unknown()).length(part.length)).map((raw) => status(envelope.where, raw));
  });
}

function judge(where: string, raw: unknown): JobReply {
  const entry = entrySchema.safeParse(raw);
  if (!entry.success) return unanswered(complaint(where, "the entry is no envelope"));
  const { success, message, data } = entry.data;
  const command = commandOf(data?.command);
  if (success && data?.StatusCode === 0) return { StatusCode: 0, command };
  // A code of 0 beside a refusal, or none at all, must not be taken for consent.
  const StatusCode = data?.StatusCode || noAnswer;
  const said = data?.ErrorDiag || message || `StatusCode ${data?.StatusCode ?? "is missing"}`;
  return { StatusCode, ErrorDiag: complaint(where, diagnosis(said)), command };
}

function status(where: string, raw: unknown): JobReply {
  const parsed = statusSchema.safeParse(raw);
  if (!parsed.success) return unanswered(complaint(where, "the entry has no command and status"));
  const { command, status: state } = parsed.data;
  if (state === null && command === null) return unanswered(complaint(where, "no state, as with the database down"));
  return { StatusCode: 0, command: commandOf(command) };
}

/**
 * The command as the core compares it. It is a comma list (`debug,tobekilled`), and a kill in it is a kill; Harvester
 * misses it there (panda-api 4.2).
 */
function commandOf(command: string | null | undefined): string | null {
  if (command === undefined || command === null || command === "" || command === "NULL") return null;
  return command.split(",").some((one) => one.trim() === "tobekilled") ? "tobekilled" : command;
}

const unanswered = (ErrorDiag: string): JobReply => ({ StatusCode: noAnswer, ErrorDiag, command: null });

/**
 * Asks piece by piece. Trouble at the first throws; trouble later answers "no usable answer" for what is left, so that
 * the replies that did come are kept.
 */
async function inPieces<T>(
  list: readonly T[],
  ask: (part: readonly T[]) => Promise<readonly JobReply[]>,
): Promise<JobReply[]> {
  const replies: JobReply[] = [];
  for (const part of pieces(list, bulk)) {
    try {
      replies.push(...(await ask(part)));
    } catch (error) {
      if (replies.length === 0 || !(error instanceof CallFailed)) throw error;
      return [...replies, ...list.slice(replies.length).map(() => unanswered(error.message))];
    }
  }
  return replies;
}
