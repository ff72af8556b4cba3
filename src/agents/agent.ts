/**
 * What an agent is: a list of duties, each a pure generator over the World. A duty yields what it wants done (a call of
 * a plug-in, a record in the log) and is resumed with the reply; it holds no state between two runs, reads no clock and
 * touches nothing itself. After a crash the same World makes the same duty due again, so nothing else is remembered.
 */
import type { WindrowEvent } from "../../events/events.ts";
import type { Concerned } from "../inFlight.ts";
import type { MethodName, PluginKind } from "../plugins/contract.ts";
import type { FileData } from "../specs/fileSpec.ts";
import type { JobData } from "../specs/jobSpec.ts";
import type { WorkerChanges, WorkerData } from "../specs/workSpec.ts";
import type { World } from "../world.ts";
import { inPieces } from "./pieces.ts";

/** A file as handed to a plug-in, with the key of its row. */
export interface FileArgument extends FileData {
  readonly key: string;
  readonly members?: readonly FileArgument[];
}

/** A job as handed to a plug-in. */
export interface JobArgument {
  readonly data: JobData;
  readonly in: readonly FileArgument[];
  readonly out: readonly FileArgument[];
  readonly workers?: readonly WorkerData[];
}

/** A worker as handed to a plug-in. */
export interface WorkerArgument {
  readonly data: WorkerData;
  readonly jobs?: readonly JobArgument[];
}

/** What a method is called with; `calls.ts` makes the specs of it. */
export type Arguments =
  | { readonly job: JobArgument }
  | { readonly jobs: readonly JobArgument[]; readonly extra: Readonly<Record<string, unknown>> }
  | { readonly worker: WorkerArgument; readonly plain?: readonly unknown[]; readonly withJobs?: boolean }
  | { readonly workers: readonly WorkerArgument[] }
  | { readonly plain: readonly unknown[] }
  | FileArguments;

/** A name and the end of a file. */
export interface FileArguments {
  readonly name: string;
  readonly file: FilePiece;
}

/** The end of a local file, read where the call is made: the core never has its bytes. */
export interface FilePiece {
  readonly path: string;
  /** A file of so many bytes has nothing new; null: whatever it has is new. */
  readonly known: number | null;
  readonly maxBytes: number;
}

/** One call of a plug-in. */
export interface Call {
  readonly method: MethodName;
  /** Section of the queue's configuration, or `communicator`. */
  readonly plugin: PluginKind;
  /** null: a plug-in of the instance. */
  readonly queue: string | null;
  /** Stable over a crash. */
  readonly key: string;
  readonly args: Arguments;
  /** Epoch ms; only for calls that create something. */
  readonly notAfterAt?: number;
}

/** Fields that a plug-in set on files, by the row's key. */
export interface KeyedPatch {
  readonly key: string;
  readonly set: Readonly<Record<string, unknown>>;
}

/**
 * What a plug-in did to a transfer group, of whatever jobs its files are (2.5). With `lfns`: all files of these names
 * go into it; without: its status changes.
 */
export interface GroupChange {
  readonly lfns?: readonly string[];
  readonly groupID: string;
  readonly groupStatus: string;
}

/** An answer that passed its schema, with what the plug-in changed on its arguments. */
export interface Answered {
  readonly ok: true;
  readonly value: unknown;
  /** By PandaID. */
  readonly files: Readonly<Record<number, readonly KeyedPatch[]>>;
  /** By workerID. */
  readonly workers: Readonly<Record<number, WorkerChanges>>;
  /** In the order in which the plug-in made them; they stand whatever it answered. */
  readonly groups?: readonly GroupChange[];
  /** Where the end of a file began that the call took, and how long the file was. */
  readonly piece?: { readonly from: number; readonly size: number };
}

/** No usable answer. `missing`: the plug-in does not offer the method. */
export interface Trouble {
  readonly ok: false;
  readonly kind: "threw" | "timedOut" | "refused" | "missing";
  readonly why: string;
  readonly afterMs: number;
}
export type Reply = Answered | Trouble;

/** Attributes of a plug-in that the core reads (plugins.md 18). */
export type Traits = Readonly<Record<string, unknown>> & {
  readonly methods: readonly string[];
  readonly repeatable: readonly string[];
};

/** What a duty may want. */
export type Ask =
  | { readonly ask: "call"; readonly call: Call }
  | { readonly ask: "calls"; readonly calls: readonly Call[] }
  | { readonly ask: "record"; readonly shard: number; readonly cause: string; readonly events: readonly WindrowEvent[] }
  | { readonly ask: "traits"; readonly queue: string; readonly plugin: PluginKind }
  | { readonly ask: "reserve"; readonly shard: number; readonly n: number }
  | { readonly ask: "take"; readonly rule: string; readonly partition: string; readonly n: number }
  | { readonly ask: "quiet"; readonly concerned: Concerned };

/** One run of a duty. */
export type Run = Generator<Ask, void, unknown>;
/** Part of a run that gives something back. */
export type Part<T> = Generator<Ask, T, unknown>;

/** Calls a plug-in. */
export function* call(wanted: Call): Part<Reply> {
  return (yield { ask: "call", call: wanted }) as Reply;
}

/** Calls several, as far as the queue's concurrency allows at once; replies in order. */
export function* callAll(calls: readonly Call[]): Part<readonly Reply[]> {
  if (calls.length === 0) return [];
  return (yield { ask: "calls", calls }) as readonly Reply[];
}

/** Appends one decision, its long events in pieces; resumed when it is durable and folded. */
export function* record(shard: number, cause: string, events: readonly WindrowEvent[]): Part<void> {
  if (events.length > 0) yield { ask: "record", shard, cause, events: events.flatMap(inPieces) };
}

/** What the core may know of a plug-in without calling it. */
export function* traits(queue: string, plugin: PluginKind): Part<Traits> {
  return (yield { ask: "traits", queue, plugin }) as Traits;
}

/** Worker ids that nobody else gets; unused ones leave a gap (3.3). */
export function* reserve(shard: number, n: number): Part<readonly number[]> {
  return (yield { ask: "reserve", shard, n }) as readonly number[];
}

/**
 * Entities that another rule has due, first ones first, at most `n`. Nobody else gets them until the run has ended.
 * `partition` is a queue.
 */
export function* take(rule: string, partition: string, n: number): Part<readonly (number | string)[]> {
  if (n <= 0) return [];
  return (yield { ask: "take", rule, partition, n }) as readonly (number | string)[];
}

/**
 * Waits until the World shows all that was decided about these. For entities that the run has not taken: of those, and
 * of what belongs to them, the World always shows all when a run is resumed.
 */
export function* quiet(concerned: Partial<Concerned>): Part<void> {
  yield { ask: "quiet", concerned: { jobs: [], workers: [], queues: [], ...concerned } };
}

/** What the scheduler hands to a duty. */
export interface Due {
  readonly ids: readonly (number | string)[];
  /** Epoch ms. */
  readonly now: number;
}

/** One kind of work of an agent. */
export interface Duty {
  /** Name of its rule in the scheduler. */
  readonly name: string;
  /** How many entities one cycle may take at most. */
  readonly limit: (world: World) => number;
  /** Splits what is due into runs; without it every entity is a run of its own. */
  readonly batches?: (world: World, ids: readonly (number | string)[]) => readonly (readonly (number | string)[])[];
  readonly run: (world: World, due: Due) => Run;
}

/** Verdict and dialog of an answered verdict method. */
export function verdictOf(reply: Answered): { readonly ok: boolean | null; readonly dialog: string } {
  return reply.value as { ok: boolean | null; dialog: string };
}

/**
 * Records the intent of a creating call, then makes it: claim, read back, act (design 3). `queue` says whose shard
 * keeps it; the control shard where the call concerns no queue.
 */
export function* create(
  world: World,
  wanted: Call & { notAfterAt: number },
  of: CallSubject,
  queue: string = wanted.queue ?? "",
): Part<Reply> {
  yield* record(queue === "" ? 0 : world.shardOf(queue), wanted.key, [
    {
      type: "call.intended",
      key: wanted.key,
      method: wanted.method,
      plugin: wanted.plugin,
      queue,
      notAfterAt: wanted.notAfterAt,
      ...of,
    },
  ]);
  return yield* call(wanted);
}
type CallSubject = { readonly PandaID?: number; readonly workerIDs?: number[] };

/**
 * The events that end a creating call. Where the outcome is unknown the call stays open for the recoverer, unless
 * `settle` says how the agent settles it at once, as the original does after an exception.
 */
export function closing(key: string, reply: Reply, settle?: "lost" | "repeated" | "resubmitted"): WindrowEvent[] {
  if (reply.ok) return [{ type: "call.returned", key }];
  const unknown: WindrowEvent =
    reply.kind === "timedOut"
      ? { type: "call.timedOut", key, afterMs: reply.afterMs }
      : { type: "call.threw", key, why: reply.why };
  return settle ? [unknown, { type: "call.settled", key, how: settle }] : [unknown];
}

/**
 * Key of a creating call for a job: made of the state that asks for it, so that the next process, which has the same
 * state, calls with the same key, and a plug-in recognises the repetition. The first file tells apart what is done in
 * steps.
 */
export const attemptKey = (
  method: string,
  { PandaID, createdAt }: { readonly PandaID: number; readonly createdAt: number },
  look: { readonly at: number | null },
  files: readonly FileArgument[],
): string => `${method}:${PandaID}:${look.at ?? `new-${createdAt}`}:${files[0]?.key ?? ""}`;

/** How long after its intent a creating call may begin to act (ms). */
export const creationWindowMs = 60_000;
