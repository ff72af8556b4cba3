/**
 * Plug-ins that answer what they must not, each in a queue beside a good one. Every time there is one clear reason in
 * the log that names the place, the good queue's jobs come to their ends, nothing of the other is lost, no machine
 * meets an event that it does not know, and the log gives the same World again.
 */
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { runWith } from "./engine.ts";

const module = fileURLToPath(new URL("./bent.ts", import.meta.url));

interface Case {
  readonly section: string;
  readonly inner: string;
  readonly method: string;
  readonly bend: string;
  /** What the log says, after `section.method: `. */
  readonly said: string;
}

const verdicts = [
  ["preparator", "SimulatedPreparator", "triggerPreparation"],
  ["preparator", "SimulatedPreparator", "checkStageInStatus"],
  ["stager", "SimulatedStager", "triggerStageOut"],
  ["stager", "SimulatedStager", "checkStageOutStatus"],
  ["submitter", "SimulatedSubmitter", "submitWorkers"],
  ["monitor", "SimulatedMonitor", "checkWorkers"],
  ["messenger", "SimulatedMessenger", "feedJobs"],
  ["messenger", "SimulatedMessenger", "read"],
] as const;

const answers = [
  ["undefined", "its answer undefined is none"],
  ["yes", 'its answer "yes" is none'],
  ["one", "its answer 1 is none"],
  ["rejects", "out of order"],
  ["throws", "out of order"],
  ["silent", "no answer within 45 s"],
] as const;

/** A submission that gives no answer is no trouble of the worker: it is asked for by its key (test below). */
const everywhere = verdicts.flatMap(([section, inner, method]) =>
  answers.flatMap(([bend, said]): Case[] =>
    method === "submitWorkers" && bend === "silent" ? [] : [{ section, inner, method, bend, said }],
  ),
);

const special: readonly Case[] = [
  { ...of("submitter", "submitWorkers"), bend: "none", said: "0 answers for 1 workers" },
  { ...of("monitor", "checkWorkers"), bend: "noneChecked", said: "0 answers for 1 workers" },
  { ...of("submitter", "submitWorkers"), bend: "nan", said: "what it set on worker 6.set.nCore is NaN, which JSON" },
  { ...of("submitter", "submitWorkers"), bend: "date", said: "what it set on worker 6.set.batchID is a Date, which" },
  { ...of("submitter", "submitWorkers"), bend: "flag", said: "what it set on worker 6.set.batchID: Invalid input" },
  { ...of("submitter", "submitWorkers"), bend: "cyclic", said: "nested deeper than 100 levels, or holds itself" },
  { ...of("messenger", "read"), bend: "attributesNan", said: "its answer.attributes.1.cpuConsumptionTime is NaN" },
  { ...of("messenger", "read"), bend: "attributesFunction", said: "its answer.attributes.1.later is a function" },
];

function of(section: "submitter" | "monitor" | "messenger", method: string) {
  const inner = { submitter: "SimulatedSubmitter", monitor: "SimulatedMonitor", messenger: "SimulatedMessenger" };
  return { section, inner: inner[section], method };
}

const run = ({ section, inner, method, bend }: Omit<Case, "said">) =>
  runWith((site) => ({ [section]: { module, name: "Bent", site, inner, method, bend } }));

beforeAll(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
});
afterAll(() => {
  vi.useRealTimers();
});

describe("an answer that is none", () => {
  it.each([...everywhere, ...special])("$section $method: $bend", async (one) => {
    const { good, said, anomalies, equal, violations, world, bad } = await run(one);
    expect(good).toEqual(["finished", "finished", "finished"]);
    expect(said).toContain(one.said.replaceAll('"', '\\"'));
    expect(said).toContain(`${one.section}.${one.method}: `);
    expect(anomalies).toEqual([]);
    expect(violations).toEqual([]);
    expect(equal).toBe(true);
    // The job is still worked on, or the WMS knows how it ended.
    expect(world.jobs.has(1) || ["failed", "cancelled"].includes(bad[0] ?? "")).toBe(true);
  });
});

it("a submission without an answer within its deadline is asked for by its key, and made again", async () => {
  const { good, events, anomalies, violations, world } = await run({
    ...of("submitter", "submitWorkers"),
    bend: "silent",
  });
  expect(good).toEqual(["finished", "finished", "finished"]);
  const types = new Set(events.map(({ type }) => type));
  expect(types).toContain("call.timedOut");
  expect(types).toContain("worker.absent");
  expect(anomalies).toEqual([]);
  expect(violations).toEqual([]);
  expect(world.jobs.has(1)).toBe(true);
});

describe("more than a record holds", () => {
  it("a dialog of two million characters is cut, and says so", async () => {
    const { section, inner, method } = { ...of("messenger", "feedJobs") };
    const { good, said, anomalies } = await run({ section, inner, method, bend: "verbose" });
    expect(good).toEqual(["finished", "finished", "finished"]);
    expect(said).toContain("... (2000000 characters in all)");
    expect(anomalies).toEqual([]);
  });

  it("an attribute of two million characters is named and left out; the job goes on with the others", async () => {
    const { good, said, anomalies, equal, world } = await run({ ...of("messenger", "read"), bend: "giant" });
    expect(good).toEqual(["finished", "finished", "finished"]);
    expect(said).toContain('"where":"job 1, metaData","why":"it has 2000002 characters, and at most 131072');
    expect(world.jobs.get(1)?.ctx.attributes).toMatchObject({ nEvents: 7 });
    expect(anomalies).toEqual([]);
    expect(equal).toBe(true);
  });
});

describe("a plug-in that cannot be had", () => {
  it("is named with queue, section, module and name", async () => {
    const { good, said, anomalies } = await runWith(() => ({ stager: { module: "./nowhere.ts", name: "Stager" } }));
    expect(good).toEqual(["finished", "finished", "finished"]);
    expect(said).toContain("queue BAD, section stager: cannot load plug-in Stager of module ./nowhere.ts");
    expect(anomalies).toEqual([]);
  });
});
