/** The log on Kafka against the common suite and a real broker, and what only a log of somebody else's can do wrong. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { type ITopicConfig, Kafka } from "kafkajs";
import { afterEach, describe, expect, it } from "vitest";
import { LogHalted } from "../../src/log/faults.ts";
import { type KafkaLogOptions, openKafkaLog } from "../../src/log/kafka/kafkaLog.ts";
import { parseKafkaAddress, securityOf } from "../../src/log/kafka/settings.ts";
import type { Log } from "../../src/log/log.ts";
import { type Broker, freshAddress, theBroker } from "../broker/answer.ts";
import { bearerToken, user } from "../broker/secure.ts";
import { Chain, journalOn, noted, numbers, readAll } from "./fixtures.ts";
import { logSuite } from "./suite.ts";
import { tokenEndpoint } from "./tokenEndpoint.ts";

const answer = await theBroker();
if ("none" in answer) {
  describe("Kafka as a log", () => it.skip(`needs a broker: ${answer.none}`, () => undefined));
} else {
  suiteOn(answer);
  describe("a topic", () => topicCases(answer));
  describe("a log on Kafka", () => kafkaCases(answer));
  describe("a log that others touched", () => {
    foreignCases(answer);
    unreadableCases(answer);
  });
  describe("a way in", () => securityCases(answer.secure));
}

function suiteOn(broker: Broker): void {
  logSuite("Kafka", async () => {
    const address = freshAddress(broker);
    let open: Log | undefined;
    return {
      open: async () => {
        open = await openKafkaLog(address, { shards: 4 });
        return open;
      },
      dispose: async () => {
        await open?.close();
      },
    };
  });
}

const opened: Log[] = [];
afterEach(async () => {
  for (const log of opened.splice(0)) await log.close();
});
async function openLog(address: string, options: KafkaLogOptions = {}): Promise<Log> {
  const log = await openKafkaLog(address, options);
  opened.push(log);
  return log;
}

const topicOf = (address: string): string => `${parseKafkaAddress(address).prefix}.journal`;
const kafkaOf = ({ brokers }: Broker): Kafka => new Kafka({ brokers: brokers.split(","), logLevel: 0 });

async function administer<T>(broker: Broker, act: (admin: ReturnType<Kafka["admin"]>) => Promise<T>): Promise<T> {
  const admin = kafkaOf(broker).admin();
  await admin.connect();
  return act(admin).finally(() => admin.disconnect());
}

function topicCases(broker: Broker): void {
  it("is made with as many partitions as shards, kept for ever, and never by a reader", async () => {
    const address = freshAddress(broker);
    await expect(openLog(address, { readOnly: true })).rejects.toThrow(/there is no topic test-.*\.journal/);
    expect((await openLog(address)).shards).toBe(32);
    const { resources } = await administer(broker, (admin) =>
      admin.describeConfigs({ includeSynonyms: false, resources: [{ type: 2, name: topicOf(address) }] }),
    );
    const config = new Map(resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]));
    expect(["cleanup.policy", "retention.ms", "min.insync.replicas"].map((name) => config.get(name))).toEqual([
      "delete",
      "-1",
      "1",
    ]);
    await expect(openLog(address, { shards: 8 })).rejects.toThrow(/has 32 partitions, which are fixed; 8 were asked/);
    const reader = await openLog(address, { readOnly: true });
    await expect(reader.append(0, new Chain().claim())).rejects.toMatchObject({ code: "readOnly" });
  });

  it("needs as many brokers as copies", async () => {
    const address = freshAddress(broker).replace("replication=1", "replication=99");
    await expect(openLog(address)).rejects.toMatchObject({
      code: "misconfigured",
      message: expect.stringMatching(/kept on 99 brokers, and the cluster has 1.*\?replication=1 behind the address/),
    });
  });

  const bad: readonly (readonly [Record<string, string>, RegExp])[] = [
    [{ "retention.ms": "1000" }, /retention.ms is 1000, it must be -1.*--add-config retention.ms=-1/],
    [{ "cleanup.policy": "compact", "retention.ms": "-1" }, /cleanup.policy is compact/],
    [{ "min.insync.replicas": "2" }, /min.insync.replicas is 2, so nothing could be written/],
    [{ "max.message.bytes": "1000", "retention.ms": "-1" }, /max.message.bytes is 1000/],
    [{ "compression.type": "lz4", "retention.ms": "-1" }, /compression.type is lz4/],
    [{ "unclean.leader.election.enable": "true", "retention.ms": "-1" }, /unclean.leader.election.enable is true/],
  ];
  it.each(bad)("is refused with %j, by name", async (config, why) => {
    const address = freshAddress(broker);
    const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }));
    const topic: ITopicConfig = { topic: topicOf(address), numPartitions: 2, replicationFactor: 1, configEntries };
    await administer(broker, (admin) => admin.createTopics({ topics: [topic] }));
    await expect(openLog(address)).rejects.toThrow(why);
  });
}

function kafkaCases(broker: Broker): void {
  it("is refused at once where no broker listens", async () => {
    await expect(openLog("kafka://127.0.0.1:1,127.0.0.1:2/p")).rejects.toMatchObject({
      name: "LogRefused",
      code: "unreachable",
      message: expect.stringMatching(/no Kafka broker answers at 127.0.0.1:1,127.0.0.1:2 \(ECONNREFUSED/),
    });
  });

  it("is followed by another instance, which may take a shard over", async () => {
    const address = freshAddress(broker);
    const old = await journalOn(await openLog(address, { shards: 2 }), { owner: "old:1" });
    await old.journal.decide({ shard: 0, cause: "c", events: [noted(1)] });
    const young = await journalOn(await openLog(address), { owner: "new:1", claim: [0] });
    await young.journal.decide({ shard: 0, cause: "c", events: [noted(2)] });
    await expect(
      old.journal.decide({ shard: 0, cause: "c", events: [noted(3)] }).then(() =>
        // The claim may not have come round yet; then this one is fenced when it does.
        old.journal.decide({ shard: 0, cause: "c", events: [noted(3)] }),
      ),
    ).rejects.toThrow(/new:1/);
    await old.journal.decide({ shard: 1, cause: "c", events: [noted(4)] });
    await young.journal.claim(1);
    expect(numbers(young.folded)).toEqual(expect.arrayContaining([1, 2, 4]));
    expect(numbers(young.folded, 0)).toEqual([1, 2]);
    expect(numbers(young.folded, 1)).toEqual([4]);
  });

  it("leaves nothing behind when it is closed: the process ends by itself", async () => {
    const script = join(import.meta.dirname, "kafkaOnce.ts");
    const { stdout } = await promisify(execFile)(process.execPath, [script, freshAddress(broker)], { timeout: 30_000 });
    expect(stdout.trim()).toBe("2");
  });
}

/** Topics that others have written to, or taken from. */
function foreignCases(broker: Broker): void {
  it("takes no notice of control records, whose offsets are skipped", async () => {
    const address = freshAddress(broker);
    const log = await openLog(address, { shards: 1 });
    const chain = new Chain();
    await log.append(0, chain.claim());
    const inside = chain.next({ events: [noted(1)] });
    const producer = kafkaOf(broker).producer({ transactionalId: topicOf(address), maxInFlightRequests: 1 });
    await producer.connect();
    const transaction = await producer.transaction();
    const message = { partition: 0, value: Buffer.from(inside.bytes), headers: { hash: inside.hash } };
    await transaction.send({ topic: topicOf(address), messages: [message] });
    await transaction.commit();
    await producer.disconnect();
    await expect.poll(() => log.tip(0)).toBe(3);
    await log.append(0, chain.next({ events: [noted(2)] }));
    expect((await readAll(log, 0)).length).toBe(3);
    const { folded, journal } = await journalOn(log, { owner: "a:2" });
    await journal.decide({ shard: 0, cause: "c", events: [noted(3)] });
    expect(numbers(folded)).toEqual([1, 2, 3]);
    expect(journal.counts().discarded).toBe(0);
  });

  it("halts at a message of somebody else", async () => {
    const address = freshAddress(broker);
    await (await journalOn(await openLog(address, { shards: 1 }))).journal.resign();
    const producer = kafkaOf(broker).producer();
    await producer.connect();
    await producer.send({ topic: topicOf(address), messages: [{ partition: 0, value: "hello" }] });
    await producer.disconnect();
    const again = openLog(address).then((log) => journalOn(log));
    await expect(again).rejects.toThrow(/shard 0 halted at offset 2.*wrong hash/);
  });

  it("halts where the beginning of the log was deleted", async () => {
    const address = freshAddress(broker);
    const { journal } = await journalOn(await openLog(address, { shards: 1 }));
    await journal.decide({ shard: 0, cause: "c", events: [noted(1)] });
    await administer(broker, async (admin) => {
      await admin.fetchTopicOffsets(topicOf(address)); // without it the library does not know the topic's leaders
      await admin.deleteTopicRecords({ topic: topicOf(address), partitions: [{ partition: 0, offset: "1" }] });
    });
    const again = openLog(address).then((log) => journalOn(log));
    await expect(again).rejects.toThrow(LogHalted);
    await expect(again).rejects.toThrow(/offset 0, and Kafka's log begins at 1: acknowledged records are lost/);
  });
}

function unreadableCases(broker: Broker): void {
  it("halts a shard at a batch that it cannot read, and that shard alone", async () => {
    const address = freshAddress(broker);
    const halts: LogHalted[] = [];
    const log = await openLog(address, { shards: 2, halted: (why) => halts.push(why) });
    const { journal } = await journalOn(log);
    const compress = (how: string) => {
      const configEntries = Object.entries({ "compression.type": how, "retention.ms": "-1" });
      const entries = configEntries.map(([name, value]) => ({ name, value }));
      const resources = [{ type: 2, name: topicOf(address), configEntries: entries }];
      return administer(broker, (admin) => admin.alterConfigs({ validateOnly: false, resources }));
    };
    await compress("lz4");
    const producer = kafkaOf(broker).producer();
    await producer.connect();
    await producer.send({ topic: topicOf(address), messages: [{ partition: 1, value: "hello" }] });
    await producer.disconnect();
    await expect.poll(() => halts.length, { timeout: 10_000 }).toBe(1);
    const why = /partition 1 of test-.*\.journal has a batch at offset 1 .*LZ4.*--add-config compression.type=producer/;
    expect(halts[0]).toMatchObject({ shard: 1, message: expect.stringMatching(why) });
    await compress("producer");
    await journal.decide({ shard: 0, cause: "c", events: [noted(1)] });
    await expect(journal.decide({ shard: 1, cause: "c", events: [noted(1)] })).rejects.toThrow(LogHalted);
    const again = openLog(address).then((log) => journalOn(log));
    await expect(again).rejects.toThrow(LogHalted);
    await expect(again).rejects.toThrow(why);
    expect(halts).toHaveLength(1);
  });
}

function securityCases(secure: Broker["secure"]): void {
  if (secure === undefined) {
    it.skip("this broker has no listener with TLS: the one from jars has, where there is openssl", () => undefined);
    return;
  }
  const file = (name: string): string => join(secure.dir, name);
  const scram = {
    "security.protocol": "SASL_SSL",
    "ssl.ca.location": file("ca.pem"),
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": user.name,
    "sasl.password": user.password,
  };
  const mutual = {
    "security.protocol": "ssl",
    "ssl.ca.location": file("ca.pem"),
    "ssl.certificate.location": file("client.pem"),
    "ssl.key.location": file("client.key"),
  };
  const bearer = {
    "security.protocol": "sasl_ssl",
    "ssl.ca.location": file("ca.pem"),
    "sasl.mechanism": "OAUTHBEARER",
    "sasl.oauthbearer.token.endpoint.url": `file://${file("token")}`,
  };
  const { sasl, mutual: both } = secure;

  const ways = [
    ["SCRAM over TLS", sasl, scram],
    ["a bearer token over TLS", sasl, bearer],
    ["certificates on both sides", both, mutual],
  ] as const;
  it.each(ways)("is open by %s", async (_name, brokers, properties) => {
    writeFileSync(file("token"), bearerToken());
    const address = freshAddress({ brokers, kind: "" });
    const log = await openLog(address, { shards: 1, security: await securityOf(properties) });
    const { journal, folded } = await journalOn(log);
    await journal.decide({ shard: 0, cause: "c", events: [noted(1)] });
    expect(numbers(folded)).toEqual([1]);
  });

  const wrong: readonly (readonly [string, string, Record<string, string>, RegExp])[] = [
    ["a wrong password", sasl, { ...scram, "sasl.password": "x" }, /no way in to Kafka.*(SASL|credentials)/],
    ["an authority that is not known", sasl, without(scram, "ssl.ca.location"), /no way in.*certificate/],
    ["no certificate", both, without(mutual, "ssl.certificate.location", "ssl.key.location"), /unreachable|Kafka/],
    ["no encryption", sasl, { "security.protocol": "plaintext" }, /TLS or SASL/],
  ];
  it.each(wrong)("is closed to %s", async (_name, brokers, properties, why) => {
    const security = await securityOf(properties);
    const opening = openLog(freshAddress({ brokers, kind: "" }), { security, requestMs: 1000 });
    await expect(opening).rejects.toMatchObject({ code: "unreachable" });
    await expect(opening).rejects.toThrow(why);
  });

  it("is closed, after 10 s, where the token endpoint does not answer", { timeout: 30_000 }, async () => {
    const { url, asked } = await tokenEndpoint(() => undefined);
    const security = await securityOf({
      ...bearer,
      "sasl.oauthbearer.token.endpoint.url": url,
      "sasl.oauthbearer.client.id": "id",
      "sasl.oauthbearer.client.secret": "hush",
    });
    const opening = openLog(freshAddress({ brokers: `${sasl},${sasl}`, kind: "" }), { security });
    const why = expect.stringMatching(
      /^no way in to Kafka at .*the token endpoint http:\S+\/token does not answer within 10 s.*Check .* token/,
    );
    await expect(opening).rejects.toMatchObject({ name: "LogRefused", code: "unreachable", message: why });
    expect(asked).toHaveLength(1);
  });
}

function without(properties: Record<string, string>, ...keys: string[]): Record<string, string> {
  return Object.fromEntries(Object.entries(properties).filter(([key]) => !keys.includes(key)));
}
