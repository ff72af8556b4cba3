/** The file plug-ins killed in the middle of a copy: no half file is ever taken for a whole one. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { watch } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { answerSchema } from "../../../src/plugins/contract.ts";
import { FilePreparator } from "../../../src/plugins/file/preparator.ts";
import { call, options } from "../fixtures.ts";
import { filesBelow, inputJob, makeStorage, put } from "./storage.ts";

it("shows no file whose copy was killed half-way, and the same calls bring it after that", async () => {
  const storage = await makeStorage();
  const big = Buffer.alloc(96 * 1024 * 1024, "windrow");
  await put(join(storage.source, "mc23", "big"), big);
  const parts = join(storage.scratch, ".windrow-parts");
  await mkdir(parts, { recursive: true });
  const child = fork(fileURLToPath(new URL("./crash.ts", import.meta.url)), [
    storage.source,
    storage.scratch,
    String(big.length),
  ]);
  // Killed at the first sight of a copy in the making; it needs tens of milliseconds more for the rest.
  const watcher = watch(parts, () => child.kill("SIGKILL"));
  await once(child, "exit");
  watcher.close();
  expect(child.signalCode).toBe("SIGKILL");
  expect(await filesBelow(join(storage.scratch, "mc23"))).toEqual([]);
  const [half = ""] = await filesBelow(parts);
  expect((await stat(join(parts, half))).size).toBeLessThan(big.length);

  const plugin = new FilePreparator(options({ sourceDir: storage.source, scratchDir: storage.scratch }));
  const given = inputJob({ big });
  // The trigger's outcome is unknown: it is repeated.
  expect(await plugin.triggerPreparation(given, call())).toBe(true);
  await expect
    .poll(async () => answerSchema.parse(await plugin.checkStageInStatus(given, call())).ok, { timeout: 20_000 })
    .toBe(true);
  expect((await stat(join(storage.scratch, "mc23", "big"))).size).toBe(big.length);
});
