/**
 * Inputs that several starting jobs want: which jobs have to decide one after the other, and who brings a file.
 */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import { preparator } from "../../src/agents/preparator.ts";
import type { World } from "../../src/world.ts";
import { answered, configured, drive, fetched, worldOf } from "./drive.ts";

const trigger = preparator.find(({ name }) => name === "triggerStageIn")!;

/** Jobs with their inputs, by lfn; `P` preparing, `T` to_prepare, `R` ready. */
function waiting(jobs: Readonly<Record<number, Readonly<Record<string, "P" | "T" | "R">>>>, cfg = {}): World {
  const statuses = { P: "preparing", T: "to_prepare", R: "ready" };
  return worldOf([
    ...configured({ Q: {} }, cfg),
    ...Object.entries(jobs).flatMap(([PandaID, files]): WindrowEvent[] => [
      fetched(Number(PandaID)),
      {
        type: "fileGroup.opened",
        group: `${PandaID}/in`,
        PandaID: Number(PandaID),
        direction: "in",
        endpoint: "EP",
        files: Object.entries(files).map(([lfn, status]) => ({ lfn, fileType: "input", status: statuses[status] })),
      },
    ]),
  ]);
}
const batches = (world: World) => trigger.batches?.(world, [...world.jobs.keys()]);
const statusOf = (world: World, PandaID: number, lfn: string) => world.filesOf(PandaID, "in")?.ctx.files[lfn]?.status;

describe("jobs decide one after the other (2.3)", () => {
  it.each([
    ["who wait for a file that nobody brings", { 1: { a: "P" }, 2: { a: "P" }, 3: { b: "T" } }, [[1, 2], [3]]],
    ["who are linked by another job", { 1: { a: "P" }, 2: { b: "P" }, 3: { a: "P", b: "P" } }, [[1, 2, 3]]],
    [
      "but not who wait for one that is being brought",
      { 1: { a: "T" }, 2: { a: "P" }, 3: { a: "P" } },
      [[1], [2], [3]],
    ],
    ["but not who wait for one that is there", { 1: { a: "R" }, 2: { a: "P" }, 3: { a: "P" } }, [[1], [2], [3]]],
    ["but not with different files", { 1: { a: "P" }, 2: { b: "P" } }, [[1], [2]]],
  ] as const)("%s", (_name, jobs, expected) => {
    expect(batches(waiting(jobs))).toEqual(expected);
  });

  it("and then one of them brings the file, and the others wait", () => {
    const world = waiting({ 1: { a: "P" }, 2: { a: "P" }, 3: { a: "P" } });
    const { calls } = drive(trigger, world, [1, 2, 3], () => answered({ ok: true, dialog: "" }));
    expect(calls.map(({ method, args }) => [method, "job" in args && args.job.data.PandaID])).toEqual([
      ["triggerPreparation", 1],
    ]);
    expect([1, 2, 3].map((id) => statusOf(world, id, "a"))).toEqual(["to_prepare", "preparing", "preparing"]);
    expect(world.jobs.get(2)?.state.life).toBe("fetched");
    expect(world.anomalies).toEqual([]);
  });

  it("each on its own where hundreds wait for one copy that is there", () => {
    const jobs = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [i + 2, { a: "P" as const }]));
    expect(batches(waiting({ 1: { a: "R" }, ...jobs }))).toHaveLength(301);
  });
});

it("a job waits for another one's file though it has one of its own to bring that is not due now (prep-077)", () => {
  const world = waiting({ 1: { a: "T" }, 2: { a: "P", b: "T" } }, { preparator: { maxFilesPerJobToPrepare: 1 } });
  const { calls, events } = drive(trigger, world, [2], () => answered({ ok: true, dialog: "" }));
  expect(calls).toEqual([]);
  expect(events).toEqual([{ type: "job.inputsAwaited", PandaID: 2 }]);
});
