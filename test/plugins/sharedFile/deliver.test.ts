/** The access point: what is laid down for a payload, and that no older file is taken for its own. */
import { mkdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { answerSchema } from "../../../src/plugins/contract.ts";
import { loadPlugin } from "../../../src/plugins/load.ts";
import { jobSpecText } from "../../../src/plugins/sharedFile/formats.ts";
import { SharedFileMessenger } from "../../../src/plugins/sharedFile/messenger.ts";
import { call, job, options, worker } from "../fixtures.ts";
import { messengerSuite } from "../messengerSuite.ts";
import { jobFacts, makeSite } from "./site.ts";

for (const mapType of ["OneToOne", "OneToMany", "ManyToOne", "NoJob"]) {
  messengerSuite(`windrow/shared-file, ${mapType}`, async () => {
    const {
      plugin,
      worker: made,
      jobs,
    } = await makeSite({
      mapType,
      PandaIDs: mapType === "ManyToOne" ? [101, 102] : [101],
      bare: true,
    });
    return { plugin, worker: made, jobs: mapType === "NoJob" ? [] : jobs };
  });
}

const owner = ".windrow-worker";
const answer = (raw: unknown) => answerSchema.parse(raw);

describe("access point", () => {
  it("is made with a directory for each job only where a worker has several", async () => {
    const one = await makeSite({ bare: true });
    await one.plugin.setupAccessPoints([one.worker], call());
    expect(await one.names()).toEqual([owner]);
    const many = await makeSite({ mapType: "ManyToOne", PandaIDs: [101, 102], bare: true });
    await many.plugin.setupAccessPoints([many.worker], call());
    expect(await many.names()).toEqual([owner, "101", "102"]);
  });

  it("keeps what is in it when it is set up again after a crash", async () => {
    const site = await makeSite();
    await site.put("worker_attributes.json", { jobStatus: "running" });
    const before = await site.names();
    expect(await site.plugin.setupAccessPoints([site.worker], call())).toBe(true);
    expect(await site.names()).toEqual(before);
  });

  it("moves an older directory aside, so that no old file is taken for the payload's", async () => {
    const site = await makeSite({ bare: true });
    await site.put("kill_worker.json", "");
    expect(await site.plugin.setupAccessPoints([site.worker], call())).toBe(true);
    expect(await site.names()).toEqual([owner]);
    expect(await site.names("../7.before-7")).toEqual(["kill_worker.json"]);
    expect((await site.read()).killRequested).toBeUndefined();
  });

  it("is refused where it belongs to another worker, which keeps its files", async () => {
    const site = await makeSite();
    const second = worker({ workerID: 8, accessPoint: site.point });
    const other = worker({ workerID: 9, accessPoint: join(site.point, "..", "9") });
    expect(answer(await site.plugin.setupAccessPoints([second, other], call()))).toEqual({
      ok: false,
      dialog: `${site.point} belongs to worker windrow:test:7; accessPoint must differ for each worker`,
    });
    expect(await site.names("../9")).toEqual([owner]);
    expect(answer(await site.plugin.feedJobs(second, site.jobs, call())).ok).toBe(false);
    expect(answer(await site.plugin.cleanUp(second, call())).ok).toBe(false);
    expect(await site.names()).toContain("HPCJobs.json");
  });

  it("is removed whole, but not what its links point at, and never a directory without its mark", async () => {
    const site = await makeSite();
    expect(answer(await site.plugin.cleanUp(site.worker, call()))).toEqual({ ok: true, dialog: "" });
    expect(await site.names("..")).toEqual([]);
    expect(await readFile(join(site.inputs, "a.root"), "utf8")).toBe("content of a.root");
    expect(answer(await site.plugin.cleanUp(site.worker, call())).dialog).toBe("it was gone before");
    const foreign = worker({ accessPoint: site.inputs });
    expect(answer(await site.plugin.cleanUp(foreign, call()))).toMatchObject({ ok: false });
    expect(await site.names("../../inputs")).toEqual(["a.root", "b.root"]);
    await writeFile(site.point, "a file");
    expect(answer(await site.plugin.cleanUp(site.worker, call()))).toMatchObject({ ok: false });
  });
});

describe("job delivery", () => {
  it("writes specification, catalogue, PandaIDs and links in the names and formats of the pilots", async () => {
    const site = await makeSite();
    expect(await site.names()).toEqual([
      owner,
      "HPCJobs.json",
      "PoolFileCatalog_H.xml",
      "a.root",
      "b.root",
      "worker_pandaids.json",
    ]);
    expect(await site.json("HPCJobs.json")).toEqual({
      "101": {
        PandaID: 101,
        taskID: 11,
        inFiles: "a.root,b.root",
        scopeIn: "mc23",
        logFile: "l.101.log.tgz",
        inFilePaths: `${site.inputs}/a.root,${site.inputs}/b.root`,
      },
    });
    expect(await site.text("worker_pandaids.json")).toBe("[101]");
    expect(await site.text("PoolFileCatalog_H.xml")).toBe(`<?xml version="1.0" ?>
<!DOCTYPE POOLFILECATALOG  SYSTEM "InMemory">
<POOLFILECATALOG>
  <File ID="g1">
    <physical><pfn filetype="ROOT_All" name="a.root"/></physical>
    <logical/>
  </File>
  <File ID="g2">
    <physical><pfn filetype="ROOT_All" name="b.root"/></physical>
    <logical/>
  </File>
</POOLFILECATALOG>
`);
    expect(await site.text("b.root")).toBe("content of b.root");
  });

  it("gives each job of a worker its directory, and all of them one catalogue", async () => {
    const site = await makeSite({ mapType: "ManyToOne", PandaIDs: [101, 102] });
    expect(await site.names()).toEqual([owner, "101", "102", "worker_pandaids.json"]);
    expect(await site.text("worker_pandaids.json")).toBe("[101,102]");
    expect(Object.keys((await site.json("102/HPCJobs.json")) as object)).toEqual(["102"]);
    expect(await site.text("102/PoolFileCatalog_H.xml")).toBe(await site.text("101/PoolFileCatalog_H.xml"));
    expect(await readlink(join(site.point, "102", "a.root"))).toBe(join(site.inputs, "a.root"));
  });

  it("delivers the others when one job cannot be, names it, and leaves it out of the list", async () => {
    const site = await makeSite({ mapType: "ManyToOne", PandaIDs: [101, 102], bare: true });
    await site.plugin.setupAccessPoints([site.worker], call());
    const evil = job({ ...jobFacts(101, site.inputs), in: [{ lfn: "../evil", path: join(site.inputs, "a.root") }] });
    const jobs = [evil, ...site.jobs.slice(1)];
    expect(answer(await site.plugin.feedJobs(site.worker, jobs, call()))).toEqual({
      ok: false,
      dialog: 'job 101 was not delivered: input "../evil" is refused: the name holds a path separator',
    });
    expect(await site.text("worker_pandaids.json")).toBe("[102]");
    expect(await site.names()).toEqual([owner, "101", "102", "worker_pandaids.json"]);
    expect(await site.names("101")).not.toContain("HPCJobs.json");
  });

  it("never lets an input take the name of a file of the protocol", async () => {
    const site = await makeSite({ bare: true });
    await site.plugin.setupAccessPoints([site.worker], call());
    const evil = job({
      ...jobFacts(101, site.inputs),
      in: [{ lfn: "HPCJobs.json", path: join(site.inputs, "a.root") }],
    });
    expect(answer(await site.plugin.feedJobs(site.worker, [evil], call()))).toMatchObject({ ok: false });
    expect(await readFile(join(site.inputs, "a.root"), "utf8")).toBe("content of a.root");
  });

  it("replaces a dangling link and anything else of that name (messenger.md 3.4)", async () => {
    const site = await makeSite({ bare: true });
    await site.plugin.setupAccessPoints([site.worker], call());
    await symlink("/nonexistent/a.root", join(site.point, "a.root"));
    await site.put("b.root", "an old file");
    expect(await site.plugin.feedJobs(site.worker, site.jobs, call())).toBe(true);
    expect(await readlink(join(site.point, "a.root"))).toBe(join(site.inputs, "a.root"));
    expect(await site.text("b.root")).toBe("content of b.root");
  });

  it("answers the request for jobs by removing it, after the jobs are there", async () => {
    const site = await makeSite();
    await site.put("worker_requestjob.json", { nJobs: 2 });
    expect((await site.read()).jobsRequested).toBe(2);
    await site.plugin.feedJobs(site.worker, site.jobs, call());
    expect((await site.read()).jobsRequested).toBeUndefined();
  });

  it("neither writes nor reads through a link that a payload put in the place of a job's directory", async () => {
    const site = await makeSite({ mapType: "ManyToOne", PandaIDs: [101, 102] });
    const elsewhere = join(site.inputs, "elsewhere");
    await mkdir(elsewhere);
    await writeFile(join(elsewhere, "worker_attributes.json"), "{}");
    await rm(join(site.point, "102"), { recursive: true });
    await symlink(elsewhere, join(site.point, "102"));
    expect(answer(await site.plugin.feedJobs(site.worker, site.jobs, call())).ok).toBe(false);
    expect(answer(await site.plugin.postProcessing(site.worker, site.jobs, call())).ok).toBeNull();
    expect(await site.names("../../inputs/elsewhere")).toEqual(["worker_attributes.json"]);
    const { attributes, complaints } = await site.read();
    expect(attributes).toBeUndefined();
    expect(complaints).toEqual([{ where: "102", why: "it is no directory, and links are not followed" }]);
  });

  it("says no where the access point was not set up, and makes none", async () => {
    const site = await makeSite({ bare: true });
    expect(answer(await site.plugin.feedJobs(site.worker, site.jobs, call()))).toMatchObject({ ok: false });
    expect(await site.names("../..")).toEqual(["inputs"]);
  });

  it("leaves no path out of inFilePaths: without all of them there is none", async () => {
    const facts = jobFacts(101, "/data");
    const some = job({ ...facts, in: [{ lfn: "a.root", path: "/data/a.root" }] });
    expect(jobSpecText(some, "json", false)).not.toContain("inFilePaths");
  });

  it("makes the directory of the task for on-site merging, if its base is there", async () => {
    const params = { jobParams: { PandaID: 101, onSiteMerging: true } };
    const site = await makeSite({ bare: true });
    const base = join(site.inputs, "tasks");
    const plugin = new SharedFileMessenger(options({ payloadInteraction: { taskWorkBaseDir: base } }));
    await plugin.setupAccessPoints([site.worker], call());
    const merging = job({ ...jobFacts(101, site.inputs), ...params });
    expect(answer(await plugin.feedJobs(site.worker, [merging], call()))).toMatchObject({ ok: false });
    await mkdir(base);
    for (const _ of [1, 2]) expect(await plugin.feedJobs(site.worker, [merging], call())).toBe(true);
    expect(await site.text("task_workdir_path.txt")).toBe(join(base, "11"));
    expect(await site.names("../../inputs/tasks")).toEqual(["11"]);
  });
});

describe("formats and options", () => {
  it("writes cgi as Python's urlencode does (messenger.md 3.2)", () => {
    const given = job({
      jobParams: {
        PandaID: 101,
        inFiles: "a.root,b.root",
        jobPars: "-x 'a (b)' --n=~1*",
        flag: true,
        none: null,
        list: ["it's", 1],
      },
    });
    expect(jobSpecText(given, "cgi", false)).toBe(
      "PandaID=101&inFiles=a.root%2Cb.root&jobPars=-x+%27a+%28b%29%27+--n%3D~1%2A&flag=True&none=None" +
        "&list=%5B%22it%27s%22%2C+1%5D",
    );
  });

  it("strips what a payload does not need", async () => {
    const site = await makeSite({ options: { stripJobParams: true } });
    expect(await site.text("HPCJobs.json")).not.toContain("scopeIn");
    expect(await site.text("HPCJobs.json")).toContain("inFilePaths");
  });

  it("escapes names in the catalogue", async () => {
    const input = { fsize: 1, guid: '<"&', checksum: "", scope: "", dataset: "", endpoint: "" };
    const site = await makeSite({ job: { inputs: [{ ...input, lfn: "a&b" }], in: [] } });
    expect(await site.text("PoolFileCatalog_H.xml")).toContain('<File ID="&lt;&quot;&amp;">');
    expect(await site.text("PoolFileCatalog_H.xml")).toContain('name="a&amp;b"');
  });

  it("takes names from [payload_interaction], and a queue's own before them", async () => {
    const payloadInteraction = { jobSpecFile: "jobs.json", killWorkerFile: "kill_worker", heartbeatFile: "beat" };
    const site = await makeSite({
      options: { payloadInteraction, jobSpecFileName: "pandaJobData.out", jobSpecFileFormat: "cgi" },
    });
    expect(await site.names()).toContain("pandaJobData.out");
    expect(await site.text("pandaJobData.out")).toMatch(/^PandaID=101&/);
    await site.put("kill_worker", "");
    expect((await site.read()).killRequested).toBe(true);
  });

  it("refuses names that leave the directory and names given twice", async () => {
    const load = (more: object) =>
      loadPlugin(
        "messenger",
        { module: "pandaharvester.harvestermessenger.shared_file_messenger", name: "SharedFileMessenger", ...more },
        { queueName: "Q", siteName: "S" },
      );
    await expect(load({ payloadInteraction: { jobSpecFile: "../jobs" } })).rejects.toThrow(
      /path separator[\s\S]*jobSpecFile/,
    );
    await expect(load({ jsonAttrsFileName: "jobReport.json" })).rejects.toThrow(/two files .* named jobReport.json/);
    await expect(load({ leftOverPatterns: ["("] })).rejects.toThrow(/no regular expression/);
    expect(await load({ accessPoint: "/x", forcePostProcessing: true })).toMatchObject({ forcePostProcessing: true });
  });
});

describe("event ranges", () => {
  it.each(["OneToOne", "OneToMany", "ManyToOne"])(
    "reach the payload of a worker of type %s and end its request",
    async (mapType) => {
      const site = await makeSite({ mapType });
      await site.put("worker_requestevents.json", { "101": { pandaID: 101, nRanges: 3 } });
      expect((await site.read()).eventsRequest).toEqual({ "101": { pandaID: 101, nRanges: 3 } });
      const ranges = { "101": [{ eventRangeID: "11-55-777-1-4", LFN: "a.root", startEvent: 1, lastEvent: 1 }] };
      for (const _ of [1, 2]) expect(await site.plugin.feedEvents(site.worker, ranges, call())).toBe(true);
      expect(await site.json("JobsEventRanges.json")).toEqual(ranges);
      expect((await site.read()).eventsRequest).toBeUndefined();
    },
  );

  it("are not written into somebody else's directory", async () => {
    const site = await makeSite();
    await rm(join(site.point, owner));
    expect(answer(await site.plugin.feedEvents(site.worker, {}, call())).ok).toBe(false);
  });
});
