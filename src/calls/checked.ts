/**
 * What a plug-in answered and what it changed on its specs, checked before it becomes an event: plain JSON data of the
 * types that the log will be read with. What does not fit refuses the whole answer and names the place, because a
 * record that cannot be read back would halt its shard. Nothing is coerced.
 */
import { z } from "zod";
import { workerChanges } from "../../events/fields.ts";
import type { Answered, KeyedPatch } from "../agents/agent.ts";
import { NotPlain, plain } from "../agents/plain.ts";
import type { WorkerChanges } from "../specs/workSpec.ts";

const text = z.string().nullable();
const number = z.number().nullable();
/** The columns of a file that a plug-in may set; null clears. */
const fileColumns = z.strictObject({
  status: z.string().optional(),
  path: text.optional(),
  fsize: number.optional(),
  chksum: text.optional(),
  groupID: text.optional(),
  groupStatus: text.optional(),
  groupUpdateAt: number.optional(),
  attemptNr: z.number().optional(),
  fileAttributes: z.record(z.string(), z.unknown()).nullable().optional(),
});

type Changes = Pick<Answered, "files" | "workers">;

/** The answer as data that shares nothing with the plug-in. Jobs of the WMS are judged one by one (readJob). */
export function checkedAnswer(value: unknown, method: string): unknown {
  return method === "getJobs" ? value : shortened(plain(value, "its answer"));
}

/** What people write to each other; a plug-in that hands on the output of a command may have megabytes. */
const maxDialog = 4000;
const spoken = ["dialog", "diag", "message"];

/** Dialogs cut to what an event can hold many of: of the answer, of each of a list, and of each worker. */
function shortened(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shortened);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]: [string, unknown]) => {
      if (key === "workers" && Array.isArray(item)) return [key, item.map(shortened)];
      return [key, spoken.includes(key) && typeof item === "string" ? cut(item) : item];
    }),
  );
}

/** A text of at most `maxDialog` characters that says how long it was. */
export const cut = (text: string): string =>
  text.length <= maxDialog ? text : `${text.slice(0, maxDialog)} ... (${text.length} characters in all)`;

/** The changes as data that shares nothing with the plug-in. @throws NotPlain for what no event can hold. */
export function checkedChanges({ files, workers }: Changes): Changes {
  return {
    files: Object.fromEntries(
      Object.entries(files).map(([PandaID, patches]) => [PandaID, patches.map((patch) => filePatch(PandaID, patch))]),
    ),
    workers: Object.fromEntries(
      Object.entries(workers).map(([workerID, changes]) => [workerID, ofWorker(workerID, changes)]),
    ),
  };
}

function filePatch(PandaID: string, { key, set }: KeyedPatch): KeyedPatch {
  const place = `what it set on file ${key} of job ${PandaID}`;
  const copy = plain(set, place);
  mustFit(fileColumns.safeParse(copy), place);
  return { key, set: copy as KeyedPatch["set"] };
}

function ofWorker(workerID: string, changes: WorkerChanges): WorkerChanges {
  const place = `what it set on worker ${workerID}`;
  const copy = plain(changes, place);
  mustFit(workerChanges.safeParse(copy), place);
  return copy as WorkerChanges;
}

/** What a plug-in may say of one file or worker (bytes of JSON); a record has to hold it with what belongs to it. */
const maxBytes = 128 * 1024;

/** @throws NotPlain naming the field, or the size. */
function mustFit(parsed: z.ZodSafeParseResult<unknown>, place: string): void {
  if (parsed.success) {
    const bytes = Buffer.byteLength(JSON.stringify(parsed.data));
    if (bytes > maxBytes) throw new NotPlain(`${place} has ${bytes} bytes, at most ${maxBytes} can be kept`);
    return;
  }
  const said = parsed.error.issues.map(({ path, message }) => `${[place, ...path].join(".")}: ${message}`);
  throw new NotPlain(said.join("; "));
}
