/**
 * The cacher: which lists are asked for and when, that a list is written only when it is another one, and that nothing
 * is planned before the lists that planning reads, and the worker ids that the WMS has seen, were asked for.
 */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import type { Call, Reply } from "../../src/agents/agent.ts";
import { cacher } from "../../src/agents/cacher.ts";
import { fold } from "../../src/projection.ts";
import { maxWorkerID } from "../../src/rules/lists.ts";
import { Scheduler } from "../../src/scheduler.ts";
import type { World } from "../../src/world.ts";
import { answered, configured, drive, start, threw, worldOf } from "./drive.ts";

const duty = (name: string) => {
  const found = cacher.find((one) => one.name === name);
  if (!found) throw new Error(`no duty ${name}`);
  return found;
};
const pull = { mapType: "NoJob", nQueueLimitWorker: 5 };
const minute = 60_000;
let seq = 5000;

/** Whether the rule hands something out at this instant. */
function due(world: World, rule: string, now: number): boolean {
  const scheduler = new Scheduler(world);
  scheduler.placeAll();
  return scheduler.take(rule, now, 9).length > 0;
}

/** One reading of what is due; `lists` by method or, for the source of lists, by name. */
function read(world: World, lists: Readonly<Record<string, unknown>>, now = start + 1000) {
  return drive(duty("readLists"), world, ["instance"], (call) => reply(call, lists), { now });
}

function reply({ method, args }: Call, lists: Readonly<Record<string, unknown>>): Reply {
  const name = method === "readList" && "plain" in args ? String(args.plain[0]) : method;
  if (method === "dumpList") return answered({ ok: true, data: null });
  return name in lists ? answered({ ok: true, data: lists[name] }) : threw("down");
}

const add = (world: World, ...events: readonly WindrowEvent[]): void =>
  fold(world, { shard: 0, seq: ++seq, at: start, events });

describe("which lists are read", () => {
  it.each<[string, Record<string, unknown>, Record<string, unknown>, string[]]>([
    ["none for queues that are given jobs", {}, {}, []],
    ["what an own pull queue is sized by", pull, {}, ["getJobStats", "getResourceTypes"]],
    ["nothing for one that is offline", { ...pull, queueStatus: "offline" }, {}, []],
    [
      "who else serves it, where its share is automatic",
      pull,
      { submitter: { activateWorkerFactor: "auto" } },
      ["getJobStats", "getWorkerStatsFromPanda", "getResourceTypes"],
    ],
    ["activated jobs by label, where the WMS orders", { runMode: "slave" }, {}, ["getJobStatsNew"]],
    ["sizes, where cores are limited", { nQueueLimitWorkerCores: 8 }, {}, ["getResourceTypes"]],
    [
      "from another place, where a line says so; a line of two fields says nothing",
      pull,
      { cacher: { data: ["job_statistics.json||file:/x", "resource_types.json", "panda_queues.json||http://c/q"] } },
      ["readList job_statistics.json", "getResourceTypes", "readList panda_queues.json"],
    ],
    [
      "others only for their dump file",
      {},
      { cacher: { data: ["a||http://h/a", "b|sub|http://h/b|/tmp/b", "c||panda_server:get_job_stats|/tmp/c"] } },
      ["readList b|sub", "dumpList b|sub", "getJobStats", "dumpList c"],
    ],
  ])("%s", (_what, queue, cfg, methods) => {
    const world = worldOf(configured({ Q: queue }, cfg));
    const all = { getJobStats: {}, getJobStatsNew: {}, getWorkerStatsFromPanda: {}, getResourceTypes: [] };
    const ofSource = { "job_statistics.json": {}, "panda_queues.json": {}, "b|sub": "text" };
    const { calls } = read(world, { ...all, ...ofSource });
    const named = calls.map(({ method, args }) => {
      const of = "plain" in args && typeof args.plain[0] === "string" ? ` ${args.plain[0]}` : "";
      return `${method}${of}`;
    });
    expect(named.toSorted()).toEqual(methods.toSorted());
    expect(due(world, "readLists", start + 2000)).toBe(false);
  });

  it("says what is wrong with a line, and never hands a key pair to the log", () => {
    const data = ["x||panda_server:nothing|/tmp/x", "y||panda_cache:pub&priv|/tmp/y", "z||panda_cache:pub|/tmp/z"];
    const world = worldOf(configured({ Q: {} }, { cacher: { data } }));
    const { events, calls } = read(world, { getKeyPair: { publicKey: "PUB", privateKey: "PRIV" } });
    expect(calls.map(({ method, args }) => [method, "plain" in args && args.plain])).toEqual([
      ["getKeyPair", ["pub", "priv"]],
      ["dumpList", ["y", { publicKey: "PUB", privateKey: "PRIV" }]],
    ]);
    expect(JSON.stringify(events)).not.toContain("PRIV");
    expect(events).toEqual([
      { type: "instance.listUnread", list: "x", why: "the WMS has no list nothing" },
      { type: "instance.listChecked", list: "y" },
      { type: "instance.listUnread", list: "z", why: "panda_cache: wants <public>&<private>" },
    ]);
  });
});

describe("what is written of a list", () => {
  const stats = (activated: number) => ({ Q: { activated }, elsewhere: { activated: 9 } });

  it("the entries of own queues; an equal list is not written again", () => {
    const world = worldOf(configured({ Q: pull }));
    const first = read(world, { getJobStats: stats(3), getResourceTypes: [{ resource_name: "SCORE" }] });
    expect(first.events).toEqual([
      { type: "instance.listRead", list: "job_statistics.json", data: { Q: { activated: 3 } }, queues: 1 },
      { type: "instance.listRead", list: "resource_types.json", data: [{ resource_name: "SCORE" }] },
    ]);
    expect(first.records.every(({ shard }) => shard === 0)).toBe(true);
    const again = start + 1000 + 10 * minute;
    expect([due(world, "readLists", again), due(world, "readLists", again + 1)]).toEqual([false, true]);
    const lists = { getJobStats: { Q: { activated: 3 } }, getResourceTypes: [{ resource_name: "SCORE" }] };
    expect(read(world, lists, again + 1).events).toEqual([
      { type: "instance.listChecked", list: "job_statistics.json", queues: 1 },
      { type: "instance.listChecked", list: "resource_types.json" },
    ]);
    expect(due(world, "readLists", again + 10 * minute)).toBe(false);
    const later = again + 1 + 10 * minute + 1;
    expect(read(world, { ...lists, getJobStats: stats(4) }, later).events[0]).toMatchObject({
      type: "instance.listRead",
      data: { Q: { activated: 4 } },
    });
  });

  it("CRIC's entries also by nickname", () => {
    const cfg = { cacher: { data: ["panda_queues.json||http://cric/all"] } };
    const world = worldOf(configured({ Q: {} }, cfg));
    const entries = { A: { nickname: "Q", status: "online" }, B: { nickname: "B" }, C: "no entry" };
    read(world, { "panda_queues.json": entries });
    expect(world.instance.lists.get("panda_queues.json")?.data).toEqual({ A: entries.A });
  });

  it("a long list in pieces, which together are the list", () => {
    const queues = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`Q${i}`, {}]));
    const cfg = { cacher: { data: ["panda_queues.json||http://cric/all"] } };
    const world = worldOf(configured(queues, cfg));
    const cric = Object.fromEntries(Object.keys(queues).map((name) => [name, { status: "x".repeat(20_000) }]));
    const { events } = read(world, { "panda_queues.json": cric });
    expect(events.length).toBeGreaterThan(5);
    expect(Math.max(...events.map((event) => JSON.stringify(event).length))).toBeLessThan(200_000);
    expect(events.at(-1)).not.toHaveProperty("goesOn");
    expect(world.instance.lists.get("panda_queues.json")).toMatchObject({ data: cric, queues: 60 });
    expect(read(world, { "panda_queues.json": cric }, start + 11 * minute).events).toHaveLength(1);
  });

  it("nothing of one that is none, or has an entry that no record holds", () => {
    const world = worldOf(configured({ Q: pull }));
    const { events } = read(world, { getJobStats: { Q: "y".repeat(400_000) }, getResourceTypes: "text" });
    expect(events).toEqual([
      {
        type: "instance.listUnread",
        list: "job_statistics.json",
        why: "its entry Q has more than 393216 characters",
      },
      { type: "instance.listUnread", list: "resource_types.json", why: "what came has not the form of this list" },
    ]);
    const again = start + 1000 + minute;
    expect([due(world, "readLists", again), due(world, "readLists", again + 1)]).toEqual([false, true]);
  });

  it("is read again soon when there is another queue, and at once with another configuration", () => {
    const world = worldOf(configured({ Q: pull }));
    read(world, { getJobStats: stats(3), getResourceTypes: [] });
    const soon = start + 1000 + minute + 1;
    expect(due(world, "readLists", soon)).toBe(false);
    add(world, ...configured({ Q: pull, R: pull }).slice(2));
    expect([due(world, "readLists", soon - 1), due(world, "readLists", soon)]).toEqual([false, true]);
    add(world, ...configured({ Q: pull }, { cacher: { data: ["job_statistics.json||file:/x"] } }).slice(0, 1));
    expect(due(world, "readLists", start)).toBe(true);
  });
});

describe("planning waits", () => {
  const fresh = (queue: Record<string, unknown>, cfg = {}) =>
    worldOf(configured({ Q: queue }, cfg).filter(({ type }) => type !== "instance.workerIDsSeen"));
  const see = (world: World, said: Reply, now = start + 1000) =>
    drive(duty("seeWorkerIDs"), world, ["instance"], () => said, { now }).events;

  it("for the worker ids that the WMS has seen, as long as nobody answers", () => {
    const world = fresh({});
    expect([due(world, "planWorkers", start), due(world, "seeWorkerIDs", start)]).toEqual([false, true]);
    expect(see(world, threw("down"))).toEqual([{ type: "instance.listUnread", list: maxWorkerID, why: "down" }]);
    expect(due(world, "planWorkers", start + 9000)).toBe(false);
    const again = start + 1000 + minute;
    expect([due(world, "seeWorkerIDs", again), due(world, "seeWorkerIDs", again + 1)]).toEqual([false, true]);
    expect(see(world, answered({ ok: true, data: 41 }))).toEqual([{ type: "instance.workerIDsSeen", max: 41 }]);
    expect([due(world, "planWorkers", start), due(world, "seeWorkerIDs", again + 1)]).toEqual([true, false]);
  });

  it("no longer for a WMS that answers and cannot say, nor for a communicator that cannot ask", () => {
    const refused = fresh({});
    const said = [{ type: "instance.workerIDsSeen", max: 0, why: "no" }];
    expect(see(refused, answered({ ok: false, message: "no" }))).toEqual(said);
    expect(due(refused, "planWorkers", start)).toBe(true);
    expect(see(fresh({}), { ok: false, kind: "missing", why: "no", afterMs: 0 })).toEqual(said);
  });

  it("for each list of the queue to be asked for once, whatever comes of it", () => {
    const world = worldOf(configured({ Q: pull, R: {} }));
    const scheduler = new Scheduler(world);
    scheduler.placeAll();
    expect(scheduler.take("planWorkers", start, 9)).toEqual(["R"]);
    read(world, { getResourceTypes: [] });
    expect(world.instance.listLooks.get("job_statistics.json")?.how).toBe("trouble");
    scheduler.placeQueues();
    expect(scheduler.take("planWorkers", start, 9)).toEqual(["Q"]);
  });
});
