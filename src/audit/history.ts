/**
 * The whole life of one job or worker, read off the log: every step that it, its file groups, workers and calls made,
 * with what was answered. Pure: records go in, steps come out; whoever reads the log calls `fold` for each record in
 * order.
 */
import type { WindrowEvent } from "../../events/events.ts";
import { type Folded, fold, type Transition } from "../projection.ts";
import { type Call, type FileGroup, type Kind, type Worker, World } from "../world.ts";

/** What a history is of. */
export type Subject = { readonly kind: "job" | "worker"; readonly id: number };

/** One step in a life. */
export interface HistoryStep {
  /** Epoch ms of the record. */
  readonly at: number;
  /** `shard/seq/index/step`. */
  readonly position: string;
  readonly kind: Kind;
  readonly id: number | string;
  /** Name of the step. */
  readonly type: string;
  readonly before: string;
  readonly after: string;
  /** What the event says beyond its name and subject. */
  readonly says: Readonly<Record<string, unknown>>;
}

/** A history as far as it has been read. */
export interface History {
  readonly subject: Subject;
  readonly steps: readonly HistoryStep[];
  /** Looks that found nothing new; they make no step of their own in this list. */
  readonly unchangedLooks: number;
}

/** Collects the history of one subject while a log is folded. */
export class HistoryReader {
  readonly world = new World();
  readonly #subject: Subject;
  readonly #steps: HistoryStep[] = [];
  #unchanged = 0;

  constructor(subject: Subject) {
    this.#subject = subject;
  }

  /** Takes the next record. */
  fold(record: Folded): void {
    fold(this.world, record, (transition) => this.#note(transition));
  }

  history(): History {
    return { subject: this.#subject, steps: this.#steps, unchangedLooks: this.#unchanged };
  }

  #note(transition: Transition): void {
    if (!this.#concerns(transition)) return;
    const { kind, id, position, step, before, after } = transition;
    if (step.type === "worker.unchanged") {
      this.#unchanged += 1;
      return;
    }
    const says = saying(step.event, step.part);
    this.#steps.push({ at: step.at, position, kind, id, type: step.type, before, after, says });
  }

  #concerns({ kind, id, entity, step }: Transition): boolean {
    const subject = this.#subject;
    switch (kind) {
      case "job":
        return subject.kind === "job"
          ? id === subject.id
          : step.type !== "job.told" && this.#jobsOfWorker().includes(Number(id));
      case "worker":
        if (subject.kind === "worker") return id === subject.id;
        return [...(entity as Worker).ctx.pandaIDs, ...(entity as Worker).ctx.toFeed].includes(subject.id);
      case "fileGroup":
        return subject.kind === "job" && (entity as FileGroup).ctx.PandaID === subject.id;
      case "call": {
        const { PandaID, workerIDs } = (entity as Call).ctx;
        if (subject.kind === "worker") return workerIDs.includes(subject.id);
        return PandaID === subject.id || workerIDs.some((worker) => this.#hasJob(worker, subject.id));
      }
      case "queue":
        return false;
    }
  }

  #jobsOfWorker(): readonly number[] {
    return this.world.workers.get(this.#subject.id)?.ctx.pandaIDs ?? [];
  }

  #hasJob(workerID: number, PandaID: number): boolean {
    return this.world.workers.get(workerID)?.ctx.pandaIDs.includes(PandaID) ?? false;
  }
}

const subjectFields = new Set(["type", "PandaID", "PandaIDs", "workerID", "workerIDs", "group", "key"]);

/** The event without what every line says already; of an event that names many, only this one's part. */
export function saying(event: WindrowEvent, part: unknown): Record<string, unknown> {
  const source = typeof part === "object" && part !== null ? part : event.type === "worker.looked" ? {} : event;
  return Object.fromEntries(Object.entries(source).filter(([name]) => !subjectFields.has(name)));
}
