/** A configuration directory read whole: environment, host name, further files, and what is missing. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";

let home = "";
let dir = "";
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "windrow-config-"));
  dir = join(home, "panda");
  await mkdir(dir);
});
afterEach(() => rm(home, { recursive: true }));

const plugin = { module: "windrow/dummy", name: "Dummy" };
const kinds = ["messenger", "monitor", "preparator", "stager", "submitter", "sweeper", "workerMaker"];
const queue = Object.fromEntries(kinds.map((kind) => [kind, plugin]));
const write = (file: string, text: string): Promise<void> => writeFile(join(dir, file), text);

describe("a configuration directory", () => {
  it("is read with environment, host name and configuration map", async () => {
    await write("panda_harvester.cfg", "[master]\nharvester_id = $WHO\n[jobfetcher]\n[qconf]\nqueueList =\n A\n B\n");
    await write("panda_queueconfig.json", JSON.stringify({ A: queue, B: {}, C: queue }));
    await mkdir(join(home, "configmap"));
    await writeFile(join(home, "configmap/panda_harvester_configmap.json"), '{"jobfetcher": {"maxJobs": 9}}');
    const { instance, queues, warnings, errors } = await loadConfig(dir, { env: { WHO: "me" } });
    expect(instance.master.harvester_id).toBe("me");
    expect(instance.jobfetcher.maxJobs).toBe(9);
    expect(queues.map(({ queueName }) => queueName)).toEqual(["A"]);
    expect(errors).toHaveLength(7);
    expect(warnings).toEqual([]);
  });
  it("follows [qconf] configFile", async () => {
    await write("panda_harvester.cfg", "[master]\nharvester_id = $HOSTNAME\n[qconf]\nconfigFile = other.json\n");
    await write("other.json", JSON.stringify({ A: queue }));
    const { instance, queues } = await loadConfig(dir, { hostname: "node7" });
    expect([instance.master.harvester_id, queues.length]).toEqual(["node7", 1]);
  });
  it("says which file is missing and what to do", async () => {
    await expect(loadConfig(dir)).rejects.toThrow(/cannot read .*panda_harvester\.cfg: .*; write it, or name/);
    await write("panda_harvester.cfg", "[master]\nharvester_id = x\n");
    await expect(loadConfig(dir)).rejects.toThrow(/cannot read .*panda_queueconfig\.json: .*correct \[qconf\]/);
  });
});
