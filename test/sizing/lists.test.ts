/** What planning reads of the WMS's lists, which come from outside: odd ones count as absent. */
import { describe, expect, it } from "vitest";
import { factsOf, labelOf, pilotTypeOf } from "../../src/sizing/lists.ts";

describe("activated jobs", () => {
  it("null without a list, absent without the queue", () => {
    expect(factsOf("Q", {}).activated).toBeNull();
    expect(factsOf("Q", { "job_statistics.json": "gone" }).activated).toBeNull();
    expect(factsOf("Q", { "job_statistics.json": { other: { activated: 1 } } }).activated).toBe("absent");
    expect(factsOf("Q", { "job_statistics.json": { Q: { activated: 7 } } }).activated).toBe(7);
  });
  it("0 where the entry does not say", () => {
    expect(factsOf("Q", { "job_statistics.json": { Q: { running: 7 } } }).activated).toBe(0);
    expect(factsOf("Q", { "job_statistics.json": { Q: { activated: "7" } } }).activated).toBe(0);
  });
  it("by resource type and pilot type, of all resource types for ANY", () => {
    const Q = {
      SCORE: { managed: { activated: 1 }, user: { activated: 2 }, rc_alrb: { activated: 4 }, ptest: {} },
      MCORE: { rc_alrb: { activated: 8 }, rc_test2: { activated: 16 } },
    };
    const { activatedOf } = factsOf("Q", { "job_statistics_new.json": { Q } });
    expect(["PR", "ALRB", "RC", "PT"].map((type) => activatedOf("SCORE", type))).toEqual([3, 4, 0, 0]);
    expect(["PR", "ALRB", "RC", "PT"].map((type) => activatedOf("ANY", type))).toEqual([3, 12, 16, 0]);
  });
});

it("labels and pilot types (6.4, 2)", () => {
  expect(["rc_test2", "rc_alrb", "ptest", "managed", "user"].map(pilotTypeOf)).toEqual([
    "RC",
    "ALRB",
    "PT",
    "PR",
    "PR",
  ]);
  expect(["RC", "ALRB", "PT", "PR"].map(labelOf)).toEqual(["rc_test2", "rc_alrb", "ptest", "ANY"]);
});

it("harvesters of a queue, itself at least", () => {
  expect(factsOf("Q", {}).harvesters).toBe(1);
  expect(factsOf("Q", { "worker_statistics.json": { Q: {} } }).harvesters).toBe(1);
  expect(factsOf("Q", { "worker_statistics.json": { Q: { a: {}, b: {} }, R: { c: {} } } }).harvesters).toBe(2);
});

it("the queue in CRIC by name, else by nickname", () => {
  expect(factsOf("Q", { "panda_queues.json": { Q: { status: "Test" } } }).cricStatus).toBe("test");
  expect(factsOf("Q", { "panda_queues.json": { R: { nickname: "Q", status: "offline" } } }).cricStatus).toBe("offline");
  expect(factsOf("Q", { "panda_queues.json": { R: { status: "offline" } } }).cricStatus).toBeNull();
});

describe("size of a worker (specs 8)", () => {
  const types = [
    { resource_name: "SCORE", mincore: 1, maxcore: 1, maxrampercore: 2000 },
    { resource_name: "MCORE", mincore: 2, maxcore: null, maxrampercore: 2000 },
    { resource_name: "MCORE_HIMEM", mincore: 2, maxcore: null, maxrampercore: null },
    "odd",
  ];
  const sizes = (queue: object) => {
    const { sizeOf } = factsOf("Q", { "resource_types.json": types, "panda_queues.json": { Q: queue } });
    return ["SCORE", "MCORE", "MCORE_HIMEM", "ANY"].map((type) => Object.values(sizeOf(type)));
  };
  it("unified: of the resource type, no more than the site", () => {
    expect(sizes({ capability: "ucore", corecount: 8, maxrss: 12_001 })).toEqual([
      [1, 1501],
      [8, 12_001],
      [8, 12_001],
      [1, 1],
    ]);
    expect(sizes({ capability: "ucore", corecount: 8, maxrss: 32_000 })).toEqual([
      [1, 2000],
      [8, 16_000],
      [8, 32_000],
      [1, 1],
    ]);
  });
  it("not unified: of the site, cores first (D10)", () => {
    expect(sizes({ corecount: 8, maxrss: 12_000 })).toEqual([
      [8, 12_000],
      [8, 12_000],
      [8, 12_000],
      [1, 1],
    ]);
  });
});
