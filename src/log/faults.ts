/**
 * The ways in which a log says no, each with what it means for the caller. An outcome that nobody knows (LogFault) must
 * never look like one that is known (the others).
 */

/**
 * The store failed while writing or reading. What was being appended may or may not be in the log: reopen and verify.
 */
export class LogFault extends Error {
  override readonly name = "LogFault";
  /** SQLite's extended result code, or a word of the log's own. */
  readonly code: string;
  /** The store only did not answer for too long: whoever led the shard leads it no more, and may claim it again. */
  get isAway(): boolean {
    return this.code === "away";
  }
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export type RefusalCode =
  | "busy"
  | "missing"
  | "networkFileSystem"
  | "oldSqlite"
  | "foreign"
  | "shards"
  | "tooLarge"
  | "readOnly"
  | "unreachable"
  | "misconfigured";

/** The log cannot be opened (or a record not be taken), and nothing was written. */
export class LogRefused extends Error {
  override readonly name = "LogRefused";
  readonly code: RefusalCode;
  constructor(code: RefusalCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** History is not what was acknowledged: records are missing, altered or foreign. Nothing goes on by itself. */
export class LogHalted extends Error {
  override readonly name = "LogHalted";
  readonly shard: number;
  constructor(shard: number, message: string) {
    super(message);
    this.shard = shard;
  }
}

/**
 * This instance does not own the shard (any more). A decision that was refused so is not in force, unless it reaches
 * the log before the next claim: whoever makes that one has read it.
 */
export class ShardLost extends Error {
  override readonly name = "ShardLost";
  readonly shard: number;
  constructor(shard: number, why: string) {
    super(`shard ${shard} is not ours: ${why}`);
    this.shard = shard;
  }
}

/** One event alone is above the bound of a record (bytes). Nothing of its decision was written. */
export class EventTooLarge extends Error {
  override readonly name = "EventTooLarge";
  /** Place of the event in the decision. */
  readonly index: number;
  constructor(cause: string, index: number, event: string, bytes: number, limit: number) {
    super(
      `event ${index} (${event}) of decision ${cause} has ${bytes} bytes; a record takes ${limit}. ` +
        "Nothing was written: have the plug-in answer in smaller pieces.",
    );
    this.index = index;
  }
}

/** A snapshot that is not of this log's history, or not readable. Use an older one, or replay from the beginning. */
export class SnapshotRefused extends Error {
  override readonly name = "SnapshotRefused";
}
