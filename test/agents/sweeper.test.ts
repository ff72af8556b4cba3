/**
 * The sweeper clears away what has ended and is known to the WMS: jobs only when no other worker stands for them, files
 * only when no other job needs them.
 */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import type { Call, Reply } from "../../src/agents/agent.ts";
import { freeze, thaw } from "../../src/frozen.ts";
import { fold } from "../../src/projection.ts";
import { World } from "../../src/world.ts";
import { answered, configured, drive, fetched, start, threw, worldOf } from "./drive.ts";
import { prepared, stored, worker } from "./lives.ts";
import { bulk, due, duty, later, made, no, now, yes } from "./sweeping.ts";

describe("cleaning (3.9)", () => {
  const sweepWorkers = duty("sweepWorkers");
  const closed: WindrowEvent[] = [
    { type: "job.closed", PandaIDs: [1] },
    { type: "worker.closed", workerIDs: [5] },
  ];
  const over = [...configured(), ...prepared(1), ...worker(5, [1], "finished"), ...stored(1), ...closed];
  const fine = ({ method }: Call): Reply => answered(method === "killWorkers" ? [yes] : yes);
  const sweep = (world: World, answer: (call: Call) => Reply = fine, ids = [5]) => {
    const driven = drive(sweepWorkers, world, ids, answer, bulk);
    expect(world.anomalies).toEqual([]);
    return driven;
  };

  it("kills once more, sweeps, removes the directory, and forgets worker, job and files", () => {
    const world = worldOf(over);
    expect(due(world, "sweepWorkers", 5)).toBe(start + 24 * 3_600_000);
    const { calls } = sweep(world);
    expect(made(calls)).toEqual([
      ["sweeper", "killWorkers", [5]],
      ["sweeper", "sweepWorker", [5]],
      ["messenger", "cleanUp", [5]],
    ]);
    expect([world.workers.size, world.jobs.size, world.fileGroups.size]).toEqual([0, 0, 0]);
  });

  it.each([
    ["sweep says false", no, yes, "fatal", 3],
    ["sweep says later", later, yes, "later", 3],
    ["sweep throws", threw("boom"), yes, "boom", 2],
    ["the directory cannot be removed", yes, threw("busy"), "busy", 3],
  ] as const)("tries again in an hour where %s", (_name, swept, cleaned, why, nCalls) => {
    const world = worldOf(over);
    const reply = (one: typeof yes | Reply): Reply => ("kind" in one ? one : answered(one));
    const { calls, events } = sweep(world, (call) => {
      if (call.method === "killWorkers") return threw("no matter");
      return reply((call.method === "sweepWorker" ? swept : cleaned) as Reply);
    });
    expect(calls).toHaveLength(nCalls);
    expect(events).toEqual([
      { type: "worker.killTroubled", workerIDs: [5], why: "no matter" },
      { type: "worker.sweepPostponed", workerIDs: [5], why },
    ]);
    expect(due(world, "sweepWorkers", 5)).toBe(Math.max(start + 24 * 3_600_000, now + 3_600_000));
  });

  it("does not care what the messenger says after it", () => {
    const world = worldOf(over);
    sweep(world, (call) => (call.method === "cleanUp" ? answered(no) : fine(call)));
    expect(world.workers.size).toBe(0);
  });

  it("waits for a job that is not reported to its end, and goes on with the others", () => {
    const world = worldOf([
      ...over,
      ...prepared(2),
      ...worker(9, [2], "finished"),
      { type: "worker.closed", workerIDs: [9] },
    ]);
    const { calls, events } = sweep(world, fine, [9, 5]);
    expect(made(calls).map(([, method]) => method)).toEqual(["killWorkers", "sweepWorker", "cleanUp"]);
    expect(events[0]).toEqual({
      type: "worker.sweepPostponed",
      workerIDs: [9],
      why: "job 2 is not reported to its end",
    });
    expect([...world.workers.keys(), ...world.jobs.keys()]).toEqual([9, 2]);
  });

  it("keeps a job until the last of its workers is swept", () => {
    const many = { mapType: "OneToMany" };
    const world = worldOf([
      ...configured(),
      ...prepared(1),
      ...worker(9, [1], "submitted", many),
      ...worker(5, [1], "finished", many),
      ...stored(1),
      ...closed,
    ]);
    expect(world.jobs.get(1)?.ctx.workers).toEqual([9, 5]);
    sweep(world);
    expect([...world.workers.keys(), ...world.jobs.keys()]).toEqual([9, 1]);
    fold(world, {
      shard: 1,
      seq: 5000,
      at: now,
      events: [
        {
          type: "worker.looked",
          queue: "Q",
          workers: [{ workerID: 9, status: "finished", checked: true }],
          unchanged: [],
        },
        { type: "worker.closed", workerIDs: [9] },
      ],
    });
    sweep(world, fine, [9]);
    expect([world.workers.size, world.jobs.size]).toEqual([0, 0]);
  });

  it("of a worker that could not be submitted neither waits for its job nor takes it away", () => {
    const world = worldOf([
      ...configured(),
      ...prepared(1),
      ...worker(5, [1], "submitting"),
      { type: "worker.missed", workerID: 5, error: { code: 1110, diag: "no" }, dialog: "later" },
      { type: "job.submissionPostponed", PandaID: 1, workerID: 5, attempts: 1, limit: 3 },
      { type: "worker.closed", workerIDs: [5] },
    ]);
    sweep(world);
    expect([world.workers.size, world.jobs.get(1)?.state.life]).toEqual([0, "prepared"]);
  });

  it("takes both jobs of a worker with it", () => {
    const many = { mapType: "ManyToOne" };
    const world = worldOf([
      ...configured(),
      ...prepared(1),
      ...prepared(2),
      ...worker(5, [1, 2], "finished", many),
      ...stored(1),
      ...stored(2),
      { type: "job.closed", PandaIDs: [1, 2] },
      { type: "worker.closed", workerIDs: [5] },
    ]);
    sweep(world);
    expect([world.workers.size, world.jobs.size]).toEqual([0, 0]);
  });

  const input = { lfn: "in.1", fsize: 1, guid: "g", checksum: "c", scope: "s", dataset: "d", endpoint: "EP" };
  const opened = (PandaID: number): WindrowEvent => ({
    type: "fileGroup.opened",
    PandaID,
    group: `${PandaID}/in`,
    direction: "in",
    endpoint: "EP",
    files: [{ lfn: "in.1", fileType: "input", status: "ready" }],
  });

  it("hands over the files that no unfinished job needs", () => {
    const facts = { inputs: [input] };
    const first = [opened(1), ...prepared(1, facts), ...worker(5, [1], "finished"), ...stored(1), ...closed];
    const filesOf = (world: World) => {
      const { calls } = sweep(world);
      const args = calls.find(({ method }) => method === "sweepWorker")?.args;
      const jobs = args && "worker" in args ? args.worker.jobs : undefined;
      return jobs?.flatMap((job) => [...job.in, ...job.out]).map(({ lfn, todelete }) => [lfn, todelete]);
    };
    expect(filesOf(worldOf([...configured(), ...first]))).toEqual([["in.1", true]]);
    const shared = worldOf([...configured(), opened(2), ...prepared(2, facts), ...worker(9, [2], "running"), ...first]);
    expect(shared.neededInputs).toEqual(new Map([["in.1", 1]]));
    const again = new World();
    thaw(freeze(shared), again);
    expect(again.neededInputs).toEqual(shared.neededInputs);
    expect(filesOf(shared)).toEqual([]);
    fold(shared, { shard: 1, seq: 5000, at: now, events: [{ type: "job.superseded", PandaID: 2 }] });
    expect(shared.neededInputs.size).toBe(0);
  });

  it("is the same after a crash between sweep and record", () => {
    const [one, other] = [worldOf(over), worldOf(over)];
    expect(sweep(one).events).toEqual(sweep(other).events);
  });
});

describe("old jobs (1.12)", () => {
  const forgetJobs = duty("forgetJobs");
  const refused: WindrowEvent = {
    type: "job.preparationRefused",
    PandaID: 1,
    error: { code: 1099, diag: "no" },
    dialog: "no",
  };
  const keepMs = 73 * 3_600_000;

  it("that are done are forgotten an hour after the longest keep time", () => {
    const world = worldOf([...configured(), fetched(1), refused, fetched(2), { type: "job.closed", PandaIDs: [1] }]);
    expect(due(world, "forgetJobs", 1)).toBe(start + keepMs + 1);
    expect(due(world, "forgetJobs", 2)).toBeUndefined();
    drive(forgetJobs, world, [1, 2], () => threw());
    expect([...world.jobs.keys()]).toEqual([2]);
    expect(world.anomalies).toEqual([]);
  });

  it("stay while a worker of them is alive", () => {
    const world = worldOf([
      ...configured(),
      ...prepared(1),
      ...worker(5, [1], "running", { mapType: "ManyToOne" }),
      { type: "job.ended", PandaIDs: [1], verdict: "finished" },
      ...stored(1),
      { type: "job.closed", PandaIDs: [1] },
    ]);
    expect(drive(forgetJobs, world, [1], () => threw()).events).toEqual([
      { type: "job.kept", PandaIDs: [1], why: "a worker of it is alive" },
    ]);
    expect(due(world, "forgetJobs", 1)).toBe(now + keepMs + 1);
    expect(world.anomalies).toEqual([]);
  });
});
