/**
 * Asks about a log: its daemon where one runs, else the log itself. The answers are the same.
 */
import { existsSync } from "node:fs";
import { Agent, request } from "undici";
import { LogRefused } from "../log/faults.ts";
import type { Log } from "../log/log.ts";
import { openLogToRead } from "../log/open.ts";
import { socketOf } from "../web/socket.ts";

/** What `path` of the daemon's socket answers, or `read` of the stopped log. @throws LogRefused, LogHalted */
export async function ask<T>(logDir: string, path: string, read: (log: Log) => Promise<T>): Promise<T> {
  const socket = socketOf(logDir);
  if (existsSync(socket)) {
    const answer = await askDaemon<T>(socket, path);
    if (answer) return answer.value;
  }
  const log = await openLogToRead(logDir);
  try {
    return await read(log);
  } finally {
    await log.close();
  }
}

/** undefined where nobody listens: a killed daemon leaves its socket behind. */
async function askDaemon<T>(socketPath: string, path: string): Promise<{ readonly value: T } | undefined> {
  const dispatcher = new Agent({ connect: { socketPath } });
  try {
    const { statusCode, body } = await request(`http://daemon${path}`, { dispatcher });
    const value = (await body.json()) as T;
    if (statusCode !== 200)
      throw new LogRefused("foreign", `the daemon answers ${statusCode}: ${JSON.stringify(value)}`);
    return { value };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (code === "ECONNREFUSED" || code === "ENOENT") return undefined;
    throw error;
  } finally {
    await dispatcher.close();
  }
}
