/**
 * The communicator against a real panda-server, over http, over https with certificates, and with tokens. PANDA_URL
 * is the server's http address (.../api/v1); PANDA_LAB the folder with its lab.json and certificates; PANDA_TOOLS the
 * folder with make-jobs.py and make-token.py, which make jobs and tokens for it. Without them this file is skipped,
 * and says so.
 */
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { PandaCommunicator } from "../../../src/plugins/panda/communicator.ts";
import type { PandaOptions } from "../../../src/plugins/panda/settings.ts";
import { type CommunicatorSite, communicatorSuite } from "../communicatorSuite.ts";
import { call } from "../fixtures.ts";
import { failureOf } from "./server.ts";

const { PANDA_URL = "", PANDA_LAB = "", PANDA_TOOLS = "" } = process.env;
const missing = Object.entries({ PANDA_URL, PANDA_LAB, PANDA_TOOLS }).flatMap(([name, value]) => (value ? [] : [name]));
const run = promisify(execFile);
const labSchema = z.object({
  url: z.string(),
  httpsUrl: z.string(),
  ca: z.string(),
  proxy: z.string(),
  logs: z.string(),
});
const lab = () => labSchema.parse(JSON.parse(readFileSync(join(PANDA_LAB, "lab.json"), "utf8")));
const madeSchema = z.object({ task: z.number(), jobs: z.array(z.object({ id: z.number() })) });
const harvesterID = "lab_harvester";
let strangers = 0;

/** Asks the server as somebody else than a harvester. */
async function ask(method: "GET" | "POST", path: string, body?: unknown): Promise<unknown> {
  const answer = await fetch(`${PANDA_URL}/${path}`, {
    method,
    headers: { Accept: "application/json", "Content-Type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return z.object({ success: z.literal(true), data: z.unknown() }).parse(await answer.json()).data;
}

function siteOf(options: Omit<PandaOptions, "harvesterID">): CommunicatorSite {
  const communicator = new PandaCommunicator({ ...options, harvesterID });
  return {
    communicator,
    stranger() {
      strangers += 1;
      return new PandaCommunicator({ ...options, harvesterID: `windrow_${Date.now()}_${strangers}` });
    },
    async makeJobs(n, events = 0) {
      const args = [String(n), "--json", ...(events > 0 ? ["--es", String(events)] : [])];
      const made =
        n === 0
          ? { task: 1 }
          : madeSchema.parse(JSON.parse((await run(join(PANDA_TOOLS, "make-jobs.py"), args)).stdout));
      const request = {
        siteName: "LAB_QUEUE",
        nodeName: "h1.example.org",
        prodSourceLabel: "managed",
        computingElement: "h1.example.org",
        nJobs: Math.max(n, 1),
        criteria: { task_id: made.task },
      };
      return { communicator, request };
    },
    async state(PandaID) {
      const states = await ask("GET", `job/get_status?job_ids=${PandaID}`);
      return z.tuple([z.object({ status: z.string() })]).parse(states)[0].status;
    },
    async kill(PandaID) {
      expect(await ask("POST", "job/kill", { job_ids: [PandaID] })).toEqual([true]);
    },
    async command() {
      const filter = { panda_queue: "LAB_QUEUE", status_list: ["submitted"], ce_list: [], submission_host_list: [] };
      await ask("POST", "harvester/add_sweep_command", filter);
    },
  };
}

const named = missing.length > 0 ? ` (skipped: set ${missing.join(", ")})` : "";

describe.skipIf(missing.length > 0)(`panda-server${named}`, () => {
  const folder = join(tmpdir(), `windrow-real-${process.pid}`);
  const tokenFile = join(folder, "token");
  const certs = (name: string) => join(PANDA_LAB, "certs", name);
  const newToken = async (...args: string[]) =>
    writeFileSync(tokenFile, (await run(join(PANDA_TOOLS, "make-token.py"), args)).stdout);
  const x509 = () => ({ server_api_url_ssl: lab().httpsUrl, ca_cert: lab().ca });
  const token = { auth_type: "oidc", auth_token: `file:${tokenFile}`, auth_origin: "wlcg.production" } as const;

  beforeAll(async () => {
    mkdirSync(folder);
    await newToken();
    // A production server has this folder of its cache; upload_jedi_log refuses without it.
    mkdirSync(join(lab().logs, "pandacache", "jedilog"), { recursive: true });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  communicatorSuite("panda over http", async () => siteOf({ server_api_url_ssl: PANDA_URL }));
  communicatorSuite("panda over https with a proxy", async () => siteOf({ ...x509(), cert_file: lab().proxy }));
  communicatorSuite("panda over https with a token", async () => siteOf({ ...x509(), ...token }));

  /** What a call that needs the production role says. */
  const commands = (options: Omit<PandaOptions, "harvesterID">) =>
    new PandaCommunicator({ ...options, harvesterID }).getCommands(1, call());

  test("a certificate and its key in two files", async () => {
    const options = { ...x509(), cert_file: certs("client.pem"), key_file: certs("client.key") };
    expect(await commands(options)).toMatchObject({ ok: true });
  });

  test("a proxy that is renewed in its place", async () => {
    const file = join(folder, "proxy.pem");
    copyFileSync(certs("client.pem"), file);
    const communicator = new PandaCommunicator({ ...x509(), cert_file: file, harvesterID });
    const { message } = await failureOf(communicator.getCommands(1, call()));
    expect(message).toMatch(/; check cert_file and key_file of \[pandacon\]/);
    copyFileSync(lab().proxy, file);
    communicator.forceCredentialRenewal();
    expect(await communicator.getCommands(1, call())).toMatchObject({ ok: true });
  });

  test("without verification of the server, as Harvester's ca_cert = False", async () => {
    expect(await commands({ ...x509(), ca_cert: false, cert_file: lab().proxy })).toMatchObject({ ok: true });
  });

  test("no certificate is a refusal that says what to check", async () => {
    expect(await commands(x509())).toEqual({
      ok: false,
      message: expect.stringMatching(/SSL secure connection is required; .*check cert_file and key_file/),
    });
  });

  test("a server whose certificate another authority signed is not spoken with", async () => {
    const { message } = await failureOf(commands({ ...x509(), ca_cert: certs("client.pem"), cert_file: lab().proxy }));
    expect(message).toMatch(/; check ca_cert of \[pandacon\]/);
  });

  test("a key that does not belong to the certificate", async () => {
    const options = { ...x509(), cert_file: certs("client.pem"), key_file: certs("host.key") };
    const { message } = await failureOf(commands(options));
    expect(message).toMatch(/; check cert_file and key_file of \[pandacon\]/);
  });

  test("http spoken to the https port, and https to the http port", async () => {
    const http = lab().httpsUrl.replace("https:", "http:");
    expect((await failureOf(commands({ server_api_url_ssl: http }))).message).toContain(http);
    const https = PANDA_URL.replace("http:", "https:");
    const { message } = await failureOf(commands({ server_api_url_ssl: https }));
    expect(message).toMatch(/; check cert_file and key_file of \[pandacon\], and https against http/);
  });

  test("a token without the role, an expired one, and its successor in the same file", async () => {
    await newToken("--role", "", "--name", "Joe User");
    const role = { ...token, auth_origin: "wlcg" };
    expect(await commands({ ...x509(), ...role })).toMatchObject({
      ok: false,
      message: expect.stringMatching(/production or pilot role required; .*auth_origin/),
    });
    await newToken("--seconds", "-10");
    const communicator = new PandaCommunicator({ ...x509(), ...token, harvesterID });
    const { message } = await failureOf(communicator.getCommands(1, call()));
    expect(message).toMatch(/HTTP 403: .*Signature has expired; renew the token/);
    expect(message).not.toContain(readFileSync(tokenFile, "utf8").trim());
    await newToken();
    expect(await communicator.getCommands(1, call())).toMatchObject({ ok: true });
  });
});
