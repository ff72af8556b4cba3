/**
 * The communicator's options are the keys of [pandacon]; a wrong one is refused by its name, and no secret is shown.
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readInstance } from "../../../src/config/instance.ts";
import { loadPlugin } from "../../../src/plugins/load.ts";
import { PandaCommunicator } from "../../../src/plugins/panda/communicator.ts";
import { settingsSchema } from "../../../src/plugins/panda/settings.ts";

const url = "https://panda.example.org:25443/api/v1";
const minimal = { server_api_url_ssl: url, harvesterID: "h" };

/** Loads the communicator that a panda_harvester.cfg names. */
function load(text: string) {
  const around = { env: {}, hostname: "here" };
  const { communicator, pandacon, master } = readInstance(text, "x.cfg", around, {}).instance;
  const { moduleName: module, className: name } = communicator;
  const definition = { module, name, ...pandacon, harvesterID: master.harvester_id };
  return loadPlugin("communicator", definition, { queueName: "(instance)", siteName: "(instance)" });
}

test("a configuration file gives a communicator", async () => {
  const text = `[master]\nharvester_id = H1\n[pandacon]\nserver_api_url_ssl = ${url}\ncert_file = /tmp/proxy\n`;
  expect(await load(text)).toBeInstanceOf(PandaCommunicator);
  const template = readFileSync(new URL("../../data/harvester/panda_harvester.cfg", import.meta.url), "utf8");
  expect(await load(template)).toBeInstanceOf(PandaCommunicator);
});

test("what is missing is taken from elsewhere", () => {
  expect(settingsSchema.parse({ ...minimal, server_api_url_ssl: `  ${url}/ ` })).toEqual({
    apiUrl: url,
    cacheUrl: url,
    timeoutMs: 180_000,
    eventsAtOnce: 5120,
    harvesterID: "h",
  });
  const legacy = "https://panda.example.org:25443/server/panda";
  const cache = "https://cache.example.org:25443/server/panda";
  expect(settingsSchema.parse({ pandaURLSSL: legacy, pandaCacheURL_W: cache, harvesterID: "h" })).toMatchObject({
    apiUrl: url,
    cacheUrl: "https://cache.example.org:25443/api/v1",
  });
});

test("a proxy is certificate and key in one file; with tokens no certificate is shown", () => {
  expect(settingsSchema.parse({ ...minimal, cert_file: "/tmp/x509up_u0" })).toMatchObject({
    certPath: "/tmp/x509up_u0",
    keyPath: "/tmp/x509up_u0",
  });
  const token = { auth_type: "oidc", auth_token: "file:/t", auth_origin: "atlas", cert_file: "/c", key_file: "/k" };
  expect(settingsSchema.parse({ ...minimal, ...token })).toMatchObject({
    token: "file:/t",
    origin: "atlas",
    certPath: undefined,
    keyPath: undefined,
  });
  expect(settingsSchema.parse({ ...minimal, auth_token: "unused" }).token).toBeUndefined();
});

test.each([
  [{ server_api_url_ssl: null }, "server_api_url_ssl", "is needed"],
  [{ server_api_url_ssl: "ftp://h/api/v1" }, "server_api_url_ssl", "must be an http or https address"],
  [{ server_api_url_ssl: "https://h:25443/server/panda" }, "server_api_url_ssl", "that ends in /api/v1"],
  [{ server_api_url_ssl: "https://me:s3cret@h/api/v1" }, "server_api_url_ssl", "without user and query"],
  [{ server_api_url_ssl: `${url}?token=s3cret` }, "server_api_url_ssl", "without user and query"],
  [{ cache_api_url_ssl: "FIXME" }, "cache_api_url_ssl", "must be an http or https address"],
  [{ timeout: 0 }, "timeout", "must be above 0"],
  [{ timeout: "180" }, "timeout", "must be a number of seconds"],
  [{ auth_type: "ssh" }, "auth_type", "must be x509 or oidc"],
  [{ auth_type: "oidc", auth_origin: "atlas" }, "auth_token", "is needed with auth_type oidc"],
  [{ auth_type: "oidc", auth_token: "s3cret" }, "auth_origin", "is needed with auth_type oidc"],
  [{ key_file: "/k" }, "cert_file", "is needed where key_file is given"],
  [{ ca_cert: true }, "ca_cert", "must be a path, or False for no verification"],
  [{ getEventsChunkSize: 0 }, "getEventsChunkSize", "must be above 0"],
  [{ harvesterID: "" }, "harvesterID", "must not be empty"],
])("%j is refused at its key", (options, key, says) => {
  const { error } = settingsSchema.safeParse({ ...minimal, ...options });
  expect(error?.issues).toMatchObject([{ path: [key], message: expect.stringContaining(says) }]);
  expect(JSON.stringify(error?.issues)).not.toContain("s3cret");
});
