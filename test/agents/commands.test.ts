/**
 * What each command of the WMS does, and that one that cannot be read does nothing but complain.
 */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import { fold } from "../../src/projection.ts";
import type { World } from "../../src/world.ts";
import { command, complaintOf, holding, marked, now, obey } from "./commanding.ts";
import { configured, worldOf } from "./drive.ts";
import { prepared, worker } from "./lives.ts";

const workers = [
  ...configured({ Q: {}, R: {} }),
  ...prepared(1),
  ...worker(5, [1], "submitted", { settings: { computingElement: "ce1", submissionHost: "h1" } }),
  ...worker(9, [], "running", { settings: { computingElement: "ce2", submissionHost: "h1" } }),
  ...worker(13, [], "submitted", { queue: "R", settings: { computingElement: "ce1", submissionHost: "h2" } }),
  ...worker(17, [], "finished"),
  ...worker(21, [], "fed"),
];
describe("KILL_WORKERS and SYNC_WORKERS_KILL", () => {
  const all = { status: "ALL", computingSite: "ALL", computingElement: "ALL", submissionHost: "ALL" };
  it.each([
    ["submitted ones where no status is named", { ...all, status: undefined }, [5, 13]],
    ["all that have not ended, those that are being made too", all, [5, 9, 13, 21]],
    ["those of a queue", { ...all, computingSite: ["R"] }, [13]],
    ["those of a computing element", { ...all, computingElement: ["ce2"] }, [9]],
    ["those of a host and a status", { ...all, submissionHost: ["h1"], status: ["running", "submitted"] }, [5, 9]],
    ["none of another site", { ...all, computingSite: ["X"] }, []],
    ["none where a list is empty", { ...all, submissionHost: [] }, []],
    ["none where a key is missing", { status: "ALL", computingSite: "ALL", computingElement: "ALL" }, []],
  ] as const)("mark %s", (_name, params, expected) => {
    const world = holding(workers, command(1, "KILL_WORKERS", params));
    const { events } = obey(world);
    expect(marked(world)).toEqual(expected);
    expect(complaintOf(events)).toEqual([undefined]);
    expect(world.instance.commands.size).toBe(0);
  });

  it("mark workers by id, pass over those that are gone or have ended, and complain of the rest", () => {
    const world = holding(workers, command(1, "SYNC_WORKERS_KILL", [5, "9", 77, 17, 5, "x", 1.5]));
    const { events } = obey(world);
    expect(marked(world)).toEqual([5, 9]);
    expect(complaintOf(events)).toEqual(['SYNC_WORKERS_KILL: no workerIDs: ["x",1.5]']);
  });

  it.each([
    ["KILL_WORKERS", null],
    ["KILL_WORKERS", "ALL"],
    ["KILL_WORKERS", { ...all, status: "running" }],
    ["KILL_WORKERS_NOW", all],
    ["SYNC_WORKERS_KILL", { workers: [5] }],
    ["SET_N_WORKERS_JOBTYPE:Q", [3]],
    ["SET_N_WORKERS_JOBTYPE:Q", { managed: { SCORE: -1 } }],
    ["SET_N_WORKERS_JOBTYPE:Q", { managed: 3 }],
    ["SET_N_WORKERS_JOBTYPE:X", { managed: { SCORE: 1 } }],
    ["SET_N_WORKERS_JOBTYPE", { managed: { SCORE: 1 } }],
    ["REPORT_WORKER_STATS:X", null],
  ] as const)("and others that cannot be read are done with a complaint: %s %j", (text, params) => {
    const world = holding(workers, command(1, text, params), command(2, "SYNC_WORKERS_KILL", [9]));
    const { events } = obey(world);
    const complaints = complaintOf(events).filter((one) => one !== undefined);
    expect([complaintOf(events).length, complaints]).toEqual([2, [expect.stringMatching(/./)]]);
    expect(marked(world)).toEqual([9]);
    expect(Object.keys(world.queues.get("Q")?.ctx.ordered ?? {})).toEqual([]);
  });
});

describe("SET_N_WORKERS_JOBTYPE", () => {
  const ordered = (world: World, queue = "Q") => world.queues.get(queue)?.ctx.ordered;

  it("orders what it names, null as 0, and nothing of what was ordered before", () => {
    const world = holding(
      configured(),
      command(1, "SET_N_WORKERS_JOBTYPE:Q", { managed: { SCORE: 2, MCORE: null } }),
      command(2, "SET_N_WORKERS_JOBTYPE:Q", { user: { "A/B": 3 } }),
    );
    obey(world);
    expect(ordered(world)).toEqual({ "managed/SCORE": 0, "managed/MCORE": 0, "user/A/B": 3 });
  });

  it("cannot order a queue's own type, as in the original, and says so", () => {
    const world = holding(configured(), command(1, "SET_N_WORKERS_JOBTYPE:Q", { managed: { ANY: 3, SCORE: 1 } }));
    expect(complaintOf(obey(world).events)).toEqual([expect.stringContaining("managed/ANY is the queue's own type")]);
    expect(ordered(world)).toEqual({ "managed/SCORE": 1 });
  });

  it("changes at once only what is planned for already; the rest is seen in the next plan", () => {
    const planned: WindrowEvent = { type: "queue.planned", queue: "Q", plan: [], bound: "" };
    const world = worldOf(configured());
    const plannable = (at: number, ...events: WindrowEvent[]) => {
      fold(world, { shard: 1, seq: at, at, events });
      return world.queues.get("Q")?.ctx.plannable;
    };
    const order = (command_id: number, resourceType: string, n: number): WindrowEvent => ({
      type: "queue.workersOrdered",
      queue: "Q",
      orders: [{ jobType: "managed", resourceType, n }],
      command_id,
    });
    expect(plannable(1, planned, order(1, "SCORE", 1))).toEqual({});
    expect(plannable(2, planned, order(2, "MCORE", 2))).toEqual({ "managed/SCORE": 1 });
    expect(plannable(3, planned)).toEqual({ "managed/SCORE": 0, "managed/MCORE": 2 });
    expect(plannable(4, order(3, "MCORE", 5))).toEqual({ "managed/SCORE": 0, "managed/MCORE": 5 });
  });

  it("of a site goes to the queue that has the type, the queue of the resource type, or the first", () => {
    const queues = { A: { siteName: "S" }, B: { siteName: "S", resourceType: "MCORE" } };
    const world = holding(
      configured(queues),
      command(1, "SET_N_WORKERS_JOBTYPE:S", { managed: { SCORE: 1 }, user: { MCORE: 2 } }),
    );
    obey(world);
    expect([ordered(world, "A"), ordered(world, "B")]).toEqual([{ "managed/SCORE": 1 }, { "user/MCORE": 2 }]);
  });
});

describe("REPORT_WORKER_STATS", () => {
  it("makes the first queue of the site owe the counts", () => {
    const queues = { B: { siteName: "S" }, A: { siteName: "S" }, C: {} };
    const world = holding(configured(queues), command(1, "REPORT_WORKER_STATS:S"));
    expect(obey(world).events[0]).toEqual({ type: "queue.statsAsked", queue: "A" });
    expect(world.queues.get("A")?.ctx).toMatchObject({ statsAsked: true, stats: { at: now, how: "now" } });
  });
});
