/** Addresses of Kafka logs, and client properties as a way in: what is taken, and what is refused in which words. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseKafkaAddress, readKafkaSecurity, securityOf } from "../../src/log/kafka/settings.ts";
import { tokenOf } from "../../src/log/kafka/token.ts";
import { tokenEndpoint } from "./tokenEndpoint.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "windrow-kafka-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

describe("an address", () => {
  it.each([
    ["kafka://a.example:9092/windrow", { brokers: ["a.example:9092"], prefix: "windrow", replication: 3 }],
    ["kafka://a:1,10.0.0.2:2/x.y-z?replication=1", { brokers: ["a:1", "10.0.0.2:2"], prefix: "x.y-z", replication: 1 }],
  ])("%s", (text, parts) => expect(parseKafkaAddress(text)).toEqual(parts));

  it.each([
    ["kafka://a/p", /`a` is not a host name/],
    ["kafka://[::1]:9092/p", /`\[::1\]:9092` is not a host name/],
    ["kafka://a:1", /the prefix is letters/],
    ["kafka://a:1/p/q", /the prefix is letters/],
    ["kafka://a:1/p?replication=no", /replication is a whole number/],
    ["kafka://a:1/p?acks=0", /there is no option `acks`/],
    ["kafka://user:password@a:1/p", /is not a host name/],
  ])("%s is refused", (text, why) => expect(() => parseKafkaAddress(text)).toThrow(why));
});

describe("client properties", () => {
  it("give SASL over TLS, with certificates read from their files", async () => {
    writeFileSync(join(dir, "ca.pem"), "the authority");
    const file = join(dir, "client.properties");
    const lines = [
      "# as for kcat",
      "security.protocol=SASL_SSL",
      `ssl.ca.location=${join(dir, "ca.pem")}`,
      "  # and here",
      "",
      "bootstrap.servers=elsewhere:9092",
      "sasl.mechanisms = SCRAM-SHA-256\r",
      "  sasl.username=harvester  ",
      "sasl.password=a",
      `sasl.password="a b#c=d\\=e'`,
    ];
    writeFileSync(file, lines.join("\n"));
    expect(await readKafkaSecurity(file)).toEqual({
      clientId: "windrow",
      tls: { ca: "the authority" },
      sasl: { mechanism: "scram-sha-256", username: "harvester", password: `"a b#c=d=e'` },
    });
  });

  it("are read line by line, and one that says nothing is named by its number alone", async () => {
    const file = join(dir, "client.properties");
    for (const line of ["hush", "=hush"]) {
      writeFileSync(file, `security.protocol=plaintext\n${line}\n`);
      await expect(readKafkaSecurity(file)).rejects.toThrow(/client.properties: line 2 is not name=value$/);
    }
  });

  it.each(["sasl.mechanism", "sasl.mechanisms"])("name the mechanism by %s", async (name) => {
    const user = { "sasl.username": "a", "sasl.password": "b" };
    const { sasl: way } = await securityOf({ "security.protocol": "sasl_ssl", [name]: "PLAIN", ...user });
    expect(way).toEqual({ mechanism: "plain", username: "a", password: "b" });
  });

  it("give certificates on both sides", async () => {
    for (const name of ["cert", "key"]) writeFileSync(join(dir, name), name);
    const properties = { "ssl.certificate.location": join(dir, "cert"), "ssl.key.location": join(dir, "key") };
    expect(await securityOf({ "security.protocol": "ssl", ...properties, "ssl.key.password": "x" })).toEqual({
      clientId: "windrow",
      tls: { cert: "cert", key: "key", passphrase: "x" },
    });
  });

  const sasl = { "security.protocol": "sasl_ssl", "sasl.mechanism": "oauthbearer" };
  const [method, endpoint] = ["sasl.oauthbearer.method", "sasl.oauthbearer.token.endpoint.url"];
  const refused: readonly (readonly [Record<string, string>, RegExp])[] = [
    [{}, /security.protocol/],
    [{ "security.protocol": "tls" }, /security.protocol/],
    [{ "security.protocol": "plaintext", "sasl.username": "a" }, /sasl.username has no meaning with .*plaintext/],
    [{ "security.protocol": "sasl_plaintext", "ssl.ca.location": "a" }, /ssl.ca.location has no meaning/],
    [{ "security.protocol": "ssl", "ssl.key.location": "a" }, /come together/],
    [{ "security.protocol": "ssl", "enable.ssl.certificate.verification": "false" }, /enable.ssl/],
    [{ "security.protocol": "sasl_ssl" }, /sasl.mechanisms is missing/],
    [{ ...sasl, "sasl.mechanisms": "plain" }, /two names of one thing/],
    [{ ...sasl, "sasl.mechanism": "plain", "sasl.username": "a" }, /sasl.password is missing/],
    [{ ...sasl, "sasl.mechanism": "gssapi" }, /sasl.mechanism/],
    [sasl, /token.endpoint.url is missing/],
    [{ ...sasl, [endpoint]: "https://iam/token", [method]: "default" }, /method=default does not fit an endpoint/],
    [{ ...sasl, [endpoint]: "file:///token", [method]: "oidc" }, /method=oidc does not fit a file/],
    [{ ...sasl, [method]: "aws_iam" }, /sasl.oauthbearer.method/],
    [{ ...sasl, [endpoint]: "https://iam/token" }, /client.id or .*client.secret is missing/],
  ];
  it.each(refused)("%j are refused", async (properties, why) => {
    await expect(securityOf(properties)).rejects.toThrow(why);
  });

  it("name the file that cannot be used, and no secret in it", async () => {
    const file = join(dir, "client.properties");
    await expect(readKafkaSecurity(file)).rejects.toMatchObject({ name: "LogRefused", code: "misconfigured" });
    writeFileSync(file, "security.protocol=plaintext\nsasl.password=hush");
    await expect(readKafkaSecurity(file)).rejects.toThrow(/client.properties: (?!.*hush)/);
  });

  it("exchange client credentials for a token, and keep it for most of its life", async () => {
    const { url, asked } = await tokenEndpoint((n) => ({
      body: JSON.stringify({ access_token: `token ${n}`, expires_in: 3600 }),
    }));
    const { sasl: way } = await securityOf({
      ...sasl,
      "sasl.oauthbearer.method": "OIDC",
      "sasl.oauthbearer.token.endpoint.url": url,
      "sasl.oauthbearer.client.id": "id",
      "sasl.oauthbearer.client.secret": "s:t",
      "sasl.oauthbearer.scope": "kafka",
    });
    if (way?.mechanism !== "oauthbearer") throw new Error("no bearer token");
    expect([await tokenOf(way.source), await tokenOf(way.source)]).toEqual(["token 1", "token 1"]);
    const basic = Buffer.from("id:s%3At").toString("base64");
    expect(asked).toEqual([`Basic ${basic} grant_type=client_credentials&scope=kafka`]);
  });

  it("read a token from a file each time, since somebody else keeps it fresh", async () => {
    const url = { [method]: "default", [endpoint]: `file://${join(dir, "token")}` };
    const { sasl: way } = await securityOf({ ...sasl, ...url });
    if (way?.mechanism !== "oauthbearer") throw new Error("no bearer token");
    for (const token of ["one", "two"]) {
      writeFileSync(join(dir, "token"), `${token}\n`);
      expect(await tokenOf(way.source)).toBe(token);
    }
  });

  const troubles: readonly (readonly [string, { status?: number; body: string } | undefined, RegExp])[] = [
    ["does not answer", undefined, /does not answer within 0\.05 s$/],
    ["says no", { status: 401, body: "{}" }, /answers 401 to the request for a token$/],
    ["answers with a bare token", { body: "hush" }, /answers with something that is no token$/],
    ["answers without a token", { body: '{"id_token":"hush"}' }, /answers with something that is no token$/],
  ];
  it.each(troubles)("say which token endpoint %s, and no secret", async (_what, answer, why) => {
    const { url } = await tokenEndpoint(() => answer);
    const asking = tokenOf({ url: `${url}?key=hush`, client: { id: "id", secret: "hush" } }, 50);
    const words = await asking.catch(({ message, cause }: Error) => [message, cause]);
    expect(words).toEqual([expect.stringMatching(why), undefined]);
    expect(String(words)).toContain(`the token endpoint ${url} `);
    expect(String(words)).not.toContain("hush");
  });

  it("say where no token endpoint is, and where no token can be read", async () => {
    const client = { id: "id", secret: "hush" };
    await expect(tokenOf({ url: "http://127.0.0.1:1/token", client })).rejects.toThrow(
      /^the token endpoint http:\/\/127\.0\.0\.1:1\/token cannot be asked/,
    );
    await expect(tokenOf({ url: `file://${join(dir, "none")}` })).rejects.toThrow(/^no token can be read: .*none/);
  });
});
