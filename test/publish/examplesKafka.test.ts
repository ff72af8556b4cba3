/**
 * The example consumers of the public topics as a user runs them: over topics with copies of every kind, and beside two
 * daemons of which one is killed. Each step is printed once, in order.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { afterAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { parseKafkaAddress } from "../../src/log/kafka/settings.ts";
import { kafkaMessageOf } from "../../src/publish/cloudEvent.ts";
import { eventSchemas, type PublicEvent } from "../../src/publish/messages.ts";
import { placeOf } from "../../src/publish/position.ts";
import { startPandaServer } from "../../src/simulation/pandaServer/server.ts";
import { type Broker, freshAddress, theBroker } from "../broker/answer.ts";
import { type Run, windrow, windrowDone } from "../cli/windrow.ts";
import { dictionary } from "../differences/site.ts";
import { placesOf, writeSite } from "../panda/site.ts";
import { tempDir } from "../plugins/fixtures.ts";
import { bySubject, consume as consumeOn, type Example, examples, lineOf, preparePython } from "./examples.ts";
import { allOf, write, writing } from "./writing.ts";

const soon = { timeout: 60_000, interval: 100 };

const answer = await theBroker();
const needsBroker = "none" in answer ? `needs a broker: ${answer.none}` : "";
const broker = answer as Broker;
const python = mkdtempSync(join(tmpdir(), "windrow-python-"));
afterAll(() => rmSync(python, { recursive: true }));
const needsPython = needsBroker || (await preparePython(python));
const because = (needs: string): string => (needs === "" ? "" : ` (${needs})`);

const consume = (example: Example, prefix: string, group: string): Run =>
  consumeOn(example, { brokers: broker.brokers, prefix, group, python });

/** The workers' topic, and what puts messages there, each acknowledged before the next. */
async function topicOf(prefix: string): Promise<(events: readonly PublicEvent[]) => Promise<void>> {
  const kafka = new Kafka({ brokers: broker.brokers.split(","), logLevel: logLevel.NOTHING });
  const [admin, producer] = [kafka.admin(), kafka.producer()];
  await Promise.all([admin.connect(), producer.connect()]);
  onTestFinished(async () => {
    await Promise.all([admin.disconnect(), producer.disconnect()]);
  });
  const plan = { topic: `${prefix}.workers`, numPartitions: 4, replicationFactor: 1 };
  await admin.createTopics({ topics: [plan], waitForLeaders: true });
  return async (events) => {
    for (const event of events) {
      const { topic, ...message } = kafkaMessageOf(event, prefix);
      await producer.send({ topic, messages: [{ ...message, partition: placeOf(event.id).shard }] });
    }
  };
}

it.each(examples)("%s has under 40 lines and needs nothing of Windrow", (file) => {
  const text = readFileSync(join(import.meta.dirname, "../..", file), "utf8");
  expect(text.trimEnd().split("\n").length).toBeLessThan(40);
  expect(text).not.toMatch(/from "\./);
});

describe.each([
  [...examples[0], needsBroker],
  [...examples[1], needsPython],
] as const)("%s", (file, program, needs) => {
  const example = [file, program] as Example;
  it.skipIf(needs !== "")(
    `prints each step once and in order, whatever is there twice; its group goes on where it stopped${because(needs)}`,
    async () => {
      const { prefix } = parseKafkaAddress(freshAddress(broker));
      const log = await writing();
      await write(log, [1, 2, 3, 4, 5, 6]);
      const workers = (await allOf(log.stopped)).map(({ event }) => event).filter(({ data }) => data.kind === "worker");
      const of = (...ids: readonly number[]) => workers.filter(({ data }) => ids.includes(Number(data.id)));
      const send = await topicOf(prefix);
      const some = of(1001, 1002);
      for (const [i, event] of some.entries()) {
        const again = i % 3 === 0 ? [event] : i % 5 === 0 ? some.slice(0, i) : [];
        await send([event, ...again]);
      }
      // A publisher that stood still sends what was sent long ago; one that began too early sends all of it.
      await send([...some.slice(3, 9), ...some]);
      await send(of(1003, 1004));
      const first = consume(example, prefix, "g");
      // What comes last in both partitions is of these workers.
      const wanted = of(1001, 1002, 1003, 1004).map(lineOf);
      await first.until(wanted.length);
      first.kill("SIGTERM");
      expect(await first.ended).toBe(0);
      expect(bySubject(first.lines)).toEqual(bySubject(wanted));

      await send(of(1005, 1006));
      const second = consume(example, prefix, "g");
      await second.until(of(1005, 1006).length);
      second.kill("SIGINT");
      expect(await second.ended).toBe(0);
      expect(bySubject(second.lines)).toEqual(bySubject(of(1005, 1006).map(lineOf)));
    },
    90_000,
  );
});

/** Twenty jobs on two daemons that share a log, one of which is killed in the middle. */
async function live(address: string, dir: string, onTopics: () => Promise<void>): Promise<void> {
  // A job that was on its way to the one that is killed is handed out again soon.
  const server = await startPandaServer({ dir: join(dir, "server"), sentTimeoutMs: 20_000, adderDelayMs: 10 });
  onTestFinished(() => server.close());
  const finished = () => server.view().jobs.filter((job) => job.jobStatus === "finished").length;
  const addJobs = (first: number, count: number) =>
    server.addJobs(
      Array.from({ length: count }, (_, i) => ({
        ...dictionary(first + i, { jobPars: `-c 'sleep 1; echo done > ${first + i}.out'` }),
        computingSite: `Q${i % 4}`,
      })),
    );
  const queues = Object.fromEntries([0, 1, 2, 3].map((i) => [`Q${i}`, { maxWorkers: 4 }]));
  writeSite(dir, { api: `${server.url}/api/v1`, harvesterID: "H", queues });
  const run = (name: string) => windrow("run", "--config", placesOf(dir).config, "--log", address, "--instance", name);
  const [a, b] = [run("a"), run("b")];
  await onTopics();
  addJobs(101, 12);
  await vi.waitFor(() => expect(finished(), a.errors() + b.errors()).toBeGreaterThan(3), soon);
  b.kill("SIGKILL");
  addJobs(201, 8);
  await vi.waitFor(() => expect(finished(), a.errors()).toBe(20), { ...soon, timeout: 120_000 });
  a.kill("SIGTERM");
  expect(await a.ended).toBe(0);
}

it.skipIf(needsPython !== "")(
  `both print every worker transition of two daemons once, though one is killed${because(needsPython)}`,
  async () => {
    const address = freshAddress(broker);
    const { prefix } = parseKafkaAddress(address);
    const admin = new Kafka({ brokers: broker.brokers.split(","), logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    onTestFinished(() => admin.disconnect());
    const consumers: Run[] = [];
    await live(address, await tempDir(), async () => {
      await vi.waitFor(async () => expect(await admin.listTopics()).toContain(`${prefix}.workers`), soon);
      consumers.push(...examples.map((example, i) => consume(example, prefix, `${prefix}-${i}`)));
    });
    const { lines, code } = await windrowDone("events", address, "--type", "worker.*", "--json");
    expect(code).toBe(0);
    const wanted = lines.map((line) => {
      const { position, ...event } = JSON.parse(line);
      return lineOf(eventSchemas.worker.parse(event));
    });
    expect(Object.keys(bySubject(wanted))).toHaveLength(20);
    for (const consumer of consumers) {
      await consumer.until(wanted.length);
      consumer.kill("SIGTERM");
      expect(await consumer.ended, consumer.errors()).toBe(0);
      expect(bySubject(consumer.lines)).toEqual(bySubject(wanted));
    }
  },
  300_000,
);
