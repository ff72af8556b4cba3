/**
 * A topic of one broker in memory whose every answer is scripted, and time that passes as a test says. It must keep
 * what Kafka promises: order, and nothing but whole batches.
 */
import { vi } from "vitest";
import { type KafkaClient, KafkaTrouble } from "../../src/log/kafka/client.ts";
import type { StoredRecord } from "../../src/log/record.ts";

/** What becomes of one produce: written or not, answered or not, written a second time later. */
export type Fate = "good" | "answer lost" | "lost" | "refused" | "late" | "very late" | "doubled" | "swallowed";

/** A topic of one broker. Polls return at once where there is something, and otherwise when something is written. */
export class Topic {
  readonly partitions: StoredRecord[][];
  readonly fates: Fate[] = [];
  /** Every produce in order: its partition and the hashes of its records. */
  readonly sent: { partition: number; hashes: string[] }[] = [];
  inFlight = 0;
  mostInFlight = 0;
  reading = true;
  #written = Promise.withResolvers<void>();
  #open = true;

  constructor(partitions: number) {
    this.partitions = Array.from({ length: partitions }, () => []);
  }

  readonly client: { -readonly [K in keyof KafkaClient]: KafkaClient[K] } = {
    describe: async () => ({ replicas: this.partitions.map(() => 1), config: new Map([["min.insync.replicas", "1"]]) }),
    create: async () => undefined,
    brokers: async () => 1,
    leaders: async () => new Map([[1, this.partitions.map((_, n) => n)]]),
    ends: async (asked) => new Map(asked.map((n) => [n, { start: 0, end: this.partitions[n]?.length ?? 0 }])),
    produce: (partition, records) => this.#produce(partition, records),
    read: async ({ partition, offset }) => this.#from(partition, offset),
    poll: async (_leader, positions) => {
      for (;;) {
        if (!this.#open) throw new KafkaTrouble("closed", "closed", false);
        const past = positions.find(({ partition, offset }) => offset > (this.partitions[partition]?.length ?? 0));
        if (past) throw new KafkaTrouble("OFFSET_OUT_OF_RANGE", "out of range", true);
        const fetched = positions.map(({ partition, offset }) => this.#from(partition, offset));
        if (this.reading && fetched.some(({ records }) => records.length > 0)) return fetched;
        await this.#written.promise;
      }
    },
    close: () => {
      this.#open = false;
      this.wake();
    },
  };

  wake(): void {
    this.#written.resolve();
    this.#written = Promise.withResolvers<void>();
  }

  #from(partition: number, offset: number) {
    const records = (this.partitions[partition] ?? [])
      .slice(offset)
      .map((record, n) => ({ offset: offset + n, record }));
    return { partition, records, next: offset + records.length };
  }

  write(partition: number, records: readonly StoredRecord[]): number {
    // As a broker would, other bytes of the same content.
    const copies = records.map(({ bytes, hash }) => ({ bytes: Uint8Array.from(bytes), hash }));
    const base = (this.partitions[partition]?.push(...copies) ?? 0) - records.length;
    this.wake();
    return base;
  }

  async #produce(partition: number, records: readonly StoredRecord[]): Promise<number> {
    this.sent.push({ partition, hashes: records.map(({ hash }) => hash) });
    this.inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
    await Promise.resolve();
    this.inFlight -= 1;
    const fate = this.fates.shift() ?? "good";
    if (fate === "refused") throw new KafkaTrouble("TOPIC_AUTHORIZATION_FAILED", "not authorized", false);
    if (fate === "swallowed") return this.partitions[partition]?.length ?? 0;
    if (fate === "late") setTimeout(() => this.write(partition, records), 120);
    if (fate === "doubled") this.write(partition, records);
    if (fate === "very late") setTimeout(() => this.write(partition, records), 900);
    if (fate === "lost" || fate === "late" || fate === "very late")
      throw new KafkaTrouble("REQUEST_TIMED_OUT", "timed out", true);
    const base = this.write(partition, records);
    if (fate === "answer lost") throw new KafkaTrouble("KafkaJSConnectionClosedError", "closed connection", true);
    return base;
  }
}

export const address = { brokers: ["in memory"], prefix: "t", replication: 1 };
/** Lets time pass until it is settled. */
export async function settled<T>(promise: Promise<T>): Promise<T> {
  let open = true;
  const over = promise.finally(() => {
    open = false;
  });
  over.catch(() => undefined);
  while (open) await vi.advanceTimersByTimeAsync(10);
  return over;
}
