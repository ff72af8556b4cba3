/**
 * The demo with its log on Kafka: killed with all its processes amid the submissions, and given the same command again,
 * it comes to its end, and its log is verified. What the killed daemon led is taken over after 30 seconds.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { z } from "zod";
import { type Broker, freshAddress, theBroker } from "../broker/answer.ts";
import { runDemo } from "./killing.ts";

const ended = z.object({
  ok: z.boolean(),
  logDir: z.string(),
  complaints: z.array(z.string()),
  verification: z.object({ dir: z.string(), jobs: z.number(), anomalies: z.number() }),
});

async function resumeOn(broker: Broker): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "windrow-crash-"));
  const log = freshAddress(broker);
  const first = await runDemo(dir, { after: "submissions", n: 8, victims: "all" }, log);
  expect(first.killed, first.stderr).toBe(true);
  const second = await runDemo(dir, undefined, log);
  expect(second.code, `${second.stdout}${second.stderr}`).toBe(0);
  expect(ended.parse(JSON.parse(second.stdout))).toEqual({
    ok: true,
    logDir: log,
    complaints: [],
    verification: { dir: log, jobs: 64, anomalies: 0 },
  });
  await rm(dir, { recursive: true });
}

const answer = await theBroker();
const needs = "none" in answer ? ` (needs a broker: ${answer.none})` : "";
it.skipIf(needs !== "")(
  `the demo with its log on Kafka, killed and started again: finishes, nothing twice, verified${needs}`,
  async () => {
    if (!("none" in answer)) await resumeOn(answer);
  },
  240_000,
);
