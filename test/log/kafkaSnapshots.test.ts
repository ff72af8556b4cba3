/**
 * Snapshots on a topic: what one instance put there another finds and trusts only as far as the log agrees; pieces that
 * are missing, torn or somebody else's are as if nothing were there.
 */
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { expect, it } from "vitest";
import { freeze, thaw } from "../../src/frozen.ts";
import { hashOf } from "../../src/log/hash.ts";
import { connectKafka } from "../../src/log/kafka/connect.ts";
import { openKafkaLog } from "../../src/log/kafka/kafkaLog.ts";
import { noSecurity, parseKafkaAddress } from "../../src/log/kafka/settings.ts";
import { openKafkaSnapshots } from "../../src/log/kafka/snapshots.ts";
import { memoryStore, openMemoryLog } from "../../src/log/memory.ts";
import { fetchSnapshot, findSnapshot, type SnapshotFile, writeSnapshot } from "../../src/log/snapshot.ts";
import { verifyLog } from "../../src/verify.ts";
import { foldVersion } from "../../src/version.ts";
import { World } from "../../src/world.ts";
import { type Broker, freshAddress, theBroker } from "../broker/answer.ts";
import { tempDir } from "../plugins/fixtures.ts";
import { configure, instanceOn, live, Shelf } from "../publish/instance.ts";
import { journalOn, noted } from "./fixtures.ts";

const answer = await theBroker();
const needs = "none" in answer ? ` (needs a broker: ${answer.none})` : "";

/** Snapshots as two instances see them, and the bare topic. */
async function shared(broker: Broker) {
  const address = parseKafkaAddress(freshAddress(broker));
  const place = { address, security: noSecurity };
  const [a, b] = [await openKafkaSnapshots(place), await openKafkaSnapshots(place)];
  const topic = `${address.prefix}.snapshots`;
  const bare = connectKafka({ brokers: address.brokers, topic, security: noSecurity, requestMs: 5000 });
  const close = (): void => {
    for (const each of [a, b, bare]) each.close();
  };
  return { a, b, bare, close };
}

const fileOf = (n: number, bytes: number): SnapshotFile => ({
  name: `snapshot-${String(n).padStart(16, "0")}.gz`,
  packed: randomBytes(bytes),
});
const stored = (bytes: Uint8Array) => [{ bytes, hash: hashOf(bytes) }];

async function passOver(broker: Broker): Promise<void> {
  const { a, b, bare, close } = await shared(broker);
  try {
    expect(await b.newest()).toBeUndefined();
    const [small, large] = [fileOf(1, 10), fileOf(2, 3 << 20)];
    await a.put(small);
    expect(await (await b.newest())?.get()).toEqual(small);
    // Somebody else's piece in between, and a word that nobody understands behind.
    const putting = a.put(large);
    await bare.produce(0, stored(randomBytes(1000)));
    await putting;
    await bare.produce(1, stored(Buffer.from("not a word")));
    const newest = await b.newest();
    expect(newest?.name).toBe(large.name);
    expect(Buffer.compare((await newest?.get())?.packed ?? Buffer.alloc(0), large.packed)).toBe(0);
    // A word whose pieces are not what it says.
    const word = { name: fileOf(3, 0).name, offsets: [0], hash: hashOf(randomBytes(1)) };
    await bare.produce(1, stored(Buffer.from(JSON.stringify(word))));
    expect(await (await b.newest())?.get()).toBeUndefined();
  } finally {
    close();
  }
}

async function begin(broker: Broker): Promise<void> {
  const { a, b, close } = await shared(broker);
  try {
    const [here, there] = [await tempDir(), await tempDir()];
    const log = openMemoryLog(memoryStore(2));
    const { journal } = await journalOn(log);
    const decideAndWrite = async (n: number): Promise<SnapshotFile> => {
      await journal.decide({ shard: 1, cause: "c", events: [noted(n)] });
      return writeSnapshot(here, { version: "1", cursors: journal.cursors(), state: n });
    };
    const first = await decideAndWrite(1);
    await a.put(first);
    expect(await fetchSnapshot(there, b)).toBe(first.name);
    expect((await findSnapshot(there, log, "1")).snapshot?.state).toBe(1);
    // It is there already, and so is one that is newer.
    expect(await fetchSnapshot(there, b)).toBeUndefined();
    await decideAndWrite(2);
    expect(await fetchSnapshot(here, b)).toBeUndefined();
    // Names are names, and lead nowhere else.
    await a.put({ name: "../snapshot-9999999999999999.gz", packed: first.packed });
    expect(await fetchSnapshot(there, b)).toBeUndefined();
    expect(readdirSync(there)).toEqual([first.name]);
  } finally {
    close();
  }
}

/** A log with jobs at a fresh address, and how a snapshot of it is shared with its World as `change` leaves it. */
async function withJobs(broker: Broker) {
  const address = freshAddress(broker);
  const one = await instanceOn(await openKafkaLog(address, { shards: 4 }), new Shelf());
  await configure(one);
  await live(one, [1, 2, 3], "running");
  const share = async (version: string, change: (world: World) => void = () => undefined): Promise<string> => {
    const world = new World();
    thaw(freeze(one.world), world);
    change(world);
    const cursors = one.journal.cursors();
    const file = await writeSnapshot(await tempDir(), { version, cursors, state: freeze(world) });
    const snapshots = await openKafkaSnapshots({ address: parseKafkaAddress(address), security: noSecurity });
    await snapshots.put(file);
    snapshots.close();
    return file.name;
  };
  return { address, one, share };
}

async function verify(broker: Broker): Promise<void> {
  const { address, one, share } = await withJobs(broker);
  const { brokers, prefix } = parseKafkaAddress(address);
  const bare = connectKafka({ brokers, topic: `${prefix}.snapshots`, security: noSecurity, requestMs: 5000 });
  const verified = () => verifyLog(address, () => undefined);
  try {
    expect(await verified()).toMatchObject({ ok: true, snapshot: null, passedOver: [] });
    expect(await bare.describe()).toBeUndefined(); // who verifies writes nothing
    const old = await share("old");
    const passedOver = [{ file: old, why: expect.stringMatching(/^it was made by version old/) }];
    expect(await verified()).toMatchObject({ ok: true, snapshot: null, passedOver });
    await share(await foldVersion(), (world) => world.jobs.delete(2));
    await live(one, [5]);
    expect(await verified()).toMatchObject({ ok: false, snapshot: { equal: false }, passedOver: [] });
    const name = await share(await foldVersion());
    expect(await verified()).toMatchObject({ ok: true, snapshot: { equal: true }, passedOver: [] });
    const torn = Buffer.from(JSON.stringify({ name, offsets: [0], hash: hashOf(randomBytes(1)) }));
    await bare.produce(1, stored(torn));
    const why = "it is not there whole";
    expect(await verified()).toMatchObject({ ok: true, snapshot: null, passedOver: [{ file: name, why }] });
  } finally {
    bare.close();
    await one.journal.resign();
  }
}

it.skipIf(needs !== "")(`what is put together again is whole, or nothing${needs}`, async () => {
  if (!("none" in answer)) await passOver(answer);
});

it.skipIf(needs !== "")(`a new machine begins with what another left${needs}`, async () => {
  if (!("none" in answer)) await begin(answer);
});

it.skipIf(needs !== "")(`verify compares the newest with what replay gives${needs}`, { timeout: 60_000 }, async () => {
  if (!("none" in answer)) await verify(answer);
});
