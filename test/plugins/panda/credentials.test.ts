/**
 * Certificates and tokens: when they are read, how a bad one is told, and that no secret is in any text.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { call } from "../fixtures.ts";
import { always, envelope, failureOf, type LocalServer, send, serve } from "./server.ts";

describe("secrets", () => {
  const secret = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJsYWIifQ.c2lnbmF0dXJl";
  const oidc = { auth_type: "oidc", auth_token: secret, auth_origin: "wlcg" } as const;
  const key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----";

  test.each([
    ["a token that the server repeats", `HTTP said Bearer ${secret} and ${secret.slice(0, 30)}.x`],
    ["another one's token", "Bearer eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJsYWIifQ.abc is bad"],
    ["a private key", `cannot use ${key}`],
    ["half a private key", key.slice(0, 45)],
    ["secrets of a job", '{"jobs": [{"secrets": "{\\"KEY\\": \\"MIIEvQIBADANBg\\"}"'],
    ["secrets of a job inside a text", '"{\\"pilotSecrets\\": \\"MIIEvQIBADANBg\\"}'],
  ])("%s is in no error and no refusal", async (_, text) => {
    for (const [answer, status] of [
      [text, 500],
      [text, 200],
      [envelope(null, false, text), 200],
    ] as const) {
      const server = await always(answer, status);
      const said = await server.communicator(oidc).getCommands(1, call()).then(JSON.stringify, String);
      expect(said).not.toMatch(/MIIEvQIBADANBg|c2lnbmF0dXJl|eyJzdWIi/);
      expect(said).toContain("***");
    }
  });

  test("answers about credentials are never shown, whatever they are", async () => {
    for (const text of [
      "my-proxy-text",
      '{"userProxy": "my-proxy-text"}',
      '{"success": true, "data": "my-proxy-text"}',
    ]) {
      const server = await always(text);
      const { message } = await failureOf(server.communicator().getProxy("", "", call()));
      expect(message).not.toContain("my-proxy-text");
    }
  });
});

describe("credentials", () => {
  async function folder(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), "windrow-panda-"));
    onTestFinished(() => rm(path, { recursive: true, force: true }));
    return path;
  }
  const sent = ({ asked }: LocalServer) => asked.map(({ headers }) => headers.authorization);

  test("a token file is read without its line break, and again after ten minutes", async () => {
    const file = join(await folder(), "token");
    await writeFile(file, "first\n");
    let now = 0;
    const server = await always(envelope(null));
    const options = { auth_type: "oidc", auth_token: `file:${file}`, auth_origin: "wlcg.production" } as const;
    const communicator = server.communicator(options, () => now);
    const ask = () => communicator.checkPanda(call({ notAfterAt: Number.MAX_SAFE_INTEGER }));
    await ask();
    await writeFile(file, "second\n");
    now = 599_999;
    await ask();
    now = 600_000;
    await ask();
    expect(sent(server)).toEqual(["Bearer first", "Bearer first", "Bearer second"]);
    expect(server.asked[0]?.headers.origin).toBe("wlcg.production");
    await writeFile(file, "third");
    communicator.forceCredentialRenewal();
    await ask();
    expect(sent(server).at(-1)).toBe("Bearer third");
  });

  test("after a refused token the file is read anew at once", async () => {
    const file = join(await folder(), "token");
    await writeFile(file, "stale");
    const server = await serve((response, { headers }) => {
      if (headers.authorization === "Bearer fresh") send(response, envelope(null));
      else send(response, "ERROR : Token authentication failed. Invalid token. Signature has expired", 403);
    });
    const communicator = server.communicator({ auth_type: "oidc", auth_token: `file:${file}`, auth_origin: "wlcg" });
    const { message } = await failureOf(communicator.checkPanda(call()));
    expect(message).toMatch(/Signature has expired; renew the token that auth_token of \[pandacon\] names/);
    await writeFile(file, "fresh");
    expect(await communicator.checkPanda(call())).toEqual({ ok: true, data: null });
  });

  test.each([
    ["auth_token", { auth_type: "oidc", auth_token: "file:/nowhere/token", auth_origin: "wlcg" }],
    ["cert_file", { cert_file: "/nowhere/proxy.pem" }],
    ["key_file", { cert_file: "package.json", key_file: "/nowhere/key.pem" }],
    ["ca_cert", { ca_cert: "/nowhere/ca.pem" }],
  ] as const)(
    "a file of %s that is not there fails the call with its path, and nothing is sent",
    async (name, options) => {
      const server = await always(envelope(null));
      const { message } = await failureOf(server.communicator(options).checkPanda(call()));
      expect(message).toMatch(
        new RegExp(`is_alive: ${name} of \\[pandacon\\] cannot be read, nothing was sent: .*/nowhere/`),
      );
      expect(server.asked).toEqual([]);
    },
  );

  test.each(["", "  \n", "two words", "two\nlines"])(
    "a token file that holds %j is refused before it is sent",
    async (text) => {
      const file = join(await folder(), "token");
      await writeFile(file, text);
      const server = await always(envelope(null));
      const options = { auth_type: "oidc", auth_token: `file:${file}`, auth_origin: "wlcg" } as const;
      expect((await failureOf(server.communicator(options).checkPanda(call()))).message).toMatch(
        /holds no usable token/,
      );
      expect(server.asked).toEqual([]);
    },
  );
});
