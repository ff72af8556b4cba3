/**
 * Steps as CloudEvents 1.0. Pure: the same log gives the same events, byte for byte, whoever reads it and wherever it
 * begins to. It must never add anything that the log does not say.
 */
import { saying } from "../audit/history.ts";
import { isPublic, type Transition } from "../projection.ts";
import { type FileGroup, type Job, statusOf, subStatusOf, type Worker, type World, workerStatusOf } from "../world.ts";
import { type PublicEvent, type PublicKind, schemaVersion, topics, typePrefix } from "./messages.ts";

type State<K extends PublicKind> = Extract<PublicEvent["data"], { kind: K }>["after"];

/** How an entity stood when it was last seen. */
interface View {
  readonly queue: string | null;
  readonly state: State<"job"> | State<"worker"> | State<"fileGroup">;
}

/** A step of which subscribers may hear. */
export interface Told {
  readonly transition: Transition;
  readonly queue: string | null;
  readonly before: View["state"] | null;
  readonly after: View["state"];
  /** harvester_id. */
  readonly harvesterID: string;
}

/**
 * Turns the transitions of one World into what subscribers hear. An entity's context is changed in place, so how it
 * stood before is known only to who has looked: every transition must pass here, from the first look on.
 */
export class Announcer {
  readonly #world: World;
  /** Held weakly: what leaves the World leaves here too. */
  readonly #seen = new WeakMap<object, View>();

  constructor(world: World) {
    this.#world = world;
    for (const job of world.jobs.values()) this.#seen.set(job, viewOfJob(job));
    for (const worker of world.workers.values()) this.#seen.set(worker, viewOfWorker(worker));
    for (const group of world.fileGroups.values()) this.#seen.set(group, this.#viewOfGroup(group));
  }

  /** The step as subscribers hear it; undefined for one that is not theirs. */
  take(transition: Transition): Told | undefined {
    const { kind, entity, step } = transition;
    if (kind === "queue" || kind === "call") return undefined;
    const known = this.#seen.get(entity);
    const view = this.#viewOf(transition);
    this.#seen.set(entity, view);
    if (!isPublic(kind, step.type)) return undefined;
    const { harvesterID } = this.#world.instance;
    return { transition, queue: view.queue, before: known?.state ?? null, after: view.state, harvesterID };
  }

  #viewOf({ kind, entity }: Transition): View {
    if (kind === "job") return viewOfJob(entity as Job);
    if (kind === "worker") return viewOfWorker(entity as Worker);
    return this.#viewOfGroup(entity as FileGroup);
  }

  #viewOfGroup(group: FileGroup): View {
    const { PandaID } = group.ctx;
    const job = PandaID === null ? undefined : this.#world.jobs.get(PandaID);
    // Its job leaves the World one step earlier.
    const queue = job?.ctx.queue ?? this.#seen.get(group)?.queue ?? null;
    return { queue, state: { state: group.state.key, life: group.state.life } };
  }
}

const viewOfJob = (job: Job): View => ({
  queue: job.ctx.queue,
  state: { state: job.state.key, life: job.state.life, status: statusOf(job), subStatus: subStatusOf(job) },
});

const viewOfWorker = (worker: Worker): View => ({
  queue: worker.ctx.queue,
  state: { state: worker.state.key, life: worker.state.life, status: workerStatusOf(worker) },
});

/** The CloudEvent of a step. */
export function cloudEventOf({ transition, queue, before, after, harvesterID }: Told): PublicEvent {
  const { kind, id, position, step } = transition;
  const event = {
    specversion: "1.0",
    id: position,
    source: `/windrow/${encodeURIComponent(harvesterID)}`,
    type: typePrefix + step.type,
    subject: `${kind}/${id}`,
    time: new Date(step.at).toISOString(),
    datacontenttype: "application/json",
    data: { schemaVersion, kind, id, queue, before, after, says: saying(step.event, step.part) },
  };
  // That id, states and type are of the same kind is known from the entity, which the compiler cannot follow; the tests
  // parse what comes out here with the schemas.
  return event as PublicEvent;
}

/** A message for Kafka in binary mode: attributes are headers, the value is `data`. */
export interface KafkaMessage {
  readonly topic: string;
  /** The entity, so that its events keep their order. */
  readonly key: string;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** The CloudEvent as a message of `<prefix>.jobs`, `<prefix>.file-groups` or `<prefix>.workers`. */
export function kafkaMessageOf(event: PublicEvent, prefix: string): KafkaMessage {
  return {
    topic: `${prefix}.${topics[event.data.kind]}`,
    key: event.subject,
    value: JSON.stringify(event.data),
    headers: {
      ce_specversion: event.specversion,
      ce_id: event.id,
      ce_source: event.source,
      ce_type: event.type,
      ce_subject: event.subject,
      ce_time: event.time,
      "content-type": event.datacontenttype,
    },
  };
}
