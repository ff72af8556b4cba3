/**
 * When each duty is due, rule by rule, against the table of lifecycle 0.3: `interval` after the activity's own
 * interval, `trouble` after the section's lockInterval, `now` at once, never tried before all others.
 */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import type { Look } from "../../machines/look.ts";
import { instanceID, queuedOf, rules } from "../../src/rules.ts";
import { Scheduler } from "../../src/scheduler.ts";
import type { World } from "../../src/world.ts";
import { configured, fetched, start, worldOf } from "../agents/drive.ts";
import { looked, opened } from "../projection/story.ts";
import { cfg, command, due, hour, worldAt } from "./due.ts";

type JobLook = "prepare" | "submit" | "stage" | "report";
type WorkerLook = "prepare" | "check" | "report" | "kill" | "feed";
const job = (name: JobLook) => (world: World, look: Look) => {
  world.jobs.get(1)!.ctx[name] = look;
};
const worker = (name: WorkerLook) => (world: World, look: Look) => {
  world.workers.get(4)!.ctx[name] = look;
};
const queue = (name: "fetch" | "submit" | "stats") => (world: World, look: Look) => {
  world.queues.get("Q")!.ctx[name] = look;
};
const instance = (name: "beat" | "commandsLook" | "acknowledgeLook") => (world: World, look: Look) => {
  world.instance[name] = look;
};

interface Row {
  readonly rule: string;
  readonly world: () => World;
  readonly look: (world: World, look: Look) => void;
  readonly id: number | string;
  /** Seconds. */
  readonly interval: number;
  readonly lockInterval: number;
}
const row = (
  rule: string,
  world: () => World,
  look: Row["look"],
  id: number | string,
  [interval, lockInterval]: readonly [number, number],
): Row => ({ rule, world, look, id, interval, lockInterval });

const wantsEvents = looked("running", { eventsRequest: { nRanges: 2 } });

const rows: readonly Row[] = [
  row("fetchJobs", () => worldAt(null), queue("fetch"), "Q", [11, 11]),
  row("planWorkers", () => worldAt(null), queue("submit"), "Q", [21, 24]),
  row("tellWorkerStats", () => worldAt(null), queue("stats"), "Q", [300, 300]),
  row("triggerStageIn", () => worldAt("fetched"), job("prepare"), 1, [32, 33]),
  row("checkStageIn", () => worldAt("triggered"), job("prepare"), 1, [31, 33]),
  row("submitJobs", () => worldAt("prepared"), job("submit"), 1, [22, 23]),
  row("triggerStageOut", () => worldAt("ended"), job("stage"), 1, [52, 53]),
  row("checkStageOut", () => worldAt("transferring"), job("stage"), 1, [51, 53]),
  row("zipOutput", () => worldAt("running", opened("out", { o: "zipping" })), job("stage"), 1, [61, 62]),
  row("postZipOutput", () => worldAt("running", opened("out", { o: "post_zipping" })), job("stage"), 1, [61, 62]),
  row("tellJobs", () => worldAt("running"), job("report"), 1, [71, 72]),
  row("tellWorkers", () => worldAt("running"), worker("report"), 4, [71, 71]),
  row("feedWorkers", () => worldAt("made"), worker("prepare"), 4, [0, 0]),
  row("submitWorkers", () => worldAt("fed"), worker("prepare"), 4, [0, 0]),
  row("lookAtWorkers", () => worldAt("submitted"), worker("check"), 4, [41, 42]),
  row(
    "killWorkers",
    () => worldAt("running", { type: "worker.killMarked", workerIDs: [4], why: "" }),
    worker("kill"),
    4,
    [91, 91],
  ),
  row("feedEvents", () => worldAt("submitted", wantsEvents), worker("feed"), 4, [81, 81]),
  row("register", () => worldAt(null), instance("beat"), instanceID, [600, 60]),
  row("beat", () => worldAt(null, { type: "instance.registered" }), instance("beat"), instanceID, [600, 60]),
  row("getCommands", () => worldAt(null), instance("commandsLook"), instanceID, [101, 101]),
  row(
    "ackCommands",
    () => worldAt(null, command("sweeper"), { type: "instance.commandDone", command_id: 1 }),
    instance("acknowledgeLook"),
    instanceID,
    [101, 101],
  ),
];

describe("an activity that was tried", () => {
  it.each(rows)("$rule is due again when more than its interval has passed", ({ rule, world, look, id, ...waits }) => {
    for (const [how, seconds] of [
      ["interval", waits.interval],
      ["trouble", waits.lockInterval],
    ] as const) {
      const given = world();
      look(given, { at: start, how });
      const last = start + seconds * 1000;
      expect([how, due(given, rule, last)]).toEqual([how, []]);
      expect([how, due(given, rule, last + 1)]).toEqual([how, [id]]);
    }
  });

  it.each(rows)("$rule is due at once where the World says now, or where it was never tried", ({ rule, ...given }) => {
    for (const at of [start, null]) {
      const world = given.world();
      given.look(world, { at, how: "now" });
      expect(due(world, rule, start - 1)).toEqual([given.id]);
    }
  });

  it("waits for lockInterval of the submitter where the queue has none of its own", () => {
    const world = worldAt(null);
    world.settings.submitter.queueLockInterval = null;
    queue("submit")(world, { at: start, how: "trouble" });
    expect([due(world, "planWorkers", start + 23_000), due(world, "planWorkers", start + 23_001)]).toEqual([[], ["Q"]]);
  });

  it("is in the table, or has a test in concerned.test.ts", () => {
    // Tested in test/agents/cacher.test.ts, logUploader.test.ts and dialogs.test.ts.
    const ofLists = ["seeWorkerIDs", "readLists", "uploadLogs", "tellDialogs"];
    const elsewhere = ["feedAsking", "sweepWorkers", "forgetJobs", "recoverCalls", "obey", "obeyKills", ...ofLists];
    expect(rules.map(({ name }) => name).toSorted()).toEqual(
      [...rows.map(({ rule }) => rule), ...elsewhere].toSorted(),
    );
  });
});

/** A job of the queue that waits for a worker. */
const waiting = (PandaID: number, facts: Record<string, unknown> = {}): WindrowEvent[] => [
  fetched(PandaID, facts),
  { type: "job.preparationTriggered", PandaID },
  { type: "job.stageInConfirmed", PandaID },
  { type: "job.prepared", PandaID },
];

describe("of several that are due", () => {
  it("what was never tried goes first, then what is due at once, then the oldest try", () => {
    const world = worldAt(null, ...[1, 2, 3, 4, 5].map((PandaID) => fetched(PandaID)));
    const looks: Look[] = [
      { at: start + 5, how: "interval" },
      { at: start, how: "interval" },
      { at: start + 9, how: "now" },
      { at: null, how: "now" },
      { at: start - 9_000_000, how: "trouble" },
    ];
    for (const [i, look] of looks.entries()) world.jobs.get(i + 1)!.ctx.report = look;
    expect(due(world, "tellJobs", start + hour)).toEqual([4, 5, 3, 2, 1]);
  });

  it("jobs get workers by priority, task and PandaID, whenever they were tried (6.5)", () => {
    const world = worldAt(
      null,
      ...waiting(1, { priority: 100, taskID: 2 }),
      ...waiting(2, { priority: 900, taskID: 8 }),
      ...waiting(3, { priority: 100, taskID: 1 }),
      ...waiting(4, { priority: 900, taskID: 8 }),
      ...waiting(5, { priority: 100, taskID: null }),
    );
    world.jobs.get(2)!.ctx.submit = { at: start, how: "interval" };
    expect(due(world, "submitJobs", start + hour)).toEqual([2, 4, 5, 3, 1]);
  });

  it("jobs of other queues, and those that wait for a worker that asks, stand in queues of their own (3.8)", () => {
    const world = worldOf([
      ...configured({ Q: {}, R: {} }, cfg),
      ...waiting(1),
      ...waiting(2, { queue: "R" }),
      ...waiting(3),
      { type: "job.bound", PandaID: 3, workerID: 4 },
      { type: "job.queued", PandaID: 3, workerID: 4 },
    ]);
    expect(world.anomalies).toEqual([]);
    const scheduler = new Scheduler(world);
    scheduler.placeAll();
    const take = (partition: string) => scheduler.take("submitJobs", start + hour, 9, partition);
    expect([take("Q"), take("R"), take(queuedOf("Q")), take("")]).toEqual([[1], [2], [3], []]);
  });
});
