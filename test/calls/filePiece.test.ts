/** A piece of a file on its way to a plug-in: what is read, what is answered without a call, and what is refused. */
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

async function taken(name: string, from: number, maxBytes = 100) {
  const given: unknown[] = [];
  const reply = await withPiece({ name: "N", file: { path: join(dir, name), from, maxBytes } }, async (plain) => {
    const [as, content] = plain;
    given.push(as, content instanceof Uint8Array ? Buffer.from(content).toString() : content);
    return { ok: true, value: "v", files: {}, workers: {} };
  });
  return { given, reply };
}

it.each([
  ["log", 0, 100, "0123456789", { to: 10, size: 10 }],
  ["log", 4, 3, "456", { to: 7, size: 10 }],
  ["4.log", 8, 100, "89", { to: 10, size: 10 }],
  // It became shorter than what was sent: it is another file now.
  ["log", 11, 4, "0123", { to: 4, size: 10 }],
])("%s from %i, at most %i bytes", async (name, from, maxBytes, text, piece) => {
  const { given, reply } = await taken(name, from, maxBytes);
  expect(given).toEqual(["N", text]);
  expect(reply).toMatchObject({ ok: true, value: "v", piece });
});

it.each([
  ["none", 0],
  ["empty", 0],
  ["log", 10],
])("%s from %i is answered without a call: there is nothing new", async (name, from) => {
  const { given, reply } = await taken(name, from);
  expect(given).toEqual([]);
  expect(reply).toEqual({ ok: true, value: { ok: true, data: "" }, files: {}, workers: {} });
});

it.each(["pipe", "."])("%s is no file, and holds nobody up", async (name) => {
  const { given, reply } = await taken(name, 0);
  expect(given).toEqual([]);
  expect(reply).toMatchObject({ ok: false, kind: "threw", why: expect.stringContaining("is no file") });
});
