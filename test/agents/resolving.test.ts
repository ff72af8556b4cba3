/** A crash between the parts of a long record may leave a job resolving; it is looked at again and goes on. */
import { describe, expect, it } from "vitest";
import { preparator } from "../../src/agents/preparator.ts";
import { rules } from "../../src/rules.ts";
import { answered, configured, drive, fetched, worldOf } from "./drive.ts";

const check = preparator.find(({ name }) => name === "checkStageIn")!;
const resolving = () =>
  worldOf([
    ...configured(),
    fetched(1),
    { type: "job.preparationTriggered", PandaID: 1 },
    { type: "job.stageInConfirmed", PandaID: 1 },
  ]);

describe("a job that is resolving", () => {
  it("is due", () => {
    const world = resolving();
    expect(world.jobs.get(1)?.state.life).toBe("resolving");
    const rule = rules.find(({ name }) => name === "checkStageIn");
    expect(rule?.place(world, world.jobs.get(1) as never, 1 as never)).not.toBeNull();
  });

  it.each([
    ["is prepared when check and paths say yes", [true, true], "prepared"],
    ["waits when the check says later", [null], "preparing"],
    ["fails when the check says never", [false], "failedToPrepare"],
    ["waits when there are no paths", [true, false], "preparing"],
  ] as const)("%s", (_name, says, life) => {
    const world = resolving();
    drive(check, world, [1], (_call, n) => answered({ ok: says[n] ?? null, dialog: "d" }));
    expect(world.jobs.get(1)?.state.life).toBe(life);
    expect(world.anomalies).toEqual([]);
  });
});
