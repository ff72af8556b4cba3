/**
 * The event feeder (lifecycle 4.1): ranges are asked for once, are in the log before the payload has them, and a
 * feeding that failed is repeated with the same ranges.
 */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import type { Reply } from "../../src/agents/agent.ts";
import { eventFeeder } from "../../src/agents/eventFeeder.ts";
import type { World } from "../../src/world.ts";
import { answered, configured, drive, threw, worldOf } from "./drive.ts";
import { prepared, worker } from "./lives.ts";

const [feedEvents] = eventFeeder;
const request = { 1: { pandaID: 1, taskID: 1, jobsetID: 7, nRanges: 2 } };
const asks: WindrowEvent = {
  type: "worker.looked",
  queue: "Q",
  workers: [{ workerID: 5, status: "running", checked: true, eventsRequest: request }],
  unchanged: [],
};
const wanting = (...more: WindrowEvent[]): World =>
  worldOf([...configured(), ...prepared(1), ...worker(5, [1], "running", { eventsRequest: 1 }), asks, ...more]);
const range = (id: string) => ({ eventRangeID: id, LFN: "a.root", startEvent: 1, lastEvent: 1 });
const two = { 1: [range("r1"), range("r2")] };
const said = (data: unknown): Reply => answered({ ok: true, data });
const fine = answered({ ok: true, dialog: "" });

/** One run; `ranges` is what the WMS answers, `fed` what the messenger does. */
function feed(world: World, ranges: Reply, fed: Reply = fine) {
  let known: unknown;
  const driven = drive(feedEvents!, world, [5], ({ method }) => {
    if (method === "getEventRanges") return ranges;
    known = world.workers.get(5)?.ctx.eventRanges;
    return fed;
  });
  expect(world.anomalies).toEqual([]);
  return { ...driven, known, asked: driven.calls.map(({ method }) => method), ctx: world.workers.get(5)!.ctx };
}

describe("ranges", () => {
  it("are asked for after the intent is in the log, and recorded before they are fed (C31)", () => {
    const { asked, calls, known, events, ctx } = feed(wanting(), said(two));
    expect(asked).toEqual(["getEventRanges", "feedEvents"]);
    expect(calls[0]?.args).toEqual({ plain: [request, false] });
    expect(calls[1]?.args).toMatchObject({ plain: [two] });
    expect(known).toEqual(two);
    expect(events.map(({ type }) => type)).toEqual([
      "call.intended",
      "worker.eventsReceived",
      "call.returned",
      "worker.eventsFed",
    ]);
    expect(ctx).toMatchObject({ eventsRequest: 1, eventsRequestParams: null, eventRanges: null });
  });

  it("that are none are fed too: the payload has to know (4.1)", () => {
    const { asked, ctx } = feed(wanting(), said({}));
    expect(asked).toEqual(["getEventRanges", "feedEvents"]);
    expect(ctx.eventsRequest).toBe(1);
  });

  it("by the thousand are fed as one", () => {
    const all = { 1: Array.from({ length: 9000 }, (_, i) => range(`12345-6789012-3456-${i}-10`)), 2: [] };
    const { calls, events } = feed(wanting(), said(all));
    expect(calls[1]?.args).toMatchObject({ plain: [all] });
    expect(events.filter(({ type }) => type === "worker.eventsReceived").length).toBeGreaterThan(1);
  });

  it.each([
    ["the WMS refused", answered({ ok: false, message: "no" })],
    ["the call failed", threw("down")],
  ])("are asked for again after lockInterval where %s", (_name, reply) => {
    const world = wanting();
    const { asked, ctx } = feed(world, reply);
    expect(asked).toEqual(["getEventRanges"]);
    expect(ctx).toMatchObject({ eventsRequest: 2, eventRanges: null, feed: { how: "trouble" } });
    expect(feed(world, said(two)).ctx.eventsRequest).toBe(1);
  });

  it.each([
    ["said no", answered({ ok: false, dialog: "disk full" })],
    ["failed", threw("boom")],
  ])("are fed again, and not asked for again, where the messenger %s (C32)", (_name, fed) => {
    const world = wanting();
    expect(feed(world, said(two), fed).ctx).toMatchObject({ eventsRequest: 2, eventRanges: two });
    const { asked, calls, ctx } = feed(world, threw("must not be asked"));
    expect(asked).toEqual(["feedEvents"]);
    expect(calls[0]?.args).toMatchObject({ plain: [two] });
    expect(ctx).toMatchObject({ eventsRequest: 1, eventRanges: null });
  });
});

describe("a job of many workers gets no further ones (4.1)", () => {
  const grows = (...bound: WindrowEvent[]) =>
    worldOf([
      ...configured(),
      ...prepared(1),
      ...bound,
      ...worker(5, [1], "running", { eventsRequest: 1, mapType: "OneToMany" }),
      asks,
    ]);
  const limited: WindrowEvent = { type: "job.bound", PandaID: 1, workerID: 4, nWorkersLimit: 3 };
  it.each([
    ["with none", {}, false],
    ["with an empty list", { 1: [] }, false],
    ["with fewer than it asked for", { 1: [range("r1")] }, false],
    ["but with all of them it does", two, true],
  ])("%s", (_name, data, more) => {
    const world = grows(limited);
    feed(world, said(data));
    expect(world.jobs.get(1)?.ctx.moreWorkers).toBe(more);
  });

  it("which says nothing of a job without such a limit", () => {
    const world = grows();
    expect(feed(world, said({})).events.map(({ type }) => type)).not.toContain("job.growthEnded");
    expect(world.jobs.get(1)?.ctx.moreWorkers).toBe(true);
  });
});
