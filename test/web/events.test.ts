/**
 * Server-sent events over the daemon's socket and its port: what is asked for, from where it is asked for, and nothing
 * left behind by clients that vanish, stall, or are too slow.
 */
import { describe, expect, it, vi } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import type { Published } from "../../src/publish/stream.ts";
import { allOf, chapterOf, idsOf, write } from "../publish/writing.ts";
import { type Client, listening, subscribe } from "./listening.ts";

const idsAt = ({ events }: Client): string[] => events.map(({ id }) => id);
const typesOf = (published: readonly Published[]): string[] => published.map(({ event }) => event.type);
/** A few hundred of them are more than sockets take on their own account. */
const long: WindrowEvent = { type: "job.untold", PandaIDs: [1], why: "no ".repeat(60_000) };
const soon = { timeout: 20_000, interval: 10 };

describe("GET /api/v1/events", () => {
  it.each(["socket", "port"])("gives what happens from now on (%s)", async (over) => {
    const at = await listening();
    await write(at.log, [1], "made");
    const client = await subscribe(at, {}, { over });
    expect(client.status).toBe(200);
    expect(client.headers["content-type"]).toBe("text/event-stream; charset=utf-8");
    await at.log.decide(1, chapterOf("fed", 1, "A"));
    await at.log.decide(1, chapterOf("submitting", 1, "A"));
    await client.until(2);
    expect(client.events.map(({ type, data }) => [type, data.after.life])).toEqual([
      ["windrow.worker.fed", "fed"],
      ["windrow.worker.submitting", "submitting"],
    ]);
  });

  it("gives the whole log, and ends where following is not wanted", async () => {
    const at = await listening();
    await write(at.log, [1, 2]);
    const client = await subscribe(at, { from: "start", follow: "false" });
    await client.ended();
    const all = await allOf(at.log.stopped);
    expect(client.events).toEqual(all.map(({ event }) => event));
    expect(client.ids).toEqual(all.map(({ position }) => position));
    expect(client.notices).toMatchObject([{ event: "windrow.end" }]);
    const after = await subscribe(at, { from: client.notices[0]?.id ?? "", follow: "false" });
    await after.ended();
    expect(after.events).toEqual([]);
  });

  it("goes on behind Last-Event-ID, whatever the address says", async () => {
    const at = await listening();
    await write(at.log, [1, 2]);
    const all = await allOf(at.log.stopped);
    const headers = { "last-event-id": all[30]?.position };
    const client = await subscribe(at, { from: "start", follow: "false" }, { headers });
    await client.ended();
    expect(idsAt(client)).toEqual(idsOf(all.slice(31)));
  });

  it("gives types and queues that are asked for, by commas or one by one", async () => {
    const at = await listening();
    await write(at.log, [1, 2]);
    const query = { from: "start", follow: "false" };
    const workers = await subscribe(at, { ...query, type: "worker.*,job.fetched", queue: "B" });
    const path = "/api/v1/events?type=worker.*&type=job.fetched&queue=B&from=start&follow=false";
    const again = await fetch(new URL(path, at.url)).then((response) => response.text());
    await workers.ended();
    expect(again).toBe(workers.text());
    const filter = { types: ["worker.*", "job.fetched"], queues: ["B"] };
    expect(workers.events.map(({ type }) => type)).toEqual(typesOf(await allOf(at.log.stopped, { filter })));
    expect(workers.events.length).toBeGreaterThan(5);
  });

  it.each([
    [{ from: "yesterday" }, "neither a stream position nor a time"],
    [{ from: "w1.AAAA" }, "cut or mistyped"],
    [{ follow: "perhaps" }, "follow"],
    [{ tpye: "worker.*" }, "tpye"],
    [{ type: "worker.*,wroker.*" }, "There are job.*, fileGroup.*, worker.*"],
    [{ type: "windrow.worker.nosuch" }, "worker.seenRunning, worker.seenSubmitted"],
    [{ type: "worker.unchanged" }, "no step is called"],
    [{ type: `${"*".repeat(60)}nosuch` }, "no step is called"],
  ])("refuses %j", async (query, why) => {
    const at = await listening();
    const client = await subscribe(at, query);
    await client.ended();
    expect(client.status).toBe(400);
    expect(client.text()).toContain(why);
  });

  it("says in a comment that a queue is not known, and waits for it", async () => {
    const at = await listening();
    const [known, mistyped] = [await subscribe(at, { queue: "A" }), await subscribe(at, { queue: "A,NO\nSUCH" })];
    await at.log.decide(1, chapterOf("fetched", 1, "A"));
    await Promise.all([known.until(1), mistyped.until(1)]);
    expect([known.comments, mistyped.comments]).toEqual([
      [],
      [expect.stringMatching(/^no queue is called "NO\\nSUCH" yet; `windrow status`/)],
    ]);
  });

  it.each(["*", "job.*", "windrow.*", "windrow.worker.seen*", "*.zipped", "fileGroup.opened"])(
    "takes %s for types",
    async (type) => {
      const client = await subscribe(await listening(), { type, follow: "false" });
      await client.ended();
      expect(client.status).toBe(200);
    },
  );

  it("refuses a position that the log has not reached", async () => {
    const [at, other] = [await listening(), await listening()];
    await write(other.log, [1]);
    const client = await subscribe(at, { from: (await allOf(other.log.stopped)).at(-1)?.position ?? "" });
    await client.ended();
    expect([client.status, client.text()]).toEqual([400, expect.stringContaining("taken from another log")]);
  });

  it("shows signs of life, with the position behind what was passed over", async () => {
    const at = await listening({ pace: { heartbeatMs: 20 } });
    const client = await subscribe(at, { type: "job.forgotten" });
    await write(at.log, [1], "submitted");
    await vi.waitFor(() => expect(client.comments).toContain("alive"), soon);
    const seen = client.text().length;
    await vi.waitFor(() => expect(client.text().slice(seen)).toMatch(/^id: .*\n\n[\s\S]*^id: .*\n\n/m), soon);
    const position = [...client.text().matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? "";
    expect(await allOf(at.log.live, { from: position })).toEqual([]);
    expect(client.events).toEqual([]);
  });
});

describe("a client", () => {
  it("that vanishes leaves nothing behind, at the tip or in the middle of the log", async () => {
    const at = await listening();
    await write(at.log, [1, 2], "running");
    const clients = await Promise.all([
      subscribe(at),
      subscribe(at, { from: "start" }),
      subscribe(at, { from: "start" }, { over: "socket" }),
      subscribe(at, { from: "start", type: "job.superseded" }),
    ]);
    await vi.waitFor(() => expect(at.log.feed.readers).toBe(4), soon);
    for (const client of clients) client.leave();
    await vi.waitFor(() => expect(at.log.feed.readers).toBe(0), soon);
    expect(at.log.store.followers.size).toBe(1); // the journal's own
    await write(at.log, [3]);
    expect(at.errors).toEqual([]);
  });

  it("that is too slow for the ring stops nobody, and gets the rest when it comes again", async () => {
    const at = await listening({ size: { events: 20, characters: 1 << 30 } });
    await write(at.log, [1], "running");
    const client = await subscribe(at);
    client.pause();
    for (let i = 0; i < 200; i++) await at.log.decide(1, [long]);
    // The whole log was written; what the client has not taken is in buffers of bounded size, or only in the log.
    client.resume();
    await client.ended();
    expect(client.notices).toMatchObject([{ event: "windrow.behind", data: expect.stringContaining("w1.") }]);
    const { from } = JSON.parse(client.notices[0]?.data ?? "{}");
    expect(from).toBe(client.notices[0]?.id);
    const rest = await subscribe(at, { from, follow: "false" });
    await rest.ended();
    expect(rest.events.length).toBeGreaterThan(0);
    const all = await allOf(at.log.stopped);
    expect([...idsAt(client), ...idsAt(rest)]).toEqual(idsOf(all.slice(-200)));
  });

  it("that takes nothing any more is given up", async () => {
    const at = await listening({ pace: { stallMs: 50 } });
    await write(at.log, [1], "running");
    for (let i = 0; i < 150; i++) await at.log.decide(1, [long]);
    const freed = vi.spyOn(at.log.store.followers, "delete");
    const client = await subscribe(at, { from: "start" });
    client.pause();
    await vi.waitFor(() => expect(freed).toHaveBeenCalled(), soon);
    expect(at.log.feed.readers).toBe(0);
    client.resume();
    await client.ended();
    expect(client.notices).toEqual([]);
    expect(client.events.length).toBeLessThan((await allOf(at.log.stopped)).length);
  });

  it("that is one too many is asked to come later", async () => {
    const at = await listening({ pace: { clients: 2 } });
    const clients = [await subscribe(at), await subscribe(at)];
    const third = await subscribe(at);
    await third.ended();
    expect([third.status, third.headers["retry-after"], third.text()]).toEqual([
      503,
      "5",
      expect.stringContaining("2 streams are served already"),
    ]);
    clients[0]?.leave();
    await vi.waitFor(async () => expect((await subscribe(at)).status).toBe(200), soon);
  });

  it("that reads the log waits for its turn behind others, and all get everything", async () => {
    const at = await listening();
    await write(at.log, [1, 2, 3]);
    const clients = await Promise.all(
      Array.from({ length: 6 }, () => subscribe(at, { from: "start", follow: "false" })),
    );
    await Promise.all(clients.map((client) => client.ended()));
    const all = idsOf(await allOf(at.log.stopped));
    expect(clients.map(idsAt)).toEqual(clients.map(() => all));
  });
});

describe("a server that closes", () => {
  it("ends every stream without a word, so that clients come again", async () => {
    const at = await listening();
    const clients = [await subscribe(at), await subscribe(at, {}, { over: "socket" })];
    await write(at.log, [1], "made");
    await at.server.close();
    for (const client of clients) {
      await client.ended();
      expect(client.notices).toEqual([]);
    }
    expect(at.log.feed.readers).toBe(0);
    const seen = clients[0]?.ids.at(-1) ?? "";
    expect(idsOf(await allOf(at.log.live, { from: seen }))).toEqual(
      idsOf(await allOf(at.log.stopped)).slice(clients[0]?.events.length),
    );
  });

  it("says so where the log is damaged, and breaks the stream", async () => {
    const at = await listening();
    await write(at.log, [1]);
    const records = at.log.store.shards[1] ?? [];
    records[5] = { hash: "0".repeat(64), bytes: Buffer.from("{}") };
    const client = await subscribe(at, { from: "start" });
    await client.ended();
    expect(at.errors).toEqual([expect.stringContaining("shard 1 cannot be read beyond offset 5")]);
    expect(client.notices).toEqual([]);
  });
});
