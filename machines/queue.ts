/**
 * The life of a queue of this instance (lifecycle 6): configured, worked for, retired. Its looks say when jobs were
 * last asked for and when its site was last submitted to.
 */
import { assign, setup } from "xstate";
import type { EventOf } from "../events/events.ts";
import { type Look, soon, tried, troubled, untried } from "./look.ts";
import type { Step } from "./step.ts";

/** Everything known of a queue. Plain JSON. */
export interface QueueContext {
  queue: string;
  config: Readonly<Record<string, unknown>>;
  /** Ordered new workers, `jobType/resourceType` (SET_N_WORKERS_JOBTYPE, 5). */
  ordered: Record<string, number>;
  /**
   * What is planned for. The original reads its rows before its commands (5): a command changes at once only types that
   * were there before, while a new type, and the end of one that is ordered no more, are seen in the next cycle.
   */
  plannable: Record<string, number>;
  /** The command that ordered them. */
  orderedBy: number | null;
  fetch: Look;
  submit: Look;
  stats: Look;
  statsTold: Readonly<Record<string, unknown>> | null;
  /** The WMS wants the counts of the site now. */
  statsAsked: boolean;
}

/** A queue before its first event. */
export const blankQueue = (queue: string): QueueContext => ({
  queue,
  config: {},
  ordered: {},
  plannable: {},
  orderedBy: null,
  fetch: untried(),
  submit: untried(),
  stats: untried(),
  statsTold: null,
  statsAsked: false,
});

/** Changes the context by one step, in place: the projection owns it. */
export function evolveQueue(queue: QueueContext, { type, event, at }: Step): void {
  switch (type) {
    case "queue.configured":
      queue.config = (event as EventOf<"queue.configured">).config;
      return;
    case "queue.jobsFetched":
    case "queue.fetchSkipped":
      queue.fetch = tried(at);
      return;
    case "queue.fetchTroubled":
      queue.fetch = troubled(at);
      return;
    case "queue.planned":
      queue.submit = tried(at);
      queue.plannable = { ...queue.ordered };
      return;
    case "queue.planTroubled":
      queue.submit = troubled(at);
      return;
    case "queue.workersOrdered":
      order(queue, event as EventOf<"queue.workersOrdered">);
      return;
    case "queue.statsAsked":
      queue.stats = soon(at);
      queue.statsAsked = true;
      return;
    case "queue.orderFilled":
      queue.ordered = lessOne(queue.ordered);
      queue.plannable = lessOne(queue.plannable);
      return;
    case "queue.statsTold":
      queue.stats = tried(at);
      queue.statsAsked = false;
      queue.statsTold = (event as EventOf<"queue.statsTold">).stats;
      return;
    case "queue.statsUntold":
      queue.stats = troubled(at);
  }
}

const lessOne = (orders: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(orders).map(([type, n]) => [type, Math.max(n - 1, 0)]));

/** Every type gets 0, those that are named get their number (5). */
function order(queue: QueueContext, { orders, command_id }: EventOf<"queue.workersOrdered">): void {
  for (const type of Object.keys(queue.ordered)) queue.ordered[type] = 0;
  for (const { jobType, resourceType, n } of orders) {
    const type = `${jobType}/${resourceType}`;
    queue.ordered[type] = n;
    if (type in queue.plannable) queue.plannable[type] = n;
  }
  queue.orderedBy = command_id ?? null;
}

const stay = { actions: "evolve" } as const;
const to = (target: string) => ({ target, actions: "evolve" }) as const;
const told = {
  "queue.orderFilled": stay,
  "queue.statsTold": stay,
  "queue.statsUntold": stay,
  "queue.statsAsked": stay,
  "queue.jobRefused": stay,
};
const answered = {
  "queue.jobsFetched": stay,
  "queue.fetchSkipped": stay,
  "queue.fetchTroubled": stay,
  "queue.planned": stay,
  "queue.planTroubled": stay,
  "queue.workersOrdered": stay,
};

export const queueMachine = setup({
  types: { context: {} as QueueContext, events: {} as Step },
  actions: {
    evolve: assign(({ context, event }) => {
      const next = structuredClone(context);
      evolveQueue(next, event);
      return next;
    }),
  },
}).createMachine({
  id: "queue",
  context: blankQueue(""),
  initial: "unknown",
  states: {
    unknown: { description: "Not in any configuration yet.", on: { "queue.configured": to("active") } },
    active: {
      description: "Jobs are fetched and workers submitted; left when the configuration drops it.",
      tags: ["due:fetch", "due:plan"],
      on: {
        ...told,
        "queue.configured": stay,
        ...answered,
        "queue.retired": to("retired"),
      },
    },
    retired: {
      description:
        "Dropped from the configuration; its jobs and workers are led to their end. Left when it comes back.",
      // What was asked before it was dropped is still answered, whatever the answer.
      on: { ...told, ...answered, "queue.configured": to("active") },
    },
  },
});
