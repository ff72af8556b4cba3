/**
 * The example consumers as a user runs them: against a daemon with a job that runs, and against a server that breaks
 * connections and says things twice. Each step is printed once, in order.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { pino } from "pino";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { startDaemon } from "../../src/daemon.ts";
import type { Published } from "../../src/publish/stream.ts";
import { startPandaServer } from "../../src/simulation/pandaServer/server.ts";
import { start } from "../cli/windrow.ts";
import { dictionary } from "../differences/site.ts";
import { placesOf, writeSite } from "../panda/site.ts";
import { tempDir } from "../plugins/fixtures.ts";
import { allOf, write, writing } from "./writing.ts";

const examples = [
  ["examples/subscribe.ts", process.execPath],
  ["examples/subscribe.py", "python3"],
] as const;
const soon = { timeout: 50_000, interval: 50 };
const idsOf = (lines: readonly string[]) => lines.map((line) => line.split(" ")[0]);
const frame = ({ event, position }: Published) => `id: ${position}\ndata: ${JSON.stringify(event)}\n\n`;

it.each(examples)("%s has under 40 lines and needs nothing to be installed beside it", (file) => {
  const text = readFileSync(join(import.meta.dirname, "../..", file), "utf8");
  expect(text.trimEnd().split("\n").length).toBeLessThan(40);
  expect(text).not.toMatch(/from "\./);
});

describe.each(examples)("%s", (file, program) => {
  it("drops what comes twice, and goes on where the connection broke", async () => {
    const log = await writing();
    await write(log, [1, 2], "running");
    const all = await allOf(log.stopped);
    const asked: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      asked.push(request.headers["last-event-id"]?.toString());
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("retry: 50\n\n");
      const part = (from: number, to: number) => all.slice(from, to).map(frame).join("");
      // First it breaks in the middle of a message; then it begins too early, and says some twice; then it goes on.
      if (asked.length === 1) response.end(part(0, 12) + frame(all[12]!).slice(0, -30));
      else if (asked.length === 2)
        response.end(`${part(3, 20)}: alive\n\n${part(10, 22)}event: windrow.behind\ndata: {}\n\n`);
      else response.write(part(22, all.length));
    });
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const run = start(program, [file, `http://127.0.0.1:${port}`, "*", "start"]);
    await run.until(all.length);
    expect(run.errors()).not.toContain("Traceback");
    expect(idsOf(run.lines)).toEqual(all.map(({ event }) => event.id));
    expect(asked).toEqual([undefined, all[11]!.position, all[21]!.position]);
  });

  it("says so and ends where it is refused", async () => {
    const server = createServer((_, response) => response.writeHead(400).end("no such position"));
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const run = start(program, [file, `http://127.0.0.1:${port}`]);
    expect(await run.ended).toBe(1);
    expect(run.errors()).toContain("refused");
  });
});

it("both print the whole life of the workers of a daemon", async () => {
  expect(execFileSync("python3", ["--version"], { encoding: "utf8" })).toMatch(/^Python 3/);
  const dir = await tempDir();
  const { log, config } = placesOf(dir);
  const panda = await startPandaServer({ dir: join(dir, "server"), sentTimeoutMs: 600_000, adderDelayMs: 10 });
  onTestFinished(() => panda.close());
  const queue = { submitter: { module: "windrow/local", name: "LocalSubmitter", journalDir: placesOf(dir).journal } };
  const command = ["/bin/sh", "-c", "exit 0"];
  writeSite(dir, {
    api: `${panda.url}/api/v1`,
    harvesterID: "H",
    queues: { Q: { submitter: { ...queue.submitter, command } } },
  });
  panda.addJobs([{ ...dictionary(101), computingSite: "Q" }]);
  const logger = pino({ level: "silent" });
  const daemon = await startDaemon({ configDir: config, logDir: log, logger, web: "127.0.0.1:0" });
  const ended = daemon.run();
  try {
    const runs = examples.map(([file, program]) => start(program, [file, daemon.webUrl ?? "", "worker.*", "start"]));
    await vi.waitFor(() => {
      for (const { lines } of runs) expect(lines.join("\n")).toMatch(/windrow\.worker\.(finished|failed) /);
    }, soon);
    const [first = [], second = []] = runs.map(({ lines }) => lines);
    const n = Math.min(first.length, second.length);
    expect(first.slice(0, n)).toEqual(second.slice(0, n));
    expect(first[0]).toMatch(/^\d+\/\d+\/\d+\/\d+ worker\/\d+ windrow\.worker\.made nothing -> made$/);
    expect(new Set(idsOf(first)).size).toBe(first.length);
  } finally {
    daemon.stop();
    await ended;
  }
});
