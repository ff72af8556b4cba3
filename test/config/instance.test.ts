/** panda_harvester.cfg as it is read: defaults, warnings, mistakes with their place, and secrets that stay hidden. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readInstance } from "../../src/config/instance.ts";
import { describe as describeConfig, redact } from "../../src/config/secrets.ts";

const around = { env: {}, hostname: "here" };
const read = (text: string, map = {}) => readInstance(text, "x.cfg", around, map);
const minimal = "[master]\nharvester_id = H1\n";

describe("the instance", () => {
  it("is complete from one key", () => {
    const { instance, warnings } = read(minimal);
    expect(warnings).toEqual([]);
    expect(instance.master).toEqual({ harvester_id: "H1", dynamic_plugin_change: true, extraPluginConfigs: {} });
    expect(instance.preparator).toEqual({
      maxJobsToCheck: 100,
      maxJobsToTrigger: 100,
      maxFilesPerJobToCheck: 0,
      maxFilesPerJobToPrepare: 0,
      lockInterval: 600,
      checkInterval: 180,
      triggerInterval: 180,
      sleepTime: 60,
    });
    expect(instance.monitor.checkTimeout).toBeNull();
    expect(instance.windrow.shards).toBe(32);
  });

  it("reads the template as it is, with one warning for unknown keys and one for FIXME", () => {
    const text = readFileSync(new URL("../data/harvester/panda_harvester.cfg", import.meta.url), "utf8");
    const { instance, warnings } = read(text);
    expect(instance.credmanager.voms).toEqual(["atlas:/atlas/Role=production", "atlas:/atlas/Role=pilot"]);
    expect(instance.qconf.queueList).toEqual(["FIXME_1", "FIXME_2"]);
    expect(instance.cacher.data).toHaveLength(9);
    expect(instance.monitor).toMatchObject({
      checkTimeout: 3600,
      workerQueueTimeLimit: 172_800,
      postProcessTimeout: 0,
    });
    expect(instance.submitter).toMatchObject({ maxNewWorkers: 1000, activateWorkerFactor: 1 });
    expect(instance.master.dynamic_plugin_change).toBe(false);
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toMatch(/^x\.cfg: unknown keys: .*master\.uname.*\[db\].*monitor\.fifoEnable/);
    expect(warnings[0]).not.toMatch(/maxJobsToZip/);
    expect(warnings[1]).toMatch(/^x\.cfg: still FIXME: master\.harvester_id/);
  });

  it("names every mistake with file, section, key, what it is and what it should be", () => {
    const text = `${minimal}[preparator]\ncheckInterval = soon\nmaxJobsToCheck = -1\n[pandacon]\nauth_type = kerberos\n`;
    expect(() => read(text)).toThrow(
      [
        'x.cfg [pandacon] auth_type is "kerberos" (a text), it should be x509 or oidc',
        'x.cfg [preparator] maxJobsToCheck is "-1" (a text), it should be a whole number',
        'x.cfg [preparator] checkInterval is "soon" (a text), it should be a number of at least 0',
      ].join("\n"),
    );
    expect(() => read("[db]\n")).toThrow("x.cfg [master] is missing, it should be a section with its keys");
    expect(() => read("[master]\n")).toThrow("x.cfg [master] harvester_id is missing");
  });

  it("accepts decimals, which the original's conversion leaves as text", () => {
    const { instance } = read(`${minimal}[submitter]\nactivateWorkerFactor = 0.5\nlookupTime = 0.2\n`);
    expect(instance.submitter).toMatchObject({ activateWorkerFactor: 0.5, lookupTime: 0.2 });
    expect(read(`${minimal}[submitter]\nactivateWorkerFactor = auto\n`).instance.submitter.activateWorkerFactor).toBe(
      "auto",
    );
  });

  it("takes the zipper's keys from an old [stager] only where [zipper] is missing", () => {
    const old = `${minimal}[stager]\nmaxJobsToZip = 7\ntriggerInterval = 9\n`;
    expect(read(old).instance.zipper).toMatchObject({ maxJobsToZip: 7, zipInterval: 9, usePostZipping: false });
    expect(read(`${old}[zipper]\n`).instance.zipper).toMatchObject({ maxJobsToZip: 100, zipInterval: 180 });
  });

  it("lays the configuration map over sections that exist", () => {
    const { instance } = read(`${minimal}[jobfetcher]\nmaxJobs = 1\n`, {
      jobfetcher: { maxJobs: 2, nQueues: 3 },
      submitter: { lookupTime: 1 },
    });
    expect(instance.jobfetcher).toMatchObject({ maxJobs: 2, nQueues: 3 });
    expect(instance.submitter.lookupTime).toBe(60);
  });

  it("shows no secret, neither in JSON nor in a mistake", () => {
    const text = `${minimal}[pandacon]\nauth_token = s3cret\nserver_api_url_ssl = https://me:s3cret@h/api\n[frontend]\nverifyToken = False\n[credmanager]\npluginConfigs =\n [{"module": "m", "name": "n",\n "configs": {"a": {"password": 77123}}}]\n`;
    const { instance } = read(text);
    expect(instance.pandacon.auth_token).toBe("s3cret");
    expect(describeConfig(instance)).not.toMatch(/s3cret|77123/);
    expect(redact(instance)).toMatchObject({
      pandacon: { auth_token: "(hidden)", server_api_url_ssl: "https://(hidden)@h/api" },
      frontend: { verifyToken: false, secretFile: null },
    });
    expect(() => read(`${minimal}[frontend]\nverifyToken = s3cret\n`)).toThrow(/^(?!.*s3cret).*verifyToken/);
  });
});
