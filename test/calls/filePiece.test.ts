/** The end of a file on its way to a plug-in: what is read, what is answered without a call, and what is refused. */
import { execFileSync } from "node:child_process";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { withPiece } from "../../src/calls/filePiece.ts";

let dir = "";
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "piece-"));
  await writeFile(join(dir, "log"), "0123456789");
  await writeFile(join(dir, "empty"), "");
  await symlink("log", join(dir, "4.log"));
  execFileSync("mkfifo", [join(dir, "pipe")]);
});
afterAll(() => rm(dir, { recursive: true }));

async function taken(name: string, known: number | null, maxBytes = 100) {
  const given: unknown[] = [];
  const reply = await withPiece({ name: "N", file: { path: join(dir, name), known, maxBytes } }, async (plain) => {
    const [as, content] = plain;
    given.push(as, content instanceof Uint8Array ? Buffer.from(content).toString() : content);
    return { ok: true, value: "v", files: {}, workers: {} };
  });
  return { given, reply };
}

it.each([
  ["log", null, 100, "0123456789", { from: 0, size: 10 }],
  ["log", 4, 3, "789", { from: 7, size: 10 }],
  ["4.log", 8, 10, "0123456789", { from: 0, size: 10 }],
  // It became shorter than what was sent: it is another file now.
  ["log", 11, 4, "6789", { from: 6, size: 10 }],
])("%s with %s bytes known, at most %i bytes", async (name, known, maxBytes, text, piece) => {
  const { given, reply } = await taken(name, known, maxBytes);
  expect(given).toEqual(["N", text]);
  expect(reply).toMatchObject({ ok: true, value: "v", piece });
});

it.each([
  ["none", null],
  ["empty", null],
  ["log", 10],
])("%s with %s bytes known is answered without a call: there is nothing new", async (name, known) => {
  const { given, reply } = await taken(name, known);
  expect(given).toEqual([]);
  expect(reply).toEqual({ ok: true, value: { ok: true, data: "" }, files: {}, workers: {} });
});

it.each(["pipe", "."])("%s is no file, and holds nobody up", async (name) => {
  const { given, reply } = await taken(name, null);
  expect(given).toEqual([]);
  expect(reply).toMatchObject({ ok: false, kind: "threw", why: expect.stringContaining("is no file") });
});
