/**
 * The command manager: registration and heartbeat; commands are in the log before anybody acts, done once whatever
 * crashes, and acknowledged only when they are done.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import type { Reply } from "../../src/agents/agent.ts";
import { type Folded, fold } from "../../src/projection.ts";
import type { World } from "../../src/world.ts";
import { command, dueAt, fine, holding, marked, now, obey, run } from "./commanding.ts";
import { answered, configured, threw, worldOf } from "./drive.ts";
import { worker } from "./lives.ts";

describe("registration and heartbeat (5)", () => {
  it("tells the start, the version, and which commands slave queues want", () => {
    const world = worldOf(
      configured({
        Q: { runMode: "slave", siteName: "S" },
        R: { runMode: "slave", siteName: "S", resourceType: "MCORE" },
        T: {},
      }),
    );
    expect(dueAt(world, "register")).toBe(Number.NEGATIVE_INFINITY);
    const { calls, records } = run("register", world, fine);
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"));
    const of = (text: string, resourceType: string) => ({ command: text, computingSite: "S", resourceType });
    expect(calls[0]?.args).toEqual({
      plain: [
        {
          startTime: now,
          sw_version: `windrow ${version}`,
          commands: [
            of("REPORT_WORKER_STATS", "ANY"),
            of("SET_N_WORKERS_JOBTYPE", "ANY"),
            of("SET_N_WORKERS_JOBTYPE", "MCORE"),
          ],
        },
      ],
    });
    expect(records.map(({ shard }) => shard)).toEqual([0]);
    expect(dueAt(world, "register")).toBeUndefined();
    expect(dueAt(world, "beat")).toBe(now + 600_001);
    expect(run("beat", world, fine).events).toEqual([{ type: "instance.beat" }]);
  });

  it.each([threw("down"), answered({ ok: false, message: "down" })])("is tried again without a yes", (reply) => {
    const world = worldOf(configured());
    expect(run("register", world, () => reply).events).toEqual([{ type: "instance.beatFailed", why: "down" }]);
    expect(dueAt(world, "register")).toBe(now + 60_001);
    expect(dueAt(world, "beat")).toBeUndefined();
  });

  it("is told anew with another configuration", () => {
    const world = worldOf(configured());
    run("register", world, fine);
    fold(world, { shard: 0, seq: 9000, at: now, events: configured().slice(0, 1) });
    expect(dueAt(world, "register")).toBe(Number.NEGATIVE_INFINITY);
  });
});

describe("taking commands (C36)", () => {
  it("asks again while full bulks come, each call intended before it is made", () => {
    const world = worldOf(configured({ Q: {} }, { commandmanager: { commands_bulk_size: 2 } }));
    const kills = [1, 2, 3].map((n) => command(n, "KILL_WORKERS", {}, n === 3 ? 0 : 1));
    const { calls, records } = run("getCommands", world, (_call, n) =>
      answered({ ok: true, data: n === 0 ? kills.slice(0, 2) : kills.slice(2) }),
    );
    expect(calls.map(({ args }) => args)).toEqual([{ plain: [2] }, { plain: [2] }]);
    expect(records.map(({ shard, events }) => [shard, ...events.map(({ type }) => type)])).toEqual([
      [0, "call.intended"],
      [0, "instance.commandsReceived", "call.returned"],
      [0, "call.intended"],
      [0, "instance.commandsReceived", "call.returned"],
    ]);
    expect(
      [...world.instance.commands.values()].map(({ command_id, receiver, ack }) => [command_id, receiver, ack]),
    ).toEqual([
      [1, "sweeper", true],
      [2, "sweeper", true],
      [3, "sweeper", false],
    ]);
    expect(world.calls.size).toBe(0);
  });

  it("ends with a server that never does", () => {
    const world = worldOf(configured({ Q: {} }, { commandmanager: { commands_bulk_size: 1 } }));
    const { calls } = run("getCommands", world, (_call, n) =>
      answered({ ok: true, data: [command(n + 1, "KILL_WORKERS")] }),
    );
    expect(calls).toHaveLength(50);
  });

  it("finds the receiver by the beginning and drops by name what nobody obeys", () => {
    const world = holding(
      configured(),
      command(1, "REPORT_WORKER_STATS:Q"),
      command(2, "SET_N_WORKERS_JOBTYPE:Q"),
      command(3, "SYNC_WORKERS_KILL"),
      command(0, "unreadable: ?"),
      command(0, "RESTART"),
    );
    expect([...world.instance.commands.values()].map(({ receiver }) => receiver)).toEqual([
      "propagator",
      "submitter",
      "sweeper",
    ]);
    const { events } = run("getCommands", world, () => answered({ ok: true, data: [command(7, "RESTART")] }));
    expect(events[1]).toEqual({ type: "instance.commandsReceived", commands: [], dropped: ["RESTART"] });
  });

  it("takes a repeated command once, whether it is pending or done", () => {
    const again = [command(1, "KILL_WORKERS", {}), command(1, "KILL_WORKERS", {})];
    const world = holding(configured(), ...again);
    expect(world.instance.commands.size).toBe(1);
    run("getCommands", world, () => answered({ ok: true, data: again }));
    expect(world.instance.commands.size).toBe(1);
    obey(world);
    run("getCommands", world, () => answered({ ok: true, data: again }));
    expect(world.instance.commands.size).toBe(0);
    expect([...world.instance.toAcknowledge]).toEqual([1]);
  });

  it.each([
    ["nothing came", answered({ ok: true, data: [] }), ["instance.commandsAsked", "call.returned"]],
    ["it was refused", answered({ ok: false, message: "no" }), ["instance.commandsTroubled", "call.returned"]],
    ["it threw", threw(), ["instance.commandsTroubled", "call.threw", "call.settled"]],
  ] as const)("asks again after sleepTime where %s", (_name, reply, types) => {
    const world = worldOf(configured());
    const { events } = run("getCommands", world, () => reply as Reply);
    expect(events.slice(1).map(({ type }) => type)).toEqual(types);
    expect(world.calls.size).toBe(0);
    expect(dueAt(world, "getCommands")).toBe(now + 5001);
  });
});

describe("done, then acknowledged (C13, C29, C33, C37)", () => {
  const placed: WindrowEvent[] = [
    ...configured({ Q: {}, R: {} }),
    { type: "instance.queuePlaced", queue: "R", shard: 2 },
    ...worker(5, [], "running"),
    ...worker(6, [], "running", { queue: "R" }),
  ];
  const three = [
    command(1, "SYNC_WORKERS_KILL", [5, 6]),
    command(2, "SET_N_WORKERS_JOBTYPE:Q", { managed: { SCORE: 2 } }),
    command(3, "REPORT_WORKER_STATS:Q", null, 0),
  ];

  it("records the effect in its shards before the command is done in the control shard", () => {
    const { records } = obey(holding(placed, ...three));
    expect(records.map(({ shard, events }) => [shard, ...events.map(({ type }) => type)])).toEqual([
      [1, "worker.killMarked"],
      [2, "worker.killMarked"],
      [0, "instance.commandDone"],
      [1, "queue.workersOrdered"],
      [0, "instance.commandDone"],
      [1, "queue.statsAsked"],
      [0, "instance.commandDone"],
    ]);
  });

  it("repeats nothing that a crash interrupted, wherever it did", () => {
    const whole = holding(placed, ...three);
    const { records } = obey(whole);
    for (let cut = 0; cut <= records.length; cut++) {
      const world = holding(placed, ...three);
      const replay = (record: (typeof records)[number], seq: number): Folded => ({
        ...record,
        seq: 3000 + seq,
        at: now,
      });
      records.slice(0, cut).forEach((record, seq) => {
        fold(world, replay(record, seq));
      });
      // A worker that was ordered is submitted before the command is taken up again: it is not ordered once more.
      const submitted = cut >= 4 ? worker(25, [], "submitted") : [];
      fold(world, { shard: 1, seq: 4000, at: now, events: submitted });
      obey(world);
      expect(marked(world)).toEqual([5, 6]);
      expect(world.queues.get("Q")?.ctx.ordered).toEqual({ "managed/SCORE": cut >= 4 ? 1 : 2 });
      expect(world.queues.get("Q")?.ctx.statsAsked).toBe(true);
      expect([...world.instance.toAcknowledge]).toEqual([1, 2]);
      expect(world.instance.commands.size).toBe(0);
    }
  });

  it("acknowledges only what is done and wants it, until the WMS took it", () => {
    const world = holding(placed, ...three);
    expect(dueAt(world, "ackCommands")).toBeUndefined();
    expect(run("ackCommands", world).calls).toEqual([]);
    obey(world);
    expect(dueAt(world, "ackCommands")).toBe(Number.NEGATIVE_INFINITY);
    expect(run("ackCommands", world, () => threw("down")).events).toEqual([
      { type: "instance.acknowledgementTroubled", why: "down" },
    ]);
    expect(dueAt(world, "ackCommands")).toBe(now + 5001);
    const { calls } = run("ackCommands", world, fine);
    expect(calls[0]?.args).toEqual({ plain: [[1, 2]] });
    expect(world.instance.toAcknowledge.size).toBe(0);
    expect(dueAt(world, "ackCommands")).toBeUndefined();
    expect([dueAt(world, "obey"), dueAt(world, "obeyKills")]).toEqual([undefined, undefined]);
  });

  it("looks at every worker once a command, whatever is pending", () => {
    const world = holding(placed, command(1, "KILL_WORKERS", { computingSite: "ALL" }), command(2, "KILL_WORKERS", {}));
    let looks = 0;
    const { values } = world.workers;
    world.workers.values = function counted(this: World["workers"]) {
      looks += 1;
      return values.call(this);
    };
    obey(world);
    expect(looks).toBe(2);
  });
});
