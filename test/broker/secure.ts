/**
 * The encrypted and authenticated ways into the broker from jars: SASL_SSL with SCRAM or a bearer token, and TLS with
 * certificates on both sides. Certificates are made for each run and worth nothing outside it.
 */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Whom the broker knows. */
export const user = { name: "windrow", password: "reaped-and-dried" };

/**
 * An authority `ca.pem`, and `server` and `client` certificates of it with their keys. False where there is no openssl.
 */
export async function makeCertificates(dir: string): Promise<boolean> {
  const file = (name: string): string => join(dir, name);
  const openssl = (...args: string[]) => run("openssl", args);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  try {
    await openssl("version");
  } catch {
    return false;
  }
  const authority = ["-keyout", file("ca.key"), "-out", file("ca.pem"), "-days", "2", "-subj", "/CN=test authority"];
  await openssl("req", "-x509", ...key, ...authority);
  for (const name of ["server", "client"]) {
    const subject = ["-subj", `/CN=${name === "server" ? "localhost" : "windrow"}`];
    await openssl("req", ...key, "-keyout", file(`${name}.key`), "-out", file(`${name}.csr`), ...subject);
    writeFileSync(file(`${name}.ext`), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
    const signed = ["-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-CAcreateserial", "-days", "2"];
    await openssl(
      "x509",
      "-req",
      "-in",
      file(`${name}.csr`),
      ...signed,
      "-extfile",
      file(`${name}.ext`),
      "-out",
      file(`${name}.pem`),
    );
  }
  // Kafka reads chain and key from one file.
  writeFileSync(
    file("server.both.pem"),
    readFileSync(file("server.key"), "utf8") + readFileSync(file("server.pem"), "utf8"),
  );
  return true;
}

/** Properties of the listeners SECURE and MUTUAL. */
export function secureProperties(dir: string): readonly string[] {
  const login = "org.apache.kafka.common.security";
  const handler = "internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler";
  const stores = (listener: string): string[] => [
    `listener.name.${listener}.ssl.keystore.type=PEM`,
    `listener.name.${listener}.ssl.keystore.location=${join(dir, "server.both.pem")}`,
    `listener.name.${listener}.ssl.truststore.type=PEM`,
    `listener.name.${listener}.ssl.truststore.location=${join(dir, "ca.pem")}`,
  ];
  return [
    ...stores("secure"),
    ...stores("mutual"),
    "listener.name.mutual.ssl.client.auth=required",
    "listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-512,OAUTHBEARER",
    `listener.name.secure.scram-sha-512.sasl.jaas.config=${login}.scram.ScramLoginModule required;`,
    `listener.name.secure.oauthbearer.sasl.jaas.config=${login}.oauthbearer.OAuthBearerLoginModule required;`,
    `listener.name.secure.oauthbearer.sasl.server.callback.handler.class=${login}.oauthbearer.${handler}`,
    // Who comes without a login may do everything, and so may the broker itself; others where no ACL is in their way.
    "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users=User:ANONYMOUS",
    "allow.everyone.if.no.acl.found=true",
  ];
}

/** A token of nobody's signature, which the broker of a test takes for this user's. */
export function bearerToken(name = user.name): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  return `${part({ alg: "none" })}.${part({ sub: name, iat: now, exp: now + 3600 })}.`;
}
