/**
 * Jobs of the WMS that cannot be used, between good ones: each is judged alone, refused by name with the reason and
 * reported as failed, or read with a remark. The others come to their ends.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { type Outcome, runWith } from "./engine.ts";

const malformed = z
  .array(z.object({ name: z.string(), job: z.unknown() }))
  .parse(JSON.parse(readFileSync(new URL("../data/panda/jobs-malformed.json", import.meta.url), "utf8")));

/** A job that is good, but for what is laid over it. */
const job = (PandaID: number, over: Readonly<Record<string, unknown>>) => ({
  PandaID,
  attemptNr: 1,
  taskID: 1,
  jobsetID: 1,
  currentPriority: 1,
  coreCount: 1,
  resource_type: "SCORE",
  ...{ inFiles: "a", GUID: "g", fsize: "1", checksum: "ad:1", scopeIn: "s", ddmEndPointIn: "E", realDatasetsIn: "d" },
  ...{ outFiles: "o,l", logFile: "l", logGUID: "g", scopeOut: "s", scopeLog: "s" },
  ...{ realDatasets: "d,d", ddmEndPointOut: "E,E" },
  ...over,
});

const deep = (levels: number): unknown => (levels === 0 ? 1 : { in: deep(levels - 1) });

const reasonOf = ({ events }: Outcome, PandaID: number): string =>
  events.flatMap((event) => (event.type === "job.refused" && event.PandaID === PandaID ? event.why : [])).join();

beforeAll(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
});
afterAll(() => {
  vi.useRealTimers();
});

describe("jobs that cannot be used", () => {
  it("all twenty at once: each is refused by name or fetched, and the good ones end", async () => {
    const outcome = await runWith(
      () => ({}),
      malformed.map((each) => each.job),
    );
    expect(outcome.good).toEqual(["finished", "finished", "finished"]);
    expect(outcome.bad).toEqual(["finished"]);
    expect(outcome.anomalies).toEqual([]);
    expect(outcome.equal).toBe(true);
    const types = ["job.fetched", "job.refused", "queue.jobRefused"];
    const judged = outcome.events.filter(({ type }) => types.includes(type));
    // One word on each of them, and on the four good ones.
    expect(judged).toHaveLength(malformed.length + 4);
    expect(reasonOf(outcome, 9_100_000_008)).toBe("job 9100000008: missing: inFiles");
    expect(reasonOf(outcome, 9_100_000_012)).toContain('logFile "log.other.tgz" is not among outFiles');
    expect(outcome.said).toContain("job without PandaID: missing: PandaID");
    expect(outcome.said).toContain("the job is null instead of a dictionary");
  });

  it("names the file that leads out, the number that is none, the depth, the length", async () => {
    const strange = [
      job(11, { inFiles: "../passwd" }),
      job(12, { maxWalltime: Number.POSITIVE_INFINITY }),
      job(13, { taskParams: deep(500) }),
      job(14, { jobPars: "x".repeat(700_000) }),
      job(15, { jobPars: "x".repeat(60_000), speed: -0 }),
    ];
    const outcome = await runWith(() => ({}), strange);
    expect(outcome.good).toEqual(["finished", "finished", "finished"]);
    expect(outcome.bad).toEqual(["finished"]);
    expect(reasonOf(outcome, 11)).toBe('job 11: inFiles has "../passwd", a name that leads out of its directory');
    expect(reasonOf(outcome, 12)).toBe("job 12: maxWalltime is Infinity, which JSON cannot hold");
    expect(reasonOf(outcome, 13)).toContain("is nested deeper than 100 levels");
    expect(reasonOf(outcome, 14)).toMatch(
      /^job 14: its dictionary has 700\d+ characters, and at most 131072 can be kept$/,
    );
    expect(outcome.events.some((event) => event.type === "job.fetched" && event.PandaID === 15)).toBe(true);
    expect(outcome.anomalies).toEqual([]);
    expect(outcome.equal).toBe(true);
  });
});
