/**
 * Status and histories over the port, read only; and where the port is.
 */
import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/config/refusal.ts";
import { webAddressOf } from "../../src/web/address.ts";
import { serveQueries } from "../../src/web/queries.ts";
import { socketOf } from "../../src/web/socket.ts";
import { tempDir } from "../plugins/fixtures.ts";
import { write } from "../publish/writing.ts";
import { listening, subscribe } from "./listening.ts";

describe("the port", () => {
  it("answers status and histories", async () => {
    const at = await listening();
    await write(at.log, [1, 2], "running");
    const asked = async (path: string): Promise<unknown> => (await fetch(new URL(path, at.url))).json();
    expect(await asked("/api/v1/status")).toMatchObject({ harvesterID: "H", totals: { jobs: 2, workers: 2 } });
    expect(await asked("/api/v1/history/job/1")).toMatchObject({ subject: { kind: "job", id: 1 } });
    expect(await asked("/api/v1/history/worker/1001")).toHaveProperty("steps.0.type", "worker.made");
    expect(await asked("/api/v1/history/queue/1")).toMatchObject({ statusCode: 400 });
  });

  it("takes no writing, and knows nothing beyond its prefix", async () => {
    const at = await listening();
    const statusOf = async (path: string, method: string) => (await fetch(new URL(path, at.url), { method })).status;
    for (const method of ["POST", "PUT", "DELETE", "PATCH"]) expect(await statusOf("/api/v1/status", method)).toBe(404);
    expect(await statusOf("/status", "GET")).toBe(404);
    expect(await statusOf("/api/v1/events", "HEAD")).toBe(404);
  });

  it("answers to names of this machine alone, where it listens to this machine alone", async () => {
    const at = await listening();
    const path = "/api/v1/status";
    const named = async (host: string) => (await subscribe(at, {}, { path, headers: { host } })).status;
    for (const host of ["localhost", "127.0.0.1:25088", "[::1]:80"])
      expect([host, await named(host)]).toEqual([host, 200]);
    for (const host of ["evil.example", "127.0.0.1.evil.example"])
      expect([host, await named(host)]).toEqual([host, 421]);
  });

  it("is only there where it is asked for; the socket answers with and without the prefix", async () => {
    const at = await listening();
    for (const path of ["/status", "/api/v1/status"]) {
      const answer = await subscribe(at, {}, { over: "socket", path });
      await answer.ended();
      expect(answer.text()).toContain('"harvesterID":"H"');
    }
  });
});

it("a port that is taken is a mistake of the configuration, and leaves no socket behind", async () => {
  const [at, other] = [await listening(), await listening()];
  const port = Number(new URL(at.url).port);
  const { world, live: events } = other.log;
  const asked = { world: () => world, leaders: () => [], events, onError: expect.unreachable };
  const dir = await tempDir();
  const taken = serveQueries(dir, asked, { host: "127.0.0.1", port });
  await expect(taken).rejects.toThrow(ConfigError);
  await expect(taken).rejects.toThrow(/the web port cannot be opened: .*EADDRINUSE.*--web/);
  expect(existsSync(socketOf(dir))).toBe(false);
});

describe("its address", () => {
  const off = { webHost: "127.0.0.1", webPort: 0 };
  const on = { webHost: "10.0.0.7", webPort: 8080 };

  it.each([
    [undefined, off, undefined],
    [undefined, on, { host: "10.0.0.7", port: 8080 }],
    [true as const, off, { host: "127.0.0.1", port: 25_088 }],
    [true as const, on, { host: "10.0.0.7", port: 8080 }],
    ["9000", on, { host: "10.0.0.7", port: 9000 }],
    [":9000", off, { host: "127.0.0.1", port: 9000 }],
    ["0.0.0.0:9000", off, { host: "0.0.0.0", port: 9000 }],
    ["[::1]:9000", off, { host: "::1", port: 9000 }],
    ["localhost:0", off, { host: "localhost", port: 0 }],
  ])("of --web %s with %j is %j", (asked, settings, address) => {
    expect(webAddressOf(asked, settings)).toEqual(address);
  });

  it.each(["host", "host:", "host:port", "host:99999", "::1:80", "a b:80:"])("may not be %s", (asked) => {
    expect(() => webAddressOf(asked, off)).toThrow(ConfigError);
  });
});
