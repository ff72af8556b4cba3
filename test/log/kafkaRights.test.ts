/**
 * A login that may not do all that Windrow needs, on a broker with ACLs: what is said names the topic and the right,
 * and a command ends as for a log that cannot be opened. Each test has a user and a prefix of its own.
 */
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, Kafka, ResourcePatternTypes } from "kafkajs";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { openKafkaLog } from "../../src/log/kafka/kafkaLog.ts";
import { type KafkaPlace, parseKafkaAddress, readKafkaSecurity } from "../../src/log/kafka/settings.ts";
import type { Log } from "../../src/log/log.ts";
import type { PublicEvent } from "../../src/publish/messages.ts";
import { adviceOn, publicTopics } from "../../src/publish/topics.ts";
import { type Broker, theBroker } from "../broker/answer.ts";
import { bearerToken } from "../broker/secure.ts";
import { type Run, start } from "../cli/windrow.ts";
import { placesOf, writeSite } from "../panda/site.ts";
import { tempDir } from "../plugins/fixtures.ts";
import { allOf, write, writing } from "../publish/writing.ts";
import { Chain, readAll } from "./fixtures.ts";

const answer = await theBroker();
if ("none" in answer) {
  describe("rights on Kafka", () => it.skip(`needs a broker: ${answer.none}`, () => undefined));
} else if (answer.secure === undefined) {
  const why = "this broker has no ACLs: the one from jars has, where there is openssl";
  describe("rights on Kafka", () => it.skip(why, () => undefined));
} else {
  const broker = { ...answer, secure: answer.secure };
  describe("a log on Kafka", () => logCases(broker));
  describe("public topics", () => topicCases(broker));
  describe("a command", () => commandCases(broker));
}

type Secured = Broker & { readonly secure: NonNullable<Broker["secure"]> };
type Right = "ALL" | "READ" | "WRITE" | "CREATE" | "DESCRIBE" | "DESCRIBE_CONFIGS";

/** A user, and topics that are closed to everybody whom no ACL lets in. */
class Guest {
  readonly prefix = `test-${randomUUID()}`;
  readonly #name = `guest-${randomUUID()}`;
  readonly #broker: Secured;
  /** File of client properties, with this user's token. */
  readonly properties: string;

  private constructor(broker: Secured, dir: string) {
    this.#broker = broker;
    this.properties = join(dir, "client.properties");
    writeFileSync(join(dir, "token"), bearerToken(this.#name));
    const lines = [
      "security.protocol=sasl_ssl",
      `ssl.ca.location=${join(broker.secure.dir, "ca.pem")}`,
      "sasl.mechanism=OAUTHBEARER",
      `sasl.oauthbearer.token.endpoint.url=file://${join(dir, "token")}`,
    ];
    writeFileSync(this.properties, lines.join("\n"));
  }

  static async come(broker: Secured, rights: readonly Right[]): Promise<Guest> {
    const guest = new Guest(broker, await tempDir());
    // A topic with an ACL is closed to those of whom none speaks.
    await guest.acl({ principal: "User:ANONYMOUS" }, "ALL");
    for (const right of rights) await guest.acl({}, right);
    return guest;
  }

  /** Allows this user so much on all topics of the prefix; or as `more` says. */
  async acl(more: Partial<Parameters<ReturnType<Kafka["admin"]>["createAcls"]>[0]["acl"][number]>, right: Right) {
    const admin = new Kafka({ brokers: this.#broker.brokers.split(","), logLevel: 0 }).admin();
    await admin.connect();
    const usual = {
      resourceType: AclResourceTypes.TOPIC,
      resourceName: this.prefix,
      resourcePatternType: ResourcePatternTypes.PREFIXED,
      principal: `User:${this.#name}`,
      host: "*",
      operation: AclOperationTypes[right],
      permissionType: AclPermissionTypes.ALLOW,
    };
    await admin.createAcls({ acl: [{ ...usual, ...more }] });
    await admin.disconnect();
  }

  deny(topic: string, right: Right): Promise<void> {
    const resourcePatternType = ResourcePatternTypes.LITERAL;
    const resourceName = `${this.prefix}.${topic}`;
    return this.acl({ resourceName, resourcePatternType, permissionType: AclPermissionTypes.DENY }, right);
  }

  /** May make nothing. Everybody else still may, though now there are ACLs on the cluster. */
  async denyCreate(): Promise<void> {
    const resourceType = AclResourceTypes.CLUSTER;
    const on = { resourceType, resourceName: "kafka-cluster", resourcePatternType: ResourcePatternTypes.LITERAL };
    await this.acl({ ...on, principal: "User:*" }, "ALL");
    await this.acl({ ...on, permissionType: AclPermissionTypes.DENY }, "CREATE");
  }

  get address(): string {
    return `kafka://${this.#broker.secure.sasl}/${this.prefix}?replication=1`;
  }

  async place(): Promise<KafkaPlace> {
    return { address: parseKafkaAddress(this.address), security: await readKafkaSecurity(this.properties) };
  }

  /** The journal, made by somebody who may, with one record. */
  async made(chain = new Chain()): Promise<void> {
    const log = await openKafkaLog(`kafka://${this.#broker.brokers}/${this.prefix}?replication=1`, { shards: 1 });
    await log.append(0, chain.next());
    await log.close();
  }

  async open(readOnly: boolean): Promise<Log> {
    const { security } = await this.place();
    const log = await openKafkaLog(this.address, { security, ...(readOnly ? { readOnly } : { shards: 1 }) });
    onTestFinished(() => log.close());
    return log;
  }
}

const forWriting = "The user needs Describe, DescribeConfigs, Read and Write, and Create where the topic is missing";
const forReading = "The user needs Describe, DescribeConfigs and Read";

/** What is said where the right is missing. */
const refusal = (topic: string, right: string, needs: string): RegExp => {
  const lacks = `this user lacks the right ${right} on ${topic}`;
  return new RegExp(
    `^(windrow: )?Kafka refuses ${topic} at \\S+ \\(TOPIC_AUTHORIZATION_FAILED: ${lacks}\\). ${needs}\\n?$`,
  );
};

function logCases(broker: Secured): void {
  const describing: readonly Right[] = ["DESCRIBE", "DESCRIBE_CONFIGS"];
  it.each<[readonly Right[], string, boolean]>([
    [[], "Describe or DescribeConfigs", false],
    [["READ", "WRITE"], "Describe or DescribeConfigs", true],
    [[...describing, "WRITE"], "Read", false],
    [describing, "Read", true],
  ])("that may only be %j is refused for want of %s (to be read only: %j)", async (rights, right, readOnly) => {
    const guest = await Guest.come(broker, rights);
    await guest.made();
    const message = refusal(`${guest.prefix}.journal`, right, readOnly ? forReading : forWriting);
    const said = { name: "LogRefused", code: "misconfigured", message: expect.stringMatching(message) };
    await expect(guest.open(readOnly)).rejects.toMatchObject(said);
  });

  it("that is missing and may not be made is refused", async () => {
    const guest = await Guest.come(broker, [...describing, "READ", "WRITE"]);
    await guest.denyCreate();
    const message = refusal(`${guest.prefix}.journal`, "Create", forWriting);
    await expect(guest.open(false)).rejects.toThrow(message);
  });

  it("that may only be read is read, and takes no record", async () => {
    const guest = await Guest.come(broker, ["READ", "DESCRIBE_CONFIGS"]);
    const chain = new Chain();
    await guest.made(chain);
    const log = await guest.open(false);
    expect(await readAll(log, 0)).toHaveLength(1);
    const why = `shard 0: Kafka takes no records: this user lacks the right Write on ${guest.prefix}.journal (TOPIC_A`;
    await expect(log.append(0, chain.next())).rejects.toMatchObject({
      name: "LogRefused",
      message: expect.stringContaining(why),
    });
    expect(await readAll(log, 0)).toHaveLength(1);
  });

  it("is written with the rights that the refusals name", async () => {
    const guest = await Guest.come(broker, ["READ", "WRITE", ...describing]);
    const log = await guest.open(false);
    await log.append(0, new Chain().next());
    expect(await readAll(log, 0)).toHaveLength(1);
  });
}

function topicCases(broker: Secured): void {
  /** Sends events to the topics beside a journal with four shards. */
  async function send(guest: Guest, events: readonly PublicEvent[]): Promise<void> {
    const topics = publicTopics(await guest.place(), 4);
    onTestFinished(() => topics.close());
    await topics.open(() => undefined);
    await topics.send(events);
  }

  it.each<[string, Right, string]>([
    ["jobs", "DESCRIBE_CONFIGS", "Describe or DescribeConfigs"],
    ["file-groups", "DESCRIBE", "Describe or DescribeConfigs"],
    ["workers", "WRITE", "Write"],
  ])("of which %s are closed to %s say which, and what the user needs", async (topic, right, says) => {
    const told = await writing();
    await write(told, [1]);
    const events = (await allOf(told.stopped)).map(({ event }) => event);
    const guest = await Guest.come(broker, ["ALL"]);
    await guest.deny(topic, right);
    const lacks = `this user lacks the right ${says} on ${guest.prefix}.${topic} (TOPIC_AUTHORIZATION_FAILED). `;
    expect(await send(guest, events).catch(adviceOn)).toContain(
      `${lacks}The user needs Describe, DescribeConfigs and Write`,
    );
  });
}

function commandCases(broker: Secured): void {
  const command = (guest: Guest, ...args: string[]): Run =>
    start(process.execPath, ["src/main.ts", ...args], { WINDROW_KAFKA_CONFIG: guest.properties });
  async function running(guest: Guest): Promise<Run> {
    const dir = await tempDir();
    writeSite(dir, { api: "http://127.0.0.1:1/api/v1", harvesterID: "H", queues: { Q: {} } });
    return command(guest, "run", "--config", placesOf(dir).config, "--log", guest.address);
  }

  it.each(["events", "status", "verify"])("%s of a journal that may not be read ends with 3", async (name) => {
    const guest = await Guest.come(broker, ["DESCRIBE", "DESCRIBE_CONFIGS"]);
    await guest.made();
    const run = command(guest, name, guest.address);
    expect(await run.ended).toBe(3);
    expect(run.lines).toEqual([]);
    expect(run.errors()).toMatch(refusal(`${guest.prefix}.journal`, "Read", forReading));
  });

  it("run with a journal that may not be written ends with 3, and says so", async () => {
    const guest = await Guest.come(broker, ["ALL"]);
    await guest.deny("journal", "WRITE");
    const run = await running(guest);
    expect(await run.ended).toBe(3);
    const lacks = `this user lacks the right Write on ${guest.prefix}.journal (`;
    expect(run.errors()).toContain(`windrow: shard 0: Kafka takes no records: ${lacks}`);
  });

  it("events of a log of which it cannot be said whether it is whole ends with 3", async () => {
    const guest = await Guest.come(broker, ["READ", "DESCRIBE_CONFIGS"]);
    await guest.deny("copying", "DESCRIBE");
    await guest.made();
    const run = command(guest, "events", guest.address);
    expect(await run.ended).toBe(3);
    expect(run.errors()).toMatch(refusal(`${guest.prefix}.copying`, "Describe or DescribeConfigs", forReading));
  });

  it("run where instances may not hear of each other ends with 3, and says so", async () => {
    const guest = await Guest.come(broker, ["ALL"]);
    await guest.deny("instances", "DESCRIBE");
    const run = await running(guest);
    expect(await run.ended).toBe(3);
    expect(run.errors()).toContain(`windrow: Kafka refuses ${guest.prefix}.instances at `);
  });

  it("run with topics that it may not write says which right is missing, and goes on", async () => {
    const guest = await Guest.come(broker, ["ALL"]);
    for (const topic of ["workers", "snapshots"]) await guest.deny(topic, "DESCRIBE");
    const run = await running(guest);
    const lacks = (topic: string) =>
      `this user lacks the right Describe or DescribeConfigs on ${guest.prefix}.${topic}`;
    const topics = `the public topics are not written, trying again: ${lacks("workers")} (`;
    await vi.waitFor(() => expect(run.errors()).toContain(topics), { timeout: 30_000 });
    expect(run.errors()).toContain(`snapshots are not shared: Kafka refuses ${guest.prefix}.snapshots at `);
    await vi.waitFor(() => expect(run.errors()).toMatch(/"shard":0,.*"msg":"led"/), { timeout: 30_000 });
    run.kill("SIGTERM");
    expect(await run.ended).toBe(0);
  });
}
