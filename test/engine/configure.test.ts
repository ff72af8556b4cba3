/**
 * Configuration as events: what is new in it and nothing else, in which shard a family of queues lives, and which
 * configurations are refused, with what to do.
 */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import { instanceSchema } from "../../src/config/sections.ts";
import { type Configuration, configuring, PlacementRefused } from "../../src/configure.ts";
import { fold } from "../../src/projection.ts";
import { World } from "../../src/world.ts";
import { queueConfig } from "../agents/drive.ts";

/** Queues by name with what is unusual; each has a site and an input endpoint of its own. */
type Queues = Readonly<Record<string, Record<string, unknown>>>;

const configuration = (queues: Queues, shards = 4, cfg: Record<string, unknown> = {}): Configuration => ({
  instance: instanceSchema.parse({ master: { harvester_id: "H" }, windrow: { shards }, ...cfg }),
  queues: Object.entries(queues).map(([name, more]) => queueConfig(name, { ddmEndpointIn: `${name}_IN`, ...more })),
});

/** A World into which configurations have been brought, one after the other. */
function worldWith(...configurations: readonly Configuration[]): World {
  const world = new World();
  for (const [i, each] of configurations.entries()) {
    for (const { shard, events } of configuring(world, each)) fold(world, { shard, seq: i + 1, at: 1, events });
  }
  expect(world.anomalies).toEqual([]);
  return world;
}

const names = (world: World, next: Configuration): string[] =>
  configuring(world, next).flatMap(({ shard, events }) =>
    events.map((event: WindrowEvent) => `${shard} ${event.type}${"queue" in event ? ` ${event.queue}` : ""}`),
  );
const placed = (...configurations: readonly Configuration[]): Record<string, number> =>
  Object.fromEntries(worldWith(...configurations).placements);

describe("a configuration", () => {
  it("comes into an empty World as a whole, each queue in the shard of its family", () => {
    expect(names(new World(), configuration({ Q: {}, R: {} }))).toEqual([
      "0 instance.configured",
      "0 instance.queuePlaced Q",
      "0 instance.queuePlaced R",
      "1 queue.configured Q",
      "2 queue.configured R",
    ]);
  });

  it("that is in force already is no news", () => {
    const same = configuration({ Q: {}, R: {} });
    expect(configuring(worldWith(same), same)).toEqual([]);
  });

  it("names what has changed: a queue, a new one, one that is gone, one that is back, the instance", () => {
    const before = configuration({ Q: {}, R: {}, S: {} });
    const after = configuration({ Q: { maxWorkers: 7 }, S: {}, T: {} });
    expect(names(worldWith(before), after)).toEqual([
      "0 instance.queuePlaced T",
      "1 queue.configured Q",
      "1 queue.configured T",
      "2 queue.retired R",
    ]);
    expect(names(worldWith(before, after), before)).toEqual([
      "1 queue.configured Q",
      "2 queue.configured R",
      "1 queue.retired T",
    ]);
    const other = configuration({ Q: {}, R: {}, S: {} }, 4, { propagator: { updateInterval: 5 } });
    expect(names(worldWith(before), other)).toEqual(["0 instance.configured"]);
  });

  it("puts no secret into an event", () => {
    const secret = configuration({ Q: {} }, 4, { pandacon: { auth_token: "s3cr3t" } });
    expect(JSON.stringify(configuring(new World(), secret))).not.toContain("s3cr3t");
  });
});

describe("a family of queues", () => {
  it("is what a site or an input endpoint joins, over any number of links", () => {
    const linked = { A: { siteName: "s" }, B: { siteName: "s", ddmEndpointIn: "e" }, C: { ddmEndpointIn: "e" } };
    const { A, B, C, D } = placed(configuration({ C: linked.C, D: {}, A: linked.A, B: linked.B }));
    expect([A, B]).toEqual([C, C]);
    expect(D).not.toBe(C);
  });

  it("goes to the shard with fewest queues, and not to the control shard while there is another", () => {
    expect(placed(configuration({ A: {}, B: {}, C: {}, D: {}, E: {} }))).toEqual({ A: 1, B: 2, C: 3, D: 1, E: 2 });
    expect(placed(configuration({ A: {}, B: {} }, 1))).toEqual({ A: 0, B: 0 });
    expect(
      placed(configuration({ A: { siteName: "s" }, B: { siteName: "s" } }), configuration({ A: {}, C: {} })),
    ).toEqual({ A: 1, B: 1, C: 2 });
  });

  it("stays where it is, and takes in new members", () => {
    const first = configuration({ A: {}, B: {} });
    const later = configuration({ C: { siteName: "B" }, B: {}, A: { ddmEndpointIn: null } });
    expect(placed(first, later)).toEqual({ A: 1, B: 2, C: 2 });
  });

  it("has the shard that the operator names", () => {
    expect(placed(configuration({ A: { windrow: { shard: 3 } }, B: { siteName: "A" } }))).toEqual({ A: 3, B: 3 });
    expect(placed(configuration({ A: { windrow: { shard: 0 } } }))).toEqual({ A: 0 });
  });
});

describe("refused, with what to do, is", () => {
  const refused = (...configurations: readonly Configuration[]): string => {
    const last = configurations.at(-1)!;
    const world = worldWith(...configurations.slice(0, -1));
    try {
      configuring(world, last);
    } catch (error) {
      expect(error).toBeInstanceOf(PlacementRefused);
      return (error as Error).message;
    }
    throw new Error("it was not refused");
  };

  it("a site or an endpoint that would join two families", () => {
    const apart = configuration({ A: {}, B: {} });
    const why = /^queues A, B would share .* in shards 1 and 2: .*keep siteName and ddmEndpointIn as they were$/;
    expect(refused(apart, configuration({ A: {}, B: { siteName: "A" } }))).toMatch(why);
    expect(refused(apart, configuration({ A: {}, B: { ddmEndpointIn: "A_IN" } }))).toMatch(why);
  });

  it("another shard than a family has", () => {
    expect(refused(configuration({ A: {} }), configuration({ A: { windrow: { shard: 2 } } }))).toMatch(
      /^queues A belong to shard 1, the configuration asks for 2: .*correct windrow\.shard$/,
    );
  });

  it("two shards for one family", () => {
    const two = { A: { windrow: { shard: 1 } }, B: { siteName: "A", windrow: { shard: 2 } } };
    expect(refused(configuration(two))).toMatch(/^queues A, B .* asks for 1 and 2: .*correct windrow\.shard$/);
  });

  it("a shard that the log does not have", () => {
    expect(refused(configuration({ A: { windrow: { shard: 4 } } }))).toBe(
      "queues A ask for shard 4, the log has 4: choose a smaller one",
    );
  });
});
