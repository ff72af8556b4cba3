/**
 * Child of crash.test.ts: begins the copy of one input and is killed in the middle of it. Arguments: source, scratch,
 * size.
 */
import { FilePreparator } from "../../../src/plugins/file/preparator.ts";
import { JobSpec } from "../../../src/specs/jobSpec.ts";

const [sourceDir = "", scratchDir = "", fsize = ""] = process.argv.slice(2);
const plugin = new FilePreparator({ module: "", name: "", queueName: "Q", siteName: "S", sourceDir, scratchDir });
const input = {
  lfn: "big",
  fsize: Number(fsize),
  guid: "g",
  checksum: "NULL",
  scope: "mc23",
  dataset: "",
  endpoint: "",
};
const job = new JobSpec(
  {
    PandaID: 101,
    taskID: 1,
    attemptNr: 1,
    jobsetID: null,
    status: "starting",
    subStatus: "fetched",
    currentPriority: 1,
    computingSite: "Q",
    nCore: 1,
    resourceType: null,
    prodSourceLabel: null,
    jobParams: {},
    jobAttributes: {},
    inputs: [input],
    outputs: [],
    log: null,
    startAt: null,
    endAt: null,
  },
  { in: [{ lfn: "big", fileType: "input", PandaID: 101, scope: "mc23", status: "to_prepare", attemptNr: 0 }] },
  0,
);
await plugin.triggerPreparation(job, { key: "k", notAfterAt: Infinity, signal: new AbortController().signal });
process.send?.("begun");
