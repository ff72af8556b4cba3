/**
 * Crash windows of the preparator (lifecycle 7.2): a transfer that was begun is not begun again by somebody who does
 * not know what became of it.
 */
import { describe, expect, it } from "vitest";
import { answered } from "../agents/drive.ts";
import { dictionary, Site } from "./site.ts";

const withInput = (PandaID: number) =>
  dictionary(PandaID, {
    inFiles: "in.1",
    GUID: "g1",
    fsize: "1000",
    checksum: "ad:1",
    scopeIn: "s",
    ddmEndPointIn: "EP",
    realDatasetsIn: "ds",
  });
const inputOf = (site: Site, PandaID = 1) =>
  Object.values(site.engine.world.filesOf(PandaID, "in")?.ctx.files ?? {}).map(({ status, groupID }) =>
    groupID === undefined ? status : `${status} in ${groupID}`,
  );

/** Jobs that are fetched. */
async function fetched(options: Parameters<typeof Site.open>[0], ...PandaIDs: number[]): Promise<Site> {
  const site = await Site.open({ ...options, jobs: PandaIDs.map(withInput) });
  await site.cycle("jobFetcher");
  return site;
}

describe("the preparator", () => {
  it("goes on after a crash between taking a file over and asking for it (C3)", async () => {
    const site = await fetched({}, 1, 2);
    site.answers.set("triggerPreparation", ({ args }) =>
      answered("job" in args && args.job.data.PandaID === 1 ? { ok: false, dialog: "no" } : { ok: true, dialog: "" }),
    );
    await site.cycle("preparator");
    expect([site.life(1), site.life(2), inputOf(site, 2)]).toEqual(["failedToPrepare", "fetched", ["preparing"]]);
    site.later(181);
    await site.dieAfter("preparator", "triggerPreparation");
    // The intent did not reach the log: only that job 2 brings the file now.
    await site.forget(3);
    expect(site.decisions().at(-1)).toEqual(["fileGroup.reassigned"]);
    const before = site.made("triggerPreparation").length;
    await site.cycle("preparator");
    expect([site.life(2), site.made("triggerPreparation").length - before]).toEqual(["preparing", 1]);
  });

  it("does not trigger again what may have been triggered: it holds, with an alarm (C4)", async () => {
    const site = await fetched({}, 1);
    await site.dieAfter("preparator", "triggerPreparation");
    site.later(3600);
    await site.cycle("recoverer", "preparator", "preparator");
    expect(site.made("triggerPreparation")).toHaveLength(1);
    expect([...site.engine.world.calls.values()].map(({ state }) => state.life)).toEqual(["held"]);
    expect(site.decisions().at(-1)).toEqual(["call.held"]);
  });

  it.each([
    ["the plug-in says that it may", { traits: { repeatable: ["triggerPreparation"] } }],
    ["the queue says so", { queue: { windrow: { shard: 1, onUnknown: "resubmit" } } }],
  ])("triggers again where %s (C4)", async (_name, options) => {
    const site = await fetched(options, 1);
    await site.dieAfter("preparator", "triggerPreparation");
    await site.cycle("preparator");
    expect(site.made("triggerPreparation")).toHaveLength(1);
    site.later(61);
    await site.cycle("recoverer", "preparator");
    const keys = site.made("triggerPreparation").map(({ key }) => key);
    expect([site.life(1), keys.length, new Set(keys).size]).toEqual(["preparing", 2, 1]);
  });

  it("calls with another key after an answer: then it is another attempt (C4)", async () => {
    const site = await fetched({}, 1);
    site.answers.set("triggerPreparation", () => answered({ ok: null, dialog: "later" }));
    for (let n = 0; n < 3; n += 1) {
      await site.cycle("preparator");
      site.later(181);
    }
    expect(new Set(site.made("triggerPreparation").map(({ key }) => key)).size).toBe(3);
  });

  it("asks again after a crash in a check, with the groups as they were recorded (C5)", async () => {
    const site = await fetched({}, 1);
    site.answers.set("triggerPreparation", () => ({
      ...answered({ ok: true, dialog: "" }),
      groups: [{ groupID: "placeholder", groupStatus: "new", lfns: ["in.1"] }],
    }));
    await site.cycle("preparator");
    site.answers.set("checkStageInStatus", () => ({
      ...answered({ ok: null, dialog: "later" }),
      groups: [{ groupID: "transfer-9", groupStatus: "running", lfns: ["in.1"] }],
    }));
    await site.dieAfter("preparator", "checkStageInStatus");
    expect(inputOf(site)).toEqual(["to_prepare in placeholder"]);
    await site.cycle("preparator");
    expect(inputOf(site)).toEqual(["to_prepare in transfer-9"]);
    await site.restart();
    expect(inputOf(site)).toEqual(["to_prepare in transfer-9"]);
  });

  it.each(["checkStageInStatus", "resolveInputPaths"] as const)(
    "repeats %s after a crash in it (C6)",
    async (method) => {
      const site = await fetched({}, 1);
      await site.cycle("preparator");
      await site.dieAfter("preparator", method);
      expect(site.life(1)).toBe("preparing");
      await site.cycle("preparator");
      expect([site.life(1), site.made("triggerPreparation").length]).toEqual(["prepared", 1]);
    },
  );
});
