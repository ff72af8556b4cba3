/**
 * The journal of a local batch system: one line for each thing that was done to a worker, appended by whoever did it.
 * It is the witness for "no worker was submitted twice", so it must never be rewritten, shortened or asked what to do
 * next: the records in the workers' folders decide that.
 */
import { appendFile, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { codeOf } from "./process.ts";

const journalEvents = [
  /** A submitter made the record of the key; the payload may run from now on. */
  "created",
  /** A submitter was asked for a key that is taken, and created nothing. */
  "refused",
  /** A wrapper took the claim and runs the payload. */
  "started",
  /** A wrapper came after `notAfter` and ran nothing. */
  "expired",
  /** The attempt was declared dead before any wrapper took it. */
  "voided",
  /** Killed before it started. */
  "killed",
  /** The payload ended, with reason and code. */
  "ended",
  /** The sweeper asked a running worker to stop. */
  "signalled",
  "swept",
] as const;

const line = z.looseObject({
  /** Epoch ms. */
  at: z.number(),
  event: z.enum(journalEvents),
  key: z.string(),
  attempt: z.number().optional(),
  pid: z.number().optional(),
  call: z.string().optional(),
  reason: z.string().optional(),
  code: z.number().nullish(),
  why: z.string().optional(),
});

/** One line of the journal. */
export type JournalLine = z.output<typeof line>;

/** Path of the journal inside its directory. */
export function journalPath(journalDir: string): string {
  return join(journalDir, "journal.ndjson");
}

/** Appends one line with one write. */
export async function note(
  journalDir: string,
  entry: { readonly event: JournalLine["event"]; readonly key: string } & Readonly<Record<string, unknown>>,
): Promise<void> {
  const { event, key, ...rest } = entry;
  const text = JSON.stringify({ at: Date.now(), event, key, pid: process.pid, ...rest });
  await appendFile(journalPath(journalDir), `${text}\n`);
}

/**
 * Every line, in the order written; none where nothing was ever submitted. A line that a machine's crash cut short is
 * left out; any other malformed line throws, naming its number.
 */
export async function readJournal(journalDir: string): Promise<readonly JournalLine[]> {
  let text: string;
  try {
    text = await readFile(journalPath(journalDir), "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
  return text
    .split("\n")
    .slice(0, -1)
    .map((raw, index) => {
      try {
        return line.parse(JSON.parse(raw));
      } catch (error) {
        throw new Error(`${journalPath(journalDir)}, line ${index + 1} is no journal line: ${raw.slice(0, 200)}`, {
          cause: error,
        });
      }
    });
}

/** What the journal says about a whole run. Every list of keys is empty where all went well. */
export interface Judgement {
  /** Distinct keys ever created. */
  readonly created: number;
  readonly started: number;
  readonly ended: number;
  /** Submissions that found their key taken and created nothing. */
  readonly refused: number;
  /** Attempts that ran nothing: too late, or their wrapper never came. */
  readonly voided: number;
  /** Keys created again although the attempt before had not been declared dead. */
  readonly createdTwice: readonly string[];
  /** Keys whose payload was started more than once. */
  readonly startedTwice: readonly string[];
  /** Keys started without having been created. */
  readonly startedUncreated: readonly string[];
  /** Keys started and not ended: still running, or their wrapper was killed. */
  readonly unfinished: readonly string[];
}

/** Judges a journal by its lines and by the records in the workers' folders, which may know of a creation more. */
export async function judge(journalDir: string): Promise<Judgement> {
  const lines = await readJournal(journalDir);
  const byKey = Map.groupBy(lines, ({ key }) => key);
  const count = (key: string, ...events: readonly JournalLine["event"][]): number =>
    (byKey.get(key) ?? []).filter(({ event }) => events.includes(event)).length;
  const keys = [...byKey.keys()];
  // A submitter killed between record and line leaves a record alone.
  const recorded = await recordedKeys(journalDir);
  const isCreated = (key: string): boolean => count(key, "created") > 0 || recorded.has(key);
  const sum = (...events: readonly JournalLine["event"][]): number =>
    keys.reduce((total, key) => total + count(key, ...events), 0);
  return {
    created: new Set([...keys.filter(isCreated), ...recorded]).size,
    started: sum("started"),
    ended: sum("ended"),
    refused: sum("refused"),
    voided: sum("expired", "voided"),
    createdTwice: keys.filter((key) => count(key, "created") > 1 + count(key, "expired", "voided")),
    startedTwice: keys.filter((key) => count(key, "started") > 1),
    startedUncreated: keys.filter((key) => count(key, "started") > 0 && !isCreated(key)),
    unfinished: keys.filter((key) => count(key, "started") > count(key, "ended")),
  };
}

async function recordedKeys(journalDir: string): Promise<Set<string>> {
  const keys = new Set<string>();
  const named = z.looseObject({ key: z.string() });
  for (const path of await paths(journalDir)) {
    if (!path.endsWith("/created.json")) continue;
    keys.add(named.parse(JSON.parse(await readFile(join(journalDir, path), "utf8"))).key);
  }
  return keys;
}

async function paths(journalDir: string): Promise<readonly string[]> {
  try {
    return await readdir(journalDir, { recursive: true });
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}
