/**
 * The scheduler against what its rules say of the whole World, over random histories: at any moment it hands out what a
 * scan would find, in the same order, and nothing that somebody has. And what a turn costs: the rules are asked about
 * what has changed alone, however much exists.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import { type Folded, fold } from "../../src/projection.ts";
import { instanceID, type Place, type Rule, rules } from "../../src/rules.ts";
import { Scheduler, type Taken } from "../../src/scheduler.ts";
import { World } from "../../src/world.ts";
import { configured, fetched, start, worldOf } from "../agents/drive.ts";
import { fuzz, walk } from "../machines/walk.ts";
import { cfg, forEver } from "./due.ts";

type Id = number | string;
interface Placed {
  readonly id: Id;
  readonly place: Place;
}

function entitiesOf(world: World, kind: Rule["kind"]): Iterable<readonly [Id, unknown]> {
  const { queues, jobs, workers, fileGroups, calls, instance } = world;
  const maps = { queue: queues, job: jobs, worker: workers, fileGroup: fileGroups, call: calls };
  return kind === "instance" ? [[instanceID, instance]] : maps[kind];
}

/** What a scan of the World finds for a rule, apart from what somebody holds. */
function scan(world: World, rule: Rule, held: ReadonlySet<string>): Placed[] {
  return [...entitiesOf(world, rule.kind)].flatMap(([id, entity]) => {
    const place = held.has(lockOf(rule, id)) ? null : rule.place(world, entity as never, id as never);
    return place ? [{ id, place }] : [];
  });
}

const lockOf = (rule: Rule, id: Id): string => `${rule.kind}:${rule.lock}:${id}`;
const byOrder = (a: Placed, b: Placed): number =>
  a.place.order[0] - b.place.order[0] || a.place.order[1] - b.place.order[1] || a.place.order[2] - b.place.order[2];
const orders = (placed: readonly Placed[]) => placed.map(({ place }) => place.order);

/** A scheduler that follows a World, with all that was taken of it and not given back. */
class Followed {
  readonly world = new World();
  readonly scheduler = new Scheduler(this.world);
  readonly taken: Taken[] = [];

  get held(): Set<string> {
    return new Set(this.taken.map(({ rule, id }) => lockOf(ruleOf(rule), id)));
  }

  fold(record: Folded): void {
    fold(this.world, record, (transition) => this.scheduler.touch(transition));
    this.scheduler.placeInstance();
    if (record.events.some(({ type }) => type.startsWith("instance."))) this.scheduler.placeQueues();
    if (record.events.some(({ type }) => type === "instance.configured")) this.scheduler.placeAll();
  }

  /** Takes, and holds the result against a scan. */
  take(rule: Rule, partition: string, n: number, now: number): void {
    const all = scan(this.world, rule, this.held).filter(({ place }) => place.partition === partition);
    const due = all.filter(({ place }) => place.dueAt <= now).sort(byOrder);
    const ids = this.scheduler.take(rule.name, now, n, partition);
    const found = ids.map((id) => due.find((placed) => placed.id === id));
    expect([rule.name, found.includes(undefined), new Set(ids).size]).toEqual([rule.name, false, ids.length]);
    expect([rule.name, orders(found as Placed[])]).toEqual([rule.name, orders(due.slice(0, n))]);
    this.taken.push(...ids.map((id) => ({ rule: rule.name, id })));
  }

  release(n: number): void {
    this.scheduler.release(this.taken.splice(0, n));
  }

  /** The next instant is that of a scan. */
  checkNext(now: number): void {
    const later = rules
      .flatMap((rule) => scan(this.world, rule, this.held))
      .flatMap(({ place }) => (place.dueAt > now ? place.dueAt : []));
    expect(this.scheduler.nextAt(now)).toBe(later.length > 0 ? Math.min(...later) : null);
  }
}

function ruleOf(name: string): Rule {
  const rule = rules.find((each) => each.name === name);
  if (!rule) throw new Error(`no rule ${name}`);
  return rule;
}

/** Everything that a scheduler hands out, one instant after the other. */
function drained(scheduler: Scheduler, world: World, instants: readonly number[]): string[] {
  const partitions = ["", ...[...world.queues.keys()].flatMap((queue) => [queue, `${queue} queued`])];
  return instants.flatMap((now) =>
    rules.flatMap(({ name }) =>
      partitions.flatMap((partition) => {
        const ids = scheduler.take(name, now, forEver, partition);
        scheduler.release(ids.map((id) => ({ rule: name, id })));
        return ids.map((id) => `${now} ${name} ${partition} ${id}`).toSorted();
      }),
    ),
  );
}

const configuration: Folded = { shard: 0, seq: 1, at: 1, events: configured({ Q: {}, R: {} }, cfg) };

describe("over random histories, the scheduler", () => {
  it("hands out what is due, in order, and nothing that somebody has", () => {
    fc.assert(
      fc.property(fc.gen(), (draw) => {
        const followed = new Followed();
        let now = 0;
        for (const record of [configuration, ...walk(draw, 30).history.slice(1)]) {
          followed.fold(record);
          for (let i = draw(fc.integer, { min: 0, max: 3 }); i > 0; i--) {
            now = Math.max(now, record.at) + draw(fc.integer, { min: 0, max: 40_000 });
            const rule = draw(fc.constantFrom<Rule[]>, ...rules);
            const places = scan(followed.world, rule, new Set()).map(({ place }) => place.partition);
            const partition = draw(fc.constantFrom<string[]>, "", ...places);
            followed.take(rule, partition, draw(fc.integer, { min: 0, max: 4 }), now);
          }
          if (draw(fc.boolean)) followed.checkNext(now);
          if (draw(fc.boolean)) followed.release(draw(fc.integer, { min: 1, max: 5 }));
        }
      }),
      fuzz,
    );
  });

  it("has everything where a scheduler that begins now would have it", () => {
    fc.assert(
      fc.property(fc.gen(), (draw) => {
        const followed = new Followed();
        const { history } = walk(draw, 30);
        for (const record of [configuration, ...history.slice(1)]) {
          followed.fold(record);
          if (draw(fc.boolean)) followed.take(draw(fc.constantFrom<Rule[]>, ...rules), "", 2, record.at);
        }
        followed.release(forEver);
        const { world, scheduler } = followed;
        const fresh = new Scheduler(world);
        fresh.placeAll();
        const instants = [history.length * 1000, history.length * 1000 + 60_000, forEver];
        expect(drained(scheduler, world, instants)).toEqual(drained(fresh, world, instants));
      }),
      fuzz,
    );
  });

  it("places everything by the new intervals when the configuration has changed", () => {
    fc.assert(
      fc.property(fc.gen(), (draw) => {
        const followed = new Followed();
        const { history } = walk(draw, 20);
        const last = { ...configuration, seq: 1000, at: 30_000 };
        const events = configured({}, { ...cfg, propagator: { updateInterval: 5, lockInterval: 7 } });
        for (const record of [configuration, ...history.slice(1), { ...last, events }]) followed.fold(record);
        for (const rule of rules) followed.take(rule, "", 100, 30_000 + draw(fc.integer, { min: 0, max: 9000 }));
        followed.checkNext(40_000);
      }),
      fuzz,
    );
  });
});

describe("locks", () => {
  it("keep other rules of the same lock away, and those of other locks not", () => {
    const world = worldOf([...configured({ Q: {} }, cfg), fetched(1)]);
    const scheduler = new Scheduler(world);
    scheduler.placeAll();
    const take = (rule: string) => scheduler.take(rule, start, 9);
    expect([take("triggerStageIn"), take("triggerStageIn"), take("tellJobs")]).toEqual([[1], [], [1]]);
    const asked: WindrowEvent = { type: "job.preparationTriggered", PandaID: 1 };
    fold(world, { shard: 1, seq: 2, at: start, events: [asked] }, (made) => scheduler.touch(made));
    expect(take("checkStageIn")).toEqual([]);
    scheduler.release([{ rule: "triggerStageIn", id: 1 }]);
    expect(take("checkStageIn")).toEqual([1]);
    expect(take("tellJobs")).toEqual([]);
  });

  it("make nothing due under another rule of the same lock until they are given back", () => {
    const rule = (name: string, dueAt: number): Rule => ({
      name,
      kind: "queue",
      lock: "one",
      place: () => ({ dueAt, order: [0, 0, 0], partition: "" }),
    });
    const scheduler = new Scheduler(worldOf(configured({ Q: {} }, cfg)), [rule("first", 10), rule("second", 20)]);
    scheduler.placeAll();
    expect([scheduler.nextAt(9), scheduler.take("first", 10, 1)]).toEqual([10, ["Q"]]);
    expect([scheduler.nextAt(10), scheduler.take("second", 20, 1)]).toEqual([null, []]);
    scheduler.release([{ rule: "first", id: "Q" }]);
    expect([scheduler.nextAt(10), scheduler.take("second", 20, 1)]).toEqual([20, ["Q"]]);
  });
});

/** The rules, and how often they were asked about an entity. */
function counting(): { readonly ruleSet: readonly Rule[]; readonly asked: () => number } {
  let n = 0;
  const ruleSet = rules.map((rule) => ({
    ...rule,
    place: (world: World, entity: never, id: never) => {
      n += 1;
      return rule.place(world, entity, id);
    },
  }));
  return {
    ruleSet,
    asked: () => {
      const asked = n;
      n = 0;
      return asked;
    },
  };
}

describe("a turn", () => {
  const ofJobs = rules.filter(({ kind }) => kind === "job").length;

  it.each([100, 100_000])("over %d jobs asks about those alone that have changed", (jobs) => {
    const world = worldOf([...configured({ Q: {} }, cfg), ...Array.from({ length: jobs }, (_, i) => fetched(i + 1))]);
    for (const { ctx } of world.jobs.values()) {
      ctx.report = { at: start + ctx.PandaID / 1000, how: "interval" };
      ctx.prepare = { at: start + 3_600_000, how: "interval" };
    }
    const { ruleSet, asked } = counting();
    const scheduler = new Scheduler(world, ruleSet);
    scheduler.placeAll();
    const turn = (now: number): Id[] => {
      const ids = rules.filter(({ kind }) => kind === "job").flatMap(({ name }) => scheduler.take(name, now, 100));
      scheduler.nextAt(now);
      return ids;
    };
    expect(turn(start)).toEqual([]);
    expect(asked()).toBeGreaterThanOrEqual(jobs * ofJobs);
    for (let i = 0; i < 10; i++) expect(turn(start + i)).toEqual([]);
    expect(asked()).toBe(0);

    const job = world.jobs.get(50)!;
    job.ctx.report = { at: start, how: "now" };
    scheduler.touch({ kind: "job", id: 50, entity: job });
    expect(turn(start)).toEqual([50]);
    expect(asked()).toBe(ofJobs);

    const now = start + cfg.propagator.updateInterval * 1000 + 1;
    expect(turn(now).length).toBeLessThanOrEqual(100);
    expect(asked()).toBe(0);
    scheduler.release([50, 51, 52].map((id) => ({ rule: "tellJobs", id })));
    turn(now);
    expect(asked()).toBe(3 * ofJobs);
  });
});
