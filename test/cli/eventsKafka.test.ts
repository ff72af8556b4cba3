/**
 * `windrow events` of a log on Kafka, as a process, while it is written and after: the same as of a directory, with the
 * same positions.
 */
import { Kafka, logLevel } from "kafkajs";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { z } from "zod";
import { openKafkaLog } from "../../src/log/kafka/kafkaLog.ts";
import { parseKafkaAddress } from "../../src/log/kafka/settings.ts";
import { serveQueries } from "../../src/web/queries.ts";
import { type Broker, freshAddress, theBroker } from "../broker/answer.ts";
import { tempDir } from "../plugins/fixtures.ts";
import { allOf, chapterOf, idsOf, type Writing, write, writingTo } from "../publish/writing.ts";
import { windrow, windrowDone } from "./windrow.ts";

const line = z.looseObject({ id: z.string(), position: z.string(), type: z.string() });
const linesOf = ({ lines }: { readonly lines: readonly string[] }) => lines.map((text) => line.parse(JSON.parse(text)));
const idsIn = (run: { readonly lines: readonly string[] }) => linesOf(run).map(({ id }) => id);
const soon = { timeout: 30_000, interval: 20 };

/** A log that is written as an engine writes. */
async function writingOn(address: string): Promise<Writing> {
  const writing = await writingTo(await openKafkaLog(address, { shards: 4 }));
  onTestFinished(() => writing.journal.resign());
  return writing;
}

/** Makes the journal anew and empty. */
async function loseJournal(address: string): Promise<void> {
  const { brokers, prefix } = parseKafkaAddress(address);
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  const topic = `${prefix}.journal`;
  await admin.connect();
  await admin.deleteTopics({ topics: [topic] });
  const plan = { topics: [{ topic, numPartitions: 4, replicationFactor: 1 }], waitForLeaders: true };
  // The name is free only some time later.
  await vi.waitFor(() => admin.createTopics(plan), soon);
  await admin.disconnect();
}

const answer = await theBroker();
const needs = "none" in answer ? ` (needs a broker: ${answer.none})` : "";
const broker = answer as Broker;

describe.skipIf(needs !== "")(`windrow events kafka://${needs}`, { timeout: 60_000 }, () => {
  it("says what the log says, filtered, and from any position of its own or of a daemon", async () => {
    const address = freshAddress(broker);
    const log = await writingOn(address);
    await write(log, [1, 2], "running");
    const all = await allOf(log.stopped);
    const run = await windrowDone("events", address, "--json");
    expect([run.code, run.errors()]).toEqual([0, ""]);
    expect(linesOf(run)).toEqual(all.map(({ event, position }) => ({ ...event, position })));
    const some = await windrowDone("events", address, "--json", "--type", "worker.*,job.fetched", "--queue", "B");
    const wanted = all.filter(({ event }) => event.data.queue === "B" && /worker\.|job\.fetched/.test(event.type));
    expect(idsIn(some)).toEqual(idsOf(wanted));

    const dir = await tempDir();
    const leaders = () => log.journal.leaders();
    const asked = {
      world: () => log.world,
      leaders,
      events: log.live,
      onError: (why: string) => expect.unreachable(why),
    };
    const daemon = await serveQueries(dir, asked, undefined);
    onTestFinished(() => daemon.close());
    const live = await windrowDone("events", dir, "--json");
    expect(idsIn(live)).toEqual(idsOf(all));
    const on = await windrowDone("events", address, "--json", "--from", linesOf(live)[9]!.position);
    const back = await windrowDone("events", dir, "--json", "--from", linesOf(run)[19]!.position);
    expect([idsIn(on), idsIn(back)]).toEqual([idsOf(all).slice(10), idsOf(all).slice(20)]);
    const nobody = await windrowDone("events", address, "--json", "--queue", "NOSUCH");
    expect([nobody.lines, nobody.errors()]).toEqual([[], expect.stringContaining('no queue is called "NOSUCH"')]);
    const late = await windrowDone("events", address, "--json", "--from", "2100-01-01");
    expect([late.code, late.lines]).toEqual([0, []]);
  });

  it("follows whoever writes, from any place, and ends when asked", async () => {
    const address = freshAddress(broker);
    const log = await writingOn(address);
    await write(log, [1], "made");
    const old = await allOf(log.stopped);
    const whole = windrow("events", address, "--follow", "--json", "--from", "start");
    const part = windrow("events", address, "--follow", "--json", "--from", old[3]!.position);
    await Promise.all([whole.until(old.length), part.until(old.length - 4)]);
    await log.decide(1, chapterOf("fed", 1, "A"));
    await write(log, [2]);
    const all = await allOf(log.stopped);
    await Promise.all([whole.until(all.length), part.until(all.length - 4)]);
    whole.kill("SIGINT");
    part.kill("SIGTERM");
    expect(await Promise.all([whole.ended, part.ended])).toEqual([0, 0]);
    expect([idsIn(whole), idsIn(part)]).toEqual([idsOf(all), idsOf(all).slice(4)]);
    expect([whole.errors(), part.errors()]).toEqual(["", ""]);
  });

  it("begins with what happens from now on, unless it is told otherwise", async () => {
    const address = freshAddress(broker);
    const log = await writingOn(address);
    await write(log, [1], "made");
    const old = idsOf(await allOf(log.stopped));
    const run = windrow("events", address, "--follow", "--json");
    for (let n = 2; run.lines.length === 0; n++) await write(log, [n], "made");
    const all = idsOf(await allOf(log.stopped));
    await vi.waitFor(() => expect(idsIn(run).at(-1)).toBe(all.at(-1)), soon);
    run.kill("SIGINT");
    expect(await run.ended).toBe(0);
    const seen = idsIn(run);
    expect(seen).toEqual(all.slice(-seen.length));
    expect(seen.filter((id) => old.includes(id))).toEqual([]);
  });

  it("says what is wrong, with its exit code", async () => {
    const address = freshAddress(broker);
    const missing = await windrowDone("events", address, "--follow");
    expect([missing.code, missing.errors()]).toEqual([3, expect.stringContaining("there is no topic test-")]);
    const nobody = await windrowDone("events", "kafka://127.0.0.1:1/test", "--follow");
    expect([nobody.code, nobody.errors()]).toEqual([3, expect.stringContaining("no Kafka broker answers")]);
    const wrong = await windrowDone("events", "kafka://127.0.0.1/test");
    expect([wrong.code, wrong.errors()]).toEqual([3, expect.stringContaining("An address is kafka://HOST:PORT")]);
    const log = await writingOn(address);
    await write(log, [1]);
    const foreign = (await allOf(log.stopped)).at(-1)!.position;
    const elsewhere = freshAddress(broker);
    await (await writingTo(await openKafkaLog(elsewhere, { shards: 4 }))).journal.resign();
    const run = await windrowDone("events", elsewhere, "--from", foreign);
    expect([run.code, run.errors()]).toEqual([2, expect.stringContaining("it was taken from another log")]);
  });

  it("ends where the journal that it follows is lost", async () => {
    const address = freshAddress(broker);
    const log = await writingTo(await openKafkaLog(address, { shards: 4 }));
    await write(log, [1], "made");
    const old = await allOf(log.stopped);
    await log.journal.resign();
    const run = windrow("events", address, "--follow", "--json", "--from", "start");
    await run.until(old.length);
    await loseJournal(address);
    expect(await run.ended).toBe(4);
    expect(run.errors()).toMatch(/Kafka's log ends at 0: acknowledged records are lost/);
  });
});
