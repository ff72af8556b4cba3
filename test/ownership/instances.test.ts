/**
 * Several instances on one log: who leads which shard, what happens when one vanishes, stands still or hears nothing,
 * and that nothing is done twice.
 */
import { describe, expect, it } from "vitest";
import { chanceOf } from "../../src/agents/chance.ts";
import { evenShare } from "../../src/windrow/ownership.ts";
import { EvenPlacement, type Presence, type Word } from "../../src/windrow/placement.ts";
import { Cluster, everythingOnce } from "./cluster.ts";

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

describe("an instance whose log is away", () => {
  it("gives its shards up, leads them again when it is back, and asks after its own call", async () => {
    const cluster = new Cluster();
    const one = await cluster.join("one");
    await cluster.pass(3);
    const { promise, resolve } = Promise.withResolvers<void>();
    cluster.outside.stuck = { by: "one", method: "submitWorkers", release: promise };
    while (cluster.outside.waiting === 0) await cluster.pass(1);
    cluster.outside.stuck = undefined;
    one.view.leave();
    await cluster.pass(15);
    one.view.giveUp();
    await cluster.pass(5);
    expect(cluster.led()).toContain(undefined);
    const tried = one.view.tried.length;
    await cluster.pass(5);
    expect(one.view.tried).toHaveLength(tried);
    await one.view.comeBack();
    await cluster.pass(2);
    expect(cluster.led()).toEqual(["one", "one", "one", "one"]);
    const lives = () => [...one.engine.world.calls.values()].filter(({ ctx }) => ctx.method === "submitWorkers");
    expect(lives().map(({ state }) => state.life)).toContain("unknownOutcome");
    const before = lives().map(({ state }) => state.life);
    resolve();
    await cluster.pass(1);
    expect(lives().map(({ state }) => state.life)).toEqual(before);
    await cluster.pass(1500);
    everythingOnce(cluster);
  });

  it("does not take its own deafness for the silence of the others", async () => {
    const cluster = new Cluster();
    cluster.greedy = true;
    await cluster.join("one");
    await cluster.pass(70);
    const two = await cluster.join("two");
    two.view.leave();
    await cluster.pass(100);
    expect(two.view.tried).toEqual([]);
    await two.view.comeBack();
    await cluster.pass(40);
    expect(cluster.led()).toEqual(["one", "one", "one", "one"]);
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
