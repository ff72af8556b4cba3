/**
 * Where a Kafka log is and how to get in: the address `kafka://HOST:PORT[,HOST:PORT]/PREFIX`, and a file of client
 * properties under librdkafka's names, which every Kafka site knows (`kcat -F FILE` reads the same). It must never fall
 * back to a weaker way in than the one that was asked for, nor put a secret into a message.
 */
import { readFile } from "node:fs/promises";
import { z } from "zod";
import { LogRefused } from "../faults.ts";
import type { TokenSource } from "./token.ts";

/** An address, taken apart. */
export interface KafkaAddress {
  readonly brokers: readonly string[];
  /** The journal is `<prefix>.journal`. */
  readonly prefix: string;
  /** Copies of each partition that a journal must have. */
  readonly replication: number;
}

export interface Tls {
  /** PEM. Without `ca`, the authorities that Node knows. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly passphrase?: string;
}

export type Sasl =
  | {
      readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
      readonly username: string;
      readonly password: string;
    }
  | { readonly mechanism: "oauthbearer"; readonly source: TokenSource };

/** Plain data: threads are given it. */
export interface KafkaSecurity {
  readonly clientId: string;
  readonly tls?: Tls;
  readonly sasl?: Sasl;
}

/** Neither encrypted nor authenticated: what `security.protocol=plaintext` says. */
export const noSecurity: KafkaSecurity = { clientId: "windrow" };

/** A cluster with a prefix, and the way in. */
export interface KafkaPlace {
  readonly address: KafkaAddress;
  readonly security: KafkaSecurity;
}

const scheme = "kafka://";
const usualReplication = 3;

export const isKafkaAddress = (text: string): boolean => text.startsWith(scheme);

/** @throws LogRefused saying what is wrong with the address. */
export function parseKafkaAddress(text: string): KafkaAddress {
  const refuse = (why: string) =>
    new LogRefused("misconfigured", `${text}: ${why}. An address is kafka://HOST:PORT[,HOST:PORT]/PREFIX`);
  const parts = /^kafka:\/\/([^/?]*)\/?([^?]*)(?:\?(.*))?$/.exec(text);
  const [, hosts = "", prefix = "", query = ""] = parts ?? [];
  const brokers = hosts.split(",");
  const bad = brokers.find((broker) => !/^[A-Za-z0-9._-]+:\d{1,5}$/.test(broker));
  if (bad !== undefined) throw refuse(`\`${bad}\` is not a host name (or IPv4 address) with a port`);
  // ".journal" and later topics come behind it; Kafka allows 249 characters.
  if (!/^[A-Za-z0-9._-]{1,200}$/.test(prefix)) throw refuse("the prefix is letters, digits, dots, `_` and `-`");
  const options = new URLSearchParams(query);
  const replication = Number(options.get("replication") ?? usualReplication);
  if (!Number.isInteger(replication) || replication < 1) throw refuse("replication is a whole number of at least 1");
  const unknown = [...options.keys()].find((key) => key !== "replication");
  if (unknown !== undefined) throw refuse(`there is no option \`${unknown}\`; there is \`replication\``);
  return { brokers, prefix, replication };
}

const text = z.string().min(1);
const mechanism = z
  .string()
  .toLowerCase()
  .pipe(z.enum(["plain", "scram-sha-256", "scram-sha-512", "oauthbearer"]))
  .optional();
const schema = z.strictObject({
  /** For other clients: the brokers of a log are those of its address. */
  "bootstrap.servers": text.optional(),
  "client.id": text.default("windrow"),
  "security.protocol": z
    .string()
    .toLowerCase()
    .pipe(z.enum(["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"])),
  "ssl.ca.location": text.optional(),
  "ssl.certificate.location": text.optional(),
  "ssl.key.location": text.optional(),
  "ssl.key.password": text.optional(),
  /** Two names of one thing. */
  "sasl.mechanisms": mechanism,
  "sasl.mechanism": mechanism,
  "sasl.username": text.optional(),
  "sasl.password": text.optional(),
  /** `oidc`: a token endpoint; `default`: somebody else brings the token. The URL says it too. */
  "sasl.oauthbearer.method": z
    .string()
    .toLowerCase()
    .pipe(z.enum(["default", "oidc"]))
    .optional(),
  /** `https:`: client credentials are exchanged there; `file:`: a token that somebody else keeps fresh. */
  "sasl.oauthbearer.token.endpoint.url": z.url({ protocol: /^(https?|file)$/ }).optional(),
  "sasl.oauthbearer.client.id": text.optional(),
  "sasl.oauthbearer.client.secret": text.optional(),
  "sasl.oauthbearer.scope": text.optional(),
});
type Properties = z.output<typeof schema>;

/** Reads a file of properties, `name=value` a line. @throws LogRefused saying what is wrong with it. */
export async function readKafkaSecurity(path: string): Promise<KafkaSecurity> {
  const refuse = (why: string) => new LogRefused("misconfigured", `${path}: ${why}`);
  try {
    return await securityOf(propertiesIn(await readFile(path, "utf8")));
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error));
  }
}

/**
 * Properties as kcat reads them: `#` begins a comment only where a line begins, quotes mean nothing, and `\:` and `\=`
 * are Java's `:` and `=`. Blanks around names and values do not count.
 */
function propertiesIn(text: string): Record<string, string> {
  const lines = text.split("\n").map((line) => line.trim().replace(/\\([:=])/g, "$1"));
  const properties = lines.flatMap((line, at) => {
    if (line === "" || line.startsWith("#")) return [];
    const equals = line.indexOf("=");
    if (equals < 1) throw new Error(`line ${at + 1} is not name=value`);
    return [[line.slice(0, equals).trimEnd(), line.slice(equals + 1).trimStart()] as const];
  });
  return Object.fromEntries(properties);
}

/** Client properties as a way in. Throws with a sentence for what is missing, unknown or does not fit together. */
export async function securityOf(properties: Readonly<Record<string, string | undefined>>): Promise<KafkaSecurity> {
  const parsed = schema.safeParse(properties);
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error));
  const given = parsed.data;
  const protocol = given["security.protocol"];
  const [encrypted, authenticated] = [protocol.endsWith("ssl"), protocol.startsWith("sasl")];
  const misplaced = Object.keys(properties).find(
    (key) => (key.startsWith("ssl.") && !encrypted) || (key.startsWith("sasl.") && !authenticated),
  );
  if (misplaced !== undefined) throw new Error(`${misplaced} has no meaning with security.protocol=${protocol}`);
  return {
    clientId: given["client.id"],
    ...(encrypted ? { tls: await tlsOf(given) } : {}),
    ...(authenticated ? { sasl: saslOf(given) } : {}),
  };
}

async function tlsOf(given: Properties): Promise<Tls> {
  const [cert, key] = [given["ssl.certificate.location"], given["ssl.key.location"]];
  if ((cert === undefined) !== (key === undefined))
    throw new Error("ssl.certificate.location and ssl.key.location come together");
  const ca = given["ssl.ca.location"];
  const passphrase = given["ssl.key.password"];
  return {
    ...(ca === undefined ? {} : { ca: await readFile(ca, "utf8") }),
    ...(cert === undefined || key === undefined
      ? {}
      : { cert: await readFile(cert, "utf8"), key: await readFile(key, "utf8") }),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
}

function saslOf(given: Properties): Sasl {
  const mechanism = given["sasl.mechanisms"] ?? given["sasl.mechanism"];
  if (mechanism === undefined) throw new Error("sasl.mechanisms is missing");
  if (mechanism !== (given["sasl.mechanism"] ?? mechanism))
    throw new Error("sasl.mechanisms and sasl.mechanism are two names of one thing, and say different ones");
  if (mechanism === "oauthbearer") return { mechanism, source: tokenSourceOf(given) };
  const [username, password] = [given["sasl.username"], given["sasl.password"]];
  if (username === undefined || password === undefined) throw new Error("sasl.username or sasl.password is missing");
  return { mechanism, username, password };
}

function tokenSourceOf(given: Properties): TokenSource {
  const url = given["sasl.oauthbearer.token.endpoint.url"];
  if (url === undefined) throw new Error("sasl.oauthbearer.token.endpoint.url is missing");
  const isFile = url.startsWith("file:");
  const method = given["sasl.oauthbearer.method"];
  if (method === (isFile ? "oidc" : "default"))
    throw new Error(`sasl.oauthbearer.method=${method} does not fit ${isFile ? "a file" : "an endpoint"} of tokens`);
  if (isFile) return { url };
  const [id, secret] = [given["sasl.oauthbearer.client.id"], given["sasl.oauthbearer.client.secret"]];
  if (id === undefined || secret === undefined)
    throw new Error("sasl.oauthbearer.client.id or sasl.oauthbearer.client.secret is missing");
  const scope = given["sasl.oauthbearer.scope"];
  return { url, client: { id, secret }, ...(scope === undefined ? {} : { scope }) };
}
