/**
 * Transfer groups across jobs: what a plug-in did to them stands whatever it answered, and reaches files of other jobs.
 */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import type { GroupChange, Reply } from "../../src/agents/agent.ts";
import { preparator } from "../../src/agents/preparator.ts";
import { stager } from "../../src/agents/stager.ts";
import type { World } from "../../src/world.ts";
import { answered, configured, drive, fetched, start, threw, worldOf } from "./drive.ts";

const at = start + 1000;
const files = (PandaID: number, direction: "in" | "out", ...lfns: readonly string[]): WindrowEvent => ({
  type: "fileGroup.opened",
  group: `${PandaID}/${direction}`,
  PandaID,
  direction,
  endpoint: "EP",
  files: lfns.map((lfn) => ({
    lfn,
    fileType: direction === "in" ? "input" : "output",
    status: direction === "in" ? "triggered" : "transferring",
  })),
});
const preparing = (PandaID: number): WindrowEvent => ({ type: "job.preparationTriggered", PandaID });

/** Jobs 1 and 2 of one queue share f; job 3 is of another shard. */
function given(...more: readonly WindrowEvent[]): World {
  const jobs = [1, 2, 3].map((id) => fetched(id, id === 3 ? { queue: "R" } : {}));
  const world = worldOf([
    ...configured({ Q: {}, R: {} }),
    { type: "instance.queuePlaced", queue: "R", shard: 2 },
    ...jobs,
    ...[1, 2, 3].map((id) => files(id, "in", "f", `f${id}`)),
    preparing(1),
    preparing(2),
    ...more,
  ]);
  expect(world.shardOf("R")).toBe(2);
  return world;
}

const groupsOf = (world: World) =>
  Object.fromEntries(
    [...world.fileGroups].flatMap(([id, { ctx }]) =>
      Object.entries(ctx.files).flatMap(([key, { groupID, groupStatus, groupUpdateAt }]) =>
        groupID === undefined ? [] : [[`${id} ${key}`, [groupID, groupStatus, groupUpdateAt]]],
      ),
    ),
  );

function check(world: World, reply: Reply): void {
  drive(preparator[0]!, world, [1], () => reply, { now: at });
  expect(world.anomalies).toEqual([]);
}
const says = (ok: boolean | null, ...groups: readonly GroupChange[]): Reply => ({
  ...answered({ ok, dialog: "" }),
  groups,
});
const put: GroupChange = { lfns: ["f"], groupID: "T", groupStatus: "running" };

describe("transfer groups across jobs (2.5)", () => {
  it("hold every file of the name in the shard, also of other jobs, and nothing else", () => {
    const world = given();
    check(world, says(null, put));
    expect(groupsOf(world)).toEqual({ "1/in f": ["T", "running", at], "2/in f": ["T", "running", at] });
  });

  it("change their status, not their time, wherever their files are", () => {
    const world = given();
    check(world, says(null, put));
    drive(preparator[0]!, world, [2], () => says(null, { groupID: "T", groupStatus: "done" }), { now: at + 9000 });
    expect(groupsOf(world)).toEqual({ "1/in f": ["T", "done", at], "2/in f": ["T", "done", at] });
  });

  it("follow several changes of one call in their order", () => {
    const world = given();
    const changes = [
      { groupID: "T", groupStatus: "unseen" },
      put,
      { groupID: "T", groupStatus: "half" },
      { lfns: ["f2"], groupID: "U", groupStatus: "new" },
      { groupID: "other", groupStatus: "done" },
    ];
    check(world, says(null, ...changes));
    expect(groupsOf(world)).toEqual({
      "1/in f": ["T", "half", at],
      "2/in f": ["T", "half", at],
      "2/in f2": ["U", "new", at],
    });
  });

  for (const ok of [true, false, null]) {
    it(`stand when the plug-in says ${ok}`, () => {
      const world = given();
      check(world, says(ok, put));
      expect(groupsOf(world)).toMatchObject({ "1/in f": ["T", "running", at], "2/in f": ["T", "running", at] });
    });
  }

  it("reach files of a job that has ended, and leave a plug-in alone that has none", () => {
    const world = given({ type: "job.killed", PandaID: 2, error: { code: 1144, diag: "killed" } });
    expect(world.fileGroups.get("2/in")!.state.life).toBe("released");
    check(world, says(null, put));
    expect(groupsOf(world)).toHaveProperty("2/in f");
    const before = groupsOf(world);
    check(world, threw());
    check(world, answered({ ok: null, dialog: "" }));
    expect(groupsOf(world)).toEqual(before);
  });

  it("come with a copy that another job has: the newest that has not failed", () => {
    const ready = (PandaID: number, lfn: string, groupID: string, groupStatus: string, groupUpdateAt: number) => ({
      type: "fileGroup.advanced" as const,
      group: `${PandaID}/in`,
      patches: [{ key: lfn, set: { status: "ready", path: `/${PandaID}`, groupID, groupStatus, groupUpdateAt } }],
    });
    const shared: WindrowEvent = {
      type: "fileGroup.opened",
      group: "4/in",
      PandaID: 4,
      direction: "in",
      endpoint: "EP",
      files: [{ lfn: "f", fileType: "input", status: "preparing" }],
    };
    const found = [ready(1, "f", "A", "done", 5), ready(2, "f", "B", "failed", 7), ready(3, "f", "C", "done", 6)];
    const world = given(...found, fetched(4), shared);
    const { calls } = drive(preparator[1]!, world, [4], () => says(true), { now: at });
    const copy = { path: "/1", groupID: "C", groupStatus: "done", groupUpdateAt: 6 };
    expect(calls).toMatchObject([{ args: { job: { in: [{ lfn: "f", status: "ready", ...copy }] } } }]);
    expect(world.fileGroups.get("4/in")!.ctx.files["f"]).toMatchObject({ status: "ready", ...copy });
    expect(world.anomalyCount).toBe(0);
  });

  it("are set at the trigger and by stagers too", () => {
    const world = given(files(1, "out", "o"), files(2, "out", "o"), fetched(4), files(4, "in", "f4"));
    drive(preparator[1]!, world, [4], () => says(null, { ...put, lfns: ["f4"] }), { now: at });
    const toTransfer: WindrowEvent[] = [
      { type: "job.stageInConfirmed", PandaID: 1 },
      { type: "job.prepared", PandaID: 1 },
      { type: "job.bound", PandaID: 1, workerID: 5 },
      { type: "job.submitted", PandaID: 1, workerID: 5 },
      { type: "job.ended", PandaIDs: [1], verdict: "finished" },
    ];
    const staging = given(files(1, "out", "o"), files(2, "out", "o"), ...toTransfer);
    drive(stager[0]!, staging, [1], () => says(null, { ...put, lfns: ["o"] }), { now: at });
    expect(Object.keys(groupsOf(world))).toEqual(["4/in f4"]);
    expect(Object.keys(groupsOf(staging))).toEqual(["1/out o", "2/out o"]);
    expect([world.anomalyCount, staging.anomalyCount]).toEqual([0, 0]);
  });
});
