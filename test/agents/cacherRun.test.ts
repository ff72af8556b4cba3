/**
 * The cacher in the loop: a queue that needs lists is planned as soon as they came, in the same process and without
 * any time passing, and the first worker has an id above those that the WMS has seen.
 */
import { expect, it } from "vitest";
import type { Call, Reply } from "../../src/agents/agent.ts";
import { instanceSchema } from "../../src/config/sections.ts";
import { memoryStore, openMemoryLog } from "../../src/log/memory.ts";
import { openEngine } from "../../src/windrow.ts";
import { answered, queueConfig, start } from "./drive.ts";

it("plans a queue when its lists have come", async () => {
  const asked: string[] = [];
  const stop = new AbortController();
  const lists = Promise.withResolvers<void>();
  const planned: string[] = [];
  const wms = async ({ method }: Call): Promise<Reply> => {
    if (method === "getMaxWorkerId") return answered({ ok: true, data: 1001 });
    if (method !== "getJobStats") return answered({ ok: true, data: method.startsWith("get") ? [] : null });
    // Everything that does not wait for this list has had its turn.
    await lists.promise;
    return answered({ ok: true, data: { Q: { activated: 1 } } });
  };
  const engine = await openEngine({
    log: openMemoryLog(memoryStore(4)),
    plugins: {
      invoke: async (call) => {
        asked.push(call.method);
        if (call.plugin === "communicator") return wms(call);
        if (call.method === "makeWorker") return answered({ nCore: 1 });
        return answered({ ok: true, dialog: "" });
      },
      traits: () => ({ methods: [], repeatable: [] }),
    },
    now: () => start,
    owner: "test",
    config: {
      instance: instanceSchema.parse({ master: { harvester_id: "H" }, windrow: { shards: 4 } }),
      queues: [queueConfig("Q", { mapType: "NoJob", nQueueLimitWorker: 3 }), queueConfig("R")],
    },
    onRecord: ({ events }) => {
      for (const event of events) {
        if (event.type === "queue.planned") planned.push(event.queue);
        if (event.type === "queue.planned" && event.queue === "R") lists.resolve();
        if (event.type === "worker.made") {
          planned.push(`worker ${event.workerID}`);
          stop.abort();
        }
      }
    },
  });
  await engine.run(stop.signal);
  engine.journal.detach();
  expect(planned).toEqual(["R", "Q", `worker ${251 * 4 + engine.world.shardOf("Q")}`]);
  expect(asked.filter((method) => method === "getJobStats")).toHaveLength(1);
  expect(engine.world.anomalies).toEqual([]);
});
