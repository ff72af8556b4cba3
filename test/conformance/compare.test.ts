/**
 * The comparer can fail: small hand-made rounds, one difference each, and what section 8 of the corpus allows to
 * differ.
 */
import { describe, expect, it } from "vitest";
import { compare } from "./compare.ts";
import type { ObservedRound } from "./drive.ts";
import type { State } from "./expected.ts";
import { isGood, sideBySide, totalsOf } from "./report.ts";
import { type CallRecord, type ExpectedRound, parseScenario, type Scenario, type WmsRecord } from "./scenario.ts";

const nothing: State = { jobs: {}, files: {}, workers: {}, events: {}, commands: {} };

function scenario(expected: readonly Partial<ExpectedRound>[], changes: Record<string, unknown> = {}): Scenario {
  const rounds = expected.length;
  return parseScenario({
    id: "made/by-hand",
    family: "made",
    description: "",
    tags: [],
    config: { queues: { Q1: {} } },
    jobs: [{ id: 1 }],
    plugins: {},
    steps: { rounds },
    expected: expected.map((round, i) => ({ r: i + 1, ...round })),
    ...changes,
  });
}

const round = (r: number, facts: Partial<Omit<ObservedRound, "r" | "state">> & { state?: Partial<State> } = {}) => ({
  r,
  calls: facts.calls ?? [],
  wms: facts.wms ?? [],
  state: { ...nothing, ...facts.state },
});

const trigger = (id: number, ret: unknown = true): CallRecord => ({
  a: "Preparator",
  m: "preparator.trigger_preparation",
  id,
  files: ["b:to_prepare", "a:to_prepare"],
  ret,
});
const told = (id: number, facts: Record<string, unknown> = {}): WmsRecord => ({
  m: "update_jobs",
  jobs: [{ id, status: "starting", sub: "fetched", ...facts }],
});

describe("calls", () => {
  const two = scenario([{ calls: [trigger(1), trigger(2)] }]);

  it("may come in any order between entities, and files too", () => {
    const swapped = { ...trigger(1), files: ["a:to_prepare", "b:to_prepare"] };
    expect(compare(two, [round(1, { calls: [trigger(2), swapped] })])).toEqual([]);
  });

  it("differ by answer, by agent, by number", () => {
    const byAnswer = compare(two, [round(1, { calls: [trigger(1), trigger(2, null)] })]);
    expect(byAnswer).toHaveLength(1);
    expect(byAnswer[0]).toMatchObject({ r: 1, what: "preparator.trigger_preparation", where: "Preparator" });
    expect(byAnswer[0]?.expected).toContain('"ret":true');
    expect(byAnswer[0]?.observed).toContain('"ret":null');
    expect(compare(two, [round(1, { calls: [trigger(1), { ...trigger(2), a: "Stager" }] })])).toHaveLength(2);
    expect(compare(two, [round(1, { calls: [trigger(1), trigger(2), trigger(2)] })])).toHaveLength(1);
    expect(compare(two, [round(1, { calls: [trigger(1)] })])).toHaveLength(1);
  });

  it("of one entity must keep their order", () => {
    const check: CallRecord = { ...trigger(1), m: "preparator.check_stage_in_status" };
    const ordered = scenario([{ calls: [check, trigger(1)] }]);
    expect(compare(ordered, [round(1, { calls: [trigger(1), check] })])).toMatchObject([{ what: "order of calls" }]);
  });

  it("of a batch must have the same workers in one call", () => {
    const submit = (ids: string[]): CallRecord => ({
      a: "Submitter",
      m: "submitter.submit_workers",
      ids,
      jobs: ids.map(() => [1]),
      ret: ids.map(() => true),
    });
    const batch = scenario([{ calls: [submit(["w1", "w2"])] }]);
    expect(compare(batch, [round(1, { calls: [submit(["w1", "w2"])] })])).toEqual([]);
    expect(compare(batch, [round(1, { calls: [submit(["w1"]), submit(["w2"])] })])).not.toEqual([]);
    expect(compare(batch, [round(1, { calls: [submit(["w2", "w1"])] })])).not.toEqual([]);
  });
});

describe("states", () => {
  const life = scenario([
    { jobs: { "1": { status: "starting", subStatus: "fetched", hasOutFile: 1 } } },
    { jobs: { "1": { subStatus: "preparing" } } },
    { jobs: { "1": null } },
  ]);
  const job = (subStatus: string, more: Record<string, unknown> = {}) => ({
    state: { jobs: { "1": { status: "starting", subStatus, ...more } } },
  });

  it("are those of the changes put together, without bookkeeping", () => {
    expect(compare(life, [round(1, job("fetched")), round(2, job("preparing")), round(3)])).toEqual([]);
  });

  it("report the first round that differs, and only it", () => {
    const wrong = compare(life, [round(1, job("fetched")), round(2, job("fetched")), round(3, job("fetched"))]);
    expect(wrong).toEqual([
      { r: 2, what: "jobs.subStatus", where: "1", expected: '"preparing"', observed: '"fetched"' },
    ]);
    expect(
      compare(life, [round(1, job("fetched")), round(2, job("preparing")), round(3, job("preparing"))]),
    ).toMatchObject([{ r: 3, what: "jobs row", expected: "" }]);
  });

  it("differ by a column that only one has", () => {
    const error = { pilotErrorCode: 1099 };
    expect(compare(life, [round(1, job("fetched", error)), round(2), round(3)])).toMatchObject([
      { r: 1, what: "jobs.pilotErrorCode", expected: "", observed: "1099" },
    ]);
  });

  it("take any guid where the core made it", () => {
    const report = (guid: string) => ({ x: { guid, fsize: 1 } });
    const made = scenario([{ jobs: { "1": { outputFilesToReport: report("*") } } }]);
    const got = (guid: string) => [round(1, { state: { jobs: { "1": { outputFilesToReport: report(guid) } } } })];
    expect(compare(made, got("4711"))).toEqual([]);
    const fixed = scenario([{ jobs: { "1": { outputFilesToReport: report("g-x") } } }]);
    expect(compare(fixed, got("4711"))).toHaveLength(1);
  });
});

describe("requests to the WMS", () => {
  const both = scenario([{ wms: [{ m: "update_jobs", jobs: [...jobsOf(told(1)), ...jobsOf(told(2))] }] }]);

  it("may be merged or split, unless the bulk size is set", () => {
    const split = [round(1, { wms: [told(2), told(1)] })];
    expect(compare(both, split)).toEqual([]);
    const config = { queues: { Q1: {} }, cfg: { propagator: { nJobsInBulk: 2 } } };
    const set = scenario([{ wms: both.expected[0]?.wms ?? [] }], { config });
    expect(compare(set, split)).toMatchObject([{ what: "update_jobs sizes" }]);
  });

  it("differ by field, by entity, by reply", () => {
    expect(compare(both, [round(1, { wms: [told(1), told(2, { batchID: "b" })] })])).toMatchObject([
      { what: "update_jobs.batchID", where: "2", expected: "", observed: '"b"' },
    ]);
    expect(compare(both, [round(1, { wms: [told(1)] })])).toMatchObject([{ what: "update_jobs", where: "2" }]);
    const down = { ...told(2), reply: "down" };
    expect(compare(both, [round(1, { wms: [told(1), down] })])).toMatchObject([{ what: "update_jobs.whole" }]);
  });

  it("may report statistics a round later, but not others", () => {
    const stats = (n: number): WmsRecord => ({
      m: "worker_stats",
      queue: "Q1",
      stats: { managed: { SCORE: { running: n, submitted: 0 } } },
    });
    const counted = scenario([{ wms: [stats(1)] }, {}, {}]);
    expect(compare(counted, [round(1), round(2, { wms: [stats(1)] }), round(3)])).toEqual([]);
    expect(compare(counted, [round(1), round(2), round(3, { wms: [stats(2)] })])).toMatchObject([
      { r: 2, what: "worker_stats" },
    ]);
  });
});

describe("ticks", () => {
  const steps = { rounds: 30, tickSeconds: 10 };
  const at = (ticks: readonly number[], ret: unknown = null) =>
    Array.from({ length: 30 }, (_, i) => (ticks.includes(i + 1) ? { calls: [trigger(1, ret)] } : {}));
  const timed = scenario(at([1, 8, 15, 22, 29]), { steps });
  const seen = (ticks: readonly number[], ret: unknown = null) => at(ticks, ret).map((facts, i) => round(i + 1, facts));

  it("may move by one in each distance", () => {
    expect(compare(timed, seen([1, 8, 15, 22, 29]))).toEqual([]);
    expect(compare(timed, seen([1, 7, 13, 19, 25]))).toEqual([]);
  });

  it("may not move by two, nor lack a call that was due, nor answer differently", () => {
    expect(compare(timed, seen([1, 6, 13, 20, 27]))).not.toEqual([]);
    expect(compare(timed, seen([1, 8, 15]))).not.toEqual([]);
    expect(compare(timed, seen([1, 8, 15, 22, 29], true))).not.toEqual([]);
    expect(compare(timed, seen([]))).not.toEqual([]);
  });
});

describe("the report", () => {
  const difference = { r: 2, what: "jobs.status", where: "1", expected: '"running"', observed: "" };
  const outcome = { id: "a/b", family: "a", informative: false, differences: [difference] };

  it("shows both sides", () => {
    expect(sideBySide(outcome)).toEqual(["a/b", "  round 2: jobs.status (1)", `    ${'"running"'.padEnd(56)} | -`]);
  });

  it("counts informative scenarios apart, and a crash as a failure", () => {
    const crashed = { ...outcome, differences: [], crash: "Error: no" };
    expect(isGood(crashed)).toBe(false);
    expect(totalsOf([outcome, crashed, { ...outcome, informative: true }, { ...outcome, differences: [] }])).toEqual({
      passed: 1,
      failed: 2,
      same: 0,
      other: 1,
    });
  });
});

function jobsOf({ jobs }: WmsRecord): readonly unknown[] {
  return Array.isArray(jobs) ? jobs : [];
}
