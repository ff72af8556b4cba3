/**
 * What the WMS is told: the status words of every state, the list of attributes, the fields of workers, worker counts.
 */
import { describe, expect, it } from "vitest";
import type { WindrowEvent } from "../../events/events.ts";
import { jobUpdate, siteStats, timeText, workerStats, workerUpdate } from "../../src/agents/updates.ts";
import type { World } from "../../src/world.ts";
import { configured, fetched, start, worldOf } from "./drive.ts";
import { prepared, stored, worker } from "./lives.ts";

const error = { code: 1099, diag: "stage-in failed with fatal" };
const missed: WindrowEvent[] = [
  { type: "worker.missed", workerID: 5, error: { code: 1110, diag: "no" }, dialog: "fatal" },
  { type: "job.missed", PandaID: 1, workerID: 5, attempts: 1, error: { code: 1110, diag: "no" } },
];
const ended = (verdict: "finished" | "failed" | "cancelled") => [...prepared(1), ...worker(5, [1], verdict)];
const closedPilot: WindrowEvent = { type: "job.observed", PandaID: 1, pilotClosed: true };

function job(world: World, PandaID = 1) {
  const found = world.jobs.get(PandaID);
  if (!found) throw new Error(`no job ${PandaID}`);
  return found;
}

describe("the status of a job that is sent (1.2)", () => {
  const cases: readonly (readonly [string, readonly WindrowEvent[], string, string])[] = [
    ["fetched", [fetched(1)], "starting", "fetched"],
    ["preparing", [fetched(1), { type: "job.preparationTriggered", PandaID: 1 }], "starting", "preparing"],
    ["prepared", prepared(1), "starting", "prepared"],
    ["submitting", [...prepared(1), ...worker(5, [1], "submitting")], "starting", "prepared"],
    ["submitted", [...prepared(1), ...worker(5, [1], "submitted")], "starting", "submitted"],
    ["running", [...prepared(1), ...worker(5, [1], "running")], "running", "running"],
    ["idle", [...prepared(1), ...worker(5, [1], "submitted"), { type: "job.idled", PandaIDs: [1] }], "running", "idle"],
    ["ended", ended("finished"), "transferring", "to_transfer"],
    ["cancelled, not staged out", ended("cancelled"), "transferring", "to_transfer"],
    ["transferring", [...ended("failed"), { type: "job.transferStarted", PandaID: 1 }], "transferring", "transferring"],
    ["finished", [...ended("finished"), ...stored(1)], "finished", "staged"],
    ["failed", [...ended("failed"), ...stored(1)], "failed", "staged"],
    ["cancelled", [...ended("cancelled"), ...stored(1)], "failed", "cancelled"],
    ["cancelled, no pilot", [...ended("cancelled"), closedPilot, ...stored(1)], "failed", "pilot_closed"],
    [
      "stage-out failed",
      [...ended("finished"), { type: "job.transferStarted", PandaID: 1 }, { type: "job.stageOutFailed", PandaID: 1 }],
      "failed",
      "failed_to_stage_out",
    ],
    [
      "stage-in failed",
      [fetched(1), { type: "job.preparationRefused", PandaID: 1, error, dialog: "fatal" }],
      "failed",
      "failed_to_prepare",
    ],
    ["missed", [...prepared(1), ...worker(5, [1], "submitting"), ...missed], "failed", "pilot_closed"],
    ["killed", [fetched(1), { type: "job.killed", PandaID: 1, error }], "failed", "cancelled"],
    [
      "refused",
      [{ type: "job.refused", PandaID: 1, queue: "Q", attemptNr: 2, why: "no outFiles" }],
      "failed",
      "failed_to_prepare",
    ],
  ];
  it.each(cases)("%s", (_name, events, job_status, job_sub_status) => {
    const world = worldOf([...configured(), ...events]);
    expect(world.anomalies).toEqual([]);
    expect(jobUpdate(job(world))).toMatchObject({ job_id: 1, site_name: "Q", job_status, job_sub_status });
  });
});

describe("the attributes of a job that are sent", () => {
  const attributes = {
    pilotErrorCode: 5,
    pilotID: "p",
    batchID: "b",
    maxRSS: 1,
    avgPSS: 2,
    totRCHAR: 3,
    rateWBYTES: 4,
    cpuConsumptionTime: 6,
    startTime: "2026-01-01 00:00:00",
    coreCount: 8,
    siteName: "elsewhere",
    nInputFiles: 7,
    jobStatus: "finished",
    somethingElse: 1,
    jobMetrics: null,
  };
  const seen: WindrowEvent = { type: "job.observed", PandaID: 1, attributes, metaData: { a: 1 } };
  const running = [...configured(), ...prepared(1), ...worker(5, [1], "running"), seen];

  it("are the known ones under the API's names, without report or metadata while it runs", () => {
    expect(jobUpdate(job(worldOf(running)))).toEqual({
      scheduler_id: "harvester-H",
      pilot_error_code: 5,
      pilot_id: "p",
      batch_id: "b",
      max_rss: 1,
      avg_pss: 2,
      tot_rchar: 3,
      rate_wbytes: 4,
      cpu_consumption_time: 6,
      start_time: "2026-01-01 00:00:00",
      core_count: 8,
      n_input_files: 7,
      job_id: 1,
      site_name: "Q",
      attempt_nr: 1,
      job_status: "running",
      job_sub_status: "running",
    });
  });

  it("leave out the attempt of a job that was refused without one", () => {
    const refused: WindrowEvent = { type: "job.refused", PandaID: 1, queue: "Q", attemptNr: null, why: "no" };
    const update = jobUpdate(job(worldOf([refused])));
    expect(update).toMatchObject({ job_id: 1, job_status: "failed" });
    expect(update).not.toHaveProperty("attempt_nr");
  });

  it("hold report and metadata only with the last status, and the job's cores where the pilot gave none", () => {
    const over: WindrowEvent = { type: "job.ended", PandaIDs: [1], verdict: "finished" };
    const moving = jobUpdate(job(worldOf([...running, over])));
    expect(moving).not.toHaveProperty("meta_data");
    expect(moving).not.toHaveProperty("job_output_report");
    const last = jobUpdate(job(worldOf([...running, over, ...stored(1, '{"1.out":{}}')])));
    expect(last).toMatchObject({ meta_data: '{"a":1}', job_output_report: '{"1.out":{}}', job_status: "finished" });
    expect(jobUpdate(job(worldOf([...configured(), fetched(1, { nCore: 4 })])))).toMatchObject({ core_count: 4 });
    expect(jobUpdate(job(worldOf([...configured(), fetched(1, { nCore: null })])))).not.toHaveProperty("core_count");
  });
});

describe("a worker as it is sent", () => {
  const cfg = { pandacon: { pandaCacheURL_R: "https://cache/here" } };
  const of = (events: readonly WindrowEvent[], workerID = 5) => {
    const world = worldOf([...configured({ Q: {} }, cfg), ...events]);
    const found = world.workers.get(workerID);
    if (!found) throw new Error("no worker");
    expect(world.anomalies).toEqual([]);
    return workerUpdate(world, found);
  };

  it("has all that is known, times in the form of the API", () => {
    const settings = { computingElement: "ce1", submissionHost: "s,p", nativeStatus: "R" };
    expect(of([...prepared(1), ...worker(5, [1], "finished", { settings, syncLevel: 1 })])).toEqual({
      workerID: 5,
      batchID: "b-5",
      status: "finished",
      computingSite: "Q",
      nCore: 1,
      submitTime: "datetime/2026-01-01 00:00:00.000000",
      startTime: "datetime/2026-01-01 00:00:00.000000",
      endTime: "datetime/2026-01-01 00:00:00.000000",
      jobType: "managed",
      resourceType: "SCORE",
      nativeStatus: "R",
      nJobs: 1,
      computingElement: "ce1",
      submissionHost: "s,p",
      syncLevel: 1,
      minRamCount: 1000,
      pandaid_list: [1],
    });
  });

  it("names its logs by URL, and by where a local file will be", () => {
    const logFiles = { stdout: "http://x/o", stderr: "/var/e.log", batch_log: "b.log", jdl: "/j/5.jdl" };
    const look: WindrowEvent = {
      type: "worker.looked",
      queue: "Q",
      workers: [
        {
          workerID: 5,
          status: "running",
          checked: true,
          diag: "d",
          changes: { logFiles, supplementalError: { code: 1001, diag: "preempted" } },
        },
      ],
      unchanged: [],
    };
    expect(of([...prepared(1), ...worker(5, [1], "submitted"), look])).toMatchObject({
      stdOut: "http://x/o",
      stdErr: "https://cache/here/H__e.log",
      batchLog: "https://cache/here/H__b.log",
      jdl: "https://cache/here/H__5.jdl",
      errorCode: 1001,
      diagMessage: "preempted",
    });
  });

  it("has no jobs where it could not be submitted, and no number of jobs in pull mode", () => {
    const lost = of([...prepared(1), ...worker(5, [1], "submitting"), ...missed]);
    expect(lost).toMatchObject({ status: "missed", nJobs: 1, pandaid_list: [], diagMessage: "fatal" });
    const pull = of(worker(5, [], "running", { mapType: "NoJob" }));
    expect(pull).toMatchObject({ status: "running", pandaid_list: [] });
    expect(pull).not.toHaveProperty("nJobs");
  });

  it("tells times as the platform's calendar would", () => {
    const instants = [0, start, Date.UTC(2000, 1, 29, 23, 59, 59, 999), Date.UTC(2100, 2, 1), Date.UTC(1999, 11, 31)];
    for (let i = 0; i < 400; i++) instants.push(i * 7_777_777_777 + 123);
    for (const at of instants) {
      const iso = new Date(at).toISOString().replace("T", " ").replace("Z", "");
      expect(timeText(at)).toBe(`datetime/${iso}000`);
    }
    expect(timeText(null)).toBeUndefined();
  });
});

describe("worker counts", () => {
  const zero = { running: 0, submitted: 0, finished: 0, to_submit: 0 };
  const slave = { Q: { runMode: "slave", mapType: "NoJob" } };
  const ordered: WindrowEvent = {
    type: "queue.workersOrdered",
    queue: "Q",
    orders: [
      { jobType: "managed", resourceType: "SCORE", n: 2 },
      { jobType: "managed", resourceType: "MCORE", n: 0 },
      { jobType: "managed", resourceType: "ANY", n: 3 },
    ],
  };

  it("are by type and status, what was ordered beside them", () => {
    const world = worldOf([
      ...configured(slave),
      ...worker(5, [], "running"),
      ...worker(9, [], "finished"),
      ...worker(13, [], "submitted", { pilotType: "RC" }),
      ...worker(17, [], "cancelled"),
      ...worker(21, [], "submitted", { resourceType: "ANY" }),
      ...worker(25, [], "submitting"),
      ordered,
    ]);
    expect(workerStats(world, "Q")).toEqual({
      ANY: {},
      managed: { SCORE: { running: 1, submitted: 1, finished: 1, to_submit: 2 }, MCORE: zero },
    });
  });

  it("of nothing are told by a slave queue only", () => {
    expect(workerStats(worldOf(configured(slave)), "Q")).toEqual({ managed: { SCORE: zero } });
    expect(workerStats(worldOf(configured()), "Q")).toBeNull();
  });

  it("of a site hold all its workers as ANY", () => {
    const queues = { Q: { siteName: "S" }, R: { siteName: "S", mapType: "NoJob" } };
    const world = worldOf([
      ...configured(queues),
      ...prepared(1),
      ...worker(5, [1], "running"),
      ...worker(9, [], "submitted", { queue: "R" }),
      ordered,
    ]);
    expect(siteStats(world, ["Q", "R"])).toEqual({
      ANY: { ANY: { running: 1, submitted: 1, finished: 0, to_submit: 0 } },
      managed: { SCORE: { ...zero, running: 1, to_submit: 2 }, MCORE: zero, ANY: { ...zero, to_submit: 3 } },
    });
  });
});
