/** The source of lists: addresses, variables, files and dump files (config 3.17), and what is never quoted. */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listSourceSection } from "../../../src/config/listSource.ts";
import { instanceSchema } from "../../../src/config/sections.ts";
import type { CallContext } from "../../../src/plugins/contract.ts";
import { ListSource } from "../../../src/plugins/lists/source.ts";
import { loadPlugin } from "../../../src/plugins/load.ts";

const call: CallContext = { key: "k", notAfterAt: Number.POSITIVE_INFINITY, signal: new AbortController().signal };
let dir = "";
let base = "";
const server = createServer((request, response) => {
  if (request.url === "/list?x=1") response.end('{"Q":{"status":"online"}}');
  else if (request.url === "/text") response.end("no JSON");
  else response.writeHead(404).end("secret body");
});

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "lists-"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  base = typeof address === "object" && address ? `http://127.0.0.1:${address.port}` : "";
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(dir, { recursive: true });
});

const source = (...data: readonly string[]) => new ListSource({ data }, { URL_OF_LIST: `${base}/list?x=1` });
const read = (line: string, name = "list") => source(line).readList(name, call);

describe("a list", () => {
  it("is the JSON of a page", async () => {
    expect(await read(`list||${base}/list?x=1`)).toEqual({ ok: true, data: { Q: { status: "online" } } });
    expect(await read(`list|sub|${base}/list?x=1`, "list|sub")).toMatchObject({ ok: true });
  });

  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a variable of the configuration.
  it.each(["$URL_OF_LIST", "${URL_OF_LIST}", "http://elsewhere/$URL_OF_LIST/x"])(
    "is at a variable's address where it has one: %s",
    async (url) => {
      expect(await read(`list||${url}`)).toMatchObject({ ok: true });
    },
  );

  it("is a file's JSON, or its text where it is none", async () => {
    await writeFile(join(dir, "a.json"), "[1]");
    await writeFile(join(dir, "a.txt"), "plain");
    expect(await read(`list||file:${dir}/a.json`)).toEqual({ ok: true, data: [1] });
    expect(await read(`list||file://${dir}/a.txt`)).toEqual({ ok: true, data: "plain" });
  });

  it("that cannot be had is refused with what to look at, and without what an address holds besides", async () => {
    const messages: string[] = [];
    for (const url of [
      `${base.replace("//", "//user:pass@")}/gone?token=abc`,
      `${base}/text`,
      "http://127.0.0.1:1/x",
      "$NOT_SET",
      `file:${dir}/none`,
      "ftp://x",
    ]) {
      const said = await read(`list||${url}`);
      messages.push(said.ok ? "ok" : said.message);
    }
    expect(messages).toEqual([
      `${base}/gone: HTTP 404`,
      `${base}/text: the answer is not JSON`,
      "http://127.0.0.1:1/x: ECONNREFUSED",
      "$NOT_SET: this variable is not set in the daemon's environment",
      `${dir}/none cannot be read: ENOENT`,
      "its address is none of http:, https:, file:; a panda_server: or panda_cache: one is written out",
    ]);
    expect(await read("other||x")).toEqual({ ok: false, message: "[cacher] data has no line for list" });
  });
});

it("writes a dump file as a whole, for its owner alone", async () => {
  const path = join(dir, "dump.json");
  const lists = source(`list||x|${path}`, "bare||x");
  expect(await lists.dumpList("list", { private: "key" }, call)).toEqual({ ok: true, data: null });
  expect(JSON.parse(await readFile(path, "utf8"))).toEqual({ private: "key" });
  expect(((await stat(path)).mode & 0o777).toString(8)).toBe("600");
  expect((await readdir(dir)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  expect(await lists.dumpList("bare", {}, call)).toMatchObject({ ok: false });
});

it("is made of the instance's configuration", async () => {
  const cfg = instanceSchema.parse({ master: { harvester_id: "H" }, cacher: { data: [`list||${base}/list?x=1`] } });
  const plugin = await loadPlugin("listSource", listSourceSection(cfg), { queueName: "-", siteName: "-" });
  expect(await plugin.readList("list", call)).toMatchObject({ ok: true });
});
