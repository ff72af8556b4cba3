/**
 * docs/machines.md shows the machines as they are, and the check says so where it does not.
 */
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { machinesPage } from "../../docs/diagrams.ts";
import { tableOf } from "../../src/projection.ts";

const root = join(import.meta.dirname, "../..");

it("docs/machines.md is up to date (`npm run diagrams` makes it so)", async () => {
  expect(await readFile(join(root, "docs/machines.md"), "utf8")).toBe(machinesPage());
});

it.each(["job", "fileGroup", "worker", "queue", "call"] as const)("names every state and event of %s", (kind) => {
  const { machine } = tableOf(kind);
  const chapters = machinesPage().split(/^## /m);
  const words = new Set(chapters.flatMap((chapter) => chapter.match(/\w+/g) ?? []));
  const nodes = Object.values(machine.states).flatMap((node) => [node, ...Object.values(node.states)]);
  expect(nodes.map(({ key }) => key).filter((key) => !words.has(key))).toEqual([]);
  expect(
    tableOf(kind)
      .eventTypes()
      .filter((type) => !words.has(type.split(".")[1]!)),
  ).toEqual([]);
});

it("the check fails with what to do, for a page that is out of date or missing", async () => {
  const folder = await mkdtemp(join(tmpdir(), "windrow-diagrams-"));
  const check = (file: string) =>
    promisify(execFile)(process.execPath, [join(root, "docs/diagrams.ts"), "--check", join(folder, file)]);
  try {
    await writeFile(join(folder, "good.md"), machinesPage());
    await writeFile(join(folder, "old.md"), machinesPage().replace("unknown --> fetched", "unknown --> prepared"));
    await expect(check("good.md")).resolves.toEqual({ stdout: "", stderr: "" });
    for (const file of ["old.md", "none.md"])
      await expect(check(file)).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining("npm run diagrams") });
  } finally {
    await rm(folder, { recursive: true });
  }
});
