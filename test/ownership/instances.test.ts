/**
 * Several instances on one log: who leads which shard, what happens when one vanishes or stands still, and that nothing
 * is done twice. The log is in memory, every instance has its own view of it, and time is the test's.
 */
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import type { Traits } from "../../src/agents/agent.ts";
import { chanceOf } from "../../src/agents/chance.ts";
import type { AgentName } from "../../src/agents/roster.ts";
import { agents } from "../../src/agents/roster.ts";
import { instanceSchema } from "../../src/config/sections.ts";
import { memoryStore, openMemoryLog } from "../../src/log/memory.ts";
import { evenShare, Ownership } from "../../src/windrow/ownership.ts";
import { EvenPlacement, type Presence, type Word } from "../../src/windrow/placement.ts";
import { type Engine, openEngine } from "../../src/windrow.ts";
import { queueConfig } from "../agents/drive.ts";
import { names, Outside } from "./outside.ts";

const shards = 4;
const instance = instanceSchema.parse({ master: { harvester_id: "H" }, windrow: { shards } });
const queues = names.map((name) => queueConfig(name, { ddmEndpointIn: `EP_${name}`, nQueueLimitJob: 5 }));

/** One instance: its engine, its ownership, and whether it is alive. */
interface Node {
  readonly name: string;
  readonly engine: Engine;
  readonly ownership: Ownership;
  frozen: boolean;
}

class Cluster {
  readonly outside = new Outside();
  readonly nodes: Node[] = [];
  readonly #store = memoryStore(shards);
  #among: readonly string[] | undefined;

  async join(name: string): Promise<Node> {
    const { outside } = this;
    const traits: Traits = { methods: ["find", "killWorkers"], repeatable: ["triggerPreparation", "triggerStageOut"] };
    const engine = await openEngine({
      log: openMemoryLog(this.#store),
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
    const node: Node = { name, engine, ownership, frozen: false };
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
    const here = this.#among ?? this.nodes.map((node) => node.name).toSorted();
    const share = evenShare(here, shards, chanceOf);
    return new Set([...share].flatMap(([shard, owner]) => (owner === name ? [shard] : [])));
  }
}

/** Everything that needs no time has happened. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await new Promise(setImmediate);
}

const all = names.flatMap((_, i) => Array.from({ length: 4 }, (_, n) => 100 * (i + 1) + n));
function everythingOnce({ outside, nodes }: Cluster): void {
  expect([...outside.ended.keys()].toSorted((a, b) => a - b)).toEqual(all);
  expect(new Set(outside.ended.values())).toEqual(new Set(["finished"]));
  expect([...outside.submitted.values()].every((n) => n === 1)).toBe(true);
  expect(outside.submitted.size).toBe(all.length);
  for (const { engine } of nodes) expect(engine.world.anomalies).toEqual([]);
}

describe("several instances", () => {
  it("share the shards evenly and do every job once", async () => {
    const cluster = new Cluster();
    await cluster.join("one");
    await cluster.join("two");
    await cluster.pass(3);
    const led = cluster.led();
    expect(led.filter((name) => name === "one")).toHaveLength(2);
    expect(led.filter((name) => name === "two")).toHaveLength(2);
    await cluster.pass(1500);
    everythingOnce(cluster);
  });

  it("take over what a killed one led, after its silence, and finish its jobs", async () => {
    const cluster = new Cluster();
    const one = await cluster.join("one");
    await cluster.join("two");
    await cluster.pass(70);
    cluster.kill(one);
    await cluster.pass(5);
    expect(cluster.led()).toContain(undefined);
    await cluster.pass(30);
    expect(cluster.led()).toEqual(["two", "two", "two", "two"]);
    await cluster.pass(1500);
    everythingOnce(cluster);
  });

  it("hand over to one that joins, without a stop of the others", async () => {
    const cluster = new Cluster();
    await cluster.join("one");
    await cluster.pass(70);
    expect(cluster.led()).toEqual(["one", "one", "one", "one"]);
    await cluster.join("two");
    await cluster.pass(5);
    expect(cluster.led().filter((name) => name === "two")).toHaveLength(2);
    await cluster.pass(1500);
    everythingOnce(cluster);
  });

  it("leave a stopping one what it leads while its calls are waited for", async () => {
    const cluster = new Cluster();
    const one = await cluster.join("one");
    await cluster.join("two");
    await cluster.pass(3);
    const led = cluster.led();
    const { promise, resolve } = Promise.withResolvers<void>();
    cluster.outside.stuck = { by: "one", method: "submitWorkers", release: promise };
    while (cluster.outside.waiting === 0) await cluster.pass(1);
    await one.ownership.stop();
    cluster.share(["two"]);
    await cluster.pass(90);
    expect(cluster.led()).toEqual(led);
    cluster.outside.stuck = undefined;
    resolve();
    await one.engine.idle();
    await one.engine.journal.resign();
    await cluster.pass(2);
    expect(cluster.led()).toEqual(["two", "two", "two", "two"]);
    cluster.nodes.shift();
    await cluster.pass(1500);
    everythingOnce(cluster);
  });

  it("submit nothing twice where one stands still in the middle of a submission and is thawed", async () => {
    const cluster = new Cluster();
    const one = await cluster.join("one");
    await cluster.join("two");
    await cluster.pass(3);
    const { promise, resolve } = Promise.withResolvers<void>();
    cluster.outside.stuck = { by: "one", method: "submitWorkers", release: promise };
    while (cluster.outside.waiting === 0) await cluster.pass(1);
    cluster.outside.stuck = undefined;
    one.frozen = true;
    expect(cluster.nodes.flatMap(({ engine }) => [...engine.world.calls.keys()]).join()).toContain("submitWorkers");
    await cluster.pass(90);
    one.frozen = false;
    resolve();
    await cluster.pass(2);
    await cluster.pass(1500);
    everythingOnce(cluster);
  });
});

it("an even share moves few shards when an instance joins or goes", () => {
  const before = evenShare(["a", "b"], 32, chanceOf);
  const after = evenShare(["a", "b", "c"], 32, chanceOf);
  const count = (share: Map<number, string>, name: string) =>
    [...share.values()].filter((each) => each === name).length;
  expect([count(before, "a"), count(before, "b")]).toEqual([16, 16]);
  expect(Math.min(count(after, "a"), count(after, "b"), count(after, "c"))).toBeGreaterThanOrEqual(10);
  const moved = [...after].filter(([shard, name]) => name !== "c" && before.get(shard) !== name);
  expect(moved.length).toBeLessThan(11);
});

describe("the even placement", () => {
  /** Words of everybody, each instance with a place of its own in them. */
  function board() {
    const words: Word[] = [];
    return (): Presence & { away: boolean } => {
      let at = words.length;
      const one = {
        away: false,
        async say(word: Word) {
          if (one.away) throw new Error("no broker");
          words.push(word);
        },
        async heard() {
          const news = words.slice(at);
          at = words.length;
          return news;
        },
        close: async () => {},
      };
      return one;
    };
  }

  it("shares among those that are heard, after having listened; silence and a farewell end a share", async () => {
    let now = 0;
    const notices: string[] = [];
    const join = board();
    const make = (name: string) => {
      const presence = join();
      const notice = (text: string) => void notices.push(text);
      return { presence, placement: new EvenPlacement({ presence, name, shards: 8, monotonic: () => now, notice }) };
    };
    const [one, two] = [make("one"), make("two")];
    const round = async (...placed: (typeof one)[]) => {
      now += 2000;
      for (const { placement } of placed) await placement.round();
    };
    await round(one, two);
    expect(one.placement.wanted().size).toBe(0);
    await round(one, two);
    await round(one, two);
    const [a, b] = [one.placement.wanted(), two.placement.wanted()];
    expect([a.size, b.size]).toEqual([4, 4]);
    expect([...a].some((shard) => b.has(shard))).toBe(false);
    for (let i = 0; i < 7; i += 1) await round(one);
    expect(one.placement.wanted().size).toBe(8);
    await round(one, two);
    await round(one, two);
    expect(one.placement.wanted().size).toBe(4);
    await two.placement.close();
    await round(one);
    expect(one.placement.wanted().size).toBe(8);
    one.presence.away = true;
    await round(one);
    await round(one);
    expect(one.placement.wanted().size).toBe(8);
    expect(notices).toEqual(["the other instances are not heard: no broker"]);
  });
});
