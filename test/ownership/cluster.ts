/**
 * Several instances on one log in memory for tests: each has its own engine and its own view of the log, and time is
 * the test's. A view can be away, as brokers are: nothing gets in or out, and what was sent gets there late or never.
 */
import { pino } from "pino";
import { expect } from "vitest";
import type { Traits } from "../../src/agents/agent.ts";
import { chanceOf } from "../../src/agents/chance.ts";
import { type AgentName, agents } from "../../src/agents/roster.ts";
import { instanceSchema } from "../../src/config/sections.ts";
import { LogFault } from "../../src/log/faults.ts";
import type { Deliver, Log } from "../../src/log/log.ts";
import { type MemoryStore, memoryStore, openMemoryLog } from "../../src/log/memory.ts";
import type { StoredRecord } from "../../src/log/record.ts";
import { evenShare, Ownership } from "../../src/windrow/ownership.ts";
import { type Engine, openEngine } from "../../src/windrow.ts";
import { queueConfig } from "../agents/drive.ts";
import { names, Outside } from "./outside.ts";

const shards = 4;
const instance = instanceSchema.parse({ master: { harvester_id: "H" }, windrow: { shards } });
const queues = names.map((name) => queueConfig(name, { ddmEndpointIn: `EP_${name}`, nQueueLimitJob: 5 }));

/** An instance's view of the log. */
class View {
  readonly log: Log;
  /** Appends that were tried while it was away. */
  readonly tried: { shard: number; record: StoredRecord; reject: (why: Error) => void }[] = [];
  readonly #inner: Log;
  readonly #now: () => number;
  readonly #late: (() => void)[] = [];
  #away = false;
  #hearsSince: number;

  constructor(store: MemoryStore, now: () => number) {
    const inner = openMemoryLog(store);
    this.#inner = inner;
    this.#now = now;
    this.#hearsSince = now();
    this.log = {
      shards: inner.shards,
      tip: (shard) => inner.tip(shard),
      read: (shard, from) => inner.read(shard, from),
      append: (shard, record) =>
        this.#away
          ? new Promise((_, reject) => this.tried.push({ shard, record, reject }))
          : inner.append(shard, record),
      follow: (deliver: Deliver) =>
        inner.follow((...news) => {
          if (this.#away) this.#late.push(() => deliver(...news));
          else deliver(...news);
        }),
      hearsSince: () => (this.#away ? undefined : this.#hearsSince),
      close: () => inner.close(),
    };
  }

  leave(): void {
    this.#away = true;
  }

  /** What was tried is given up, as a log on Kafka does after 15 s. */
  giveUp(): void {
    for (const { shard, reject } of this.tried) reject(new LogFault("away", `shard ${shard}: no answer`));
  }

  /** Is there again; what was tried gets there late. */
  async comeBack(): Promise<void> {
    this.#away = false;
    this.#hearsSince = this.#now();
    for (const deliver of this.#late.splice(0)) deliver();
    for (const { shard, record } of this.tried) await this.#inner.append(shard, record);
  }
}

/** One instance: its engine, its ownership, and whether it is alive. */
export interface Node {
  readonly name: string;
  readonly engine: Engine;
  readonly ownership: Ownership;
  readonly view: View;
  frozen: boolean;
}

export class Cluster {
  readonly outside = new Outside();
  readonly nodes: Node[] = [];
  /** Everybody wants every shard, rather than an even share. */
  greedy = false;
  readonly #store = memoryStore(shards);
  #among: readonly string[] | undefined;

  async join(name: string): Promise<Node> {
    const { outside } = this;
    const traits: Traits = { methods: ["find", "killWorkers"], repeatable: ["triggerPreparation", "triggerStageOut"] };
    const view = new View(this.#store, () => outside.now);
    const engine = await openEngine({
      log: view.log,
      plugins: { invoke: (call) => outside.invoke(name, call), traits: () => traits },
      now: () => outside.now,
      owner: `${name}:${outside.now}`,
      config: { instance, queues },
      lead: [],
      monotonic: () => outside.now,
      verifyEvents: true,
    });
    const ownership = new Ownership({
      engine,
      shards,
      placement: { wanted: () => this.#wantedOf(name), close: async () => {} },
      logger: pino({ level: "silent" }),
      monotonic: () => outside.now,
    });
    const node: Node = { name, engine, ownership, view, frozen: false };
    this.nodes.push(node);
    return node;
  }

  /** A process that is killed writes nothing more, and its silence is all that the others hear. */
  kill(node: Node): void {
    node.frozen = true;
    node.engine.journal.detach();
    this.nodes.splice(this.nodes.indexOf(node), 1);
  }

  /** Seconds pass; every instance that runs ticks and does what is due. */
  async pass(seconds: number): Promise<void> {
    for (let i = 0; i < seconds; i += 1) {
      this.outside.now += 1000;
      for (const node of this.nodes) if (!node.frozen) node.ownership.tick();
      await settled();
      for (const node of this.nodes) {
        if (node.frozen) continue;
        for (const agent of Object.keys(agents) as AgentName[])
          await Promise.race([node.engine.cycle(agent), settled()]);
      }
      await settled();
    }
  }

  led(): (string | undefined)[] {
    return Array.from({ length: shards }, (_, shard) => {
      const leaders = this.nodes.filter(({ engine }) => engine.journal.owns(shard));
      expect(leaders.length).toBeLessThan(2);
      return leaders[0]?.name;
    });
  }

  /** Only these count as being there. */
  share(among: readonly string[]): void {
    this.#among = among;
  }

  #wantedOf(name: string): ReadonlySet<number> {
    if (this.greedy) return new Set(Array.from({ length: shards }, (_, shard) => shard));
    const here = this.#among ?? this.nodes.map((node) => node.name).toSorted();
    const share = evenShare(here, shards, chanceOf);
    return new Set([...share].flatMap(([shard, owner]) => (owner === name ? [shard] : [])));
  }
}

/** Everything that needs no time has happened. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await new Promise(setImmediate);
}

const all = names.flatMap((_, i) => Array.from({ length: 4 }, (_, n) => 100 * (i + 1) + n));
export function everythingOnce({ outside, nodes }: Cluster): void {
  expect([...outside.ended.keys()].toSorted((a, b) => a - b)).toEqual(all);
  expect(new Set(outside.ended.values())).toEqual(new Set(["finished"]));
  expect([...outside.submitted.values()].every((n) => n === 1)).toBe(true);
  expect(outside.submitted.size).toBe(all.length);
  for (const { engine } of nodes) expect(engine.world.anomalies).toEqual([]);
}
