/**
 * The log on Kafka, for when one machine is not enough: the journal topic `<prefix>.journal`, one partition a shard,
 * one message a record (value: its bytes; header `hash`: their SHA-256). Offsets are Kafka's own, so they may skip
 * where a control record lies. It must never answer about the end of a shard from memory, nor acknowledge what it has
 * not read back.
 */
import { setImmediate as turn } from "node:timers/promises";
import { LogFault, LogHalted, LogRefused } from "../faults.ts";
import type { Deliver, Log } from "../log.ts";
import { maxRecordBytes, type StoredRecord } from "../record.ts";
import { type Ends, type KafkaClient, KafkaTrouble } from "./client.ts";
import { connectKafka } from "./connect.ts";
import { followShards, lostReason } from "./follower.ts";
import { ReadingThread } from "./readingThread.ts";
import { type KafkaAddress, type KafkaSecurity, noSecurity, parseKafkaAddress } from "./settings.ts";
import { KafkaShard } from "./shard.ts";
import { journalOf, openTopic } from "./topic.ts";
import { insist, refusalOf } from "./trouble.ts";

export interface KafkaLogOptions {
  /** Shards of a new log (32 if not given); for an existing log the number it must have. */
  readonly shards?: number;
  /** Only to read: the topic is not made, and appends are refused. */
  readonly readOnly?: boolean;
  readonly security?: KafkaSecurity;
  /** How long one request to Kafka may take. */
  readonly requestMs?: number;
  /** How long an append, or a question, may take with all its attempts. */
  readonly giveUpMs?: number;
  /** Once open, questions wait for brokers that are away, however long that takes. */
  readonly waits?: boolean;
  /** Told when Kafka begins to fail, and when it works again. */
  readonly notice?: (text: string) => void;
  /** Told of a shard that lost records while the log is followed: it delivers nothing any more. */
  readonly halted?: (why: LogHalted) => void;
}

/**
 * Opens the log at `kafka://HOST:PORT[,HOST:PORT]/PREFIX`, making its topic if needed.
 * @throws LogRefused if no broker answers, or the topic is not as it must be: each says what to do.
 */
export async function openKafkaLog(address: string, options: KafkaLogOptions = {}): Promise<Log> {
  const { security = noSecurity, requestMs = 5000 } = options;
  const at = parseKafkaAddress(address);
  const connection = { brokers: at.brokers, topic: journalOf(at.prefix), security, requestMs };
  const client = connectKafka(connection);
  return openOn(client, at, options, new ReadingThread(connection, client));
}

/** So many records at a time are handed on: in between, what was fetched ahead comes in. */
const pieceRecords = 256;
/** Fewer are read before a thread for them has begun. */
const farRecords = 5000;
/** 24 days: more than a timer cannot wait. */
const longestMs = 2 ** 31 - 1;

/** Opens the log over a client, which it closes, and another that reads from far back if there is one. */
export async function openOn(
  client: KafkaClient,
  address: KafkaAddress,
  options: KafkaLogOptions,
  far: Parts["far"] = client,
): Promise<Log> {
  const {
    giveUpMs = 15_000,
    waits = false,
    readOnly = false,
    shards,
    notice = () => undefined,
    halted = () => undefined,
  } = options;
  try {
    const topic = await openTopic(client, address, { shards, readOnly, giveUpMs });
    const numbers = Array.from({ length: topic.shards }, (_, shard) => shard);
    // The brokers may not have heard of a new topic yet.
    const ends = await insist(() => client.ends(numbers), giveUpMs);
    // Who may ask for an end may not be allowed to read, and would wait for ever for what comes back.
    await insist(() => client.read({ partition: 0, offset: ends.get(0)?.end ?? 0 }), giveUpMs);
    const writing = { client, maxBatchBytes: topic.maxBatchBytes, giveUpMs };
    const made = numbers.map((shard) => new KafkaShard(shard, ends.get(shard)?.end ?? 0, writing));
    const askMs = waits ? longestMs : giveUpMs;
    const journal = journalOf(address.prefix);
    return new KafkaLog({ client, far, shards: made, topic: journal, readOnly, askMs, notice, halted });
  } catch (error) {
    client.close();
    if (!(error instanceof KafkaTrouble)) throw error;
    throw refusalOf(error, journalOf(address.prefix), address.brokers, readOnly);
  }
}

interface Parts {
  readonly client: KafkaClient;
  /** What reads a shard of which there is much to read. */
  readonly far: Pick<KafkaClient, "read" | "close">;
  readonly shards: readonly KafkaShard[];
  readonly topic: string;
  readonly readOnly: boolean;
  /** How long a question may take. */
  readonly askMs: number;
  readonly notice: (text: string) => void;
  readonly halted: (why: LogHalted) => void;
}

class KafkaLog implements Log {
  readonly shards: number;
  readonly #parts: Parts;
  readonly #followers = new Set<Deliver>();
  #stopFollowing: (() => Promise<void>) | undefined;
  #closing: Promise<void> | undefined;
  readonly #cut = new AbortController();

  constructor(parts: Parts) {
    this.#parts = parts;
    this.shards = parts.shards.length;
  }

  async tip(shard: number): Promise<number> {
    return (await this.#endsOf(this.#shardOf(shard))).end;
  }

  async *read(shard: number, fromOffset = 0): AsyncGenerator<readonly StoredRecord[]> {
    const of = this.#shardOf(shard);
    const { start, end } = await this.#endsOf(of);
    const lost = fromOffset < start ? lostReason({ shard, position: fromOffset }, start, end) : undefined;
    if (lost !== undefined) throw new LogHalted(shard, lost);
    const { client, far } = this.#parts;
    const by = end - fromOffset < farRecords ? client : far;
    let ahead = fromOffset < end ? this.#fetch(by, shard, fromOffset) : undefined;
    while (ahead !== undefined) {
      const { records, next } = await ahead;
      ahead = next < end ? this.#fetch(by, shard, next) : undefined;
      ahead?.catch(() => undefined); // a caller who stops early does not come for it, nor for its error
      const batch = records.filter(({ offset }) => offset < end).map(({ record }) => record);
      for (let at = 0; at < batch.length; at += pieceRecords) {
        yield batch.slice(at, at + pieceRecords);
        await turn();
      }
    }
    // What was read here was delivered to the followers too, so nobody takes it for news afterwards.
    if (this.#stopFollowing !== undefined) await of.reached(end, this.#parts.askMs);
  }

  async append(shard: number, record: StoredRecord): Promise<void> {
    const to = this.#shardOf(shard);
    if (this.#parts.readOnly) throw new LogRefused("readOnly", `${this.#parts.topic} is open for reading`);
    if (record.bytes.length > maxRecordBytes)
      throw new LogRefused("tooLarge", `a record of ${record.bytes.length} bytes`);
    this.#startFollowing();
    return to.append(record);
  }

  follow(deliver: Deliver): () => void {
    this.#followers.add(deliver);
    if (this.#closing === undefined) this.#startFollowing();
    return () => this.#followers.delete(deliver);
  }

  hearsSince(shard: number): number | undefined {
    return this.#parts.shards[shard]?.hearsSince;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { client, far, shards } = this.#parts;
    await Promise.all(shards.map((shard) => shard.drained()));
    const ended = this.#stopFollowing?.();
    this.#cut.abort();
    client.close();
    far.close();
    await ended;
    for (const shard of shards) shard.fail(this.#closed());
  }

  /** Reading back begins where the shards stood at the opening, so nothing that came since is missed. */
  #startFollowing(): void {
    const { client, shards, notice, halted } = this.#parts;
    const deliver: Deliver = (shard, offset, record) => {
      for (const follower of this.#followers) follower(shard, offset, record);
    };
    this.#stopFollowing ??= followShards({ client, shards, deliver, notice, halted });
  }

  /** The next records; a fetch that gives none while there are some is asked again. */
  #fetch(by: Parts["far"], shard: number, offset: number) {
    return this.#insist(`reading shard ${shard} from offset ${offset}`, async () => {
      const fetched = await by.read({ partition: shard, offset });
      if (fetched.unreadable !== undefined) throw new LogHalted(shard, `shard ${shard} halts: ${fetched.unreadable}`);
      if (fetched.next > offset) return fetched;
      throw new KafkaTrouble("EMPTY", "a fetch below the end of the log gave nothing", true);
    });
  }

  async #endsOf({ shard, position, halted }: KafkaShard): Promise<Ends> {
    if (halted !== undefined) throw halted;
    const all = await this.#insist(`the end of shard ${shard}`, () => this.#parts.client.ends([shard]));
    const ends = all.get(shard) ?? { start: 0, end: 0 };
    if (ends.end < position) throw new LogHalted(shard, String(lostReason({ shard, position }, 0, ends.end)));
    return ends;
  }

  async #insist<T>(what: string, ask: () => Promise<T>): Promise<T> {
    const { topic, askMs } = this.#parts;
    try {
      return await insist(ask, askMs, this.#cut.signal);
    } catch (error) {
      if (this.#cut.signal.aborted) throw this.#closed();
      if (!(error instanceof KafkaTrouble)) throw error;
      throw new LogFault(error.code, `Kafka does not answer (${what} of ${topic}): ${error.message}`);
    }
  }

  #shardOf(shard: number): KafkaShard {
    if (this.#closing !== undefined) throw this.#closed();
    const found = this.#parts.shards[shard];
    if (found === undefined) throw new LogRefused("shards", `no shard ${shard}: the log has ${this.shards}`);
    return found;
  }

  #closed(): LogFault {
    return new LogFault("closed", `the log on ${this.#parts.topic} is closed`);
  }
}
