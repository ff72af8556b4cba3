/**
 * Holds a log that is kept elsewhere to its tail anchor: what this instance had read of each shard, in a file on its
 * own machine (anchorFile.ts). A cluster that lost the end of its topic while every instance stood still cannot be told
 * from one that never had it, except by this. It must never say more than was read back.
 */
import { openAnchor, type Tail, type Tails } from "./anchorFile.ts";
import { LogHalted } from "./faults.ts";
import type { Log } from "./log.ts";

export interface Anchoring {
  /** The anchor's file; it is made if it is missing, as on a machine where no instance ran yet. */
  readonly path: string;
  /** Accept the log although it does not reach the anchor: an operator's decision. */
  readonly trustTail: boolean;
  readonly everyMs?: number;
  /** Told when the anchor cannot be written. */
  readonly notice: (text: string) => void;
}

/**
 * Requires that the log reaches its anchor, and keeps the anchor until it is closed.
 * @throws LogHalted where records are missing that were read before.
 */
export async function keepAnchor(log: Log, { path, trustTail, everyMs = 1000, notice }: Anchoring) {
  const anchor = openAnchor(path, log.shards);
  const tails = new Map<number, Tail>();
  try {
    if (!trustTail) {
      if (anchor.found.state === "damaged") {
        throw new LogHalted(-1, `the tail anchor ${path} is damaged, so lost records would go unseen. ${advice}`);
      }
      if (anchor.found.state === "good") await agree(log, path, anchor.found.tails);
    }
  } catch (error) {
    anchor.close();
    throw error;
  }
  if (anchor.found.state === "good" && !trustTail)
    for (const [shard, tail] of anchor.found.tails) tails.set(shard, tail);
  let isNew = trustTail;
  const unfollow = log.follow((shard, offset, { hash }) => {
    tails.set(shard, { offset, hash });
    isNew = true;
  });
  let writing: Promise<void> | undefined;
  const write = async (): Promise<void> => {
    if (!isNew) return;
    isNew = false;
    try {
      await anchor.writeAside(tails);
    } catch (error) {
      isNew = true;
      notice(`the tail anchor ${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const timer = setInterval(() => {
    writing ??= write().finally(() => {
      writing = undefined;
    });
  }, everyMs);
  timer.unref();
  return {
    /** Writes what was read last. Call it before the log is closed. */
    async close(): Promise<void> {
      clearInterval(timer);
      unfollow();
      await writing;
      await write();
      anchor.close();
    },
  };
}

const advice = "Restore the topic from a backup, or accept it as it is: `windrow run --trust-tail`.";

/** @throws LogHalted */
async function agree(log: Log, path: string, tails: Tails): Promise<void> {
  for (const [shard, { offset, hash }] of tails) {
    const tip = shard < log.shards ? await log.tip(shard) : 0;
    const found = offset < tip ? await hashAt(log, shard, offset) : undefined;
    if (found === hash) continue;
    const what = found === undefined ? `the log ends before offset ${tip}` : `the log has ${found} there`;
    const wanted = `${path} says that offset ${offset} has hash ${hash}`;
    throw new LogHalted(shard, `shard ${shard}: ${wanted}, but ${what}: acknowledged records are lost. ${advice}`);
  }
}

/** Hash of the first record from an offset on. */
async function hashAt(log: Log, shard: number, offset: number): Promise<string | undefined> {
  for await (const [record] of log.read(shard, offset)) if (record) return record.hash;
  return undefined;
}
