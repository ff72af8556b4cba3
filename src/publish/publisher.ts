/**
 * Brings the stream to topics of another log. How far it came is kept in Windrow's own log, so a publisher that starts
 * anywhere goes on where the last one stood: what was sent and not yet noted is sent again, in the same order. It must
 * never note a position before everything up to it is acknowledged.
 */
import { type KafkaMessage, kafkaMessageOf } from "./cloudEvent.ts";
import { readFrom } from "./from.ts";
import { placeOf } from "./position.ts";
import { EventStream, type Published, type Source } from "./stream.ts";

/** Where messages go, and where it is noted how far. */
export interface Publisher {
  /** Whether the messages of a shard are this one's to send; where that changes, start again from what is noted. */
  leads(shard: number): boolean;
  /** The position that was noted last; undefined: nothing was ever published. */
  noted(): string | undefined;
  /** Resolves when all are acknowledged. Messages of one key keep their order. A rejection ends the publishing. */
  send(messages: readonly KafkaMessage[]): Promise<void>;
  /**
   * Notes in the log, by an event that is no message, how far the shards are that it leads. It may leave out some
   * positions, never their order.
   */
  note(position: string): Promise<void>;
}

/** Messages that are sent together at most. */
const batchMessages = 500;

/** Publishes until the signal aborts. @throws what the publisher or the log throws: start again, it goes on. */
export async function publish(
  source: Source,
  publisher: Publisher,
  prefix: string,
  signal: AbortSignal,
): Promise<void> {
  let from = publisher.noted() ?? "start";
  while (!signal.aborted) {
    const ending = new AbortController();
    const both = AbortSignal.any([signal, ending.signal]);
    const stream = new EventStream(source, { from: readFrom(from), follow: true, signal: both });
    try {
      for await (const batch of batches(stream)) {
        const own = batch.filter(({ event }) => publisher.leads(placeOf(event.id).shard));
        if (own.length > 0) await publisher.send(own.map(({ event }) => kafkaMessageOf(event, prefix)));
        await publisher.note(batch.at(-1)!.position);
      }
    } finally {
      ending.abort(); // the stream may be waiting for what comes next
    }
    from = stream.position ?? from;
  }
}

/** What has come while the last batch was under way, without waiting for more. */
async function* batches(stream: EventStream): AsyncGenerator<readonly Published[]> {
  const events = stream[Symbol.asyncIterator]();
  let next = events.next();
  for (let over = false; !over; ) {
    const batch: Published[] = [];
    while (batch.length < batchMessages) {
      const result = batch.length === 0 ? await next : await Promise.race([next, nothingYet()]);
      if (result === undefined) break;
      over = result.done === true;
      if (result.done) break;
      batch.push(result.value);
      next = events.next();
      next.catch(() => undefined); // it is awaited in its turn, or not any more
    }
    if (batch.length > 0) yield batch;
  }
}

const nothingYet = (): Promise<undefined> => new Promise((resolve) => setImmediate(resolve, undefined));
