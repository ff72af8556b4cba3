/**
 * Names of files come from the WMS and from payloads: whatever they are, each row is one of its own, under a key that
 * agents can work out, and the counts hold.
 */
import { expect, it } from "vitest";
import { keyOfNew } from "../../machines/fileGroup.ts";
import { given } from "./given.ts";
import { opened } from "./story.ts";

it.each(["constructor", "__proto__", "toString", "hasOwnProperty", "", "a#2", "ü/../x"])("a file named %j", (lfn) => {
  const key = keyOfNew(lfn, () => false);
  const told = given({
    ...opened("out", {}),
    files: [{ lfn, fileType: "output", status: "defined" }],
  } as ReturnType<typeof opened>)
    .then({ "fileGroup 1/out": "open" })
    .when({ type: "fileGroup.triggered", group: "1/out", patches: [{ key, set: { status: "transferring" } }] })
    .when({ type: "fileGroup.attempted", group: "1/out", keys: [key] })
    .when({ type: "fileGroup.advanced", group: "1/out", patches: [{ key, set: { status: "finished" } }] })
    .then({ "fileGroup 1/out": "settled" });
  const { files, counts } = told.world.fileGroups.get("1/out")!.ctx;
  expect(Object.entries(files)).toEqual([[key, expect.objectContaining({ lfn, status: "finished", attemptNr: 1 })]]);
  expect(Object.entries(counts).filter(([, n]) => n !== 0)).toEqual([["finished", 1]]);
});

it("a second and a third file of one name have keys of their own, and unknown keys name nobody", () => {
  const rows = ["a", "a", "a#2", "a"].map((lfn) => ({ lfn, fileType: "output", status: "defined" }));
  const told = given({ ...opened("out", {}), files: rows } as ReturnType<typeof opened>).when({
    type: "fileGroup.advanced",
    group: "1/out",
    patches: [{ key: "toString", set: { status: "finished" } }],
  });
  const { files, counts } = told.world.fileGroups.get("1/out")!.ctx;
  expect(Object.entries(files).map(([key, { lfn }]) => [key, lfn])).toEqual([
    ["a", "a"],
    ["a#2", "a"],
    ["a#2#2", "a#2"],
    ["a#3", "a"],
  ]);
  expect(counts).toEqual({ defined: 4 });
});
