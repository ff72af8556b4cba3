/**
 * Several daemons on one log in Kafka, and what breaks around them in earnest: the broker killed or away, an owner that
 * stands still and wakes again, instances that come and go. Afterwards every job is finished, each worker was created
 * once, the log is verified without an anomaly, the public topics have all of it in order, and every shard is led. (An
 * owner that is killed: ../log/kafkaShared.) It takes some minutes of waiting: `npm run test:faults`.
 */
import { setTimeout as pause } from "node:timers/promises";
import { describe, it } from "vitest";
import { Plant, whyNoBroker } from "./plant.ts";

async function on(work: (plant: Plant) => Promise<void>): Promise<void> {
  const plant = await Plant.open();
  try {
    await work(plant);
  } finally {
    await plant.close();
  }
}

const asked = process.env["WINDROW_FAULTS"] !== undefined;
const missing = asked ? await whyNoBroker() : "some minutes: npm run test:faults";
const name = `daemons that share a log on Kafka${missing && ` (${missing})`}`;

describe.skipIf(missing !== "").concurrent(name, { timeout: 300_000 }, () => {
  it("outlive a broker that is killed and started again", () =>
    on(async (plant) => {
      plant.start("a");
      plant.start("b");
      plant.addJobs(32);
      await plant.until(4, 60);
      await plant.killBroker();
      await plant.restartBroker();
      plant.addJobs(8);
      await plant.until(24, 120);
      await plant.killBroker();
      await plant.restartBroker();
      await plant.conclude(150);
    }));

  it("come back after a broker that was away for a minute", () =>
    on(async (plant) => {
      plant.start("a");
      plant.start("b");
      plant.addJobs(32);
      await plant.until(4, 60);
      await plant.killBroker();
      await pause(60_000);
      await plant.restartBroker();
      await plant.conclude(150);
    }));

  it("take over from an owner that stands still for 70 s, which then changes nothing", () =>
    on(async (plant) => {
      const a = plant.start("a");
      plant.start("b");
      plant.addJobs(32);
      await plant.until(4, 60);
      const frozen = a.freeze(70_000);
      plant.addJobs(8);
      await frozen;
      await plant.conclude(150);
    }));

  it("hand shards over to an instance that comes and goes", () =>
    on(async (plant) => {
      plant.start("a");
      plant.addJobs(16);
      await plant.until(4, 60);
      for (const [round, signal] of (["SIGTERM", "SIGKILL", "SIGTERM"] as const).entries()) {
        const guest = plant.start(`guest${round}`);
        plant.addJobs(8);
        await pause(12_000);
        await guest.end(signal);
      }
      await plant.conclude(150);
    }));
});
