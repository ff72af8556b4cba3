/**
 * Keeps one Kafka broker for a whole run of the tests. It costs nothing until the first test asks for it; that test
 * file waits while others go on. What was started is ended with the run, however that ends.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import type { Said } from "./answer.ts";
import { type Found, findBroker } from "./find.ts";

export default async function setup(project: Pick<TestProject, "provide">): Promise<() => Promise<void>> {
  const dir = mkdtempSync(join(tmpdir(), "windrow-broker-"));
  let found: Promise<Found | { readonly broken: string }> | undefined;
  const server = createServer((socket) => {
    socket.on("error", () => undefined); // a test that was killed does not wait for its answer
    found ??= findBroker(dir).catch((error: Error) => ({ broken: error.message }));
    void found.then((one) => socket.end(JSON.stringify(("answer" in one ? one.answer : one) satisfies Said)));
  });
  const path = join(dir, "socket");
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(path, resolve));
  project.provide("brokerSocket", path);
  return async () => {
    server.close();
    const one = await found;
    if (one && "answer" in one) {
      const { answer, stop } = one;
      console.log("none" in answer ? `No Kafka: ${answer.none}` : `Kafka was ${answer.kind}`);
      await stop();
    }
    rmSync(dir, { recursive: true, force: true });
  };
}
