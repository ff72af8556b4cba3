/** What every communicator is held to (plugins.md 12, panda-api), whatever WMS is behind it. */
import { describe, expect, it } from "vitest";
import { readJob } from "../../src/agents/jobDictionary.ts";
import { type Communicator, type JobsRequest, type JobUpdate, methods } from "../../src/plugins/contract.ts";
import { call } from "./fixtures.ts";

/** Jobs that wait to be fetched, and the request that gets them and no other. */
export interface Waiting {
  readonly communicator: Communicator;
  readonly request: JobsRequest;
}

/** A WMS with a communicator. */
export interface CommunicatorSite {
  readonly communicator: Communicator;
  /** One of an instance that the WMS has never heard of. */
  stranger(): Communicator;
  /** Makes `n` jobs; with `events` they are jobs of the event service with so many event ranges. */
  makeJobs(n: number, events?: number): Promise<Waiting>;
  /** State of a job in the WMS. */
  state?(PandaID: number): Promise<string>;
  /** The WMS's operator kills a job. */
  kill?(PandaID: number): Promise<void>;
  /** The WMS's operator gives this harvester a command. */
  command?(): Promise<void>;
}

const cases = {
  alive: "answers check and heartbeat, the first one of an unknown instance too",
  fetch: "hands out at most what was asked for, each job once and readable",
  none: "answers an empty list where no job waits",
  life: "takes a job's life from starting to finished, and the last report again",
  unknown: "says tobekilled of a job that it does not know, in its place between others",
  kill: "tells a kill at the next update and at the next check",
  bulk: "takes 120 updates and 120 checks in one call, one reply each",
  odd: "takes texts that a database has trouble with",
  nothing: "takes empty lists as nothing to do",
  workers: "stores 150 workers, and the same again",
  maxWorker: "knows the highest workerID, and 0 for an instance without workers",
  commands: "hands out a command once, and takes its acknowledgement, repeated too",
  tellings: "takes statistics, metrics and dialogs",
  lists: "answers resource types and statistics",
  events: "hands out each event range once, counts what is left and takes reports",
  upload: "takes a log file and says where it is",
  credentials: "answers or refuses credentials, and throws for neither",
  ended: "gives up a call that the caller has ended",
  late: "does not begin a call after notAfterAt",
} as const;
export type CommunicatorCase = keyof typeof cases;

/** The answer, after it was held to the contract's schema. */
async function fits<T>(method: keyof typeof methods, answer: T | Promise<T>): Promise<T> {
  const given = await answer;
  expect(methods[method].answer.safeParse(given).error).toBeUndefined();
  return given;
}

const taken = { StatusCode: 0, command: null };
const done = { ok: true, data: null };
let stamp = Date.now();
/** Ids that no earlier run has used. */
const fresh = (): number => {
  stamp += 1000;
  return stamp;
};

/** `skipped` names cases a maker does not meet, each with the reason. */
export function communicatorSuite(
  name: string,
  makeSite: () => Promise<CommunicatorSite>,
  skipped: Readonly<Partial<Record<CommunicatorCase, string>>> = {},
): void {
  const test = (which: CommunicatorCase, run: (site: CommunicatorSite) => Promise<void>): void => {
    const why = skipped[which];
    it.skipIf(why !== undefined)(why === undefined ? cases[which] : `${cases[which]} (skipped: ${why})`, async () =>
      run(await makeSite()),
    );
  };
  const fetched = async ({ communicator, request }: Waiting, n = request.nJobs) => {
    const answer = await fits("getJobs", communicator.getJobs({ ...request, nJobs: n }, call()));
    if (!answer.ok) throw new Error(answer.message);
    return answer.data.map((raw) => {
      const reading = readJob(raw);
      if (!reading.ok) throw new Error(reading.why);
      return reading.job;
    });
  };
  const update = (job_id: number, job_status = "running", more: Partial<JobUpdate> = {}): JobUpdate => ({
    job_id,
    job_status,
    job_sub_status: job_status,
    attempt_nr: 1,
    ...more,
  });
  describe(`communicator ${name}`, () => {
    test("alive", async ({ communicator, stranger }) => {
      expect(await fits("checkPanda", communicator.checkPanda(call()))).toEqual(done);
      const start = { startTime: Date.now(), sw_version: "windrow" };
      expect(await fits("isAlive", stranger().isAlive(start, call()))).toEqual(done);
      expect(await fits("isAlive", communicator.isAlive(start, call()))).toEqual(done);
      expect(await fits("isAlive", communicator.isAlive({}, call()))).toEqual(done);
    });

    test("fetch", async (site) => {
      const waiting = await site.makeJobs(3);
      const first = await fetched(waiting, 2);
      const second = await fetched(waiting, 2);
      expect([first.length, second.length]).toEqual([2, 1]);
      expect(new Set([...first, ...second].map(({ PandaID }) => PandaID)).size).toBe(3);
      expect(await fetched(waiting, 2)).toEqual([]);
    });

    test("none", async (site) => {
      const { communicator, request } = await site.makeJobs(0);
      expect(await fits("getJobs", communicator.getJobs(request, call()))).toEqual({ ok: true, data: [] });
    });

    test("life", async (site) => {
      const waiting = await site.makeJobs(1);
      const [job] = await fetched(waiting);
      if (!job) throw new Error("no job was handed out");
      const { PandaID, outputs } = job;
      const report = Object.fromEntries(
        outputs.map(({ lfn }) => [lfn, { guid: `guid-${lfn}`, fsize: 12, adler32: "0a0b0c0d" }]),
      );
      const last = update(PandaID, "finished", {
        job_output_report: JSON.stringify(report),
        trans_exit_code: 0,
        pilot_error_code: 0,
        core_count: 1,
        start_time: "2026-01-15 10:00:00",
        end_time: "2026-01-15 11:00:00",
      });
      for (const each of [
        update(PandaID, "starting"),
        update(PandaID, "running", { batch_id: "42.0" }),
        update(PandaID, "transferring", { batch_id: "42.0" }),
        last,
      ]) {
        expect(await fits("updateJobs", site.communicator.updateJobs([each], call()))).toEqual([taken]);
      }
      const again = await fits("updateJobs", site.communicator.updateJobs([last], call()));
      expect(again).toMatchObject([{ StatusCode: 0 }]);
      if (site.state) await expect.poll(() => site.state?.(PandaID), { timeout: 20_000 }).toBe("finished");
      expect(await fits("checkJobs", site.communicator.checkJobs([PandaID], call()))).toMatchObject([taken]);
    });

    test("unknown", async (site) => {
      const [a, b] = await fetched(await site.makeJobs(2));
      const ids = [a?.PandaID ?? 0, 999_999_999, b?.PandaID ?? 0];
      const replies = await fits(
        "updateJobs",
        site.communicator.updateJobs(
          ids.map((id) => update(id)),
          call(),
        ),
      );
      expect(replies).toEqual([taken, { ...taken, command: "tobekilled" }, taken]);
      const checks = await fits("checkJobs", site.communicator.checkJobs(ids, call()));
      expect(checks).toEqual([taken, { ...taken, command: "tobekilled" }, taken]);
    });

    test("kill", async (site) => {
      const [job] = await fetched(await site.makeJobs(1));
      const PandaID = job?.PandaID ?? 0;
      expect(await site.communicator.updateJobs([update(PandaID)], call())).toEqual([taken]);
      await site.kill?.(PandaID);
      const killed = { ...taken, command: "tobekilled" };
      expect(await site.communicator.checkJobs([PandaID], call())).toEqual([killed]);
      expect(await site.communicator.updateJobs([update(PandaID)], call())).toEqual([killed]);
    });

    test("bulk", async (site) => {
      const jobs = await fetched(await site.makeJobs(120));
      expect(jobs).toHaveLength(120);
      const ids = jobs.map(({ PandaID }) => PandaID);
      const replies = await fits(
        "updateJobs",
        site.communicator.updateJobs(
          ids.map((id) => update(id)),
          call(),
        ),
      );
      expect(replies).toEqual(ids.map(() => taken));
      expect(await fits("checkJobs", site.communicator.checkJobs(ids, call()))).toEqual(ids.map(() => taken));
    });

    test("odd", async (site) => {
      const [job] = await fetched(await site.makeJobs(1));
      const text = `"'\\;--\0 \ud800 \u{1F600} ${"x".repeat(2000)}`;
      const odd = update(job?.PandaID ?? 0, "running", {
        job_sub_status: text,
        pilot_error_diag: text,
        node: text,
        max_rss: Number.NaN,
        core_count: 7.9,
        nothing_known: text,
      });
      expect(await site.communicator.updateJobs([odd], call())).toEqual([taken]);
      const workerID = fresh();
      const worker = { workerID, status: "running", diagMessage: text, nodeID: "a\0b" };
      expect(await site.communicator.updateWorkers([worker], call())).toEqual({ ok: true, data: [true] });
    });

    test("nothing", async ({ communicator }) => {
      expect(await fits("updateJobs", communicator.updateJobs([], call()))).toEqual([]);
      expect(await fits("checkJobs", communicator.checkJobs([], call()))).toEqual([]);
      expect(await fits("ackCommands", communicator.ackCommands([], call()))).toEqual(done);
      expect(await fits("updateWorkers", communicator.updateWorkers([], call()))).toEqual({ ok: true, data: [] });
      expect(await fits("getEventRanges", communicator.getEventRanges({}, false, call()))).toEqual({
        ok: true,
        data: {},
      });
      expect(await fits("updateEventRanges", communicator.updateEventRanges([], call()))).toEqual({
        ok: true,
        data: [],
      });
      expect(await fits("sendDialogMessages", communicator.sendDialogMessages([], call()))).toEqual(done);
      expect(await fits("updateServiceMetrics", communicator.updateServiceMetrics([], call()))).toEqual(done);
    });

    test("workers", async ({ communicator }) => {
      const first = fresh();
      const workers = Array.from({ length: 150 }, (_, i) => ({
        workerID: first + i,
        batchID: `${i}.0`,
        status: "submitted",
        nCore: 1,
        submitTime: "datetime/2026-01-15 10:00:00.000000",
        startTime: null,
        pandaid_list: [],
      }));
      const all = { ok: true, data: workers.map(() => true) };
      expect(await fits("updateWorkers", communicator.updateWorkers(workers, call()))).toEqual(all);
      expect(await fits("updateWorkers", communicator.updateWorkers(workers, call()))).toEqual(all);
    });

    test("maxWorker", async ({ stranger }) => {
      const communicator = stranger();
      expect(await fits("getMaxWorkerId", communicator.getMaxWorkerId(call()))).toEqual({ ok: true, data: 0 });
      await communicator.updateWorkers(
        [
          { workerID: 17, status: "submitted" },
          { workerID: 4, status: "ready" },
        ],
        call(),
      );
      expect(await fits("getMaxWorkerId", communicator.getMaxWorkerId(call()))).toEqual({ ok: true, data: 17 });
    });

    test("commands", async ({ communicator, command }) => {
      await fits("getCommands", communicator.getCommands(100, call()));
      await command?.();
      const answer = await fits("getCommands", communicator.getCommands(100, call()));
      if (!answer.ok) throw new Error(answer.message);
      expect(answer.data).toMatchObject([{ command: expect.stringMatching(/^KILL_WORKERS/), params: {} }]);
      expect(await fits("getCommands", communicator.getCommands(100, call()))).toEqual({ ok: true, data: [] });
      const ids = answer.data.map(({ command_id }) => command_id);
      expect(await fits("ackCommands", communicator.ackCommands(ids, call()))).toEqual(done);
      expect(await fits("ackCommands", communicator.ackCommands(ids, call()))).toEqual(done);
    });

    test("tellings", async ({ communicator }) => {
      const stats = { managed: { SCORE: { running: 2, submitted: 1 } } };
      expect(await fits("updateWorkerStats", communicator.updateWorkerStats("LAB_QUEUE", stats, call()))).toEqual(done);
      expect(await fits("updateWorkerStats", communicator.updateWorkerStats("LAB_QUEUE", {}, call()))).toEqual(done);
      const at = fresh();
      const metrics = [[at, "h1.example.org", { rss_mib: 512.5, cpu_pc: 1 }]] as const;
      expect(await fits("updateServiceMetrics", communicator.updateServiceMetrics(metrics, call()))).toEqual(done);
      const dialogs = Array.from({ length: 60 }, (_, i) => ({
        diagID: (at % 1_000_000_000) + i,
        moduleName: "submitter",
        identifier: "workerID=2",
        createdAt: at,
        messageLevel: "ERROR",
        diagMessage: "x".repeat(600),
      }));
      expect(await fits("sendDialogMessages", communicator.sendDialogMessages(dialogs, call()))).toEqual(done);
      expect(await fits("sendDialogMessages", communicator.sendDialogMessages(dialogs, call()))).toEqual(done);
    });

    test("lists", async (site) => {
      await site.makeJobs(1);
      const { communicator } = site;
      expect(await fits("getResourceTypes", communicator.getResourceTypes(call()))).toMatchObject({ ok: true });
      expect(await fits("getWorkerStatsFromPanda", communicator.getWorkerStatsFromPanda(call()))).toMatchObject({
        ok: true,
      });
      for (const answer of [
        await fits("getJobStats", communicator.getJobStats(call())),
        await fits("getJobStatsNew", communicator.getJobStatsNew(call())),
      ]) {
        // panda-server renews these from time to time, and refuses while they are empty.
        expect(answer.ok || /Database failure getting the job statistics/.test(answer.message)).toBe(true);
      }
    });

    test("events", async (site) => {
      const [job] = await fetched(await site.makeJobs(1, 6));
      const { PandaID = 0, jobsetID, taskID } = job ?? {};
      if (jobsetID == null || taskID == null) throw new Error("the job has no jobset or task");
      expect(await site.communicator.updateJobs([update(PandaID)], call())).toEqual([taken]);
      const left = () =>
        fits("checkEventAvailability", site.communicator.checkEventAvailability({ PandaID, jobsetID, taskID }, call()));
      const get = async (nRanges: number) => {
        const wanted = { [PandaID]: { pandaID: PandaID, jobsetID, taskID, nRanges } };
        const answer = await fits("getEventRanges", site.communicator.getEventRanges(wanted, false, call()));
        if (!answer.ok) throw new Error(answer.message);
        return answer.data[PandaID] ?? [];
      };
      expect(await left()).toEqual({ ok: true, data: 6 });
      const [first, second, third] = [await get(4), await get(4), await get(4)];
      expect([first?.length, second?.length, third?.length]).toEqual([4, 2, 0]);
      const ids = [...(first ?? []), ...(second ?? [])].map((range) => Reflect.get(Object(range), "eventRangeID"));
      expect(new Set(ids).size).toBe(6);
      const reports = ids.map((eventRangeID) => ({ eventRangeID, eventStatus: "finished" }));
      const zipped = [
        { eventRanges: reports, zipFile: { lfn: "a.zip", objstoreID: "1/a", fsize: 1, adler32: "0000abcd" } },
      ];
      for (const each of [reports, zipped]) {
        const answer = await fits("updateEventRanges", site.communicator.updateEventRanges(each, call()));
        expect(answer).toMatchObject({ ok: true, data: { length: 6 } });
      }
    });

    test("upload", async ({ communicator }) => {
      const content = Buffer.from("line 1\n".repeat(1000));
      const answer = await fits("uploadFile", communicator.uploadFile("windrow__1.log", content, call()));
      expect(answer).toEqual({ ok: true, data: expect.stringMatching(/windrow__1\.log$/) });
    });

    test("credentials", async ({ communicator }) => {
      await fits("getProxy", communicator.getProxy("production", "", call()));
      await fits("getTokenKey", communicator.getTokenKey("nobody", call()));
      await fits("getKeyPair", communicator.getKeyPair("no_public", "no_private", call()));
      communicator.forceCredentialRenewal();
      expect(await communicator.checkPanda(call())).toEqual(done);
    });

    test("ended", async (site) => {
      const waiting = await site.makeJobs(1);
      const calling = async () => waiting.communicator.getJobs(waiting.request, call({ signal: AbortSignal.abort() }));
      await expect(calling()).rejects.toThrow(/ended/);
      expect(await fetched(waiting)).toHaveLength(1);
    });

    test("late", async (site) => {
      const waiting = await site.makeJobs(1);
      const calling = async () => waiting.communicator.getJobs(waiting.request, call({ notAfterAt: Date.now() - 1 }));
      await expect(calling()).rejects.toThrow(/too late/);
      expect(await fetched(waiting)).toHaveLength(1);
    });
  });
}
