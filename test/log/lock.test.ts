/** The directory beside a log on Kafka is one instance's: a second one is refused from the first moment on. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, it } from "vitest";
import { holdDirectory } from "../../src/log/lock.ts";
import { tempDir } from "../plugins/fixtures.ts";

const refusal = { name: "LogRefused", code: "busy", message: expect.stringContaining("another name with --instance") };

it("is refused while it is held, and free again when its holder ends, however that ends", async () => {
  const dir = join(await tempDir(), "a", "b");
  const held = holdDirectory(dir);
  expect(() => holdDirectory(dir)).toThrow(expect.objectContaining(refusal));
  held.close();
  const lock = new URL("../../src/log/lock.ts", import.meta.url).href;
  const program = `import { holdDirectory } from ${JSON.stringify(lock)};
    holdDirectory(${JSON.stringify(dir)}); console.log("held"); setInterval(() => {}, 1000);`;
  const other = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(other.stdout, "data");
  expect(() => holdDirectory(dir)).toThrow(expect.objectContaining(refusal));
  other.kill("SIGKILL");
  await once(other, "exit");
  holdDirectory(dir).close();
});
