/**
 * When one instance gives a shard up, says that it is there, and claims: over a journal that only notes what is asked
 * of it, with the test's own clock.
 */
import { pino } from "pino";
import { beforeEach, expect, it } from "vitest";
import type { Standing } from "../../src/log/journal.ts";
import { Ownership, usualPatience } from "../../src/windrow/ownership.ts";
import type { Engine } from "../../src/windrow.ts";

let now = 0;
let asked: string[] = [];
let owned = true;
let wanted = true;
let standing: Standing;
/** What a heartbeat, a claim or a handing over comes to. */
let ends: Promise<void> = Promise.resolve();

beforeEach(() => {
  [now, asked, owned, wanted, ends] = [0, [], true, true, Promise.resolve()];
  standing = { free: false, seenAt: 0, hearsSince: 0, pending: 0 };
});

function ownership(): Ownership {
  const note = (text: string): Promise<void> => {
    asked.push(`${now / 1000} s: ${text}`);
    return ends;
  };
  const engine = {
    journal: {
      owns: () => owned,
      standing: () => standing,
      decide: () => note("heartbeat"),
      abandon: (_shard: number, why: string) => {
        void note(why);
        owned = false;
      },
    },
    lead: () => note("claim"),
    leave: (_shard: number, handOverMs: number) => note(`handed over within ${handOverMs / 1000} s`),
  };
  const placement = { wanted: () => new Set(wanted ? [0] : []), close: async () => {} };
  return new Ownership({
    engine: engine as unknown as Engine,
    shards: 1,
    placement,
    logger: pino({ level: "silent" }),
    monotonic: () => now,
  });
}

/** One tick a second. */
async function pass(keeping: Ownership, seconds: number): Promise<void> {
  for (let left = seconds; left > 0; left -= 1) {
    now += 1000;
    keeping.tick();
    await new Promise(setImmediate);
  }
}

it("an owner that was silent for ten seconds says that it is there", async () => {
  const keeping = ownership();
  await pass(keeping, 10);
  expect(asked).toEqual([]);
  await pass(keeping, 1);
  expect(asked).toEqual(["11 s: heartbeat"]);
  standing = { ...standing, pending: 1 };
  await pass(keeping, 5);
  expect(asked).toHaveLength(1);
});

it.each([
  ["idle", false],
  ["with a heartbeat under way", true],
])("a process that stood still gives its shards up, %s", async (_name, isBusy) => {
  const keeping = ownership();
  if (isBusy) {
    ends = new Promise(() => {});
    await pass(keeping, 11);
    asked = [];
  }
  const stood = usualPatience.stall / 1000 + 2;
  now += stood * 1000;
  keeping.tick();
  expect(asked).toEqual([`${now / 1000} s: this process stood still for ${stood - 1} s`]);
});

it("a tick that is late by no more than the patience gives nothing up", () => {
  const keeping = ownership();
  now += usualPatience.tick + usualPatience.stall;
  keeping.tick();
  expect(asked).toEqual([]);
});

it("another's silence counts only since it was listened to", async () => {
  owned = false;
  standing = { ...standing, hearsSince: 20_000 };
  const keeping = ownership();
  await pass(keeping, 50);
  expect(asked).toEqual([]);
  await pass(keeping, 1);
  expect(asked).toEqual(["51 s: claim"]);
});

it("a shard that is free is claimed at once, and one that is not heard never", async () => {
  owned = false;
  standing = { ...standing, free: true, hearsSince: undefined };
  const keeping = ownership();
  await pass(keeping, 60);
  expect(asked).toEqual([]);
  standing = { ...standing, hearsSince: 60_000 };
  await pass(keeping, 1);
  expect(asked).toEqual(["61 s: claim"]);
});

it("a shard that is another's share is handed over, and its calls may go on for a while", async () => {
  const keeping = ownership();
  wanted = false;
  ends = new Promise(() => {});
  await pass(keeping, 3);
  expect(asked).toEqual(["1 s: handed over within 20 s"]);
});
