/**
 * Calls about many things at once: each is judged alone, the server's limits are kept, and trouble with one takes no
 * other along. And what is sent fits into the server's database, which else refuses it for ever.
 */
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { call } from "../fixtures.ts";
import { always, bodyOf, envelope, failureOf, send, serve } from "./server.ts";

const databaseError = "database error in the PanDA server";
const update = (job_id: number) => ({ job_id, job_status: "running", attempt_nr: 1 });
const entry = (data: unknown, success = true, message = "") => ({ success, message, data });
const taken = entry({ StatusCode: 0, command: "NULL" });
const dialog = { diagID: 1, moduleName: "m", identifier: "i", createdAt: 0, messageLevel: "ERROR", diagMessage: "d" };

describe("partial failures", () => {
  test("each entry is judged alone, by success and StatusCode", async () => {
    const server = await always(
      envelope([
        taken,
        entry({ StatusCode: 0, command: "debug,tobekilled" }),
        entry({ StatusCode: 0, command: "ls -l" }),
        entry({ StatusCode: 30 }, true, "Database error"),
        entry({ StatusCode: 50 }, false, "Invalid job status: x"),
        entry(null, false, "Type error: 'core_count' must be of type int, got float."),
        entry({ StatusCode: 0 }, false, ""),
        entry({}),
        entry("text"),
        "no envelope",
        null,
      ]),
    );
    const replies = await server.communicator().updateJobs(
      Array.from({ length: 11 }, (_, i) => update(i + 1)),
      call(),
    );
    expect(replies.map(({ StatusCode, command }) => [StatusCode, command])).toEqual([
      [0, null],
      [0, "tobekilled"],
      [0, "ls -l"],
      [30, null],
      [50, null],
      ...Array.from({ length: 6 }, () => [999, null]),
    ]);
    expect(replies.slice(3).every(({ ErrorDiag }) => ErrorDiag)).toBe(true);
  });

  test("a list of another length is no answer for anybody, for it cannot be attributed", async () => {
    const server = await always(envelope([taken]));
    expect((await failureOf(server.communicator().updateJobs([update(1), update(2)], call()))).message).toMatch(/data/);
    expect((await failureOf(server.communicator().checkJobs([1, 2], call()))).message).toMatch(/data/);
    const workers = [{ workerID: 1 }, { workerID: 2 }];
    const three = await always(envelope([true, true, true]));
    expect((await failureOf(three.communicator().updateWorkers(workers, call()))).message).toMatch(/data/);
  });

  test("an element that poisons the call is found by asking one by one", async () => {
    const server = await serve((response, asked) => {
      const list = z.array(z.object({ job_id: z.number() })).parse(bodyOf(asked)["job_list"]);
      const poisoned = list.some(({ job_id }) => job_id === 2);
      send(response, poisoned ? envelope([], false, "failed with KeyError 'x'") : envelope(list.map(() => taken)));
    });
    const replies = await server.communicator().updateJobs([update(1), update(2), update(3)], call());
    expect(replies.map(({ StatusCode }) => StatusCode)).toEqual([0, 999, 0]);
    expect(replies[1]?.ErrorDiag).toContain("failed with KeyError 'x'");
    expect(server.asked).toHaveLength(4);
  });

  test("250 updates go out in calls of 100; trouble with the last keeps the replies of the others", async () => {
    const server = await serve((response, asked, n) => {
      const list = z.array(z.unknown()).parse(bodyOf(asked)["job_list"]);
      if (n === 2) send(response, "boom", 500);
      else send(response, envelope(list.map(() => taken)));
    });
    const updates = Array.from({ length: 250 }, (_, i) => update(i + 1));
    const replies = await server.communicator().updateJobs(updates, call());
    expect(replies.map(({ StatusCode }) => StatusCode)).toEqual([...Array(200).fill(0), ...Array(50).fill(999)]);
    expect(replies[249]?.ErrorDiag).toMatch(/HTTP 500: boom/);
    expect(server.asked.map((asked) => z.array(z.unknown()).parse(bodyOf(asked)["job_list"]).length)).toEqual([
      100, 100, 50,
    ]);
  });

  test("250 checks go out in calls of 100, ids as repeated keys", async () => {
    const server = await serve((response, { query }) =>
      send(response, envelope(query.getAll("job_ids").map(() => ({ command: null, status: "running" })))),
    );
    const replies = await server.communicator().checkJobs(
      Array.from({ length: 250 }, (_, i) => i + 1),
      call(),
    );
    expect(replies).toHaveLength(250);
    expect(server.asked.map(({ query }) => query.getAll("job_ids").length)).toEqual([100, 100, 50]);
  });

  test("an update that cannot be sent disturbs no other", async () => {
    const server = await always(envelope([taken]));
    const bad = [{ job_id: Number.NaN, job_status: "running" }, update(7), { job_id: 8, job_status: "" }];
    const replies = await server.communicator().updateJobs(bad, call());
    expect(replies.map(({ StatusCode }) => StatusCode)).toEqual([999, 0, 999]);
    expect(replies[2]?.ErrorDiag).toBe("job 8: job_status is no text; the update was not sent");
  });

  test("one bad worker does not keep the others from being stored", async () => {
    const server = await serve((response, asked) => {
      const list = z.array(z.object({ workerID: z.number() })).parse(bodyOf(asked)["workers"]);
      const bad = list.some(({ workerID }) => workerID === 2);
      send(response, bad ? envelope(null, false, databaseError) : envelope(list.map(() => true)));
    });
    const workers = [1, 2, 3, 4].map((workerID) => ({ workerID }));
    expect(await server.communicator().updateWorkers(workers, call())).toEqual({
      ok: true,
      data: [true, false, true, true],
    });
  });

  test("a server whose database is down is not asked worker by worker for long", async () => {
    const server = await always(envelope(null, false, databaseError));
    const workers = Array.from({ length: 80 }, (_, i) => ({ workerID: i + 1 }));
    expect(await server.communicator().updateWorkers(workers, call())).toMatchObject({ ok: false });
    expect(server.asked).toHaveLength(4);
  });

  test("one unreadable command does not lose the others, which the server has forgotten", async () => {
    const good = { command_id: 3, command: "KILL_WORKERS", params: null, ack_requested: 0 };
    const bare = { command_id: 5, command: "REPORT_WORKER_STATS:Q" };
    const server = await always(envelope([{ command_id: 4 }, good, bare, "x"]));
    expect(await server.communicator().getCommands(9, call())).toEqual({
      ok: true,
      data: [
        { command_id: 4, command: expect.stringMatching(/^unreadable: /), params: null, ack_requested: 0 },
        good,
        { ...bare, params: null, ack_requested: 0 },
        { command_id: 0, command: 'unreadable: "x"', params: null, ack_requested: 0 },
      ],
    });
  });

  test("event ranges of one job are kept when the next job's request fails, which is then not named", async () => {
    const server = await serve((response, _, n) => {
      if (n === 0) send(response, envelope([{ eventRangeID: "1-1-1-1-1" }]));
      else send(response, "boom", 500);
    });
    const wanted = { "1": { jobsetID: 1, taskID: 1, nRanges: 1 }, "2": { jobsetID: 1, taskID: 1, nRanges: 1 } };
    expect(await server.communicator().getEventRanges(wanted, false, call())).toEqual({
      ok: true,
      data: { "1": [{ eventRangeID: "1-1-1-1-1" }] },
    });
  });
});

test("no worker yet and a database that is down are told apart, so that no workerID is given out twice", async () => {
  const asking = (state: unknown) =>
    serve((response, { path }) =>
      send(response, path === "job/get_status" ? envelope([state]) : envelope(null, false, databaseError)),
    );
  const up = await asking({ command: "tobekilled", status: "unknown" });
  expect(await up.communicator().getMaxWorkerId(call())).toEqual({ ok: true, data: 0 });
  const down = await asking({ command: null, status: null });
  expect(await down.communicator().getMaxWorkerId(call())).toMatchObject({ ok: false });
});

test("the first heartbeat, which registers and is refused, is said twice; a second refusal stands", async () => {
  const server = await serve((response, _, n) =>
    send(response, n === 0 ? envelope(null, false, databaseError) : envelope(null)),
  );
  expect(await server.communicator().isAlive({ startTime: 1_768_471_200_000 }, call())).toEqual({
    ok: true,
    data: null,
  });
  expect(server.asked.map(bodyOf)).toEqual(
    Array(2).fill({ harvester_id: "lab_harvester", data: { startTime: "datetime/2026-01-15 10:00:00.000000" } }),
  );
});

describe("what leaves for the database fits into it", () => {
  test("texts are cut, without the characters that it refuses", async () => {
    const server = await serve((response, { path }) =>
      send(response, envelope(path.includes("bulk") ? [taken] : [true])),
    );
    const long = `${"x".repeat(499)}\u{1F600}\0`;
    await server.communicator().updateWorkers([{ workerID: 1, diagMessage: long, nodeID: "a\0b" }], call());
    await server.communicator().sendDialogMessages([{ ...dialog, diagMessage: long }], call());
    await server.communicator().updateJobs([{ ...update(1), pilot_error_diag: "a\0b\ud800" }], call());
    const [workers, dialogs, jobs] = server.asked.map((asked) => bodyOf(asked));
    const cut = `${"x".repeat(499)}\ufffd`;
    expect(workers).toMatchObject({ workers: [{ diagMessage: cut, nodeID: "ab" }] });
    expect(dialogs).toMatchObject({ dialogs: [{ diagMessage: cut, creationTime: "1970-01-01 00:00:00.000000" }] });
    expect(jobs).toMatchObject({ job_list: [{ pilot_error_diag: "ab\ufffd" }] });
  });

  test("unknown attributes stay behind, values are brought to the server's types", async () => {
    const server = await always(envelope([taken]));
    await server.communicator().updateJobs(
      [
        {
          ...update(1),
          core_count: "8",
          mean_core_count: 7.9,
          max_rss: "1024.5",
          avg_rss: "many",
          pilot_log: null,
          job_output_report: { "a.root": { fsize: 1 } },
          start_time: 1_768_471_200_000,
          end_time: "yesterday",
          token: "x",
        },
      ],
      call(),
    );
    expect(bodyOf(server.asked[0])).toEqual({
      harvester_id: "lab_harvester",
      job_list: [
        {
          scheduler_id: "harvester-lab_harvester",
          ...update(1),
          core_count: 8,
          mean_core_count: 7,
          max_rss: 1024.5,
          job_output_report: '{"a.root":{"fsize":1}}',
          start_time: "2026-01-15 10:00:00",
        },
      ],
    });
  });

  test("an empty report goes with a finished job, which the server must judge, and not with a failed one", async () => {
    const server = await always(envelope([taken, taken]));
    const ended = (job_status: string) => ({ ...update(1), job_status, job_output_report: "{}" });
    await server.communicator().updateJobs([ended("finished"), ended("failed")], call());
    const { job_list } = bodyOf(server.asked[0]) as { job_list: readonly unknown[] };
    expect(job_list[0]).toHaveProperty("job_output_report", "{}");
    expect(job_list[1]).not.toHaveProperty("job_output_report");
  });
});
