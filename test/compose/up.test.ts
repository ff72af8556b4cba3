/**
 * docker-compose.yml in the hands of a real docker-compose: version 1 and 2, whichever there is, reads it; where
 * somebody asks (`npm run test:compose`, with a Docker engine), everything is brought up and an instance is killed
 * among its jobs. Where no image can be pulled, KAFKA_IMAGE and BASE_IMAGE name ones that were built here.
 */
import { execFile, spawnSync } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { start } from "../cli/windrow.ts";

const root = join(import.meta.dirname, "../..");
const composes = [["docker", "compose"], ["docker-compose"]].filter(
  ([program = "", ...words]) => spawnSync(program, [...words, "version"]).status === 0,
);
const none = composes.length === 0 ? " (skipped: neither docker compose nor docker-compose is installed)" : "";

describe("docker-compose.yml", () => {
  it.skipIf(none !== "")(`is read by a real docker-compose${none}`, () => {
    for (const [program = "", ...words] of composes) {
      const { status, stderr } = spawnSync(program, [...words, "config", "-q"], { cwd: root, encoding: "utf8" });
      expect([program, status, stderr]).toEqual([program, 0, ""]);
    }
  });
});

const asked = process.env["WINDROW_COMPOSE"] !== undefined;
const why = asked ? none : " (skipped: a Docker engine, its images and minutes are needed: npm run test:compose)";

describe.skipIf(why !== "")(`docker-compose.yml, brought up${why}`, { timeout: 900_000 }, () => {
  it("finishes every job once though an instance is killed meanwhile, and is gone without trace", async () => {
    const [program = "", ...words] = composes[0] ?? [];
    const project = `windrow-test-${process.pid}`;
    const compose = [...words, "-p", project];
    const run = (...args: readonly string[]) => promisify(execFile)(program, [...compose, ...args], { cwd: root });
    try {
      // Version 1 knows no --wait.
      await run("up", "-d", "--build");
      const jobs = start(program, [
        ...compose,
        "exec",
        "-T",
        "panda-server",
        "node",
        "examples/compose/handIn.ts",
        "100",
      ]);
      while (!jobs.lines.some((line) => / running/.test(line))) await jobs.until(jobs.lines.length + 1);
      await run("kill", "windrow-a");
      expect([await jobs.ended, jobs.errors()]).toEqual([0, ""]);
      expect(jobs.lines.at(-1)).toBe("100 of 100 jobs finished, by 100 workers; submitted twice: 0");
      const { stdout } = await run("exec", "-T", "windrow-b", "windrow", "status", "kafka://kafka:9092/windrow");
      for (const queue of ["NORTH", "EAST", "SOUTH", "WEST"]) {
        expect(stdout).toMatch(new RegExp(`^${queue} +active +\\d+ +25 done +25 finished$`, "m"));
      }
      await run("stop", "windrow-b");
      const stopped = await run("ps", "-a");
      expect(stopped.stdout).toMatch(/windrow-b.*Exit(ed)? \(?0/);
    } finally {
      await run("down", "-v");
    }
  });
});
