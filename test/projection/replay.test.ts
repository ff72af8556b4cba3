/**
 * The projection over random histories: the same records give the same World in whatever pieces they are read and with
 * whatever snapshots in between, its counts are those of a scan, and what is not expected is recorded and changes
 * nothing.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseEvents } from "../../events/events.ts";
import { type Frozen, freeze, thaw } from "../../src/frozen.ts";
import { type Folded, fold, type Transition } from "../../src/projection.ts";
import { World } from "../../src/world.ts";
import { fuzz, walk } from "../machines/walk.ts";
import { given } from "./given.ts";
import { kept, recounted } from "./recount.ts";
import { upTo } from "./story.ts";

const text = (world: World): string => JSON.stringify(freeze(world));

function folded(history: readonly Folded[], world = new World()): World {
  for (const record of history) fold(world, record);
  return world;
}

/** A World as it comes back from a snapshot file. */
function thawed(world: World): World {
  const again = new World();
  thaw(JSON.parse(text(world)) as Frozen, again);
  return again;
}

/** All that a World has, apart from its counts: what a snapshot leaves out is missed here. */
function plain(world: World): Record<string, unknown> {
  const counts = ["jobTallies", "jobLives", "workerTallies", "sharedInputs", "neededInputs", "unsettledJobs"];
  const fields = Object.entries(world).filter(([name]) => !counts.includes(name));
  const bare = (value: unknown): unknown =>
    typeof value === "object" && value !== null && "tally" in value ? { ...value, tally: null } : value;
  return Object.fromEntries(
    fields.map(([name, value]) => [
      name,
      value instanceof Map ? new Map([...value].map(([id, entity]) => [id, bare(entity)])) : value,
    ]),
  );
}

/** Nothing in it can be changed any more. */
function petrified<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) petrified(part);
  }
  return value;
}

describe("random histories", () => {
  it("give the same World from a snapshot at any place and the rest", () => {
    fc.assert(
      fc.property(fc.gen(), (draw) => {
        const { world, history } = walk(draw, 30);
        const cut = draw(fc.integer, { min: 0, max: history.length });
        const half = thawed(folded(history.slice(0, cut)));
        const whole = folded(history.slice(cut), half);
        expect(text(whole)).toBe(text(world));
        expect(plain(whole)).toEqual(plain(world));
        expect(kept(whole)).toEqual(kept(world));
      }),
      fuzz,
    );
  });

  it("give the same World in any pieces, read from the log's own bytes", () => {
    fc.assert(
      fc.property(fc.gen(), (draw) => {
        const { world, history } = walk(draw, 30);
        const read = history.map((record) => {
          const { events, ...rest } = JSON.parse(JSON.stringify(record)) as Folded;
          return { ...rest, events: parseEvents(events) };
        });
        let pieces = new World();
        for (const record of read) {
          fold(pieces, record);
          if (draw(fc.boolean)) pieces = thawed(pieces);
        }
        expect(text(pieces)).toBe(text(world));
      }),
      fuzz,
    );
  });

  it("never change a record, and nothing that a snapshot holds", () => {
    fc.assert(
      fc.property(fc.gen(), (draw) => {
        const { world, history } = walk(draw, 30);
        const again = new World();
        for (const record of history) fold(again, petrified(record));
        expect(text(again)).toBe(text(world));
        const before = freeze(world);
        const saved = JSON.stringify(before);
        const half = new World();
        thaw(petrified(structuredClone(before)), half);
        walkOn(half, history);
        expect(JSON.stringify(before)).toBe(saved);
      }),
      fuzz,
    );
  });

  it("keep the counts that a scan finds, at every step of the way", () => {
    fc.assert(
      fc.property(fc.gen(), (draw) => {
        const { history } = walk(draw, 30);
        const world = new World();
        for (const record of history) {
          fold(world, record);
          expect(kept(world)).toEqual(recounted(world));
        }
      }),
      fuzz,
    );
  });

  it("tell every step once, in order, with a place of its own", () => {
    fc.assert(
      fc.property(fc.gen(), (draw) => {
        const seen: Transition[] = [];
        const { history } = walk(draw, 30, (made) => seen.push({ ...made }));
        const places = seen.map(({ position }) => position.split("/").map(Number));
        for (const [i, place] of places.entries()) {
          const [shard, seq, index] = place;
          const record = history.find((one) => one.seq === seq && one.shard === shard);
          expect(record?.events[index!]).toEqual(seen[i]!.step.event);
          if (i > 0 && places[i - 1]![0] === shard) expect(isBefore(places[i - 1]!, place)).toBe(true);
        }
        const chains = new Map<string, string>();
        for (const { kind, id, before, after } of seen) {
          const name = `${kind} ${id}`;
          if (before.split("|")[0] !== "unknown") expect([name, chains.get(name)]).toEqual([name, before]);
          chains.set(name, after);
        }
      }),
      fuzz,
    );
  });
});

/** Goes on with events of a history that has been there before. */
function walkOn(world: World, history: readonly Folded[]): void {
  for (const record of history) fold(world, { ...record, seq: record.seq + 1_000 });
}

const isBefore = (a: readonly number[], b: readonly number[]): boolean => {
  const i = a.findIndex((n, at) => n !== b[at]);
  return i !== -1 && a[i]! < b[i]!;
};

describe("what is not expected", () => {
  it("is recorded with state, event and position, and changes nothing", () => {
    const told = upTo("running");
    const before = JSON.stringify({ ...freeze(told.world), at: 0 });
    const after = told.when({ type: "job.prepared", PandaID: 1 }, { type: "worker.told", workerIDs: [99] });
    after.thenAnomaly(
      { entity: "job 1", state: "running|owed|unasked", type: "job.prepared", position: "1/3/0/0" },
      { entity: "worker 99", state: "unknown|silent|unmarked", type: "worker.told", position: "1/3/1/0" },
    );
    expect(after.steps).toEqual([]);
    const { anomalies, anomalyCount } = told.world;
    expect([anomalies.length, anomalyCount]).toEqual([2, 2]);
    expect(JSON.stringify({ ...freeze(told.world), at: 0, anomalies: [], anomalyCount: 0 })).toBe(before);
  });

  it("brings nothing into the World, and nothing about to follow from it", () => {
    const late = { code: 1099, diag: "late" };
    const told = upTo("prepared").when({ type: "job.stageInRefused", PandaID: 1, error: late, dialog: "" });
    told.thenAnomaly({ entity: "job 1", type: "job.stageInRefused" });
    expect(told.world.fileGroups.get("1/in")!.state.key).toBe("settled");
    const unknown = given().when({ type: "fileGroup.advanced", group: "9/out", patches: [] });
    unknown.thenAnomaly({ entity: "fileGroup 9/out", state: "unknown", type: "fileGroup.advanced" });
    expect([...unknown.world.fileGroups.keys()]).toEqual([]);
  });

  it("is kept a hundred times, counted always, and survives a snapshot", () => {
    let told = given();
    for (let i = 0; i < 150; i++) told = told.when({ type: "job.prepared", PandaID: i });
    expect(told.world.anomalyCount).toBe(150);
    expect(told.world.anomalies).toHaveLength(100);
    expect(told.world.anomalies[0]!.entity).toBe("job 50");
    expect(text(thawed(told.world))).toBe(text(told.world));
  });
});

describe("a snapshot", () => {
  it("is refused where it names a state of another machine version", () => {
    const frozen = JSON.parse(text(upTo("running").world)) as { entities: { job: [number, { state: string }][] } };
    frozen.entities.job[0]![1].state = "paradise|owed|unasked";
    expect(() => thaw(frozen as unknown as Frozen, new World())).toThrow(/no state paradise/);
  });
});
