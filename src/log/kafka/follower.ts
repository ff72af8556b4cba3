/**
 * Reads every shard of a Kafka log back, each from where it stands: one long poll a broker, over the shards that it
 * leads. There is no consumer group: the offsets are ours, and nobody takes a partition away. It must never pass over a
 * record; where the log does not have the offset that comes next, that shard halts.
 */
import { LogHalted } from "../faults.ts";
import type { Deliver } from "../log.ts";
import { rest } from "../rest.ts";
import { type KafkaClient, KafkaTrouble } from "./client.ts";
import type { KafkaShard } from "./shard.ts";

const pollMs = 500;
const firstPauseMs = 50;
const longestPauseMs = 1000;

export interface Following {
  readonly client: KafkaClient;
  readonly shards: readonly KafkaShard[];
  readonly deliver: Deliver;
  /** Told once when reading back begins to fail, and once when it works again. */
  readonly notice: (text: string) => void;
  /** Told of a shard that halts. */
  readonly halted: (why: LogHalted) => void;
}

/** Starts reading back. Returns what stops it; the client must be closed before that is awaited. */
export function followShards(following: Following): () => Promise<void> {
  const stopping = new AbortController();
  const ended = follow(following, stopping.signal);
  return () => {
    stopping.abort();
    return ended;
  };
}

async function follow({ client, shards, deliver, notice, halted }: Following, signal: AbortSignal): Promise<void> {
  let pause = 0;
  const works = () => {
    if (pause > 0) notice("Kafka answers again");
    pause = 0;
  };
  const halt = (shard: number, why: string): void => {
    const halting = new LogHalted(shard, `shard ${shard} halts: ${why}`);
    shards[shard]?.halt(halting);
    halted(halting);
  };
  while (!signal.aborted && shards.some((shard) => shard.halted === undefined)) {
    let trouble: unknown;
    try {
      trouble = await pollAll(client, shards, { deliver, halt, works, signal });
    } catch (error) {
      trouble = error;
    }
    if (signal.aborted) return;
    if (trouble === undefined) continue;
    if (!(trouble instanceof KafkaTrouble)) throw trouble;
    if (pause === 0) notice(`Kafka cannot be read: ${trouble.message} (${trouble.code}). Trying again`);
    if (trouble.code === "OFFSET_OUT_OF_RANGE") await haltLost(client, shards, halted).catch(() => undefined);
    pause = Math.min(Math.max(2 * pause, firstPauseMs), longestPauseMs);
    await rest(pause, signal);
  }
}

interface Round {
  readonly deliver: Deliver;
  readonly halt: (shard: number, why: string) => void;
  /** All leaders have answered. */
  readonly works: () => void;
  readonly signal: AbortSignal;
}

/**
 * Polls all leaders until one of them does not answer well. Gives that trouble. The shards of the others are read all
 * the same: each leader is asked at least once a round.
 */
async function pollAll(client: KafkaClient, shards: readonly KafkaShard[], round: Round): Promise<unknown> {
  const leaders = await client.leaders();
  const led = new Set([...leaders.values()].flat());
  const leaderless = shards.find(({ shard, halted }) => halted === undefined && !led.has(shard));
  let over = leaderless !== undefined;
  const silent = new Set(leaders.keys());
  const polls = [...leaders].map(async ([leader, partitions]) => {
    const own = partitions.flatMap((partition) => shards[partition] ?? []);
    try {
      do {
        const open = own.filter(({ halted }) => halted === undefined);
        if (open.length === 0) return;
        const positions = open.map(({ shard, position }) => ({ partition: shard, offset: position }));
        const fetched = await client.poll(leader, positions, pollMs);
        const news = new Set(fetched.flatMap(({ partition, records }) => (records.length > 0 ? [partition] : [])));
        for (const shard of open) if (!news.has(shard.shard)) shard.heard();
        for (const one of fetched) {
          shards[one.partition]?.receive(one, round.deliver);
          if (one.unreadable !== undefined) round.halt(one.partition, one.unreadable);
        }
        silent.delete(leader);
        if (silent.size === 0 && leaderless === undefined) round.works();
      } while (!over && !round.signal.aborted);
    } finally {
      over = true; // the leaders may have changed: all look again
    }
  });
  const outcomes = await Promise.allSettled(polls);
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed !== undefined || leaderless === undefined) return failed?.reason;
  return new KafkaTrouble("LEADER_NOT_AVAILABLE", `partition ${leaderless.shard} has no leader now`, true);
}

/** Halts the shards whose next record is not in the log any more, or whose log is shorter than what was read of it. */
async function haltLost(client: KafkaClient, shards: readonly KafkaShard[], halted: Following["halted"]) {
  const ends = await client.ends(shards.map(({ shard }) => shard));
  for (const shard of shards) {
    const { start, end } = ends.get(shard.shard) ?? { start: 0, end: Number.POSITIVE_INFINITY };
    const why = lostReason(shard, start, end);
    if (why === undefined || shard.halted !== undefined) continue;
    const halt = new LogHalted(shard.shard, why);
    shard.halt(halt);
    halted(halt);
  }
}

/** Why reading cannot go on from where the shard stands; undefined if it can. */
export function lostReason({ shard, position }: { shard: number; position: number }, start: number, end: number) {
  const about = `shard ${shard}: reading stands at offset ${position}`;
  const advice = "acknowledged records are lost. Restore the topic from a backup";
  if (position > end) return `${about}, and Kafka's log ends at ${end}: ${advice}`;
  if (position < start) return `${about}, and Kafka's log begins at ${start}: ${advice}`;
  return undefined;
}
