/**
 * The thread that reads a shard from far back: connections of its own, batches taken apart, and the hash of each record
 * taken. One message is one portion of a shard, answered with its records in one buffer. It must never keep a record,
 * nor read further than it was asked to.
 */
import { parentPort, workerData } from "node:worker_threads";
import { type Packed, packRead } from "../packed.ts";
import { KafkaTrouble, type Position } from "./client.ts";
import { connectKafka, type KafkaOptions } from "./connect.ts";

export interface ToReadingWorker {
  readonly id: number;
  readonly position: Position;
}

/** The first message says that it is connected. */
export type FromReadingWorker = Answered | { readonly up: true };
export type Answered = { readonly id: number } & (
  | {
      readonly records: Packed;
      /** One a record. */
      readonly offsets: Float64Array<ArrayBuffer>;
      readonly next: number;
      readonly unreadable?: string;
    }
  | { readonly trouble: { readonly code: string; readonly message: string; readonly retriable: boolean } }
);

const options: KafkaOptions = workerData;
const client = connectKafka(options);

async function answer({ id, position }: ToReadingWorker): Promise<Answered> {
  try {
    const { records, ...others } = await client.read(position);
    const offsets = Float64Array.from(records, ({ offset }) => offset);
    return { id, records: packRead(records.map(({ record }) => record)), offsets, ...others };
  } catch (error) {
    if (!(error instanceof KafkaTrouble)) throw error;
    const { code, message, retriable } = error;
    return { id, trouble: { code, message, retriable } };
  }
}

parentPort?.on("message", async (message: ToReadingWorker) => {
  const answered = await answer(message);
  const transfer = "records" in answered ? [answered.records.bytes.buffer, answered.offsets.buffer] : [];
  parentPort?.postMessage(answered, transfer);
});

// Without a connection nobody asks here; the trouble shows where it is read meanwhile, and this thread is started
// again.
void client.leaders().then(
  () => parentPort?.postMessage({ up: true } satisfies FromReadingWorker),
  () => parentPort?.close(),
);
