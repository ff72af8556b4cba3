/**
 * The life of a call that creates something outside (design 3). It is open from its intent until its outcome is in the
 * log; a call left open by a crash is an orphan that the recoverer settles.
 */
import { assign, setup } from "xstate";
import type { EventOf } from "../events/events.ts";
import { type Look, tried, untried } from "./look.ts";
import type { Step } from "./step.ts";

/** Everything known of an open call. Plain JSON. */
export interface CallContext {
  key: string;
  method: string;
  plugin: string;
  queue: string;
  notAfterAt: number;
  PandaID: number | null;
  workerIDs: readonly number[];
  intendedAt: number;
  /** The plug-in was last asked what became of it. */
  ask: Look;
}

/** A call before its first event. */
export const blankCall = (key: string): CallContext => ({
  key,
  method: "",
  plugin: "",
  queue: "",
  notAfterAt: 0,
  PandaID: null,
  workerIDs: [],
  intendedAt: 0,
  ask: untried(),
});

/** Changes the context by one step, in place: the projection owns it. */
export function evolveCall(call: CallContext, { type, event, at }: Step): void {
  if (type === "call.held") call.ask = tried(at);
  if (type !== "call.intended") return;
  const { method, plugin, queue, notAfterAt, PandaID, workerIDs } = event as EventOf<"call.intended">;
  Object.assign(call, { method, plugin, queue, notAfterAt, PandaID: PandaID ?? null, workerIDs: workerIDs ?? [] });
  call.intendedAt = at;
}

const to = (target: string) => ({ target, actions: "evolve" }) as const;

export const callMachine = setup({
  types: { context: {} as CallContext, events: {} as Step },
  actions: {
    evolve: assign(({ context, event }) => {
      const next = structuredClone(context);
      evolveCall(next, event);
      return next;
    }),
  },
}).createMachine({
  id: "call",
  context: blankCall(""),
  initial: "unknown",
  states: {
    unknown: { description: "Not intended yet.", on: { "call.intended": to("open") } },
    open: {
      description: "Intended; the plug-in may be at work. Left by its outcome, or as an orphan after a crash.",
      on: {
        "call.returned": to("returned"),
        "call.threw": to("unknownOutcome"),
        "call.timedOut": to("unknownOutcome"),
        "call.orphaned": to("unknownOutcome"),
        "call.settled": to("settled"),
      },
    },
    unknownOutcome: {
      description: "Nobody knows what it did; left when notAfter has passed and the plug-in was asked.",
      tags: "due:recover",
      on: { "call.settled": to("settled"), "call.held": to("held") },
    },
    held: {
      description: "The plug-in cannot say; waits for an operator, or for a find that can say.",
      tags: "due:recover",
      on: { "call.settled": to("settled"), "call.held": to("held") },
    },
    returned: { description: "Answered; out of the World.", type: "final" },
    settled: { description: "Settled without an answer; out of the World.", type: "final" },
  },
});
