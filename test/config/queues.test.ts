/** Queue configurations: the original's results for its own example files, and how queues and templates are merged. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { readQueues } from "../../src/config/queues.ts";
import { isActive, pluginKinds, type QueueConfig, queueSchema } from "../../src/config/schema.ts";
import { redact } from "../../src/config/secrets.ts";

const data = (path: string): string => readFileSync(new URL(`../data/harvester/${path}`, import.meta.url), "utf8");
const plugin = { module: "windrow/dummy", name: "Dummy" };
const plugins = {
  messenger: plugin,
  monitor: plugin,
  preparator: plugin,
  stager: plugin,
  submitter: plugin,
  sweeper: plugin,
  workerMaker: plugin,
};
const read = (entries: Record<string, unknown>, list = ["ALL"]) => readQueues(JSON.stringify(entries), "q.json", list);
const one = (attributes: Record<string, unknown>, name = "Q1"): QueueConfig => {
  const { queues, errors } = read({ [name]: { ...plugins, ...attributes } });
  expect(errors).toEqual([]);
  return queues[0] ?? expect.unreachable();
};

describe("the original's results for its example files (config 4.7)", () => {
  const golden = z.record(z.string(), z.record(z.string(), z.unknown()));
  /** Not carried: a number of the database, a derived text, an answer of CRIC. */
  const notCarried = new Set(["configID", "uniqueName", "pandaQueueName"]);
  it.each(["cloud", "doma", "funcx", "grid", "hpc", "with_tmpl"])("%s", (file) => {
    const expected = golden.parse(JSON.parse(data(`resolved/${file}.json`)));
    const { queues } = readQueues(data(`panda_queueconfig_${file}.json`), file, ["ALL"]);
    expect(queues.map((queue) => queue.queueName).toSorted()).toEqual(Object.keys(expected).toSorted());
    for (const { plugins: ours, extra, windrow: _windrow, noHeartbeat, ...rest } of queues) {
      const theirs = expected[rest.queueName] ?? expect.unreachable();
      const flat: Record<string, unknown> = { ...rest, ...ours, ...extra, noHeartbeat: noHeartbeat.join(",") };
      for (const [key, value] of Object.entries(theirs)) {
        if (notCarried.has(key)) continue;
        expect([rest.queueName, key, flat[key]]).toEqual([rest.queueName, key, value]);
        delete flat[key];
      }
      // What is left are defaults of attributes that the original does not set at all.
      const unset = queueSchema.partial().parse({});
      for (const [key, value] of Object.entries(flat)) {
        const blank = Reflect.get(unset, key) ?? null;
        expect([rest.queueName, key, value]).toEqual([rest.queueName, key, blank]);
      }
    }
  });
  it("says why the queues of the stale file are dropped", () => {
    const { errors } = readQueues(data("panda_queueconfig_with_tmpl.json"), "w.json", ["ALL"]);
    expect(errors).toHaveLength(5);
    expect(errors[0]).toMatch(/^w\.json, queue PULL_MODEL_1: templateQueueName is "TEMPLATE_QUEUE".*isTemplateQueue/);
  });
  it("has three active queues in grid and one in doma", () => {
    const active = (file: string) =>
      readQueues(data(`panda_queueconfig_${file}.json`), file, ["ALL"]).queues.filter(isActive).length;
    expect([active("grid"), active("doma")]).toEqual([3, 1]);
  });
});

describe("merging and building (config 4.1, 4.2)", () => {
  it("joins plug-in sections key by key, replaces the rest, and never chains templates", () => {
    const { queues } = read({
      T_TEMPLATE: {
        ...plugins,
        templateQueueName: "U",
        submitter: { ...plugin, a: 1, b: 1 },
        prioritizedProdSourceLabels: ["x"],
      },
      Q: { templateQueueName: "T_TEMPLATE", submitter: { b: 2 }, prioritizedProdSourceLabels: ["y"] },
    });
    expect(queues).toHaveLength(1);
    expect(queues[0]?.plugins.submitter).toEqual({ ...plugin, a: 1, b: 2, siteName: "Q", queueName: "Q" });
    expect(queues[0]?.prioritizedProdSourceLabels).toEqual(["y"]);
  });
  it("takes site and resource type from the name, unless attributes say otherwise", () => {
    expect(one({}, "S/MCORE")).toMatchObject({ siteName: "S", siteFamily: "S", resourceType: "MCORE" });
    expect(one({ siteName: "T", resourceType: "ANY" }, "S/MCORE")).toMatchObject({
      siteName: "T",
      siteFamily: "S",
      resourceType: "ANY",
    });
  });
  it("gives plug-ins the keys of common and of their middleware", () => {
    const queue = one({
      common: { module: "no", name: "no", k: 1, l: 1 },
      rpc: { module: "rpc", name: "Rpc", host: "h" },
      submitter: { ...plugin, l: 2, middleware: "rpc" },
    });
    expect(queue.plugins.monitor).toEqual({ ...plugin, k: 1, l: 1, siteName: "Q1", queueName: "Q1" });
    const original = { ...plugin, k: 1, l: 2, middleware: "rpc", siteName: "Q1", queueName: "Q1" };
    expect(queue.plugins.submitter).toMatchObject({ ...original, module: "rpc", name: "Rpc", host: "h" });
    expect(queue.plugins.submitter["original_config"]).toEqual(original);
  });
  it("reads criteria, heartbeat statuses and the additions of Windrow", () => {
    expect(
      one({
        getJobCriteria: "a=b,c=d",
        truePilot: true,
        queueStatus: "OFFLINE",
        windrow: { shard: 3, deadlines: { submitWorkers: 9 } },
      }),
    ).toMatchObject({
      getJobCriteria: { a: "b", c: "d" },
      noHeartbeat: ["running", "transferring", "finished", "failed"],
      queueStatus: "offline",
      windrow: { shard: 3, onUnknown: "hold", concurrency: 4, deadlines: { submitWorkers: 9 } },
    });
    expect(one({ noHeartbeat: "finished, failed" }).noHeartbeat).toEqual(["finished", "failed"]);
  });
  it("serves the queues of the list alone", () => {
    const entries = { A: plugins, B: plugins };
    expect(read(entries, ["B", "C"])).toMatchObject({ queues: [{ queueName: "B" }], warnings: [/queue C/] });
    expect(read(entries, ["A B"]).queues).toHaveLength(2);
  });
});

describe("limits (lifecycle 6.0)", () => {
  it.each<[string, Record<string, unknown>, Partial<QueueConfig>]>([
    [
      "both worker limits",
      { nQueueLimitWorker: 9, nQueueLimitWorkerMax: 7, maxWorkers: 8 },
      { nQueueLimitWorker: 7, nQueueLimitWorkerMax: 7 },
    ],
    [
      "maxWorkers bounds both",
      { nQueueLimitWorker: 9, nQueueLimitWorkerMax: 7, maxWorkers: 5 },
      { nQueueLimitWorker: 5, nQueueLimitWorkerMax: 5 },
    ],
    ["only the maximum", { nQueueLimitWorkerMax: 7, maxWorkers: 5 }, { nQueueLimitWorker: 5, nQueueLimitWorkerMax: 5 }],
    ["no maxWorkers", { nQueueLimitWorker: 9 }, { nQueueLimitWorker: 0, maxWorkers: 0 }],
    [
      "no pull limits in push",
      { nQueueLimitWorkerRatio: 9, nQueueLimitWorkerMin: 9 },
      { nQueueLimitWorkerRatio: null, nQueueLimitWorkerMin: null },
    ],
    [
      "no job limits in pull",
      { mapType: "NoJob", nQueueLimitJob: 9, nQueueLimitJobCores: 1 },
      { nQueueLimitJob: null, nQueueLimitJobCores: null },
    ],
    [
      "pull minimum",
      { mapType: "NoJob", nQueueLimitWorker: 4, nQueueLimitWorkerMin: 9, maxWorkers: 99 },
      { nQueueLimitWorkerMin: 4 },
    ],
    [
      "minima below their limits",
      {
        nQueueLimitWorkerCores: 3,
        nQueueLimitWorkerCoresMin: 9,
        nQueueLimitWorkerMemory: 3,
        nQueueLimitWorkerMemoryMin: 9,
      },
      { nQueueLimitWorkerCoresMin: 3, nQueueLimitWorkerMemoryMin: 3 },
    ],
    [
      "both job limits",
      { nQueueLimitJob: 9, nQueueLimitJobMax: 5, nQueueLimitJobMin: 7 },
      { nQueueLimitJob: 5, nQueueLimitJobMax: 5, nQueueLimitJobMin: 5 },
    ],
    ["only the job maximum", { nQueueLimitJobMax: 5 }, { nQueueLimitJob: 5, nQueueLimitJobMax: 5 }],
    ["core minimum", { nQueueLimitJobCores: 4, nQueueLimitJobCoresMin: 9 }, { nQueueLimitJobCoresMin: 4 }],
    ["below 0", { nQueueLimitJob: -3, maxWorkers: -1 }, { nQueueLimitJob: 0, maxWorkers: 0 }],
    ["true is 1", { nQueueLimitJob: true }, { nQueueLimitJob: 1 }],
    ["null is not set", { nQueueLimitJob: null, maxWorkers: null }, { nQueueLimitJob: null, maxWorkers: 0 }],
  ])("%s", (_what, attributes, expected) => {
    expect(one(attributes)).toMatchObject(expected);
  });
  it("says when a limit is not a whole number", () => {
    const { queues, warnings } = read({ Q1: { ...plugins, nQueueLimitJob: "5", maxWorkers: 1.5 } });
    expect(queues[0]).toMatchObject({ nQueueLimitJob: null, maxWorkers: 0 });
    expect(warnings).toEqual([
      "q.json, queue Q1: maxWorkers is 1.5 (a number) and no whole number: taken as not set",
      'q.json, queue Q1: nQueueLimitJob is "5" (a text) and no whole number: taken as not set',
    ]);
  });
});

describe("mistakes", () => {
  it("leaves the bad queue out with file, queue, key, what it is and should be; the others go on", () => {
    const { messenger: _messenger, ...without } = plugins;
    const { queues, errors } = read({
      Good: plugins,
      Types: { ...plugins, mapType: "ManyToMany", truePilot: "yes", windrow: { shart: 1 } },
      Less: without,
      Criteria: { ...plugins, getJobCriteria: "a=b=c" },
      None: 5,
    });
    expect(queues.map((queue) => queue.queueName)).toEqual(["Good"]);
    expect(errors).toEqual([
      "q.json, queue None: it is 5 (a number), it should be an object of attributes",
      'q.json, queue Types: mapType is "ManyToMany" (a text), it should be one of NoJob, OneToOne, ManyToOne, OneToMany',
      'q.json, queue Types: truePilot is "yes" (a text), it should be true or false',
      "q.json, queue Types: windrow has unknown keys: shart; remove or correct them",
      "q.json, queue Less: messenger is missing, it should be a plug-in with module and name",
      'q.json, queue Criteria: getJobCriteria has "a=b=c" (a text), it should be key=value with commas between',
    ]);
  });
  it("names unknown keys of all queues in one warning and keeps them", () => {
    const { queues, warnings } = read({
      A: { ...plugins, foo: 1, common: {}, rpc: { x: 1 }, monitor: { ...plugin, middleware: "rpc" } },
      B: { ...plugins, foo: 2, bar: 1 },
    });
    expect(queues[1]?.extra).toEqual({ foo: 2, bar: 1 });
    expect(warnings).toEqual(["q.json: unknown keys: foo, bar; Windrow keeps but does not use them"]);
  });
  it("refuses a file that is no JSON, whole", () => {
    expect(() => readQueues("{", "q.json", ["ALL"])).toThrow(/^q\.json is not valid JSON: .*nothing of it was used$/);
    const faulty = '{\n"A": {},\n"submitter": {"password":\n  hunter2hunter2}\n}';
    expect(() => readQueues(faulty, "q.json", ["ALL"])).toThrow(
      /^(?!.*hunter).*Unexpected token 'h' in line 4; correct/,
    );
    expect(() => readQueues("[]", "q.json", ["ALL"])).toThrow("q.json is a list of 0");
  });
  it("hides the secrets of plug-ins", () => {
    const queue = one({ submitter: { ...plugin, apiToken: "abc", nested: [{ dbPassword: "abc" }] } });
    expect(queue.plugins.submitter["apiToken"]).toBe("abc");
    expect(JSON.stringify(redact(queue))).not.toContain("abc");
  });
  it("knows the plug-in kinds of the contract", () => {
    expect(pluginKinds).toHaveLength(11);
  });
});
