/**
 * What each answer of each loop means for files and job: the table of lifecycle 1.8, with D15 repaired.
 */
import { describe, expect, it } from "vitest";
import type { Reply } from "../../src/agents/agent.ts";
import {
  a,
  ab,
  failed,
  finished,
  type Given,
  given,
  lifeOf,
  type Name,
  post,
  row,
  run,
  says,
  statuses,
  types,
  z,
  zip,
} from "./staging.ts";

/** `files` after the answer; `job`: its life, and when the stager comes again. */
type Row = readonly [what: string, duty: Name, given: Given, reply: Reply, files: string, job: string, error?: string];

const table: readonly Row[] = [
  [
    "check true, a file untouched",
    "checkStageOut",
    { life: "transferring", files: ab("transferring") },
    says(true, "", { a: finished }),
    "a:finished b:transferring",
    "transferring interval",
  ],
  [
    "check true, all files finished",
    "checkStageOut",
    { life: "transferring", files: ab("transferring") },
    says(true, "", { a: finished, b: finished }),
    "a:finished b:finished",
    "staged interval",
  ],
  [
    "check true, one finished, one failed: no error code is made up",
    "checkStageOut",
    { life: "transferring", files: ab("transferring") },
    says(true, "", { a: finished, b: failed }),
    "a:finished b:failed",
    "failedToStageOut interval",
  ],
  [
    "check true in toTransfer: transferring first, staged in the next look",
    "checkStageOut",
    { files: a("transferring") },
    says(true, "", { a: finished }),
    "a:finished",
    "transferring now",
  ],
  [
    "check none",
    "checkStageOut",
    { life: "transferring", files: a("transferring") },
    says(null, "later"),
    "a:transferring",
    "transferring interval",
  ],
  [
    "check none keeps what the plug-in set (D15) and does not move the job",
    "checkStageOut",
    { life: "transferring", files: ab("transferring") },
    says(null, "later", { a: finished, b: finished }),
    "a:finished b:finished",
    "transferring interval",
  ],
  [
    "check false",
    "checkStageOut",
    { life: "transferring", files: [row("a", "finished"), row("b", "transferring")] },
    says(false, "no space"),
    "a:finished b:failed",
    "failedToStageOut interval",
    "stage-out failed with no space",
  ],
  [
    "check false spares what the plug-in has finished",
    "checkStageOut",
    { life: "transferring", files: ab("transferring") },
    says(false, "no space", { a: finished }),
    "a:finished b:failed",
    "failedToStageOut interval",
    "stage-out failed with no space",
  ],
  ["check of nothing", "checkStageOut", { life: "transferring" }, says(true), "", "staged interval"],
  [
    "trigger true",
    "triggerStageOut",
    { files: ab("defined") },
    says(true),
    "a:transferring b:transferring",
    "transferring now",
  ],
  [
    "trigger true, done at once",
    "triggerStageOut",
    { files: ab("defined") },
    says(true, "", { a: finished, b: failed }),
    "a:finished b:failed",
    "transferring now",
  ],
  ["trigger true, no outputs", "triggerStageOut", {}, says(true), "", "transferring now"],
  ["trigger none", "triggerStageOut", { files: a("defined") }, says(null, "busy"), "a:defined", "toTransfer interval"],
  [
    "trigger false",
    "triggerStageOut",
    { files: ab("defined") },
    says(false, "fatal"),
    "a:failed b:failed",
    "transferring now",
    "stage-out failed with fatal",
  ],
  [
    "trigger false, no outputs",
    "triggerStageOut",
    {},
    says(false, "fatal"),
    "",
    "transferring now",
    "stage-out failed with fatal",
  ],
  [
    "trigger while zip files wait leaves the job",
    "triggerStageOut",
    { files: [row("a", "defined"), zip("z", "post_zipping")] },
    says(true),
    "a:transferring z:post_zipping",
    "toTransfer now",
  ],
  [
    "zip true",
    "zipOutput",
    { files: z("zipping") },
    says(true, "", { z: { path: "/z", fsize: 9, chksum: "ad:1" } }),
    "z:defined",
    "toTransfer now",
  ],
  ["zip none", "zipOutput", { files: z("zipping") }, says(null, "later"), "z:zipping", "toTransfer interval"],
  [
    "zip false",
    "zipOutput",
    { files: z("zipping") },
    says(false, "fatal"),
    "z:failed",
    "transferring now",
    "zip-output failed with fatal",
  ],
  [
    "zip false spares what went on",
    "zipOutput",
    { files: [zip("y", "zipping"), zip("z", "zipping")] },
    says(false, "fatal", { y: { status: "defined" } }),
    "y:defined z:failed",
    "toTransfer now",
    "zip-output failed with fatal",
  ],
  ["zip of nothing", "zipOutput", {}, says(true), "", "transferring now"],
  ["async zip true", "zipOutput", { files: z("zipping"), cfg: post }, says(true), "z:post_zipping", "toTransfer now"],
  [
    "async zip false",
    "zipOutput",
    { files: z("zipping"), cfg: post },
    says(false, "fatal"),
    "z:failed",
    "transferring now",
    "zip-output failed with fatal",
  ],
  [
    "post-zip true",
    "postZipOutput",
    { files: z("post_zipping"), cfg: post },
    says(true),
    "z:defined",
    "toTransfer now",
  ],
  [
    "post-zip none",
    "postZipOutput",
    { files: z("post_zipping"), cfg: post },
    says(null, "later"),
    "z:post_zipping",
    "toTransfer interval",
  ],
  [
    "post-zip false",
    "postZipOutput",
    { files: z("post_zipping"), cfg: post },
    says(false, "fatal"),
    "z:failed",
    "transferring now",
    "post-zipping failed with fatal",
  ],
];

describe("what an answer means (1.8)", () => {
  for (const [what, duty, before, reply, files, job, error] of table) {
    it(what, () => {
      const world = given(before);
      const driven = run(duty, world, reply);
      const shown = Object.entries(statuses(world)).map(([key, status]) => `${key}:${status}`);
      expect(shown.join(" ")).toBe(files);
      const { stage, attributes } = world.jobs.get(1)!.ctx;
      expect(`${lifeOf(world)} ${stage.how}`).toBe(job);
      expect(attributes["pilotErrorDiag"]).toBe(error);
      expect(attributes["pilotErrorCode"]).toBe(error === undefined ? undefined : 1137);
      const creates = duty !== "checkStageOut";
      const calls = creates ? ["call.intended", "call.returned"] : [];
      expect(types(driven).filter((type) => type.startsWith("call."))).toEqual(calls);
      expect(driven.records).toHaveLength(creates ? 2 : 1);
      expect(world.calls.size).toBe(0);
    });
  }
});
