import { rm } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import { methods } from "../../../src/plugins/contract.ts";
import { call } from "../fixtures.ts";
import { makeSite } from "./site.ts";

const names = [
  "worker_attributes.json",
  "jobReport.json",
  "post_process_job_attrs.json",
  "event_status.dump.json",
  "event_status.dump.json.read",
  "worker_updateevents.json",
  "worker_requestevents.json",
  "worker_requestjob.json",
  "worker_pandaids.json",
];

/** Entries near the right form, so that every branch is met, besides JSON of any form and text of no form. */
const entry = fc.record(
  {
    path: fc.oneof(fc.constantFrom("o.root", "../x", "/etc/passwd", "", ".", "a/b"), fc.string(), fc.jsonValue()),
    type: fc.oneof(fc.constantFrom("output", "es_output", "zip_output", "log"), fc.jsonValue()),
    eventRangeID: fc.oneof(fc.string(), fc.jsonValue()),
    eventStatus: fc.oneof(fc.constant("finished"), fc.jsonValue()),
    fsize: fc.oneof(fc.nat(), fc.double(), fc.jsonValue()),
    chksum: fc.oneof(fc.string(), fc.jsonValue()),
    isZip: fc.jsonValue(),
  },
  { requiredKeys: [] },
);
const byJob = fc.dictionary(
  fc.oneof(fc.constant("101"), fc.constantFrom("__proto__", "constructor", "-1", "1e3"), fc.string()),
  fc.oneof(fc.array(entry), fc.jsonValue()),
);
const content = fc.oneof(
  byJob.map((value) => JSON.stringify(value)),
  fc.json(),
  fc.string(),
  fc.constantFrom('{"101": [{"fsize": 1e999, "path": "o.root", "type": "output"}]}', '{"__proto__": {"101": []}}'),
);

it("whatever a payload writes, two looks answer the same, within the contract, and good reports follow", async () => {
  const site = await makeSite({ mapType: "NoJob", PandaIDs: [101] });
  await fc.assert(
    fc.asyncProperty(fc.dictionary(fc.constantFrom(...names), content), async (files) => {
      for (const name of names) await rm(join(site.point, name), { force: true });
      for (const [name, text] of Object.entries(files)) await site.put(name, text);
      const report = await site.read({ heartbeatMinutes: 1 });
      expect(methods.read.answer.safeParse(report)).toMatchObject({ success: true });
      for (const list of Object.values(report.files ?? {})) {
        for (const file of list) expect(file.path.startsWith(`${site.point}/`) && !file.lfn.includes("/")).toBe(true);
      }
      const again = await site.read({ heartbeatMinutes: 1 });
      expect([again.files, again.events, again.attributes]).toEqual([report.files, report.events, report.attributes]);
      await site.plugin.acknowledgeEventsFiles(site.worker, call());
      await rm(join(site.point, "event_status.dump.json"), { force: true });
      await rm(join(site.point, "event_status.dump.json.read"), { force: true });
      await site.put("worker_pandaids.json", [101]);
      await site.put("event_status.dump.json", { "101": [{ path: "o.root", type: "output", fsize: 1, chksum: "1" }] });
      expect((await site.read()).files).toMatchObject({ "101": [{ lfn: "o.root", fsize: 1 }] });
      await site.plugin.acknowledgeEventsFiles(site.worker, call());
    }),
    { numRuns: 100 },
  );
});
