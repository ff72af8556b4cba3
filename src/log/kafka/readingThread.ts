/**
 * Reading of a shard from far back in a thread of its own (readingWorker.ts): the thread that folds records is what a
 * start waits for, and a seventh of its time would go into sockets, batches and hashes. The thread is started at the
 * first question, which is answered here like all others until it is up, and ended when nobody asks any more. It must
 * never answer otherwise than the client would here.
 */
import { Worker } from "node:worker_threads";
import { unpack } from "../packed.ts";
import { type Fetched, type KafkaClient, KafkaTrouble, type Position } from "./client.ts";
import type { KafkaOptions } from "./connect.ts";
import type { Answered, FromReadingWorker, ToReadingWorker } from "./readingWorker.ts";

const idleMs = 10_000;

export class ReadingThread implements Pick<KafkaClient, "read" | "close"> {
  readonly #options: KafkaOptions;
  readonly #here: Pick<KafkaClient, "read">;
  #worker: Worker | undefined;
  #isUp = false;
  readonly #asked = new Map<number, PromiseWithResolvers<Answered>>();
  #last = 0;
  #idle: NodeJS.Timeout | undefined;

  /** `here`: what reads until the thread is up; it stays the caller's. */
  constructor(options: KafkaOptions, here: Pick<KafkaClient, "read">) {
    this.#options = options;
    this.#here = here;
  }

  /** The thread is there and connected. */
  get isUp(): boolean {
    return this.#isUp;
  }

  async read(position: Position): Promise<Fetched> {
    this.#worker ??= this.#start();
    if (!this.#isUp) return this.#here.read(position);
    const { partition } = position;
    const answer = await this.#ask(this.#worker, position);
    if ("trouble" in answer) {
      const { code, message, retriable } = answer.trouble;
      throw new KafkaTrouble(code, message, retriable);
    }
    const { records, offsets, id: _, ...others } = answer;
    const placed = unpack(records).map((record, i) => ({ offset: offsets[i] ?? 0, record }));
    return { ...others, partition, records: placed };
  }

  /** Ends the thread, if there is one; what is under way fails. */
  close(): void {
    this.#end(new KafkaTrouble("closed", "the thread that reads Kafka was ended", false));
  }

  #ask(worker: Worker, position: Position): Promise<Answered> {
    clearTimeout(this.#idle);
    const asked = Promise.withResolvers<Answered>();
    this.#last += 1;
    this.#asked.set(this.#last, asked);
    const message: ToReadingWorker = { id: this.#last, position };
    worker.postMessage(message);
    return asked.promise;
  }

  #start(): Worker {
    const worker = new Worker(new URL("./readingWorker.ts", import.meta.url), { workerData: this.#options });
    worker.on("message", (message: FromReadingWorker) => {
      if ("up" in message) this.#isUp = true;
      else {
        this.#asked.get(message.id)?.resolve(message);
        this.#asked.delete(message.id);
      }
      if (this.#asked.size === 0) this.#idle = setTimeout(() => this.close(), idleMs).unref();
    });
    worker.on("error", (error) => this.#end(error instanceof Error ? error : new Error(String(error))));
    worker.on("exit", () => {
      if (this.#worker === worker) this.#end(new KafkaTrouble("closed", "the thread that reads Kafka ended", true));
    });
    return worker;
  }

  #end(why: Error): void {
    clearTimeout(this.#idle);
    void this.#worker?.terminate();
    this.#worker = undefined;
    this.#isUp = false;
    for (const { reject } of this.#asked.values()) reject(why);
    this.#asked.clear();
  }
}
