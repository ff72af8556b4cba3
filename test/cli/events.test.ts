/**
 * `windrow events` as a process: from a stopped log and from a daemon the same, resumed at any line, and following from
 * one daemon to the next.
 */
import { CloudEvent } from "cloudevents";
import { describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { serveQueries } from "../../src/web/queries.ts";
import { tempDir } from "../plugins/fixtures.ts";
import { allOf, chapterOf, idsOf, type Writing, write, writingTo } from "../publish/writing.ts";
import { windrow, windrowDone } from "./windrow.ts";

const line = z.looseObject({ id: z.string(), position: z.string(), type: z.string() });
const linesOf = ({ lines }: { readonly lines: readonly string[] }) => lines.map((text) => line.parse(JSON.parse(text)));
const idsIn = (run: { readonly lines: readonly string[] }) => linesOf(run).map(({ id }) => id);
const soon = { timeout: 30_000, interval: 20 };

interface Daemon {
  readonly log: Writing;
  stop(): Promise<void>;
}

/** What a daemon is to the command: it holds the log, writes to it and answers at its socket. */
async function daemonOn(dir: string): Promise<Daemon> {
  const log = await writingTo(await openSqliteLog(dir, { shards: 4 }));
  const leaders = () => log.journal.leaders();
  const asked = {
    world: () => log.world,
    leaders,
    events: log.live,
    onError: (why: string) => expect.unreachable(why),
  };
  const server = await serveQueries(dir, asked, undefined);
  return {
    log,
    async stop() {
      await server.close();
      await log.journal.resign();
    },
  };
}

describe("windrow events", () => {
  it("says the same of a daemon and of a stopped log: CloudEvents, each with a position to go on from", async () => {
    const dir = await tempDir();
    const daemon = await daemonOn(dir);
    await write(daemon.log, [1, 2], "running");
    const all = await allOf(daemon.log.stopped);
    const live = await windrowDone("events", dir, "--json");
    await daemon.stop();
    const stopped = await windrowDone("events", dir, "--json");
    expect([live.code, live.errors(), stopped.code, stopped.errors()]).toEqual([0, "", 0, ""]);
    // Stopping wrote records of its own, which positions stand behind and no event comes of.
    const bare = (run: typeof live) => linesOf(run).map(({ position, ...event }) => JSON.stringify(event));
    expect(bare(stopped)).toEqual(bare(live));
    expect(linesOf(live)).toEqual(all.map(({ event, position }) => ({ ...event, position })));
    for (const event of linesOf(live)) expect(new CloudEvent(event, true).validate()).toBe(true);

    const rest = await windrowDone("events", dir, "--json", "--from", linesOf(live)[9]!.position);
    expect(rest.lines).toEqual(stopped.lines.slice(10));
    const some = await windrowDone("events", dir, "--json", "--type", "worker.*,job.fetched", "--queue", "B");
    const wanted = all.filter(({ event }) => event.data.queue === "B" && /worker\.|job\.fetched/.test(event.type));
    expect(idsIn(some)).toEqual(idsOf(wanted));
    const late = await windrowDone("events", dir, "--json", "--from", "2100-01-01");
    expect([late.code, late.lines]).toEqual([0, []]);
    expect(late.errors()).toBe("windrow: --from 2100-01-01 is still to come: no step is so new\n");
  });

  it("says which queue is not known, of a daemon and of a stopped log", async () => {
    const dir = await tempDir();
    const daemon = await daemonOn(dir);
    await write(daemon.log, [1], "made");
    const live = await windrowDone("events", dir, "--json", "--queue", "A,NOSUCH");
    await daemon.stop();
    const stopped = await windrowDone("events", dir, "--json", "--queue", "A,NOSUCH");
    const why = 'windrow: no queue is called "NOSUCH" yet; `windrow status` says which there are\n';
    for (const run of [live, stopped]) expect([run.code, run.errors()]).toEqual([0, why]);
    expect(live.lines.length).toBeGreaterThan(3);
  });

  it("is readable", async () => {
    const dir = await tempDir();
    const daemon = await daemonOn(dir);
    await write(daemon.log, [1], "submitted");
    await daemon.stop();
    const run = await windrowDone("events", dir);
    expect(run.lines[0]).toMatch(
      /^2026-01-01 00:00:04\.000 {2}job 1 +job\.fetched +A {2}starting\/fetched {2}-> fetched/,
    );
    expect(run.lines.find((text) => text.includes("worker.submitted"))).toMatch(
      /worker 1001 +worker\.submitted +A {2}submitted {2}submitting -> submitted, .*batchID/,
    );
    const position = /--from (w1\S+)/.exec(run.errors())?.[1] ?? "";
    expect(await windrowDone("events", dir, "--from", position)).toMatchObject({ code: 0, lines: [] });
  });

  it("says what is wrong, with its exit code", async () => {
    const dir = await tempDir();
    const daemon = await daemonOn(dir);
    const elsewhere = await daemonOn(await tempDir());
    await write(elsewhere.log, [1]);
    const foreign = (await allOf(elsewhere.log.stopped)).at(-1)!.position;
    await elsewhere.stop();
    const running = await windrowDone("events", dir, "--from", foreign);
    await daemon.stop();
    const stopped = await windrowDone("events", dir, "--from", foreign);
    for (const run of [running, stopped])
      expect([run.code, run.errors()]).toEqual([2, expect.stringContaining("it was taken from another log")]);
    const wrong = await windrowDone("events", dir, "--from", "yesterday");
    expect([wrong.code, wrong.errors()]).toEqual([2, expect.stringContaining("neither a stream position nor a time")]);
    const typed = await windrowDone("events", dir, "--type", "worker.*,wroker.*");
    expect([typed.code, typed.errors()]).toEqual([2, expect.stringMatching(/"wroker\.\*"\. There are job\.\*, file/)]);
    const missing = await windrowDone("events", `${dir}/none`);
    expect([missing.code, missing.errors()]).toEqual([3, expect.stringContaining("there is no log in")]);
  });
});

describe("windrow events --follow", () => {
  it("goes from one daemon to the next without losing or repeating anything, and ends when asked", async () => {
    const dir = await tempDir();
    const first = await daemonOn(dir);
    await write(first.log, [1], "made");
    const run = windrow("events", dir, "--follow", "--json", "--from", "start");
    await run.until(5);
    await first.log.decide(1, chapterOf("fed", 1, "A"));
    const before = (await allOf(first.log.stopped)).length;
    await run.until(before);
    await first.stop();
    await vi.waitFor(() => expect(run.errors()).toContain("waiting for the next one"), soon);

    const second = await daemonOn(dir);
    await second.log.decide(1, chapterOf("submitting", 1, "A"));
    await write(second.log, [2]);
    const all = await allOf(second.log.stopped);
    await run.until(all.length);
    run.kill("SIGINT");
    expect(await run.ended).toBe(0);
    expect(idsIn(run)).toEqual(idsOf(all));
    await vi.waitFor(() => expect(second.log.feed.readers).toBe(0), soon);
    await second.stop();
  });

  it("begins on a stopped log, and leaves it free for a daemon", async () => {
    const dir = await tempDir();
    const first = await daemonOn(dir);
    await write(first.log, [1], "made");
    const old = idsOf(await allOf(first.log.stopped));
    await first.stop();
    const run = windrow("events", dir, "--follow", "--json", "--from", "start");
    await vi.waitFor(() => expect(run.errors()).toContain("no daemon runs on this log"), soon);
    expect(idsIn(run)).toEqual(old);
    const second = await daemonOn(dir);
    await second.log.decide(1, chapterOf("fed", 1, "A"));
    await run.until(old.length + 1);
    run.kill("SIGTERM");
    expect(await run.ended).toBe(0);
    expect(linesOf(run).at(-1)?.type).toBe("windrow.worker.fed");
    await second.stop();
  });

  it("begins with what happens from now on, unless it is told otherwise", async () => {
    const dir = await tempDir();
    const daemon = await daemonOn(dir);
    await write(daemon.log, [1], "made");
    const run = windrow("events", dir, "--follow", "--json");
    await vi.waitFor(() => expect(daemon.log.feed.readers).toBe(1), soon);
    await daemon.log.decide(1, chapterOf("fed", 1, "A"));
    await run.until(1);
    run.kill("SIGINT");
    expect(await run.ended).toBe(0);
    expect(linesOf(run).map(({ type }) => type)).toEqual(["windrow.worker.fed"]);
    await daemon.stop();
  });
});
