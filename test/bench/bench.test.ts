/** The benchmarks compare as they say, and their command answers. What they measure is not asserted here. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { compare, inTemporary } from "./figure.ts";
import { benchReplay } from "./replay.ts";

const run = promisify(execFile);
const script = join(import.meta.dirname, "bench.ts");

describe("compare", () => {
  it("measures both sides in turn, three times, and takes the medians", async () => {
    const turns: string[] = [];
    const result = await compare(
      async (round) => {
        turns.push(`ours ${round}`);
        return { perSecond: [40, 1000, 20][round - 1] ?? 0 };
      },
      ({ perSecond }) => {
        turns.push(`raw after ${perSecond}`);
        return 2 * perSecond + 20;
      },
    );
    expect(turns).toEqual(["ours 1", "raw after 40", "ours 2", "raw after 1000", "ours 3", "raw after 20"]);
    expect(result).toEqual({ value: 40, ratio: 40 / 100 });
  });
});

it("a temporary directory goes, also after trouble", async () => {
  let seen = "";
  const work = inTemporary(async (dir) => {
    seen = dir;
    expect(existsSync(dir)).toBe(true);
    throw new Error("boom");
  });
  await expect(work).rejects.toThrow("boom");
  expect(existsSync(seen)).toBe(false);
});

it("whole lives are led and replayed: every job is done, and no machine is surprised", async () => {
  // It throws where a job is not done, or a machine does not know an event.
  const { name, unit, value, ratio, limit } = await benchReplay(50);
  expect({ name, unit, limit }).toEqual({ name: "replay", unit: "records/s", limit: 0.25 });
  expect(value).toBeGreaterThan(0);
  expect(ratio).toBeGreaterThan(0);
});

describe("the command", () => {
  it("--help names the benchmarks", async () => {
    const { stdout } = await run(process.execPath, [script, "--help"]);
    expect(stdout).toMatch(/--json/);
    expect(stdout).toMatch(/"append".*"replay"/s);
  });
  it("refuses a name it does not know, and says which there are", async () => {
    const refused = run(process.execPath, [script, "--only", "nope"]);
    await expect(refused).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining("append") });
  });
});
