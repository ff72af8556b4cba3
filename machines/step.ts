/**
 * The only run-time caller of XState. A step asks the machine once what it does in a state on an event and remembers
 * the answer, because no transition has a guard: the target depends on state and event name alone. What XState would
 * ignore silently is reported as an anomaly. `test/machines/step.test.ts` holds this against XState's own
 * `transition()`.
 */
import { type AnyStateMachine, initialTransition, type StateValue, transition } from "xstate";
import type { WindrowEvent } from "../events/events.ts";

/** One event as one entity lives it. */
export interface Step {
  /** The event's name, or the name that its part for this entity has (`worker.looked` becomes `worker.seenRunning`). */
  readonly type: string;
  readonly event: WindrowEvent;
  /** Instant of the record (epoch ms): the core's only clock. */
  readonly at: number;
  /** This entity's part of an event that names many. */
  readonly part?: unknown;
}

/** One configuration of a machine: its key, the active state of each region, its tags. */
export interface MachineState {
  /** Active states joined by "|": `running|owed|unasked`; for a machine without regions its state's name. */
  readonly key: string;
  /** State of the first region: the one people speak of. */
  readonly life: string;
  /** States of the other regions by name. */
  readonly regions: Readonly<Record<string, string>>;
  readonly tags: ReadonlySet<string>;
  /** Nothing follows: the entity leaves the World. */
  readonly final: boolean;
}

/** A machine made into a table that fills itself from XState's answers. */
export class Table {
  readonly machine: AnyStateMachine;
  readonly initial: MachineState;
  readonly #bare: AnyStateMachine;
  readonly #states = new Map<string, { state: MachineState; value: StateValue }>();
  /** Events that each state of the life answers. */
  readonly #known: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #cells = new Map<string, Map<string, MachineState | null>>();

  constructor(machine: AnyStateMachine) {
    this.machine = machine;
    this.#bare = machine.provide({ actions: { evolve: () => {} } });
    const lives = machine.states["life"]?.states ?? machine.states;
    this.#known = new Map(Object.entries(lives).map(([name, life]) => [name, new Set(life.ownEvents)]));
    const [snapshot] = initialTransition(machine);
    this.initial = this.#remember(snapshot.value);
  }

  /** The state after the event, or undefined where the machine does not know the event in this state. */
  next(state: MachineState, type: string): MachineState | undefined {
    let row = this.#cells.get(state.key);
    if (row === undefined) {
      row = new Map();
      this.#cells.set(state.key, row);
    }
    let cell = row.get(type);
    if (cell === undefined) {
      cell = this.#ask(state, type);
      row.set(type, cell);
    }
    return cell ?? undefined;
  }

  /** Whether the entity's life answers the event in this state; the other regions only react to what life answers. */
  knows(state: MachineState, type: string): boolean {
    return this.#known.get(state.life)?.has(type) ?? false;
  }

  /** The state that a snapshot names. @throws Error where this machine has no such state. */
  stateOf(key: string): MachineState {
    const known = this.#states.get(key);
    if (known) return known.state;
    this.explore();
    const found = this.#states.get(key);
    if (!found) throw new Error(`machine ${this.machine.id} has no state ${key}: the snapshot is of another version`);
    return found.state;
  }

  /** Event names that the machine's definition mentions anywhere. */
  eventTypes(): readonly string[] {
    return this.machine.events.filter((type) => type !== "*").sort();
  }

  /** All states that can be reached, in order of discovery. */
  explore(): readonly MachineState[] {
    const types = this.eventTypes();
    const found = [this.initial];
    const seen = new Set([this.initial.key]);
    for (const state of found) {
      for (const type of types) {
        const next = this.next(state, type);
        if (!next || seen.has(next.key)) continue;
        seen.add(next.key);
        found.push(next);
      }
    }
    return found;
  }

  #ask(state: MachineState, type: string): MachineState | null {
    const value = this.#states.get(state.key)!.value;
    // Contexts play no part in the choice, so the machine is asked on its own blank one, without its actions.
    const snapshot = this.#bare.resolveState({ value, context: this.#bare.config.context as never });
    if (!this.knows(state, type)) return null;
    const [next] = transition(this.#bare, snapshot, { type });
    return this.#remember(next.value);
  }

  #remember(value: StateValue): MachineState {
    const regions = typeof value === "string" ? { life: value } : (value as Record<string, string>);
    const key = Object.values(regions).join("|");
    const known = this.#states.get(key);
    if (known) return known.state;
    const snapshot = this.machine.resolveState({ value, context: this.machine.config.context as never });
    const { life = "", ...others } = regions;
    const lives = this.machine.states["life"]?.states ?? this.machine.states;
    const final = lives[life]?.type === "final";
    const state: MachineState = { key, life, regions: others, tags: snapshot.tags as ReadonlySet<string>, final };
    this.#states.set(key, { state, value });
    return state;
  }
}
