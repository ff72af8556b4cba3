/** Holds the log in memory to the suite that every log passes. */
import { memoryStore, openMemoryLog } from "../../src/log/memory.ts";
import { logSuite } from "./suite.ts";

logSuite("memory", async () => {
  const store = memoryStore(4);
  return { open: async () => openMemoryLog(store), dispose: async () => undefined };
});
