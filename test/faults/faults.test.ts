/**
 * Several daemons on one log in Kafka, and what breaks around them in earnest: brokers killed or away, an owner that
 * stands still in the middle of a submission and wakes again, instances that come and go. Afterwards every job is
 * finished, each worker was created once, the log is verified without an anomaly, every step was published, every shard
 * is led, and no daemon has ended by itself. (An owner that is killed: ../log/kafkaShared.)
 * The first takes half a minute, the others some minutes: `npm run test:faults`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, describe, expect, it, vi } from "vitest";
import { examples, preparePython, requirePrintedOnce } from "../publish/examples.ts";
import { eventsOfLog } from "../publish/published.ts";
import { onPlant, whyNoBroker } from "./plant.ts";

const missing = await whyNoBroker();
const name = "daemons that share a log on Kafka";

it.skipIf(missing !== "")(
  `${name} outlive a broker that is killed and started again under load${missing}`,
  () =>
    onPlant({}, async (plant) => {
      plant.start("a");
      plant.start("b");
      plant.addJobs(24);
      await plant.until(4, 60);
      await plant.killBroker();
      await plant.restartBroker();
      await plant.conclude(100);
    }),
  200_000,
);

const asked = process.env["WINDROW_FAULTS"] !== undefined;
const skipped = asked ? missing : " (slow ones: npm run test:faults)";

const python = mkdtempSync(join(tmpdir(), "windrow-python-"));
afterAll(() => rmSync(python, { recursive: true }));
const noPython = skipped === "" ? await preparePython(python) : "";
const readers = noPython === "" ? examples : examples.slice(0, 1);
const without = noPython === "" ? "" : ` (not read in Python: ${noPython})`;

describe.skipIf(skipped !== "").concurrent(`${name}${skipped}`, { timeout: 400_000 }, () => {
  it("come back after a broker that was away for a minute, but for one that was told to stop meanwhile", () =>
    onPlant({}, async (plant) => {
      plant.start("a");
      plant.start("b");
      const c = plant.start("c");
      plant.addJobs(32);
      await plant.until(4, 60);
      await vi.waitFor(() => expect(c.led()).toBeGreaterThan(0), { timeout: 60_000, interval: 50 });
      await plant.killBroker();
      const back = pause(60_000);
      await pause(5000);
      const stoppedAt = performance.now();
      expect(await c.end("SIGTERM"), c.said.slice(-3000)).toBe(0);
      console.log(`one told to stop without a broker ended after ${Math.round(performance.now() - stoppedAt)} ms`);
      await back;
      await plant.restartBroker();
      await plant.conclude(150);
    }));

  const frozen =
    "take over from an owner that stands still for 90 s in the middle of a submission, and submit nothing twice";
  it(`${frozen}; the examples drop the late copies${without}`, ({ onTestFinished }) =>
    onPlant({ slow: true }, async (plant) => {
      plant.start("a");
      plant.start("b");
      plant.addJobs(16);
      await plant.until(4, 60);
      const submission = plant.nextSubmission();
      plant.addJobs(8);
      const { by, call, keys } = await submission;
      await by.freeze(90_000);
      await plant.conclude(150);
      await plant.requireFenced(call, keys);
      const workers = (await eventsOfLog(plant.address)).filter(({ data }) => data.kind === "worker");
      await requirePrintedOnce(plant.address, workers, { python, of: readers, onEnd: onTestFinished });
    }));

  it("hand shards over to instances of which one comes or goes every 2 s", () =>
    onPlant({}, async (plant) => {
      plant.start("a");
      plant.addJobs(16);
      await plant.until(4, 60);
      const guests = [];
      for (let round = 0; round < 30; round += 1) {
        const oldest = guests.length > 3 || (round % 2 === 1 && guests.length > 2) ? guests.shift() : undefined;
        if (oldest) await oldest.end(round % 3 === 0 ? "SIGKILL" : "SIGTERM");
        else guests.push(plant.start(`guest${round}`));
        if (round % 6 === 0) plant.addJobs(4);
        await pause(2000);
      }
      for (const guest of guests) await guest.end("SIGTERM");
      await plant.conclude(150);
    }));
});

describe.skipIf(skipped !== "")(`${name} of three brokers${skipped}`, { timeout: 400_000 }, () => {
  it("go on without one of them, stop without two, and go on when they are back", () =>
    onPlant({ brokers: 3 }, async (plant) => {
      plant.start("a");
      plant.start("b");
      plant.addJobs(32);
      await plant.until(4, 60);
      await plant.killBroker(0);
      const beside = plant.goOn("one of three brokers is away", 16, 60);
      await pause(20_000);
      await beside;
      await plant.killBroker(1);
      await pause(30_000);
      plant.requireGivenUp();
      await plant.restartBroker(0);
      await plant.goOn("a second one was away", 8, 100);
      await plant.restartBroker(1);
      await plant.conclude(150);
    }));

  it("go on beside one that takes connections and answers nothing, and are joined by another meanwhile", () =>
    onPlant({ brokers: 3 }, async (plant) => {
      plant.start("a");
      plant.start("b");
      plant.addJobs(24);
      await plant.until(4, 60);
      const frozen = plant.freezeBroker(0, 40_000);
      await pause(2000);
      plant.start("c");
      await plant.goOn("one of three brokers stands still", 16, 100);
      await frozen;
      await plant.conclude(150);
    }));
});
