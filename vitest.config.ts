/**
 * How `npm test` runs the tests. Each file has a process of its own (forks): a test that leaks a handle, a lock or a
 * working directory must not be felt by another.
 */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    testTimeout: 60_000,
    pool: "forks",
    // One Kafka broker for all who ask for it; it starts when the first test does.
    globalSetup: ["test/broker/global.ts"],
    // A focused test hides all others: never let one through unseen, on a developer's machine neither.
    allowOnly: false,
  },
});
