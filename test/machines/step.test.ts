/**
 * The table of step.ts is XState: for every state that can be reached and every event there is, and for random
 * histories with their contexts. What XState would ignore, the table reports instead.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AnyMachineSnapshot, type AnyStateMachine, transition } from "xstate";
import { eventTypes } from "../../events/events.ts";
import { blankCall, callMachine } from "../../machines/call.ts";
import { blankFileGroup, fileGroupMachine } from "../../machines/fileGroup.ts";
import { jobMachine } from "../../machines/job.ts";
import { blankJob } from "../../machines/jobContext.ts";
import { blankQueue, queueMachine } from "../../machines/queue.ts";
import { type MachineState, Table } from "../../machines/step.ts";
import { workerMachine } from "../../machines/worker.ts";
import { blankWorker } from "../../machines/workerContext.ts";
import { type Transition, tableOf } from "../../src/projection.ts";
import type { Kind } from "../../src/world.ts";
import { fuzz, walk } from "./walk.ts";

const machines: Readonly<Record<Kind, { machine: AnyStateMachine; blank: (id: never) => unknown }>> = {
  job: { machine: jobMachine, blank: blankJob },
  worker: { machine: workerMachine, blank: blankWorker },
  fileGroup: { machine: fileGroupMachine, blank: blankFileGroup },
  queue: { machine: queueMachine, blank: blankQueue },
  call: { machine: callMachine, blank: blankCall },
};
const kinds = Object.keys(machines) as Kind[];
const allTypes = [...new Set([...eventTypes, ...kinds.flatMap((kind) => tableOf(kind).eventTypes())])];

/** XState's value in the table's words. */
const keyOf = (snapshot: AnyMachineSnapshot): string =>
  typeof snapshot.value === "string" ? snapshot.value : Object.values(snapshot.value as object).join("|");

const activeIn = ({ life, regions }: MachineState): string | Record<string, string> =>
  Object.keys(regions).length === 0 ? life : { life, ...regions };

describe.each(kinds)("the table of %s", (kind) => {
  const { machine } = machines[kind];
  const bare = machine.provide({ actions: { evolve: () => {} } });
  const table = new Table(machine);
  const resolved = (state: MachineState): AnyMachineSnapshot =>
    bare.resolveState({ value: activeIn(state), context: machine.config.context as never });

  it("agrees with XState on every state and event", () => {
    const states = table.explore();
    const wrong: string[] = [];
    for (const state of states) {
      const snapshot = resolved(state);
      if (keyOf(snapshot) !== state.key) wrong.push(`${state.key} is ${keyOf(snapshot)} in XState`);
      if ([...snapshot.tags].sort().join() !== [...state.tags].sort().join()) wrong.push(`tags of ${state.key}`);
      for (const type of allTypes) {
        const after = keyOf(transition(bare, snapshot, { type })[0]);
        const answer = table.next(state, type);
        // Where the table knows nothing, life stays in XState too, whatever the other regions would have done.
        const isEqual = answer ? answer.key === after : after.split("|")[0] === state.life;
        if (!isEqual) wrong.push(`${state.key} on ${type}: ${answer?.key ?? "unknown"}, XState: ${after}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(states.length).toBeGreaterThanOrEqual(3);
  });

  it("reports what life does not know, and nothing that it knows", () => {
    const wrong: string[] = [];
    for (const state of table.explore()) {
      const snapshot = resolved(state);
      for (const type of allTypes) {
        const isKnown = table.next(state, type) !== undefined;
        if (isKnown !== table.knows(state, type)) wrong.push(`${state.key} on ${type}`);
        if (isKnown && !snapshot.can({ type })) wrong.push(`${state.key} on ${type}, which XState ignores`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it("lets the machine evolve on every step", () => {
    const nodes = Object.values(machine.states["life"]?.states ?? machine.states);
    const still = nodes.flatMap((node) =>
      [...node.transitions.values()]
        .flat()
        .filter(({ actions }) => actions.length !== 1)
        .map(({ eventType }) => `${node.key} on ${eventType}`),
    );
    expect(still).toEqual([]);
  });

  it("has no guards and nothing delayed", () => {
    const nodes = Object.values(machine.states).flatMap((node) => [node, ...Object.values(node.states)]);
    for (const node of nodes) {
      expect([node.id, node.after, node.invoke, node.entry, node.exit, node.always ?? []]).toEqual([
        node.id,
        [],
        [],
        [],
        [],
        [],
      ]);
      expect([...node.transitions.values()].flat().filter(({ guard }) => guard)).toEqual([]);
    }
  });

  it("reads a key back, and refuses one of another machine", () => {
    const fresh = new Table(machine);
    for (const state of table.explore().toReversed()) expect(fresh.stateOf(state.key)).toEqual(state);
    expect(() => table.stateOf("paradise")).toThrow(/no state paradise/);
  });
});

describe("random histories", () => {
  it("give the states and contexts that XState gives", () => {
    let steps = 0;
    const reached = new Set<string>();
    fc.assert(
      fc.property(fc.gen(), (draw) => {
        const shadows = new Map<string, AnyMachineSnapshot>();
        walk(draw, 40, (made: Transition) => {
          const { machine, blank } = machines[made.kind];
          const name = `${made.kind} ${made.id}`;
          // A group is forgotten with its job, without a step of its own; the next of its name begins anew.
          const isNew = made.before === tableOf(made.kind).initial.key;
          const before =
            (isNew ? undefined : shadows.get(name)) ??
            machine.resolveState({ value: initialOf(made.kind), context: blank(made.id as never) as never });
          const [next] = transition(machine, before, structuredClone(made.step));
          expect([name, made.step.type, keyOf(next)]).toEqual([name, made.step.type, made.after]);
          expect(next.context).toEqual(made.entity.ctx);
          if (tableOf(made.kind).stateOf(made.after).final) shadows.delete(name);
          else shadows.set(name, next);
          reached.add(`${made.kind} ${made.after}`);
          steps++;
        });
      }),
      fuzz,
    );
    expect(steps).toBeGreaterThan(1_500);
    expect(reached.size).toBeGreaterThan(40);
  });

  const initialOf = (kind: Kind) => activeIn(tableOf(kind).initial);
});
